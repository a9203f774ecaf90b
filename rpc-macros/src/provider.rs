//! `#[rpc_provider]`, from its tokens to what replaces them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemImpl, Path, PathSegment};

use crate::errors::Errors;
use crate::options::{self, Word};
use crate::{expand, names};

/// An annotated impl.
pub(crate) struct Provider {
    /// The path of the crate `wherever`.
    pub(crate) krate: Path,
    /// Whether values come only from `Node::builder().provide(value)`.
    pub(crate) given: bool,
    pub(crate) item: ItemImpl,
    pub(crate) trait_: Path,
}

pub(crate) fn rpc_provider(options: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let provider = parse(options, tokens.clone(), &mut errors);
    if let Some(provider) = &provider {
        validate(provider, &mut errors);
    }
    match (errors.finish(), provider) {
        (Ok(()), Some(provider)) => expand::provider::expand(&provider),
        (Ok(()), None) => tokens,
        // The compiler would refuse a negative impl once more.
        (Err(messages), Some(provider)) if provider.item.modifiers.polarity.is_some() => messages,
        (Err(messages), _) => quote!(#tokens #messages),
    }
}

fn parse(options: TokenStream, tokens: TokenStream, errors: &mut Errors) -> Option<Provider> {
    const WHAT: &str =
        "#[rpc_provider] goes on `impl UrlStore for Urls`, where `UrlStore` is a trait marked #[rpc_service]";
    let item = match errors.take(syn::parse2(tokens))? {
        Item::Impl(item) => item,
        Item::Trait(item) => {
            errors.at(item.trait_token.span, format!("{WHAT}; on the trait itself write #[rpc_service]"));
            return None;
        }
        Item::Struct(item) => {
            errors
                .at(item.struct_token.span, format!("{WHAT}; to let a node build the struct write #[derive(Inject)]"));
            return None;
        }
        other => {
            errors.on(other, WHAT);
            return None;
        }
    };
    let Some((trait_, _)) = item.trait_.clone() else {
        errors.at(item.impl_token.span, format!("{WHAT}; this impl names no trait"));
        return None;
    };
    let mut provider = Provider { krate: names::default_crate(), given: false, item, trait_ };
    for word in options::words(options, errors) {
        let outcome = option(&word, &mut provider);
        errors.take(outcome);
    }
    Some(provider)
}

fn option(word: &Word, provider: &mut Provider) -> syn::Result<()> {
    match word.ident.to_string().as_str() {
        "given" => word.bare().map(|_| provider.given = true),
        "crate" => word.path().map(|path| provider.krate = path),
        _ => Err(options::unknown(&word.ident, "a provider can have", &["given", "crate"])),
    }
}

/// Traits that are no services for certain.
const NO_SERVICES: &[&str] = &["Clone", "Copy", "Debug", "Default", "Display", "Drop", "Inject"];

fn validate(provider: &Provider, errors: &mut Errors) {
    let item = &provider.item;
    if let Some(name) = NO_SERVICES.iter().find(|name| provider.trait_.is_ident(name)) {
        let message =
            format!("`{name}` is no service; #[rpc_provider] goes on the impl of a trait marked #[rpc_service]");
        errors.on(&provider.trait_, message);
    }
    if let Some(token) = &item.modifiers.polarity {
        errors.on(token, "a negative impl provides nothing; remove `!`");
    }
    if let Some(token) = &item.unsafety {
        errors.on(token, "a service is no unsafe trait; remove `unsafe`");
    }
    if !item.generics.params.is_empty() {
        let service =
            provider.trait_.segments.last().map_or_else(String::new, |last: &PathSegment| last.ident.to_string());
        let message = format!(
            "a generic impl cannot register itself: which of its types would it be? Remove #[rpc_provider] and give each node a \
             value: `Node::builder().provide({service}Client::provider(value))`"
        );
        errors.on(&item.generics, message);
    }
}
