//! Rules of a method's return type: an owned `Result`, by whatever alias.

use syn::visit::{self, Visit};
use syn::{Lifetime, PathArguments, ReturnType, Type};

use super::passed::shapeless;
use crate::errors::Errors;
use crate::model::Method;
use crate::passing::bare;
use crate::streams::{self, Stream};

/// Types that are no `Result` for certain.
const NO_RESULT: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize", "str", "String", "Vec", "Option", "Box", "HashMap", "BTreeMap", "HashSet", "BTreeSet", "Arc",
];

pub(super) fn check(method: &Method, errors: &mut Errors) {
    let sig = &method.item.sig;
    if let Some(stream) = &method.stream {
        return streamed(stream, errors);
    }
    let ReturnType::Type(_, ty) = &sig.output else {
        let message = "any call can fail on its way; write `-> Result<(), E>`, where `E` is `RpcError` or an error of your own that is `From<RpcError>`";
        return errors.on(&sig.ident, message);
    };
    match bare(ty) {
        // Reported with the missing `async`; after `async` it is one more thing to unwrap.
        Type::ImplTrait(_) if sig.asyncness.is_none() => {}
        Type::ImplTrait(stream) if streams::bound(stream).is_some() => {
            errors.on(
                ty,
                "a call can fail before its stream begins; write `Result<impl Stream<Item = Result<T, E>> + Send, E>`",
            );
        }
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

/// Rules of the stream that a method answers with.
fn streamed(stream: &Stream, errors: &mut Errors) {
    if let Some(odd) = stream.ty.bounds.iter().find(|bound| !streams::is_fitting(bound)) {
        let message =
            "what comes from another node is a `Stream`, `Send` and `'static`, and nothing else; remove this bound";
        errors.on(odd, message);
    }
    let Some(item) = &stream.item else {
        let message =
            "say what the stream yields: `impl Stream<Item = Result<T, E>> + Send`, with the error type of the method";
        return errors.on(&stream.ty, message);
    };
    let is_no_result = |path: &syn::TypePath| {
        path.path.segments.last().is_some_and(|last| NO_RESULT.iter().any(|name| last.ident == name))
    };
    match bare(item) {
        Type::Tuple(_) | Type::Array(_) => errors.on(item, UNFAILING),
        Type::Path(path) if is_no_result(path) => errors.on(item, UNFAILING),
        _ => Walk { errors }.visit_type(item),
    }
    // The error, and the parameters of an alias.
    if let Type::Path(path) = bare(&stream.declared)
        && let Some(PathArguments::AngleBracketed(arguments)) = path.path.segments.last().map(|last| &last.arguments)
    {
        arguments.args.iter().skip(1).for_each(|argument| Walk { errors }.visit_generic_argument(argument));
    }
}

const UNFAILING: &str = "a stream can be cut off on its way, and its last item then says so; write `Item = Result<T, E>`, with the error type of the method";

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
