//! From a trait's syntax to its model: our attributes are read and taken off, nothing else is judged here.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Expr, ExprLit, FnArg, ItemTrait, Lit, Meta, Pat, PatType, Path, ReturnType, TraitItem, TraitItemFn,
};

use crate::errors::Errors;
use crate::model::{Argument, Marks, Method, Passing, Service, Spanned};
use crate::streams::Stream;
use crate::{marks, names, options};

/// Reads an annotated trait.
pub(crate) fn service(tokens: TokenStream, mut item: ItemTrait, errors: &mut Errors) -> Service {
    let name = Spanned { value: item.ident.unraw().to_string(), span: item.ident.span() };
    let mut service = Service {
        krate: names::default_crate(),
        name,
        group: "default".to_owned(),
        compact: None,
        cfgs: cfgs(&item.attrs),
        methods: Vec::new(),
        item: item.clone(),
    };
    service_options(tokens, &mut service, errors);
    for attr in taken(&mut item.attrs, "rpc") {
        errors.on(attr, "#[rpc(…)] goes on a method; options of the whole service go into #[rpc_service(…)]");
    }
    for attr in
        item.attrs.extract_if(.., |attr| attr.path().segments.last().is_some_and(|last| last.ident == "rpc_service"))
    {
        errors.on(attr, "#[rpc_service] is given twice; write all options into one #[rpc_service(…)]");
    }
    let krate = service.krate.clone();
    item.items.retain_mut(|member| {
        let TraitItem::Fn(function) = member else { return true };
        let method = method(function, &krate, errors);
        let fresh = !repeats(&method, &service.methods, errors);
        service.methods.extend(fresh.then_some(method));
        fresh
    });
    service.item = item;
    service
}

/// Refuses, and leaves out, a second method of one name: the compiler would report it once for each thing generated.
fn repeats(method: &Method, earlier: &[Method], errors: &mut Errors) -> bool {
    let ident = method.item.sig.ident.unraw();
    let first = earlier.iter().find(|first| first.item.sig.ident.unraw() == ident);
    // Those under a `cfg` may exclude each other.
    let repeats = first.is_some_and(|first| first.cfgs.is_empty() || method.cfgs.is_empty());
    if repeats {
        errors.on(
            &method.item.sig.ident,
            format!("the trait has a method `{ident}` already; give this one another name"),
        );
    }
    repeats
}

fn service_options(tokens: TokenStream, service: &mut Service, errors: &mut Errors) {
    const KNOWN: &[&str] = &["name", "group", "compact", "crate"];
    for word in options::words(tokens, errors) {
        let outcome = match word.ident.to_string().as_str() {
            "name" => word
                .text("goto.UrlStore")
                .and_then(|text| options::wire_name(&text, true))
                .map(|name| service.name = name),
            "group" => word
                .text("urls")
                .and_then(|text| options::wire_name(&text, false))
                .map(|group| service.group = group.value),
            "compact" => word.bare().map(|span| service.compact = Some(span)),
            "crate" => word.path().map(|path| service.krate = path),
            _ => Err(options::unknown(&word.ident, "a service can have", KNOWN)),
        };
        errors.take(outcome);
    }
}

/// Reads a method and takes our attributes off it.
fn method(item: &mut TraitItemFn, krate: &Path, errors: &mut Errors) -> Method {
    let mut name = Spanned { value: item.sig.ident.unraw().to_string(), span: item.sig.ident.span() };
    let mut marks = Marks::default();
    hidden_marks(&mut item.attrs, errors);
    for attr in taken(&mut item.attrs, "key") {
        errors.on(
            attr,
            "#[key] goes before an argument, as in `#[key] code: String`; to hash all of them write #[rpc(key = all)]",
        );
    }
    let attrs = taken(&mut item.attrs, "rpc");
    for attr in attrs.iter().skip(1) {
        errors.on(attr, "#[rpc] is given twice; write all options into one #[rpc(…)]");
    }
    if let Some(attr) = attrs.first() {
        marks::method(attr, &mut marks, &mut name, errors);
    }
    let args = item.sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let args = args.enumerate().map(|(index, typed)| argument(index, typed, errors)).collect();
    let stream = match &item.sig.output {
        ReturnType::Type(_, ty) => Stream::of(ty, &quote!(#krate::__private)),
        _ => None,
    };
    Method { name, cfgs: cfgs(&item.attrs), docs: docs(&item.attrs), marks, stream, args, item: item.clone() }
}

fn argument(index: usize, typed: &mut PatType, errors: &mut Errors) -> Argument {
    hidden_marks(&mut typed.attrs, errors);
    let keys = taken(&mut typed.attrs, "key");
    for attr in keys.iter().skip(1) {
        errors.on(attr, "#[key] is given twice; write it once");
    }
    for attr in taken(&mut typed.attrs, "rpc") {
        errors.on(attr, "#[rpc(…)] goes on the method; an argument can have #[key]");
    }
    let key = keys.first().and_then(|attr| errors.take(marks::key(attr)));
    let (name, ident) = match &*typed.pat {
        Pat::Ident(pat) => (Spanned { value: names::on_wire(&pat.ident), span: pat.ident.span() }, pat.ident.clone()),
        other => {
            let name = Spanned { value: format!("arg{index}"), span: other.span() };
            (name, format_ident!("arg{}", index, span = Span::mixed_site()))
        }
    };
    Argument { name, ident, ty: (*typed.ty).clone(), passing: Passing::of(&typed.ty), key }
}

/// Takes the attributes called `name` out of `attrs`.
pub(crate) fn taken(attrs: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attrs.extract_if(.., |attr| attr.path().is_ident(name)).collect()
}

/// Refuses `#[cfg_attr(…, rpc(…))]`, and takes it off: by the time it is resolved we are done.
fn hidden_marks(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    let hides = |attr: &mut Attribute| attr.path().is_ident("cfg_attr") && mentions(attr, &["rpc", "key"]);
    for attr in attrs.extract_if(.., hides) {
        errors.on(
            attr,
            "our attributes cannot depend on a `cfg`; write two methods, one under #[cfg(…)] and one under #[cfg(not(…))]",
        );
    }
}

/// The attributes that decide whether an item exists.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    let decides =
        |attr: &&Attribute| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") && mentions(attr, &["cfg"]);
    attrs.iter().filter(decides).cloned().collect()
}

/// Whether one of the attributes that a `cfg_attr` stands for is called by one of `names`.
fn mentions(attr: &Attribute, names: &[&str]) -> bool {
    let metas = |input: syn::parse::ParseStream<'_>| {
        syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated(input)
    };
    let Ok(metas) = attr.parse_args_with(metas) else { return false };
    metas.iter().skip(1).any(|meta| names.iter().any(|name| meta.path().is_ident(name)))
}

/// The documentation, one line of the source a line.
fn docs(attrs: &[Attribute]) -> String {
    let line = |attr: &Attribute| match &attr.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
            }
            _ => None,
        },
        _ => None,
    };
    attrs.iter().filter_map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
}
