//! `impl Stream<Item = Result<T, E>> + Send`, in the place of a method's value.

use proc_macro2::TokenStream;
use syn::{
    AngleBracketedGenericArguments, GenericArgument, Path, PathArguments, TraitBound, Type, TypeImplTrait,
    TypeParamBound, parse_quote,
};

use crate::passing::bare;

/// The stream that a method answers with.
pub(crate) struct Stream {
    /// What it yields; `None` if that is not said.
    pub(crate) item: Option<Type>,
    /// It as written.
    pub(crate) ty: TypeImplTrait,
    /// What the method returns, as its client gives it: `Result<Streamed<Item>, E>`.
    pub(crate) result: Type,
    /// What the trait says that it returns: as written, and `Send` in any case.
    pub(crate) declared: Type,
}

impl Stream {
    /// The stream in `Result<impl Stream<…>, E>`, by whatever alias of `Result`.
    pub(crate) fn of(result: &Type, private: &TokenStream) -> Option<Self> {
        let mut result = bare(result).clone();
        let place = value(&mut result)?;
        let Type::ImplTrait(ty) = bare(place) else { return None };
        let ty = ty.clone();
        let item = item(bound(&ty)?).cloned();
        *place = match &item {
            Some(item) => parse_quote!(#private::Streamed<#item>),
            None => parse_quote!(()),
        };
        let streamed = result.clone();
        let mut sendable = ty.clone();
        if !sendable.bounds.iter().any(is_send) {
            sendable.bounds.push(parse_quote!(::core::marker::Send));
        }
        *value(&mut result)? = Type::ImplTrait(sendable);
        Some(Self { item, ty, result: streamed, declared: result })
    }
}

/// The bound that makes an `impl …` a stream.
pub(crate) fn bound(ty: &TypeImplTrait) -> Option<&TraitBound> {
    ty.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) if ends_in(&bound.path, "Stream") => Some(bound),
        _ => None,
    })
}

/// What may stand beside `Stream<…>`.
pub(crate) fn is_fitting(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => {
            ["Stream", "Send", "Unpin"].iter().any(|name| ends_in(&bound.path, name)) && bound.maybe.is_none()
        }
        TypeParamBound::Lifetime(lifetime) => lifetime.ident == "static",
        _ => false,
    }
}

fn is_send(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if ends_in(&bound.path, "Send"))
}

fn ends_in(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

/// The `T` of `Result<T, …>`.
fn value(result: &mut Type) -> Option<&mut Type> {
    let Type::Path(path) = result else { return None };
    let PathArguments::AngleBracketed(arguments) = &mut path.path.segments.last_mut()?.arguments else { return None };
    match arguments.args.first_mut()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// The type in `Stream<Item = …>`.
fn item(bound: &TraitBound) -> Option<&Type> {
    let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) =
        &bound.path.segments.last()?.arguments
    else {
        return None;
    };
    args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assigned) if assigned.ident == "Item" => Some(&assigned.ty),
        _ => None,
    })
}
