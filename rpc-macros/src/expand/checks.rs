//! What the types of each method must be able to do, asked once, before all code that takes it for granted.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{GenericArgument, PathArguments, Type};

use super::located::{across, located};
use super::{Cx, locals};
use crate::model::{Method, Passing, Routing};
use crate::passing::bare;
use crate::streams::Stream;
use crate::{lifetimes, names};

/// Expands to:
/// ```text
/// type __Checked_get = Checked<{
///     argument::<Code>();
///     value::<<Result<Url, StoreError> as Returned>::Value>();
///     failure::<<Result<Url, StoreError> as Returned>::Failure>();
///     true
/// }>;
/// type __Route_get<'w> = <__Checked_get as Passed>::Of<Route<'w, dyn __UrlStoreShim>>;
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let Cx { private, shim, .. } = cx;
    let checks = cx.methods(|method| {
        let name = names::checked(&method.item.sig.ident);
        let arguments = arguments(cx, method);
        let fields = fields(cx, method);
        let returned = returned(cx, method);
        quote!(type #name = #private::Checked<{ #arguments #fields #returned true }>;)
    });
    let routes = cx.methods(|method| {
        let name = names::checked(&method.item.sig.ident);
        let route = names::route(&method.item.sig.ident);
        quote!(type #route<'w> = <#name as #private::Passed>::Of<#private::Route<'w, dyn #shim>>;)
    });
    quote!(#checks #routes)
}

/// The value, for code that may take for granted what was asked of the method's types.
pub(super) fn passed(cx: &Cx<'_>, method: &Method, value: &TokenStream) -> TokenStream {
    let private = &cx.private;
    let name = names::checked(&method.item.sig.ident);
    quote!(<#name as #private::Passed>::pass(#value))
}

/// `argument::<Code>();`
fn arguments(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let decoded = method.args.iter().filter_map(|arg| match &arg.passing {
        Passing::Text | Passing::OptionalText => None,
        Passing::Owned(ty) | Passing::Lent(ty) | Passing::OptionalLent(ty) | Passing::OptionalDeref(ty) => Some(ty),
    });
    let asked = decoded.map(|ty| {
        let argument = located(quote!(#private::argument), ty.span());
        quote!(#argument::<#ty>();)
    });
    asked.collect()
}

/// `let _ = |__a0: When| slot_of(&__a0.year);` for the fields that keys are made of, whose types cannot be named.
fn fields(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let locals = locals(method);
    let key = method.key();
    let asked = key.iter().filter_map(|part| {
        let (field, local) = (part.field?, &locals[part.index]);
        let ty = lifetimes::elided(&part.arg.ty);
        let slot = located(quote!(#private::slot_of), field.span());
        Some(quote!(let _ = |#local: #ty| #slot(&#local.#field);))
    });
    asked.collect()
}

/// `value::<<Result<Url, StoreError> as Returned>::Value>();` and the like: the types that the method's `Result` has, by whatever
/// alias, reported where they are written if they are written.
fn returned(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let result = method.result();
    if let Some(stream) = &method.stream {
        return streamed(cx, stream);
    }
    let (value, failure) = written(&result).unwrap_or((&result, &result));
    let ask = |what: TokenStream, part: TokenStream, place: &Type| {
        let what = located(quote!(#private::#what), place.span());
        let part = across(quote!(<#result as #private::Returned>::#part), place);
        quote!(#what::<#part>();)
    };
    let routing = method.marks.routing.as_ref().map(|routing| routing.value);
    let merged = matches!(routing, Some(Routing::All | Routing::AllPartial));
    let mergeable = merged.then(|| ask(quote!(mergeable), quote!(Value), value));
    let value = ask(quote!(value), quote!(Value), value);
    let failure = ask(quote!(failure), quote!(Failure), failure);
    quote!(#value #failure #mergeable)
}

/// `value::<<Result<Url, StoreError> as Yielded>::Value>();` and the like, of what a stream yields, and that it fails as its method does.
fn streamed(cx: &Cx<'_>, stream: &Stream) -> TokenStream {
    let private = &cx.private;
    let Some(item) = &stream.item else { return TokenStream::new() };
    let (value, failure) = written(item).unwrap_or((item, item));
    let ask = |what: TokenStream, part: TokenStream, place: &Type| {
        let what = located(quote!(#private::#what), place.span());
        let part = across(quote!(<#item as #private::Yielded>::#part), place);
        quote!(#what::<#part>();)
    };
    let result = &stream.result;
    let same = located(quote!(#private::same_failure), failure.span());
    let items = across(quote!(<#item as #private::Yielded>::Failure), failure);
    let methods = across(quote!(<#result as #private::Returned>::Failure), failure);
    let (value, failure) = (ask(quote!(value), quote!(Value), value), ask(quote!(failure), quote!(Failure), failure));
    quote!(#value #failure #same::<#items, #methods>();)
}

/// The `T` and `E` of a type that is written as `Result<T, E>`.
fn written(result: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = bare(result) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match (types.next(), types.next(), types.next()) {
        (Some(Some(value)), Some(Some(failure)), None) => Some((value, failure)),
        _ => None,
    }
}
