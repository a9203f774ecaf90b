//! The user's trait, with futures that can be spawned.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{AttrStyle, Block, FnArg, Ident, Pat, ReturnType, Signature, TraitItem, Type, parse_quote};

use super::Cx;
use super::located::located;
use crate::model::Method;

/// Expands to:
/// ```text
/// /// Short addresses.
/// pub trait UrlStore: Send + Sync + 'static {
///     fn get(&self, code: &str) -> impl Future<Output = Result<Url, StoreError>> + Send;
///     fn __wherever_service() -> &'static ServiceDescriptor where Self: Sized { … }
///     fn __wherever_provider(self: Arc<Self>) -> Provider where Self: Sized { … }
/// }
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let mut item = cx.service.item.clone();
    item.supertraits.push(parse_quote!(::core::marker::Send));
    item.supertraits.push(parse_quote!(::core::marker::Sync));
    item.supertraits.push(parse_quote!('static));
    item.colon_token.get_or_insert_with(Default::default);
    item.items = cx.service.methods.iter().map(|method| TraitItem::Fn(function(method))).collect();
    item.items.extend(ours(cx));
    item.into_token_stream()
}

/// The two methods that lead from the trait to the rest of the expansion.
pub(super) fn ours(cx: &Cx<'_>) -> [TraitItem; 2] {
    let Cx { private, shim, .. } = cx;
    [
        parse_quote! {
            #[doc(hidden)]
            fn __wherever_service() -> &'static #private::ServiceDescriptor
            where
                Self: ::core::marker::Sized,
            {
                <dyn #shim as #private::Service>::descriptor()
            }
        },
        parse_quote! {
            #[doc(hidden)]
            fn __wherever_provider(self: ::std::sync::Arc<Self>) -> #private::Provider
            where
                Self: ::core::marker::Sized,
            {
                #private::Provider::new::<dyn #shim>(self)
            }
        },
    ]
}

fn function(method: &Method) -> syn::TraitItemFn {
    let mut item = method.item.clone();
    let idents: Vec<_> = method.args.iter().map(|arg| arg.ident.clone()).collect();
    if let Some(body) = item.default.take() {
        item.default = Some(future(method, &body));
        item.attrs.push(parse_quote!(#[allow(clippy::manual_async_fn)]));
    }
    // `#![…]` inside a body stands before the method now.
    for attr in &mut item.attrs {
        attr.style = AttrStyle::Outer;
    }
    item.sig = signature(method, &idents, &method.declared());
    item
}

/// Expands to:
/// ```text
/// {
///     async move {
///         if let Some(__result) = None::<Result<u64, StoreError>> { return __result; }
///         let (a, b) = arg0;
///         …
///     }
/// }
/// ```
/// The line that never runs tells the compiler the type before anything of the user's can, so that what differs is
/// reported there. A body that is not `Send` is reported where its braces are.
fn future(method: &Method, body: &Block) -> Block {
    let place = body.brace_token.span.join();
    let braced = |tokens| {
        let mut group = Group::new(Delimiter::Brace, tokens);
        group.set_span(place.resolved_at(Span::call_site()));
        group
    };
    let patterns = patterns(method);
    let statements = &body.stmts;
    let result = method.result();
    let typed = quote! {
        if let ::core::option::Option::Some(__result) = ::core::option::Option::None::<#result> {
            return __result;
        }
    };
    // Of a stream the type cannot be named here.
    let typed = method.stream.is_none().then(|| located(typed, result.span()));
    let statements = braced(quote!(#typed #(#patterns)* #(#statements)*));
    let future = located(quote!(async move), place);
    let future = braced(quote!(#future #statements));
    parse_quote!(#future)
}

/// The method's signature as the compiler sees it: plain names for arguments, and a future that can be sent.
pub(super) fn signature(method: &Method, idents: &[Ident], result: &Type) -> Signature {
    let mut sig = method.item.sig.clone();
    sig.asyncness = None;
    let output = quote!(::core::future::Future<Output = #result>);
    sig.output = ReturnType::Type(Default::default(), parse_quote!(impl #output + ::core::marker::Send));
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (typed, ident) in typed.zip(idents) {
        typed.pat = parse_quote!(#ident);
    }
    sig
}

/// `let (a, b) = arg0;` for the arguments of a default body that are more than a name.
fn patterns(method: &Method) -> Vec<TokenStream> {
    let typed = method.item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let pattern = |(typed, ident): (&syn::PatType, &Ident)| {
        let pat = &typed.pat;
        let named = !is_name(pat) && !matches!(**pat, Pat::Wild(_));
        named.then(|| quote_spanned!(pat.span()=> let #pat = #ident;))
    };
    typed.zip(method.args.iter().map(|arg| &arg.ident)).filter_map(pattern).collect()
}

/// Whether the pattern is just a name.
pub(super) fn is_name(pat: &Pat) -> bool {
    matches!(pat, Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none())
}
