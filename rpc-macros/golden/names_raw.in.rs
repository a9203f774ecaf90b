//! Raw names are bare on the wire.

#[rpc_service]
trait r#type {
    async fn r#move(&self, r#type: u8) -> Result<(), StoreError>;
}
