//! The entry of a provider type in the list of linked providers.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::parse::cfgs;
use crate::provider::Provider;

/// Expands to the impl, unchanged, and:
/// ```text
/// const _: () = {
///     fn __build(injector: &Injector<'_>) -> Result<Provider, InjectError> { … }    // absent for `given`
///     fn __adopt(value: Arc<dyn Any + Send + Sync>) -> Option<Provider> { … }
///     inventory::submit! { LinkedProvider { build: Some(__build), adopt: __adopt, … } }
/// };
/// ```
pub(crate) fn expand(provider: &Provider) -> TokenStream {
    let Provider { krate, given, item, trait_ } = provider;
    let private = quote!(#krate::__private);
    let ty = &item.self_ty;
    let cfgs = cfgs(&item.attrs);
    let wrap = quote_spanned!(trait_.span()=> <#ty as #trait_>::__wherever_provider);
    let service = quote_spanned!(trait_.span()=> <#ty as #trait_>::__wherever_service);
    let (build, built) = if *given {
        (None, quote!(::core::option::Option::None))
    } else {
        (Some(build(provider, &private, &wrap)), quote!(::core::option::Option::Some(__build)))
    };
    quote! {
        #item

        #(#cfgs)*
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            #build

            fn __adopt(
                value: ::std::sync::Arc<dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync>,
            ) -> ::core::option::Option<#private::Provider> {
                value.downcast::<#ty>().ok().map(#wrap)
            }

            #private::inventory::submit! {
                #private::LinkedProvider {
                    type_id: ::core::any::TypeId::of::<#ty>,
                    type_name: ::core::any::type_name::<#ty>,
                    service: #service,
                    build: #built,
                    adopt: __adopt,
                }
            }
        };
    }
}

fn build(provider: &Provider, private: &TokenStream, wrap: &TokenStream) -> TokenStream {
    let ty = &provider.item.self_ty;
    let single = quote_spanned!(ty.span()=> injector.single::<#ty>()?);
    quote! {
        fn __build(
            injector: &#private::Injector<'_>,
        ) -> ::core::result::Result<#private::Provider, #private::InjectError> {
            ::core::result::Result::Ok(#wrap(#single))
        }
    }
}
