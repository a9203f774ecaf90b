//! The entry of a provider type in the list of linked providers.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned as _;

use crate::parse::cfgs;
use crate::provider::Provider;

/// Expands to the impl, unchanged, and:
/// ```text
/// const _: () = {
///     fn __service<P: UrlStore>() -> &'static ServiceDescriptor { … }
///     fn __build<P: UrlStore + Inject>(injector: &Injector<'_>) -> Result<Provider, InjectError> { … }  // absent for `given`
///     fn __adopt<P: UrlStore>(value: Arc<dyn Any + Send + Sync>) -> Option<Provider> { … }
///     inventory::submit! { LinkedProvider { build: Some(__build::<Urls>), adopt: __adopt::<Urls>, … } }
/// };
/// ```
/// Generic, so that what the trait asks of a provider is asked at the impl and not once more in each of them. What is built or
/// adopted has the type that the trait's hidden function takes: if it has none, that alone is said.
pub(crate) fn expand(provider: &Provider) -> TokenStream {
    let Provider { krate, given, item, trait_ } = provider;
    let private = quote!(#krate::__private);
    let ty = &item.self_ty;
    let cfgs = cfgs(&item.attrs);
    let wrap = quote_spanned!(trait_.span()=> <__Provider as #trait_>::__wherever_provider);
    let service = quote_spanned!(trait_.span()=> <__Provider as #trait_>::__wherever_service);
    let (build, built) = if *given {
        (None, quote!(::core::option::Option::None))
    } else {
        (Some(build(trait_, &private, &wrap)), quote!(::core::option::Option::Some(__build::<#ty>)))
    };
    quote! {
        #item

        #(#cfgs)*
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            fn __service<__Provider: #trait_>() -> &'static #private::ServiceDescriptor {
                #service()
            }

            #build

            fn __adopt<__Provider: #trait_>(
                value: ::std::sync::Arc<dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync>,
            ) -> ::core::option::Option<#private::Provider> {
                value.downcast().ok().map(#wrap)
            }

            #private::inventory::submit! {
                #private::LinkedProvider {
                    type_id: ::core::any::TypeId::of::<#ty>,
                    type_name: ::core::any::type_name::<#ty>,
                    service: __service::<#ty>,
                    build: #built,
                    adopt: __adopt::<#ty>,
                }
            }
        };
    }
}

fn build(trait_: &Path, private: &TokenStream, wrap: &TokenStream) -> TokenStream {
    quote! {
        fn __build<__Provider: #trait_ + #private::Inject>(
            injector: &#private::Injector<'_>,
        ) -> ::core::result::Result<#private::Provider, #private::InjectError> {
            ::core::result::Result::Ok(#wrap(injector.single()?))
        }
    }
}
