//! Rules of the trait itself: what it may be, what it may hold, and that names on the wire differ.

use std::collections::HashMap;

use syn::{ItemTrait, Path, TraitItem, TypeParamBound};

use crate::errors::Errors;
use crate::model::{Method, Service};

pub(super) fn check(service: &Service, errors: &mut Errors) {
    shape(&service.item, errors);
    supertraits(&service.item, errors);
    for attr in service.item.attrs.iter().filter(|attr| ends_in(attr.path(), "async_trait")) {
        errors.on(attr, "a service needs no #[async_trait]; remove it here and on the impls");
    }
    for member in &service.item.items {
        stranger(member, errors);
    }
    methods_differ(&service.methods, errors);
    for method in &service.methods {
        arguments_differ(method, errors);
    }
}

fn shape(item: &ItemTrait, errors: &mut Errors) {
    if let Some(token) = &item.unsafety {
        errors.on(token, "a service cannot be an `unsafe trait`: its callers are on other nodes; remove `unsafe`");
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.on(token, "a service cannot be an `auto trait`; remove `auto`");
    }
    if !item.generics.params.is_empty() {
        let message =
            "a service cannot be generic: it has one name on the wire; use concrete types, or write one trait per type";
        errors.on(&item.generics, message);
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.on(clause, "a service cannot have a `where` clause; put supertraits after the trait's name");
    }
}

fn supertraits(item: &ItemTrait, errors: &mut Errors) {
    for bound in &item.supertraits {
        match bound {
            TypeParamBound::Trait(bound) if bound.maybe.is_some() => {
                errors.on(bound, "a service's values are always sized; remove this bound");
            }
            TypeParamBound::Trait(bound) if cannot_hold(&bound.path) => {
                let name = bound.path.segments.last().map_or_else(String::new, |last| last.ident.to_string());
                let message = format!(
                    "the generated client cannot be `{name}`; require it where the trait is used, as in `T: {} + {name}`",
                    item.ident
                );
                errors.on(bound, message);
            }
            TypeParamBound::Lifetime(lifetime) if lifetime.ident != "static" => {
                errors.on(lifetime, "a service lives as long as its node; remove this lifetime (`'static` is implied)");
            }
            _ => {}
        }
    }
}

/// Whether the supertrait is one that no client can have: it holds an `Arc`. Others can be implemented for it by hand.
pub(crate) fn cannot_hold(path: &Path) -> bool {
    ends_in(path, "Copy")
}

fn ends_in(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

/// Members that are no methods.
fn stranger(member: &TraitItem, errors: &mut Errors) {
    match member {
        TraitItem::Fn(_) => {}
        TraitItem::Type(item) => {
            let message = format!(
                "a service cannot have associated types; write the concrete type where `{}` is used",
                item.ident
            );
            errors.at(item.type_token.span, message);
        }
        TraitItem::Const(item) => {
            let message = format!("a service cannot have associated constants; move `{}` out of the trait", item.ident);
            errors.at(item.const_token.span, message);
        }
        TraitItem::Macro(item) => {
            errors.on(
                &item.mac.path,
                "macros in a service are not expanded when #[rpc_service] reads it; write the methods out",
            );
        }
        other => errors.on(other, "a service can only have methods; remove this"),
    }
}

/// Two methods of one name on the wire; those under a `cfg` may exclude each other.
fn methods_differ(methods: &[Method], errors: &mut Errors) {
    let mut earlier: HashMap<&str, &Method> = HashMap::new();
    for method in methods {
        let name = method.name.value.as_str();
        let Some(first) = earlier.insert(name, method) else { continue };
        let exclusive = !first.cfgs.is_empty() && !method.cfgs.is_empty();
        if !exclusive {
            let message = format!(
                "another method is already called `{name}` on the wire; give this one another name with #[rpc(name = \"…\")]"
            );
            errors.at(method.name.span, message);
        }
    }
}

fn arguments_differ(method: &Method, errors: &mut Errors) {
    for (index, arg) in method.args.iter().enumerate() {
        let first = method.args[..index].iter().find(|first| first.name.value == arg.name.value);
        if first.is_some_and(|first| first.ident != arg.ident) {
            let message = format!(
                "another argument is already called `{}` on the wire, where `r#` and leading underscores do not count; rename one",
                arg.name.value
            );
            errors.at(arg.name.span, message);
        }
    }
}
