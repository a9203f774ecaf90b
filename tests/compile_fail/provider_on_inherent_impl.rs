//! The provider's attribute on an impl of no trait.
use wherever::rpc_provider;

struct Store;

#[rpc_provider]
impl Store {}

fn main() {
    let _store = Store;
}
