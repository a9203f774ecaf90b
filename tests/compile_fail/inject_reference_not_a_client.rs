//! A reference to something that is no client.
use wherever::Inject;

#[derive(Inject)]
struct App {
    #[rpc_reference]
    count: u64,
}

fn main() {
    let App { count: _ } = App { count: 1 };
}
