//! Nothing to inject.

#[derive(Inject)]
#[inject(crate = "elsewhere")]
struct Unit;
