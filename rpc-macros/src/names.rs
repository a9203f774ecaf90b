//! Names: those we generate, those that go on the wire, and the one the user may have meant.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::Path;
use syn::ext::IdentExt;

/// Where the macros expect the crate if nothing else is said.
pub(crate) fn default_crate() -> Path {
    syn::parse_quote!(::wherever)
}

/// `UrlStore` → `UrlStoreClient`.
pub(crate) fn client(service: &Ident) -> Ident {
    format_ident!("{}Client", service)
}

/// `UrlStore` → `__UrlStoreShim`, the object-safe twin of the trait.
pub(crate) fn shim(service: &Ident) -> Ident {
    Ident::new(&format!("__{}Shim", service.unraw()), Span::call_site())
}

/// `get` → `__wherever_get`, the shim's twin of a method.
pub(crate) fn shim_method(method: &Ident) -> Ident {
    Ident::new(&format!("__wherever_{}", method.unraw()), Span::call_site())
}

/// `get` → `__METHOD_get`, the method's descriptor.
pub(crate) fn descriptor(method: &Ident) -> Ident {
    Ident::new(&format!("__METHOD_{}", method.unraw()), Span::call_site())
}

/// `get` → `__Checked_get`, through which goes all code that takes what the method's types can do for granted.
pub(crate) fn checked(method: &Ident) -> Ident {
    Ident::new(&format!("__Checked_{}", method.unraw()), Span::call_site())
}

/// `get` → `__Route_get`, where a call of the method goes.
pub(crate) fn route(method: &Ident) -> Ident {
    Ident::new(&format!("__Route_{}", method.unraw()), Span::call_site())
}

/// `get` → `__slot_of_get`, which hashes the key of raw arguments.
pub(crate) fn slot_of(method: &Ident) -> Ident {
    Ident::new(&format!("__slot_of_{}", method.unraw()), Span::call_site())
}

/// `get` → `__to_json_get`, which writes arguments in the compact codec as JSON.
pub(crate) fn to_json(method: &Ident) -> Ident {
    Ident::new(&format!("__to_json_{}", method.unraw()), Span::call_site())
}

/// The generated local of an argument. None of the user's names is in scope where it stands.
pub(crate) fn local(index: usize) -> Ident {
    Ident::new(&format!("__a{index}"), Span::call_site())
}

/// An argument's name on the wire: a leading underscore only quiets the compiler.
pub(crate) fn on_wire(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    match name.trim_start_matches('_') {
        "" => name,
        trimmed => trimmed.to_owned(),
    }
}

/// The known name that `written` is probably a slip of.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|name| (distance(written, name), *name));
    let (distance, name) = distances.min()?;
    // More than half of the letters wrong is another word, not a slip.
    (distance * 2 <= name.len()).then_some(name)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
