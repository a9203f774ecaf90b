//! Slips in the options of state, and a second mark.
use wherever::{Inject, Slots};

#[derive(Inject)]
struct App {
    #[rpc_state(nam = "App.values")]
    misspelt: Slots<String, u64>,
    #[rpc_state(name = "no spaces")]
    misnamed: Slots<String, u64>,
    #[rpc_state = "App.values"]
    assigned: Slots<String, u64>,
    #[rpc_state]
    #[inject(default)]
    doubly: Slots<String, u64>,
}

fn main() {
    let _: Option<App> = None;
}
