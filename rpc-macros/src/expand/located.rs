//! Generated code that is wrong only if the user's type is: all of it points at that type.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Type;
use syn::spanned::Spanned as _;

/// The tokens as if written at `place`. What they name stays the same.
///
/// The compiler reports one unmet bound once for each place that needs it; if all places are the same, it reports it once.
pub(super) fn located(tokens: TokenStream, place: Span) -> TokenStream {
    tokens.into_iter().map(|token| at(token, place)).collect()
}

/// The tokens as if the user had written them instead of `ty`: the compiler underlines from where the first one stands to where
/// the last one does, and says nothing of a macro.
pub(super) fn across(tokens: TokenStream, ty: &Type) -> TokenStream {
    let end = ty.to_token_stream().into_iter().last().map_or_else(|| ty.span(), |last| last.span());
    let mut tokens: Vec<_> = tokens.into_iter().map(|token| set(token, ty.span())).collect();
    if let Some(last) = tokens.pop() {
        tokens.push(set(last, end));
    }
    tokens.into_iter().collect()
}

fn at(token: TokenTree, place: Span) -> TokenTree {
    set(token, place.resolved_at(Span::call_site()))
}

fn set(token: TokenTree, span: Span) -> TokenTree {
    let mut token = match token {
        TokenTree::Group(group) => {
            let inner = group.stream().into_iter().map(|token| set(token, span)).collect();
            Group::new(group.delimiter(), inner).into()
        }
        // Only where it was written does this mean the crate that it does.
        TokenTree::Ident(ident) if ident == "$crate" => return ident.into(),
        other => other,
    };
    token.set_span(span);
    token
}
