//! What an annotated trait becomes, one file per generated thing.

mod calls;
mod checks;
mod client;
mod compact;
mod descriptors;
mod dispatch;
pub(crate) mod inject;
mod located;
pub(crate) mod provider;
mod shim;
mod stub;
mod trait_;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Path;

pub(crate) use stub::stub;

use crate::model::{KeyPart, Method, Passing, Service};
use crate::names;

/// An annotated trait without mistakes. Expands to:
/// ```text
/// pub trait UrlStore: Send + Sync + 'static { … }    // trait_
/// pub trait __UrlStoreShim { … }                     // shim: its object-safe twin
/// pub struct UrlStoreClient(…);                      // client
/// const _: () = {
///     type __Checked_get = …                         // checks: of what types must be able to do
///     static __METHOD_get: … ; static __SERVICE: …   // descriptors
///     impl<P: UrlStore> __UrlStoreShim for P { … }   // shim
///     impl Service for dyn __UrlStoreShim { … }      // dispatch: a remote call arrives
///     impl UrlStore for UrlStoreClient { … }         // calls: a call starts
/// };
/// ```
pub(crate) fn service(service: &Service) -> TokenStream {
    let cx = Cx::new(service);
    let trait_ = trait_::expand(&cx);
    let shim_trait = shim::declaration(&cx);
    let client = client::expand(&cx);
    let checks = checks::expand(&cx);
    let descriptors = descriptors::expand(&cx);
    let shim_impl = shim::blanket(&cx);
    let dispatch = dispatch::expand(&cx);
    let calls = calls::expand(&cx);
    let cfgs = &service.cfgs;
    quote! {
        #trait_
        #shim_trait
        #client
        #(#cfgs)*
        #[allow(deprecated, non_camel_case_types, non_snake_case, non_upper_case_globals, unused_qualifications)]
        #[allow(clippy::needless_arbitrary_self_type, clippy::too_many_arguments, clippy::type_complexity)]
        const _: () = {
            #checks
            #descriptors
            #shim_impl
            #dispatch
            #calls
        };
    }
}

/// What every part of the expansion names.
struct Cx<'a> {
    service: &'a Service,
    /// `::wherever`
    krate: &'a Path,
    /// `::wherever::__private`
    private: TokenStream,
    /// `UrlStore`
    trait_: &'a Ident,
    /// `UrlStoreClient`
    client: Ident,
    /// `__UrlStoreShim`
    shim: Ident,
}

impl<'a> Cx<'a> {
    fn new(service: &'a Service) -> Self {
        let krate = &service.krate;
        let trait_ = &service.item.ident;
        Self {
            service,
            krate,
            private: quote!(#krate::__private),
            trait_,
            client: names::client(trait_),
            shim: names::shim(trait_),
        }
    }

    /// The expansions of all methods, each under its method's conditions.
    fn methods<T: ToTokens>(&self, expand: impl Fn(&Method) -> T) -> TokenStream {
        let expanded = self.service.methods.iter().map(|method| {
            let tokens = expand(method).into_token_stream();
            // A condition before nothing would fall upon what follows.
            let cfgs = method.cfgs.iter().filter(|_| !tokens.is_empty());
            quote!(#(#cfgs)* #tokens)
        });
        expanded.collect()
    }

    /// The slot of a method's key, from its locals: a `Result<Slot, RpcError>`; `None` without a key.
    fn slot(&self, method: &Method) -> Option<TokenStream> {
        let private = &self.private;
        let component = |part: &KeyPart<'_>| {
            let local = names::local(part.index);
            match (part.field, &part.arg.passing) {
                (None, Passing::Text | Passing::OptionalText) => quote!(&#local),
                (None, _) => checks::passed(self, method, &quote!(&#local)),
                (Some(field), _) => {
                    let local = checks::passed(self, method, &quote!(&#local));
                    quote!(&#local.#field)
                }
            }
        };
        match &*method.key() {
            [] => None,
            [part] => {
                let component = component(part);
                Some(quote!(#private::slot_of(#component)))
            }
            parts => {
                let components = parts.iter().map(component);
                Some(quote!(#private::KeyParts::new() #(.and(#components))* .slot()))
            }
        }
    }

    /// The key of a call, for whoever routes it or lets it in.
    fn key(&self, method: &Method) -> TokenStream {
        let private = &self.private;
        match self.slot(method) {
            Some(slot) => quote!(#private::Key::at(#slot)),
            None => quote!(#private::Key::none()),
        }
    }
}

/// The locals of all of a method's arguments.
fn locals(method: &Method) -> Vec<Ident> {
    (0..method.args.len()).map(names::local).collect()
}
