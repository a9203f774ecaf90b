//! Rules of an argument's type: it must have a form on the wire, and borrow only where decoding can lend.

use syn::visit::{self, Visit};
use syn::{Type, TypeReference};

use crate::errors::Errors;
use crate::model::{Argument, Method};
use crate::passing::{bare, is_named, optional_reference};
use crate::{lifetimes, streams};

pub(super) fn check(arg: &Argument, method: &Method, errors: &mut Errors) {
    let before = errors.len();
    match outer_reference(&arg.ty) {
        Some(reference) => {
            lent(reference, errors);
            Walk { errors }.visit_type(&reference.elem);
        }
        None => Walk { errors }.visit_type(&arg.ty),
    }
    if method.stream.is_some() && errors.len() == before && lifetimes::borrows(&arg.ty) {
        let message = "a stream outlives its caller's borrows; take the argument by value";
        errors.on(&arg.ty, message);
    }
    if let Some(_span) = method.marks.detach.filter(|_| errors.len() == before && lifetimes::borrows(&arg.ty)) {
        let message = "a method marked `detach` outlives its caller's borrows; take the argument by value";
        errors.on(&arg.ty, message);
    }
}

/// The reference around the whole argument, if there is one.
fn outer_reference(ty: &Type) -> Option<&TypeReference> {
    match bare(ty) {
        Type::Reference(reference) => Some(reference),
        other => optional_reference(other),
    }
}

fn lent(reference: &TypeReference, errors: &mut Errors) {
    if reference.mutability.is_some() {
        let message = "an argument is sent, it cannot be changed in place; take it by value and return the new one";
        errors.on(reference, message);
    } else if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
        let message = "an argument that was sent does not live for `'static`; take `&T` without it, or the owned type";
        errors.on(reference, message);
    } else if is_named(&reference.elem, "OsStr") || is_named(&reference.elem, "CStr") {
        errors.on(reference, "this has no form on the wire that all systems share; take a `&str` or `&[u8]`");
    }
}

/// Looks for what cannot be passed anywhere inside a type.
struct Walk<'a> {
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        let message = match ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                "an argument is sent, it cannot be changed in place; take it by value and return the new one"
            }
            Type::Reference(_) => NESTED,
            _ => return shapeless(ty, "argument", self.errors).unwrap_or_else(|| visit::visit_type(self, ty)),
        };
        self.errors.on(ty, message);
    }
}

const NESTED: &str = "a borrow inside another type cannot be lent from the wire; use the owned type here, as `String` for `&str` or \
                      `Vec<T>` for `&[T]` (an argument can be `&T`, `&str`, `&[T]` or an `Option` of one)";

/// Refuses a type that no value on the wire can have. `None`: look further inside.
pub(super) fn shapeless(ty: &Type, what: &str, errors: &mut Errors) -> Option<()> {
    let message = match ty {
        Type::ImplTrait(stream) if streams::bound(stream).is_some() => format!(
            "an {what} cannot be a stream: only what a method answers with can, as in `Result<impl Stream<Item = Result<T, E>> + Send, E>`"
        ),
        Type::ImplTrait(_) => format!("an {what} needs one concrete type; write it instead of `impl …`"),
        Type::TraitObject(_) => format!(
            "an {what} cannot be a `dyn` trait: its type does not go with it; write a concrete type, or an enum"
        ),
        Type::FnPtr(_) => {
            format!("an {what} cannot be a function: code is not sent; send what it should do as an enum")
        }
        Type::Ptr(_) => {
            format!("an {what} cannot be a raw pointer: memory is not shared between nodes; send the value")
        }
        Type::Never(_) => format!("an {what} cannot be `!`: no value of it exists; write another type"),
        Type::Infer(_) => format!("an {what} needs a type; write it instead of `_`"),
        Type::Path(path)
            if path.qself.is_none() && path.path.segments.first().is_some_and(|first| first.ident == "Self") =>
        {
            format!("an {what} cannot be `Self`: the provider stays on its node; write a concrete type")
        }
        _ => return None,
    };
    errors.on(ty, message);
    Some(())
}
