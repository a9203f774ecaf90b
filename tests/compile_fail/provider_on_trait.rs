//! The provider's attribute on a trait.
use wherever::rpc_provider;

#[rpc_provider]
trait Store {}

fn main() {}
