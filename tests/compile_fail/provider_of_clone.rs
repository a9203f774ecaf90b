//! A provider of a trait of the standard library.
use wherever::rpc_provider;

struct Stored;

#[rpc_provider(given)]
impl Clone for Stored {
    fn clone(&self) -> Self {
        Stored
    }
}

fn main() {
    let _stored = Stored.clone();
}
