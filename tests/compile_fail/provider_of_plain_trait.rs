//! A provider of a trait that is no service.
use wherever::rpc_provider;

trait Plain {
    fn plain(&self);
}

struct Stored;

#[rpc_provider(given)]
impl Plain for Stored {
    fn plain(&self) {}
}

fn main() {
    Stored.plain();
}
