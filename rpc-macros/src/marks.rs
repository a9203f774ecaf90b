//! `#[rpc(…)]` on a method and `#[key]` on an argument.

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Member, Meta, Token};

use crate::errors::Errors;
use crate::model::{KeyMark, Marks, Routing, Spanned};
use crate::options::{self, Form, Word};

const METHOD: &[&str] = &["read", "idempotent", "detach", "any", "all", "here", "key", "name"];

/// Words that say where a method runs, or were meant to.
const ROUTINGS: &[&str] = &["any", "all", "here", "round_robin", "prefer_here", "partial", "local"];

/// Reads `#[rpc(…)]`.
pub(crate) fn method(attr: &Attribute, marks: &mut Marks, name: &mut Spanned<String>, errors: &mut Errors) {
    let tokens = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => {
            return errors
                .on(attr, "#[rpc] needs options in parentheses, as in #[rpc(read)]; leave it out if there are none");
        }
    };
    for word in options::words(tokens, errors) {
        let outcome = match word.ident.to_string().as_str() {
            "read" => word.bare().map(|span| marks.read = Some(span)),
            "idempotent" => word.bare().map(|span| marks.idempotent = Some(span)),
            "detach" => word.bare().map(|span| marks.detach = Some(span)),
            "key" => key_all(&word).map(|span| marks.key_all = Some(span)),
            "name" => word.text("wireName").and_then(|text| options::wire_name(&text, false)).map(|text| *name = text),
            "any" | "all" | "here" => routing(&word).and_then(|routing| set_routing(marks, routing, &word)),
            _ => Err(near_miss(&word).unwrap_or_else(|| options::unknown(&word.ident, "a method can have", METHOD))),
        };
        if outcome.is_err() && ROUTINGS.contains(&&*word.ident.to_string()) {
            // It says where the method runs, if not well: that is not to be asked for once more.
            marks.routing.get_or_insert(Spanned { value: Routing::AnyPreferHere, span: word.ident.span() });
        }
        errors.take(outcome);
    }
}

/// Words that are too far from the right ones to be slips of the hand.
fn near_miss(word: &Word) -> Option<syn::Error> {
    let written = word.ident.to_string();
    let right = match written.as_str() {
        "round_robin" | "prefer_here" => format!("any({written})"),
        "partial" => "all(partial)".to_owned(),
        "readonly" | "read_only" | "query" => "read".to_owned(),
        "local" => "here".to_owned(),
        _ => return None,
    };
    Some(word.fault(format!("there is no option `{written}`; write `{right}`")))
}

fn key_all(word: &Word) -> syn::Result<Span> {
    match &word.form {
        Form::Value(Expr::Path(path)) if path.path.is_ident("all") => Ok(word.ident.span()),
        _ => Err(word.fault("write `key = all` to hash every argument, or mark the arguments of the key with #[key]")),
    }
}

fn routing(word: &Word) -> syn::Result<Routing> {
    let list = word.list()?;
    let [policy] = &*list else {
        return match (word.ident.to_string().as_str(), &*list) {
            ("any", []) => Ok(Routing::AnyPreferHere),
            ("all", []) => Ok(Routing::All),
            ("here", []) => Ok(Routing::Here),
            (name, _) => Err(word.fault(format!("`{name}` takes one word in parentheses"))),
        };
    };
    match (word.ident.to_string().as_str(), policy.to_string().as_str()) {
        ("any", "prefer_here") => Ok(Routing::AnyPreferHere),
        ("any", "round_robin") => Ok(Routing::AnyRoundRobin),
        ("any", _) => Err(options::unknown(policy, "`any` can have", &["prefer_here", "round_robin"])),
        ("all", "partial") => Ok(Routing::AllPartial),
        ("all", _) => Err(options::unknown(policy, "`all` can have", &["partial"])),
        _ => Err(word.fault("`here` takes no value; write just `here`")),
    }
}

fn set_routing(marks: &mut Marks, value: Routing, word: &Word) -> syn::Result<()> {
    if marks.routing.is_some() {
        return Err(word.fault("a method runs in one place; keep one of `any`, `all` and `here`"));
    }
    marks.routing = Some(Spanned { value, span: word.ident.span() });
    Ok(())
}

/// Reads `#[key]` or `#[key(fields(a, b))]`.
pub(crate) fn key(attr: &Attribute) -> syn::Result<KeyMark> {
    const HOW: &str = "write #[key], or #[key(fields(a, b))] to take fields of a struct";
    let span = attr.path().span();
    let fields = match &attr.meta {
        Meta::Path(_) => return Ok(KeyMark { span, fields: Vec::new() }),
        Meta::List(_) => attr.parse_args::<Meta>().ok().filter(|meta| meta.path().is_ident("fields")),
        Meta::NameValue(_) => None,
    };
    let Some(Meta::List(list)) = &fields else { return Err(syn::Error::new_spanned(attr, HOW)) };
    let members = list.parse_args_with(Punctuated::<Member, Token![,]>::parse_terminated);
    let members = members.map_err(|error| {
        let nested = list.tokens.clone().into_iter().any(|token| token.to_string() == ".");
        let why = if nested { "a field of a field cannot be named" } else { "this is no field's name" };
        syn::Error::new(error.span(), format!("{why}; write #[key(fields(a, b))] with fields of the argument itself"))
    })?;
    if members.is_empty() {
        return Err(syn::Error::new_spanned(
            list,
            "`fields()` names no field; write #[key] to take the whole argument",
        ));
    }
    Ok(KeyMark { span, fields: members.into_iter().collect() })
}
