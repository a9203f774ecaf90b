//! Options for a reference.
use wherever::Inject;

#[derive(Inject)]
struct App {
    #[rpc_reference(node = "a")]
    count: u64,
}

fn main() {
    let App { count: _ } = App { count: 1 };
}
