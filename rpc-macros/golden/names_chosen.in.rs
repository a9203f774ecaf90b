//! A method by another name on the wire; underscores of arguments stay here.

#[rpc_service(name = "goto.Store", group = "urls")]
trait Store {
    #[rpc(name = "putOne")]
    async fn put(&self, _code: String) -> Result<(), StoreError>;
}
