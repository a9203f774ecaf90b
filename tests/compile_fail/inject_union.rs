//! A union to be injected.
use wherever::Inject;

#[derive(Inject)]
union Either {
    this: u8,
    that: i8,
}

fn main() {
    let _either = [Either { this: 1 }, Either { that: 1 }];
}
