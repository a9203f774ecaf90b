//! An enum is refused, and can still be named where `Inject` is asked for.

#[derive(Inject)]
enum Either {
    This,
}
