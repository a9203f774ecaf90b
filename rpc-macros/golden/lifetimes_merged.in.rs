//! All lifetimes of a method become one in the shim.

#[rpc_service]
trait Store {
    async fn put<'a, 'b: 'a>(&'a self, code: &'b str, tag: Tag<'a>) -> Result<(), StoreError>
    where
        'b: 'a;
}
