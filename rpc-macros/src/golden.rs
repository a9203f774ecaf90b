//! What the macros expand to, case by case: `golden/*.in.rs` becomes `golden/*.out.rs`.
//!
//! After a change that is meant, `UPDATE_GOLDEN=1 cargo test -p rpc-macros` writes the new expansions; read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, File, Item, Meta};

use crate::inject::derive_inject;
use crate::provider::rpc_provider;
use crate::service::rpc_service;

#[test]
fn expansions_are_as_they_were() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let changed: Vec<_> = inputs().into_iter().filter(|input| !is_as_it_was(input, update)).collect();
    assert!(
        changed.is_empty(),
        "these expand otherwise than before; if that is meant, set UPDATE_GOLDEN=1: {changed:#?}"
    );
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = fs::read_dir(folder).expect("the golden folder").map(|entry| entry.expect("an entry").path());
    let mut inputs: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".in.rs")).collect();
    inputs.sort();
    assert!(inputs.len() >= 25, "only {} golden inputs", inputs.len());
    inputs
}

fn is_as_it_was(input: &Path, update: bool) -> bool {
    let expected = PathBuf::from(input.to_string_lossy().replace(".in.rs", ".out.rs"));
    let expanded = expand(&fs::read_to_string(input).expect("an input"), input);
    if update {
        fs::write(&expected, &expanded).expect("an expansion written");
    }
    fs::read_to_string(&expected).is_ok_and(|expected| expected == expanded)
}

/// Expands the one annotated item of a file, as the compiler would.
fn expand(source: &str, path: &Path) -> String {
    let File { attrs, mut items, .. } = syn::parse_file(source).expect("an input that parses");
    let mut item = items.pop().expect("one item");
    let tokens = match &mut item {
        Item::Trait(item) => {
            let options = options(&mut item.attrs, "rpc_service", path);
            rpc_service(options, &item.to_token_stream())
        }
        Item::Impl(item) => {
            let options = options(&mut item.attrs, "rpc_provider", path);
            rpc_provider(options, item.to_token_stream())
        }
        other => derive_inject(other.to_token_stream()),
    };
    let mut file: File =
        syn::parse2(tokens).unwrap_or_else(|error| panic!("{} expands to no items: {error}", path.display()));
    file.attrs = attrs;
    prettyplease::unparse(&file)
}

/// Takes our attribute off an item; what it says.
fn options(attrs: &mut Vec<Attribute>, name: &str, path: &Path) -> TokenStream {
    let ours = attrs.iter().position(|attr| attr.path().is_ident(name));
    let ours = ours.unwrap_or_else(|| panic!("{} lacks #[{name}]", path.display()));
    match attrs.remove(ours).meta {
        Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    }
}
