//! The provider's side: a call arrives encoded, its arguments are decoded, its slot is entered, the method runs.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;

use super::located::located;
use super::{Cx, checks, locals};
use crate::model::{Argument, Method, Passing};
use crate::names;

/// Expands to:
/// ```text
/// impl Service for dyn __UrlStoreShim {
///     fn descriptor() -> &'static ServiceDescriptor { &__SERVICE }
///     fn dispatch(self: Arc<Self>, call: Incoming) -> BoxFuture<'static, Result<Reply, RpcError>> {
///         match call.method().name {
///             "get" => Box::pin(async move {
///                 let call = __Checked_get::pass(&call);
///                 let args = call.args()?;
///                 let __a0 = args.text(0)?;
///                 let entry = call.enter(Key::at(slot_of(&__a0))).await?;
///                 entry.run(<dyn __UrlStoreShim as __UrlStoreShim>::__wherever_get(&*self, &__a0)).await
///             }),
///             _ => Box::pin(async move { Err(call.unknown_method()) }),
///         }
///     }
/// }
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let Cx { private, shim, .. } = cx;
    let arms = cx.methods(|method| arm(cx, method));
    quote! {
        impl #private::Service for dyn #shim {
            fn descriptor() -> &'static #private::ServiceDescriptor {
                &__SERVICE
            }

            fn dispatch(
                self: ::std::sync::Arc<Self>,
                call: #private::Incoming,
            ) -> #private::BoxFuture<'static, ::core::result::Result<#private::Reply, #private::RpcError>> {
                match call.method().name {
                    #arms
                    _ => ::std::boxed::Box::pin(async move { ::core::result::Result::Err(call.unknown_method()) }),
                }
            }
        }
    }
}

fn arm(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let shim = &cx.shim;
    let name = &method.name.value;
    let shim_method = names::shim_method(&method.item.sig.ident);
    let locals = locals(method);
    let decoded = method.args.iter().zip(&locals).enumerate().map(|(index, (arg, local))| decode(index, arg, local));
    let passed = method.args.iter().zip(&locals).map(|(arg, local)| pass(arg, local));
    let key = cx.key(method);
    let args = if method.args.is_empty() { quote!(_args) } else { quote!(args) };
    let result = method.result();
    let call = quote!(<dyn #shim as #shim>::#shim_method(&*self #(, #passed)*));
    let passed = method.args.iter().zip(&locals).map(|(arg, local)| pass(arg, local));
    let run = if method.stream.is_some() {
        quote!(entry.stream(move |out| <dyn #shim as #shim>::#shim_method(self #(, #passed)*, out)).await)
    } else if method.marks.detach.is_some() {
        quote!(entry.detach(async move { #call.await }).await)
    } else {
        quote!(entry.run(#call).await)
    };
    let run = located(run, result.span());
    let incoming = checks::passed(cx, method, &quote!(&call));
    quote! {
        #name => ::std::boxed::Box::pin(async move {
            let call = #incoming;
            let #args = call.args()?;
            #(#decoded)*
            let entry = call.enter(#key).await?;
            #run
        }),
    }
}

/// `let __a0: T = args.get(0)?;`
pub(super) fn decode(index: usize, arg: &Argument, local: &Ident) -> TokenStream {
    let decoded = match &arg.passing {
        Passing::Text => quote!(let #local = args.text(#index)?;),
        Passing::OptionalText => quote!(let #local = args.optional_text(#index)?;),
        Passing::Owned(ty) | Passing::Lent(ty) => quote!(let #local: #ty = args.get(#index)?;),
        Passing::OptionalLent(ty) | Passing::OptionalDeref(ty) => {
            quote!(let #local: ::core::option::Option<#ty> = args.get(#index)?;)
        }
    };
    located(decoded, arg.ty.span())
}

/// The decoded argument as the provider takes it.
fn pass(arg: &Argument, local: &Ident) -> TokenStream {
    match &arg.passing {
        Passing::Owned(_) => quote!(#local),
        Passing::Text | Passing::Lent(_) => quote!(&#local),
        Passing::OptionalLent(_) => quote!(#local.as_ref()),
        Passing::OptionalText | Passing::OptionalDeref(_) => quote!(#local.as_deref()),
    }
}
