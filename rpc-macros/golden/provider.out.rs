//! A provider that the node builds.
impl api::UrlStore for Urls {
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        Ok(None)
    }
}
#[allow(deprecated, unused_qualifications)]
const _: () = {
    fn __service<__Provider: api::UrlStore>() -> &'static ::wherever::__private::ServiceDescriptor {
        <__Provider as api::UrlStore>::__wherever_service()
    }
    fn __build<__Provider: api::UrlStore + ::wherever::__private::Inject>(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Provider,
        ::wherever::__private::InjectError,
    > {
        ::core::result::Result::Ok(
            <__Provider as api::UrlStore>::__wherever_provider(injector.single()?),
        )
    }
    fn __adopt<__Provider: api::UrlStore>(
        value: ::std::sync::Arc<
            dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync,
        >,
    ) -> ::core::option::Option<::wherever::__private::Provider> {
        value.downcast().ok().map(<__Provider as api::UrlStore>::__wherever_provider)
    }
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedProvider { type_id : ::core::any::TypeId::of:: <
        Urls >, type_name : ::core::any::type_name:: < Urls >, service : __service:: <
        Urls >, build : ::core::option::Option::Some(__build:: < Urls >), adopt :
        __adopt:: < Urls >, }
    }
};
