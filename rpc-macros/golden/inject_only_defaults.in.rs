//! A struct of which every field is made by `Default` asks the node for nothing.

#[derive(Inject)]
struct Memory {
    #[inject(default)]
    pages: Mutex<HashMap<String, u8>>,
}
