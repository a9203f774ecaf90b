//! Rules of a method's signature, but for the types in it.

use syn::{FnArg, GenericParam, Pat, Receiver, ReceiverKind, Safety, Signature, Type, WherePredicate};

use crate::errors::Errors;
use crate::model::Method;
use crate::passing::{bare, is_named};

/// Most arguments of one method: the decoder marks those it has seen in one `u64`.
const MAX_ARGUMENTS: usize = 64;

pub(super) fn check(method: &Method, errors: &mut Errors) {
    let sig = &method.item.sig;
    if sig.ident.to_string().starts_with("__wherever") {
        errors.on(&sig.ident, "names that begin with `__wherever` belong to the generated code; choose another name");
    }
    qualifiers(sig, errors);
    receiver(sig, errors);
    generics(sig, errors);
    arguments(method, errors);
    for attr in method.item.attrs.iter().filter(|attr| attr.path().is_ident("track_caller")) {
        errors.on(attr, "#[track_caller] has no meaning across nodes; remove it");
    }
}

fn qualifiers(sig: &Signature, errors: &mut Errors) {
    if let Some(token) = &sig.constness {
        errors.on(token, "a method of a service cannot be `const`; remove it");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.on(token, "a method of a service cannot be `unsafe`: its callers are on other nodes; remove it");
    }
    if let Some(abi) = &sig.abi {
        errors.on(abi, "a method of a service cannot be `extern`; remove it");
    }
    if let Some(variadic) = &sig.variadic {
        errors.on(variadic.dots, "a method of a service has a fixed number of arguments; take a `Vec<T>` instead");
    }
    if sig.asyncness.is_some() {
        return;
    }
    match &sig.output {
        syn::ReturnType::Type(_, ty) if matches!(bare(ty), Type::ImplTrait(_)) => {
            let message = format!(
                "write `async fn {}(&self, …) -> Result<T, E>`: #[rpc_service] makes it a future that is `Send`",
                sig.ident
            );
            errors.on(ty, message);
        }
        _ => errors.at(sig.fn_token.span, format!("a method of a service is async; write `async fn {}`", sig.ident)),
    }
}

fn receiver(sig: &Signature, errors: &mut Errors) {
    const SHARED: &str = "many calls run at once; take `&self`, and keep what changes behind a Mutex or an atomic";
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => {}
            ReceiverKind::Typed(_, ty) if is_shared_self(ty) && receiver.mutability.is_none() => {}
            ReceiverKind::Reference(_, _, Some(_)) => {
                errors.on(receiver, format!("a method of a service cannot take `&mut self`: {SHARED}"));
            }
            ReceiverKind::Value => {
                errors.on(receiver, "a method of a service cannot consume its provider; take `&self`");
            }
            _ => errors
                .on(without_attrs(receiver), "a method of a service takes `&self`, whatever its provider is kept in"),
        },
        _ => {
            let message = format!(
                "a service has no static methods: a call needs a provider; write `async fn {}(&self, …)`",
                sig.ident
            );
            errors.on(&sig.ident, message);
        }
    }
}

fn without_attrs(receiver: &Receiver) -> Receiver {
    Receiver { attrs: Vec::new(), ..receiver.clone() }
}

/// `self: &Self` is `&self`.
fn is_shared_self(ty: &Type) -> bool {
    matches!(bare(ty), Type::Reference(reference) if reference.mutability.is_none() && is_named(&reference.elem, "Self"))
}

fn generics(sig: &Signature, errors: &mut Errors) {
    for param in &sig.generics.params {
        match param {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(param) => {
                let message = format!(
                    "a method of a service cannot be generic: `{0}` has no one form on the wire; write a concrete type for `{0}`, or an enum",
                    param.ident
                );
                errors.on(&param.ident, message);
            }
            GenericParam::Const(param) => {
                let message = format!(
                    "a method of a service cannot be generic; write a number for `{}`, or take a `Vec`",
                    param.ident
                );
                errors.on(&param.ident, message);
            }
        }
    }
    let Some(clause) = &sig.generics.where_clause else { return };
    for predicate in &clause.predicates {
        if let WherePredicate::Type(predicate) = predicate {
            errors.on(
                predicate,
                "a method of a service cannot have conditions on types; remove this from the `where` clause",
            );
        }
    }
}

fn arguments(method: &Method, errors: &mut Errors) {
    let bodiless = method.item.default.is_none();
    for input in &method.item.sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        for attr in typed.attrs.iter().filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")) {
            errors.on(attr, "an argument cannot depend on a `cfg`; put it on the method");
        }
        let plain = match &*typed.pat {
            Pat::Ident(pat) => pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none(),
            _ => false,
        };
        if bodiless && !plain {
            errors.on(
                &typed.pat,
                "without a body an argument needs a plain name, which is also its name on the wire; write `name: Type`",
            );
        }
    }
    if let Some(arg) = method.args.get(MAX_ARGUMENTS) {
        let message = format!(
            "a method can have {MAX_ARGUMENTS} arguments, this one has {}; put some into a struct",
            method.args.len()
        );
        errors.at(arg.name.span, message);
    }
}
