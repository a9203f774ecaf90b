//! State that is a whole struct.
use wherever::Inject;

#[derive(Inject)]
#[rpc_state]
struct App {
    count: u64,
}

fn main() {
    let App { count: _ } = App { count: 1 };
}
