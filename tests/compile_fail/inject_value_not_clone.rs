//! A value that cannot be shared out.
use wherever::Inject;

struct Config;

#[derive(Inject)]
struct App {
    config: Config,
}

fn main() {
    let App { config: _ } = App { config: Config };
}
