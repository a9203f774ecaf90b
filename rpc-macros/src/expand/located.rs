//! Generated code that is wrong only if the user's type is: all of it points at that type.

use proc_macro2::{Group, Span, TokenStream, TokenTree};

/// The tokens as if written at `place`. What they name stays the same.
///
/// The compiler reports one unmet bound once for each place that needs it; if all places are the same, it reports it once.
pub(super) fn located(tokens: TokenStream, place: Span) -> TokenStream {
    tokens.into_iter().map(|token| at(token, place)).collect()
}

fn at(token: TokenTree, place: Span) -> TokenTree {
    let mut token = match token {
        TokenTree::Group(group) => Group::new(group.delimiter(), located(group.stream(), place)).into(),
        // Only where it was written does this mean the crate that it does.
        TokenTree::Ident(ident) if ident == "$crate" => return ident.into(),
        other => other,
    };
    token.set_span(place.resolved_at(Span::call_site()));
    token
}
