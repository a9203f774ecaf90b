//! The macros of wherever: annotate a trait, register a provider, inject clients.
//!
//! Each macro is parse → model → validate → expand, seen whole in `service`, `provider` and `inject`.

mod errors;
mod expand;
mod inject;
mod lifetimes;
mod marks;
mod model;
mod names;
mod options;
mod parse;
mod passing;
mod provider;
mod service;
mod streams;
mod validate;

#[cfg(test)]
mod golden;

use proc_macro::TokenStream;

/// Turns a trait into a service: the trait's methods can be called on any node and run where their data lives.
///
/// Options: `name = "goto.UrlStore"` (the name on the wire; the trait's own by default), `group = "urls"` (the group of
/// nodes that share a slot map; `"default"` by default), `compact` (between nodes of one build, calls and answers travel as their bytes rather than
/// as JSON: see below), `crate = "path::to::wherever"`.
///
/// **`compact`** takes the postcard form where both ends are the same build, and JSON where they are not, for `POST`, and for clients in other languages. The types of such a
/// service must have JSON too, and be readable without names: serde's `untagged`, `tag`, `flatten`, `skip_serializing_if`, and types that hold any JSON are not. A call that meets one is
/// refused, and says so; arguments that are read as such are not executed. Nor may a variant be skipped, or a field one way only: that is found by trial in some of the values, and
/// values of that type go on as JSON then. Calls and items of methods that stream are JSON.
///
/// **If the dependency is renamed** or comes through another crate, `::wherever` does not exist and the generated code does
/// not compile: say where it is with `crate = "…"`, here, in `#[rpc_provider(crate = "…")]` and in `#[inject(crate = "…")]`.
///
/// A method is `async fn name(&self, …) -> Result<T, E>`. Its options go in `#[rpc(…)]`:
///
/// - `read` (changes nothing) or `idempotent` (twice is the same as once): it may be sent again after a lost connection;
/// - `detach`: once started it runs to its end, whatever becomes of the caller;
/// - where it runs, if not where its key lives: `any`, `any(prefer_here)`, `any(round_robin)`, `all`, `all(partial)`, `here`;
/// - `key = all`: every argument is part of the key; otherwise the arguments marked `#[key]` or `#[key(fields(a, b))]` are,
///   and without marks the first one. Floats and unordered sets cannot be keys: equal ones are not written alike. Behind an
///   alias or inside a struct a `HashSet` looks like a list to the macro: calls on the key's node run, with equal sets maybe on
///   different nodes, and calls from elsewhere are refused, not executed, with `Kind::SlotMismatch`. Use a `BTreeSet`;
/// - `name = "wireName"`: its name on the wire.
///
/// An argument's name on the wire is its own, without `r#` and without leading underscores; one that is only a pattern is
/// called `arg0`, `arg1`, … by its position.
///
/// Generates `…Client`, which implements the trait.
#[proc_macro_attribute]
pub fn rpc_service(options: TokenStream, item: TokenStream) -> TokenStream {
    service::rpc_service(options.into(), &item.into()).into()
}

/// Registers a provider at link time: every node that starts in this program finds it.
///
/// Goes on `impl UrlStore for Urls`. The node builds the value with [`Inject`]. With the option `given` it does not, and
/// `Node::builder().provide(value)` brings the value. If the dependency is renamed, write `crate = "path::to::wherever"`.
#[proc_macro_attribute]
pub fn rpc_provider(options: TokenStream, item: TokenStream) -> TokenStream {
    provider::rpc_provider(options.into(), item.into()).into()
}

/// Lets a node build the struct, field by field:
///
/// - a field marked `#[rpc_reference]` is a client;
/// - one marked `#[rpc_state]` is state that moves with its slots, `Slots<K, V>`. It goes by the name `Struct.field`, the same on
///   every node, and belongs to the slots of the group `default`; other ones are `#[rpc_state(name = "…", group = "…")]`;
/// - one marked `#[inject(default)]` is `Default::default()`, as for a cache or a `Mutex` of the struct's own;
/// - any other comes from `Node::builder().with(value)` by its type, which must be `Clone + Send + Sync + 'static`: wrap in an
///   `Arc` what is not.
///
/// If the dependency is renamed, write `#[inject(crate = "…")]` on the struct.
#[proc_macro_derive(Inject, attributes(rpc_reference, rpc_state, inject))]
pub fn derive_inject(item: TokenStream) -> TokenStream {
    inject::derive_inject(item.into()).into()
}
