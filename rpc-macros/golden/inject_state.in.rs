//! State that moves with its slots.

#[derive(Inject)]
pub struct Counters {
    #[rpc_state]
    values: Slots<String, u64>,
    #[rpc_state(name = "Counters.old", group = "urls")]
    r#type: Slots<String, u64>,
    config: Config,
}
