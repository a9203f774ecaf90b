//! The grammar inside our attributes: `read, any(round_robin), name = "put"`, and how a slip in it is reported.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Token, parenthesized};

use crate::errors::Errors;
use crate::model::Spanned;
use crate::names;

/// One option: a word, maybe with a value or a list.
pub(crate) struct Word {
    pub(crate) ident: Ident,
    pub(crate) form: Form,
}

/// What follows an option's word.
pub(crate) enum Form {
    Bare,
    Value(Expr),
    List(TokenStream),
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident = input.call(Ident::parse_any);
        let ident = ident
            .map_err(|error| syn::Error::new(error.span(), "options are words, as in `read` or `name = \"…\"`"))?;
        let form = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Form::Value(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let list;
            parenthesized!(list in input);
            Form::List(list.parse()?)
        } else {
            Form::Bare
        };
        Ok(Self { ident, form })
    }
}

impl ToTokens for Word {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.ident.to_tokens(tokens);
        match &self.form {
            Form::Bare => {}
            Form::Value(value) => value.to_tokens(tokens),
            Form::List(list) => list.to_tokens(tokens),
        }
    }
}

/// The options of one attribute. One that is written twice is reported and left out.
pub(crate) fn words(tokens: TokenStream, errors: &mut Errors) -> Vec<Word> {
    let parsed = Punctuated::<Word, Token![,]>::parse_terminated.parse2(tokens);
    let mut words: Vec<Word> = Vec::new();
    for word in errors.take(parsed).into_iter().flatten() {
        if words.iter().any(|earlier| earlier.ident == word.ident) {
            errors.on(&word.ident, format!("`{}` is given twice; write it once", word.ident));
        } else {
            words.push(word);
        }
    }
    words
}

/// The fault of a word that is none of `known`; `owner` is what has options, in a sentence.
pub(crate) fn unknown(word: &Ident, owner: &str, known: &[&str]) -> syn::Error {
    let written = word.to_string();
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = match names::nearest(&written, known) {
        Some(name) => format!("unknown option `{written}`, did you mean `{name}`? ({owner}: {list})"),
        None => format!("unknown option `{written}`; {owner}: {list}"),
    };
    syn::Error::new(word.span(), message)
}

impl Word {
    /// Checks that nothing follows the word.
    pub(crate) fn bare(&self) -> syn::Result<Span> {
        match self.form {
            Form::Bare => Ok(self.ident.span()),
            _ => Err(self.fault(format!("`{0}` takes no value; write just `{0}`", self.ident))),
        }
    }

    /// The text in `name = "text"`.
    pub(crate) fn text(&self, example: &str) -> syn::Result<LitStr> {
        match &self.form {
            Form::Value(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text.clone()),
            _ => Err(self.fault(format!("`{0}` needs a text; write `{0} = \"{example}\"`", self.ident))),
        }
    }

    /// The path in `crate = "path::to::wherever"`.
    pub(crate) fn path(&self) -> syn::Result<Path> {
        const HOW: &str = "write `crate = \"path::to::wherever\"`";
        let text = self.text("path::to::wherever")?;
        let path = text.parse_with(Path::parse_mod_style);
        path.map_err(|_| syn::Error::new(text.span(), format!("`{}` is not a path; {HOW}", text.value())))
    }

    /// The words in `any(round_robin)`; a bare word has none.
    pub(crate) fn list(&self) -> syn::Result<Vec<Ident>> {
        match &self.form {
            Form::Bare => Ok(Vec::new()),
            Form::List(list) => {
                let idents = Punctuated::<Ident, Token![,]>::parse_separated_nonempty_with;
                let parse = |input: ParseStream<'_>| idents(input, Ident::parse_any);
                parse.parse2(list.clone()).map(|idents| idents.into_iter().collect()).map_err(|_| self.odd_list())
            }
            Form::Value(Expr::Path(path)) if path.path.get_ident().is_some() => {
                Err(self.fault(format!("write `{}({})`", self.ident, path.to_token_stream())))
            }
            Form::Value(_) => Err(self.odd_list()),
        }
    }

    fn odd_list(&self) -> syn::Error {
        self.fault(format!("`{0}` stands alone or with one word in parentheses, as in `{0}(…)`", self.ident))
    }

    /// A mistake that covers the whole option.
    pub(crate) fn fault(&self, message: impl std::fmt::Display) -> syn::Error {
        syn::Error::new_spanned(self, message)
    }
}

/// Checks a name for the wire: letters, digits and `_`, with dots between them if `dots`.
pub(crate) fn wire_name(text: &LitStr, dots: bool) -> syn::Result<Spanned<String>> {
    let value = text.value();
    if value.is_empty() {
        return Err(syn::Error::new(
            text.span(),
            "a name on the wire cannot be empty; leave the option out to use the Rust name",
        ));
    }
    let good = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if if dots { value.split('.').all(good) } else { good(&value) } {
        return Ok(Spanned { value, span: text.span() });
    }
    let allowed =
        if dots { "ASCII letters, digits and `_`, with single dots between" } else { "ASCII letters, digits and `_`" };
    Err(syn::Error::new(text.span(), format!("`{value}` cannot be a name on the wire; use {allowed}")))
}
