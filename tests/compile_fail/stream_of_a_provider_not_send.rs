//! A stream that cannot leave its thread.
use std::rc::Rc;

use futures_util::stream;
use wherever::{RpcError, Stream, rpc_service};

#[rpc_service]
trait Store {
    async fn watch(&self, key: String) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError>;
}

struct Memory;

impl Store for Memory {
    async fn watch(&self, _key: String) -> Result<impl Stream<Item = Result<u64, RpcError>> + Send, RpcError> {
        let shared = Rc::new(7);
        Ok(stream::iter([Ok(*shared)].into_iter().map(move |item| item.map(|number: u64| number + *shared))))
    }
}

fn main() {}
