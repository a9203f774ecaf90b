//! A negative impl.
use wherever::rpc_provider;

struct Stored;

#[cfg_attr(all(), rpc_provider)]
impl !Send for Stored {}

fn main() {
    let _stored = Stored;
}
