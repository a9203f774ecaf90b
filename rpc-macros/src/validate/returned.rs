//! Rules of a method's return type: an owned `Result`, by whatever alias.

use syn::visit::{self, Visit};
use syn::{Lifetime, ReturnType, Signature, Type};

use super::passed::shapeless;
use crate::errors::Errors;
use crate::passing::bare;

/// Types that are no `Result` for certain.
const NO_RESULT: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize", "str", "String", "Vec", "Option", "Box", "HashMap", "BTreeMap", "HashSet", "BTreeSet", "Arc",
];

pub(super) fn check(sig: &Signature, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &sig.output else {
        let message = "any call can fail on its way; write `-> Result<(), E>`, where `E` is `RpcError` or an error of your own that is `From<RpcError>`";
        return errors.on(&sig.ident, message);
    };
    match bare(ty) {
        // Reported with the missing `async`; after `async` it is one more thing to unwrap.
        Type::ImplTrait(_) if sig.asyncness.is_none() => {}
        Type::ImplTrait(_) => {
            errors.on(ty, "a reply needs one concrete type; write `Result<T, E>` instead of `impl …`");
        }
        Type::Path(path) => {
            let first = path.path.segments.first();
            if let Some(last) = path.path.segments.last().filter(|last| NO_RESULT.iter().any(|name| last.ident == name))
            {
                let whole =
                    if last.arguments.is_empty() { last.ident.to_string() } else { format!("{}<…>", last.ident) };
                errors.on(ty, wrapped(&whole));
            } else if path.qself.is_none() && first.is_some_and(|first| first.ident == "Self") {
                errors.on(ty, "a reply cannot be `Self`: the provider stays on its node; write `Result<T, E>` with concrete types");
            } else {
                Walk { errors }.visit_type(ty);
            }
        }
        Type::Macro(_) => {}
        Type::Tuple(tuple) if tuple.elems.is_empty() => errors.on(ty, wrapped("()")),
        _ => errors.on(ty, wrapped("T")),
    }
}

fn wrapped(value: &str) -> String {
    format!(
        "any call can fail on its way; write `Result<{value}, E>`, where `E` is `RpcError` or an error of your own that is `From<RpcError>`"
    )
}

struct Walk<'a> {
    errors: &'a mut Errors,
}

const BORROWED: &str =
    "a reply is decoded where nothing it could borrow from remains; return the owned type, as `String` for `&str`";

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        if let Type::Reference(_) = ty {
            return self.errors.on(ty, BORROWED);
        }
        if shapeless(ty, "item of a reply", self.errors).is_none() {
            visit::visit_type(self, ty);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.errors.on(lifetime, BORROWED);
        }
    }
}
