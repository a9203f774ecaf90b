//! A struct that borrows.
use wherever::Inject;

#[derive(Inject)]
struct Borrower<'a> {
    name: &'a str,
}

fn main() {}
