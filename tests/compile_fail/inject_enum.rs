//! An enum to be injected.
use wherever::Inject;

#[derive(Inject)]
enum Either {
    This,
    That,
}

fn main() {
    let _either = [Either::This, Either::That];
}
