//! `#[rpc_service]`, from its tokens to what replaces them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Item;

use crate::errors::Errors;
use crate::{expand, parse, validate};

pub(crate) fn rpc_service(options: TokenStream, tokens: &TokenStream) -> TokenStream {
    let item = match syn::parse2(tokens.clone()) {
        Ok(Item::Trait(item)) => item,
        Ok(other) => return refused(tokens, &not_a_trait(&other)),
        Err(error) => return refused(tokens, &error),
    };
    let mut errors = Errors::default();
    let service = parse::service(options, item, &mut errors);
    validate::service(&service, &mut errors);
    match errors.finish() {
        Ok(()) => expand::service(&service),
        Err(messages) => expand::stub(&service, &messages),
    }
}

fn refused(tokens: &TokenStream, error: &syn::Error) -> TokenStream {
    let message = error.to_compile_error();
    quote!(#tokens #message)
}

fn not_a_trait(item: &Item) -> syn::Error {
    const WHAT: &str = "#[rpc_service] goes on a trait, whose methods it makes callable from other nodes";
    match item {
        Item::Impl(item) if item.trait_.is_some() => {
            syn::Error::new(item.impl_token.span, format!("{WHAT}; on an impl of such a trait write #[rpc_provider]"))
        }
        Item::Impl(item) => {
            let message = format!("{WHAT}; declare the methods in a `trait` and implement that for the type");
            syn::Error::new(item.impl_token.span, message)
        }
        Item::Struct(item) => {
            syn::Error::new(item.struct_token.span, format!("{WHAT}; for a struct write #[derive(Inject)]"))
        }
        Item::Enum(item) => syn::Error::new(item.enum_token.span, WHAT),
        Item::Fn(item) => {
            let message = format!("{WHAT}; declare `async fn {}(&self, …)` in a `trait`", item.sig.ident);
            syn::Error::new(item.sig.fn_token.span, message)
        }
        Item::Mod(item) => syn::Error::new(item.mod_token.span, format!("{WHAT}; mark each trait inside the module")),
        other => syn::Error::new_spanned(other, WHAT),
    }
}
