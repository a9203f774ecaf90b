//! A stream by an alias of `Result`, with a body of its own.

#[rpc_service]
trait Store {
    #[rpc(any, read)]
    async fn numbers(&self, (from, to): (u64, u64)) -> Fallible<impl Stream<Item = Fallible<u64>> + Send> {
        Ok(stream::iter(from..to).map(Ok))
    }
}
