//! Everything legal in a trait works, however odd: each trait here is called through its client, on a local value.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, rust_2018_idioms, clippy::all)]
#![deny(clippy::needless_lifetimes, clippy::type_complexity, clippy::manual_async_fn, clippy::must_use_candidate)]
#![deny(clippy::used_underscore_binding, clippy::needless_pass_by_value, clippy::unused_async)]

// The crate by another name, as in a program with a renamed dependency.
extern crate wherever as elsewhere;

#[path = "odd_traits/arguments.rs"]
mod arguments;
#[path = "odd_traits/defaults.rs"]
mod defaults;
#[path = "odd_traits/names.rs"]
mod names;
#[path = "odd_traits/places.rs"]
mod places;
#[path = "odd_traits/providers.rs"]
mod providers;
#[path = "odd_traits/routed.rs"]
mod routed;
#[path = "odd_traits/shadowed.rs"]
mod shadowed;
