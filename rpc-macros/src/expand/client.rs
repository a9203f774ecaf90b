//! The client type. Everything of ours on it is without `self`, so that no method of the user's trait is shadowed.

use proc_macro2::TokenStream;
use quote::quote;

use super::Cx;

/// Expands to:
/// ```text
/// /// Client of [`UrlStore`]: …
/// pub struct UrlStoreClient(Client<dyn __UrlStoreShim>);
/// impl UrlStoreClient { pub fn new… on… local… provider… provider_shared… }
/// impl Clone, Debug, ServiceClient for UrlStoreClient { … }
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let Cx { private, client, shim, service, .. } = cx;
    let vis = &service.item.vis;
    let cfgs = &service.cfgs;
    let inherent = inherent(cx);
    let traits = traits(cx);
    let about = format!("Client of [`{}`], which it implements: each call runs where its data lives.", cx.trait_);
    quote! {
        #(#cfgs)*
        #[doc = #about]
        #[allow(dead_code, non_camel_case_types)]
        #vis struct #client(#private::Client<dyn #shim>);

        #inherent

        #(#cfgs)*
        const _: () = {
            #traits
        };
    }
}

fn inherent(cx: &Cx<'_>) -> TokenStream {
    let Cx { krate, private, client, trait_, .. } = cx;
    let cfgs = &cx.service.cfgs;
    quote! {
        #(#cfgs)*
        #[allow(dead_code, deprecated)]
        impl #client {
            /// A client backed by the cluster: each call goes to the node that its key or its routing picks.
            #[must_use]
            pub fn new(wherever: &#krate::Wherever) -> Self {
                Self(#private::Client::new(wherever))
            }

            /// A client whose calls all go to one node, and nowhere else.
            #[must_use]
            pub fn on<__Node: ::core::convert::Into<#krate::NodeId>>(client: &Self, node: __Node) -> Self {
                Self(client.0.on(::core::convert::Into::into(node)))
            }

            /// A client of a value in this process, as for tests.
            #[must_use]
            pub fn local<__Provider: #trait_>(provider: __Provider) -> Self {
                Self(#private::Client::of_value(::std::sync::Arc::new(provider)))
            }

            /// The value as a provider, for `Node::builder().provide(…)`.
            #[must_use]
            pub fn provider<__Provider: #trait_>(provider: __Provider) -> #private::Provider {
                Self::provider_shared(::std::sync::Arc::new(provider))
            }

            /// As `provider`, of a value that the program goes on using.
            #[must_use]
            pub fn provider_shared<__Provider: #trait_>(provider: ::std::sync::Arc<__Provider>) -> #private::Provider {
                <__Provider as #trait_>::__wherever_provider(provider)
            }
        }
    }
}

pub(super) fn traits(cx: &Cx<'_>) -> TokenStream {
    let Cx { private, client, shim, .. } = cx;
    let name = client.to_string();
    quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #client {
            fn clone(&self) -> Self {
                Self(::core::clone::Clone::clone(&self.0))
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #client {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Formatter::debug_struct(formatter, #name).finish_non_exhaustive()
            }
        }

        impl #private::ServiceClient for #client {
            type Service = dyn #shim;

            fn from_client(client: #private::Client<Self::Service>) -> Self {
                Self(client)
            }

            fn as_client(this: &Self) -> &#private::Client<Self::Service> {
                &this.0
            }
        }
    }
}
