//! State that does not know how to move.
use std::collections::HashMap;

use wherever::Inject;

#[derive(Inject)]
struct App {
    #[rpc_state]
    values: HashMap<String, u64>,
}

fn main() {
    let App { values: _ } = App { values: HashMap::new() };
}
