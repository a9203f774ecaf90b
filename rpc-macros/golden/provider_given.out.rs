//! A provider that is given to the node.
impl UrlStore for Urls<Disk> {
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        Ok(None)
    }
}
#[allow(deprecated, unused_qualifications)]
const _: () = {
    fn __service<__Provider: UrlStore>() -> &'static elsewhere::__private::ServiceDescriptor {
        <__Provider as UrlStore>::__wherever_service()
    }
    fn __adopt<__Provider: UrlStore>(
        value: ::std::sync::Arc<
            dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync,
        >,
    ) -> ::core::option::Option<elsewhere::__private::Provider> {
        value.downcast().ok().map(<__Provider as UrlStore>::__wherever_provider)
    }
    elsewhere::__private::inventory::submit! {
        elsewhere::__private::LinkedProvider { type_id : ::core::any::TypeId::of:: < Urls
        < Disk > >, type_name : ::core::any::type_name:: < Urls < Disk > >, service :
        __service:: < Urls < Disk > >, build : ::core::option::Option::None, adopt :
        __adopt:: < Urls < Disk > >, }
    }
};
