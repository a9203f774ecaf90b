//! The object-safe twin of the trait, through which providers are stored and called.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Cx, locals};
use crate::model::Method;
use crate::{lifetimes, names};

/// Expands to:
/// ```text
/// #[doc(hidden)]
/// pub trait __UrlStoreShim: Send + Sync + 'static {
///     fn __wherever_get<'w>(&'w self, __a0: &'w str) -> BoxFuture<'w, Result<Url, StoreError>>;
///     fn __wherever_watch(self: Arc<Self>, __a0: String, out: Yield<Result<Url, StoreError>>) -> BoxFuture<'static, ()>;   // a stream
/// }
/// ```
pub(super) fn declaration(cx: &Cx<'_>) -> TokenStream {
    let Cx { shim, service, .. } = cx;
    let methods = cx.methods(|method| {
        let signature = signature(cx, method);
        quote!(#signature;)
    });
    let cfgs = &service.cfgs;
    let vis = &service.item.vis;
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(deprecated, non_camel_case_types, non_snake_case, private_interfaces)]
        #[allow(clippy::too_many_arguments, clippy::type_complexity)]
        #vis trait #shim: ::core::marker::Send + ::core::marker::Sync + 'static {
            #methods
        }
    }
}

/// Expands to:
/// ```text
/// impl<__Provider: UrlStore> __UrlStoreShim for __Provider {
///     fn __wherever_get<'w>(&'w self, __a0: &'w str) -> BoxFuture<'w, Result<Url, StoreError>> {
///         Box::pin(<__Provider as UrlStore>::get(self, __a0))
///     }
/// }
/// ```
pub(super) fn blanket(cx: &Cx<'_>) -> TokenStream {
    let Cx { trait_, shim, .. } = cx;
    let methods = cx.methods(|method| {
        let signature = signature(cx, method);
        let name = &method.item.sig.ident;
        let locals = locals(method);
        if method.stream.is_some() {
            return quote! {
                #signature {
                    ::std::boxed::Box::pin(async move { out.run(<__Provider as #trait_>::#name(&*self #(, #locals)*)).await })
                }
            };
        }
        quote! {
            #signature {
                ::std::boxed::Box::pin(<__Provider as #trait_>::#name(self #(, #locals)*))
            }
        }
    });
    quote! {
        impl<__Provider: #trait_> #shim for __Provider {
            #methods
        }
    }
}

fn signature(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let name = names::shim_method(&method.item.sig.ident);
    let locals = locals(method);
    let types = method.args.iter().map(|arg| lifetimes::merged(&arg.ty));
    if let Some(item) = method.stream.as_ref().and_then(|stream| stream.item.as_ref()) {
        return quote! {
            fn #name(self: ::std::sync::Arc<Self> #(, #locals: #types)*, out: #private::Yield<#item>) -> #private::BoxFuture<'static, ()>
        };
    }
    let result = method.result();
    quote!(fn #name<'w>(&'w self #(, #locals: #types)*) -> #private::BoxFuture<'w, #result>)
}
