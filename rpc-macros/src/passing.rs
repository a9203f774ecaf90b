//! How an argument of a given type is decoded and handed to the provider.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{GenericArgument, Path, PathArguments, Type, TypeReference, parse_quote, parse_quote_spanned};

use crate::lifetimes;
use crate::model::Passing;

impl Passing {
    /// Reads it off the type as written. What cannot be passed at all comes out as owned; validation refuses it.
    pub(crate) fn of(ty: &Type) -> Self {
        match bare(ty) {
            Type::Reference(reference) => match bare(&reference.elem) {
                elem if is_named(elem, "str") => Self::Text,
                Type::Slice(slice) => Self::Lent(vec_of(&slice.elem)),
                elem if is_named(elem, "Path") => Self::Lent(path_buf()),
                elem => Self::Lent(lifetimes::elided(elem)),
            },
            other => match optional_reference(other).map(|reference| bare(&reference.elem)) {
                None => Self::Owned(lifetimes::elided(ty)),
                Some(elem) if is_named(elem, "str") => Self::OptionalText,
                Some(Type::Slice(slice)) => Self::OptionalDeref(vec_of(&slice.elem)),
                Some(elem) if is_named(elem, "Path") => Self::OptionalDeref(path_buf()),
                Some(elem) => Self::OptionalLent(lifetimes::elided(elem)),
            },
        }
    }
}

/// The type without parentheses and invisible groups around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => bare(&paren.elem),
        Type::Group(group) => bare(&group.elem),
        other => other,
    }
}

/// The reference in `Option<&T>`.
pub(crate) fn optional_reference(ty: &Type) -> Option<&TypeReference> {
    let Type::Path(path) = bare(ty) else { return None };
    let PathArguments::AngleBracketed(arguments) =
        &path.path.segments.last().filter(|last| last.ident == "Option")?.arguments
    else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => match bare(ty) {
            Type::Reference(reference) => Some(reference),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the type's path ends in `name`, without parameters.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(bare(ty), Type::Path(path) if path.qself.is_none() && ends_in(&path.path, name))
}

fn ends_in(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name && last.arguments.is_empty())
}

fn vec_of(elem: &Type) -> Type {
    let elem = lifetimes::elided(elem);
    // What is wrong with it is wrong with its items.
    parse_quote_spanned!(elem.span().resolved_at(Span::call_site())=> ::std::vec::Vec<#elem>)
}

fn path_buf() -> Type {
    parse_quote!(::std::path::PathBuf)
}
