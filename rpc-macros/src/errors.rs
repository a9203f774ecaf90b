//! The mistakes found in one item, all reported together.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// A bag of mistakes. Whoever makes one must look into it: dropping it unseen panics.
#[derive(Default)]
pub(crate) struct Errors {
    found: Vec<Error>,
    seen: bool,
}

impl Errors {
    /// Adds a mistake at a place.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.found.push(Error::new(span, message));
    }

    /// Adds a mistake at everything that `tokens` covers.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.found.push(Error::new_spanned(tokens, message));
    }

    /// Adds a mistake that syn found.
    pub(crate) fn push(&mut self, error: Error) {
        self.found.push(error);
    }

    /// The value of `result`; its mistake is added.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// How many mistakes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// What tells the user about the mistakes; `Ok` if there are none.
    pub(crate) fn finish(mut self) -> Result<(), TokenStream> {
        self.seen = true;
        if self.found.is_empty() {
            return Ok(());
        }
        Err(self.found.drain(..).map(Error::into_compile_error).collect())
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.seen || std::thread::panicking(), "mistakes were found and not reported");
    }
}
