//! `#[derive(Inject)]`, from its tokens to what it adds.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Generics, Ident, Member, Meta, Path, Type};

use crate::errors::Errors;
use crate::{expand, names, options};

/// The group of services that name none, and of states that do not.
const DEFAULT_GROUP: &str = "default";

/// A struct that a node can build.
pub(crate) struct Injected {
    /// The path of the crate `wherever`.
    pub(crate) krate: Path,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) fields: Vec<InjectedField>,
}

/// A field, and where its value comes from.
pub(crate) struct InjectedField {
    pub(crate) member: Member,
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) source: Source,
    /// The conditions under which it exists.
    pub(crate) cfgs: Vec<Attribute>,
}

/// Where a field's value comes from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `#[rpc_reference]`: a client.
    Reference,
    /// `#[rpc_state]`: state that moves with the slots of `group`, under `name`.
    State { group: String, name: String },
    /// `#[inject(default)]`: `Default::default()`.
    Default,
    /// A value given to the node.
    Given,
}

pub(crate) fn derive_inject(tokens: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(tokens) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let injected = parse(input, &mut errors);
    match errors.finish() {
        Ok(()) => expand::inject::expand(&injected),
        Err(messages) => {
            let stub = expand::inject::stub(&injected);
            quote!(#messages #stub)
        }
    }
}

fn parse(input: DeriveInput, errors: &mut Errors) -> Injected {
    for lifetime in input.generics.lifetimes() {
        errors.on(
            lifetime,
            "a node borrows from nobody, so it cannot build a struct with a lifetime; keep owned values, an `Arc` or a \
             `&'static` in its fields",
        );
    }
    let fields = match input.data {
        Data::Struct(data) => data.fields,
        Data::Enum(data) => {
            errors.at(
                data.enum_token.span,
                "a node cannot choose a variant; derive Inject on a struct, or implement it by hand",
            );
            Fields::Unit
        }
        Data::Union(data) => {
            errors.at(data.union_token.span, "a node cannot choose a field of a union; derive Inject on a struct");
            Fields::Unit
        }
    };
    let owner = input.ident.unraw().to_string();
    let fields = fields.iter().enumerate().map(|(index, item)| field(&owner, index, item, errors)).collect();
    let mut injected = Injected { krate: names::default_crate(), ident: input.ident, generics: input.generics, fields };
    for attr in &input.attrs {
        struct_attribute(attr, &mut injected, errors);
    }
    injected
}

fn struct_attribute(attr: &Attribute, injected: &mut Injected, errors: &mut Errors) {
    if attr.path().is_ident("rpc_reference") {
        errors.on(
            attr,
            "#[rpc_reference] goes on a field that holds a client, as in `#[rpc_reference] store: UrlStoreClient`",
        );
    }
    if attr.path().is_ident("rpc_state") {
        errors.on(
            attr,
            "#[rpc_state] goes on a field that holds `Slots`, as in `#[rpc_state] values: Slots<String, u64>`",
        );
    }
    if !attr.path().is_ident("inject") {
        return;
    }
    let Meta::List(list) = &attr.meta else {
        return errors.on(attr, "#[inject] needs an option; write #[inject(crate = \"path::to::wherever\")]");
    };
    for word in options::words(list.tokens.clone(), errors) {
        let outcome = match word.ident.to_string().as_str() {
            "crate" => word.path().map(|path| injected.krate = path),
            "default" => Err(word.fault("`default` goes on a field: write #[inject(default)] before it")),
            _ => Err(options::unknown(&word.ident, "#[inject] can have", &["crate"])),
        };
        errors.take(outcome);
    }
}

fn field(owner: &str, index: usize, field: &Field, errors: &mut Errors) -> InjectedField {
    let references = attributes(field, "rpc_reference");
    for attr in &references {
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.on(
                attr,
                "#[rpc_reference] takes no options: the field's type says which client; write just #[rpc_reference]",
            );
        }
    }
    let states = attributes(field, "rpc_state");
    for (marks, name) in [(&references, "rpc_reference"), (&states, "rpc_state")] {
        for attr in marks.iter().skip(1) {
            errors.on(attr, format!("#[{name}] is given twice; write it once"));
        }
    }
    let options = attributes(field, "inject");
    for attr in &options {
        field_attribute(attr, errors);
    }
    if let (Some(_), Some(attr)) = (references.first(), options.first()) {
        errors.on(attr, "a field marked #[rpc_reference] gets a client; remove this, or #[rpc_reference]");
    }
    if let (Some(attr), Some(_)) = (states.first(), references.first().or(options.first())) {
        errors.on(attr, "a field gets its value from one place; remove #[rpc_state], or the other mark");
    }
    let (member, name) = match &field.ident {
        Some(ident) => (Member::Named(ident.clone()), ident.unraw().to_string()),
        None => (Member::from(index), index.to_string()),
    };
    let source = match (references.first(), states.first(), options.first()) {
        (Some(_), ..) => Source::Reference,
        (None, Some(attr), _) => state(attr, format!("{owner}.{name}"), errors),
        (None, None, Some(_)) => Source::Default,
        (None, None, None) => Source::Given,
    };
    let cfgs = crate::parse::cfgs(&field.attrs);
    InjectedField { member, name, ty: field.ty.clone(), source, cfgs }
}

fn attributes<'a>(field: &'a Field, name: &str) -> Vec<&'a Attribute> {
    field.attrs.iter().filter(|attr| attr.path().is_ident(name)).collect()
}

/// Reads `#[rpc_state]` or `#[rpc_state(name = "…", group = "…")]`.
fn state(attr: &Attribute, mut name: String, errors: &mut Errors) -> Source {
    let mut group = DEFAULT_GROUP.to_owned();
    let tokens = match &attr.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(_) => {
            errors.on(attr, "write #[rpc_state], or #[rpc_state(name = \"Counters.values\")]");
            TokenStream::new()
        }
    };
    for word in options::words(tokens, errors) {
        let outcome = match word.ident.to_string().as_str() {
            "name" => word
                .text("Counters.values")
                .and_then(|text| options::wire_name(&text, true))
                .map(|given| name = given.value),
            "group" => {
                word.text("urls").and_then(|text| options::wire_name(&text, false)).map(|given| group = given.value)
            }
            _ => Err(options::unknown(&word.ident, "#[rpc_state] can have", &["name", "group"])),
        };
        errors.take(outcome);
    }
    Source::State { group, name }
}

fn field_attribute(attr: &Attribute, errors: &mut Errors) {
    let list = attr.meta.require_list().ok().filter(|list| !list.tokens.is_empty());
    let Some(list) = list else {
        return errors.on(attr, "#[inject] on a field needs an option; write #[inject(default)]");
    };
    for word in options::words(list.tokens.clone(), errors) {
        let outcome = match word.ident.to_string().as_str() {
            "default" => word.bare(),
            "crate" => Err(word.fault("`crate` goes on the struct: write #[inject(crate = \"…\")] before it")),
            _ => Err(options::unknown(&word.ident, "#[inject] on a field can have", &["default"])),
        };
        errors.take(outcome);
    }
}
