//! The provider's attribute on a struct.
use wherever::rpc_provider;

#[rpc_provider]
struct Store;

fn main() {
    let _store = Store;
}
