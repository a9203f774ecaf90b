//! A slip in an option.
use wherever::Inject;

#[derive(Inject)]
#[inject(crat = "wherever")]
struct App {
    #[inject]
    count: u64,
}

fn main() {
    let App { count: _ } = App { count: 1 };
}
