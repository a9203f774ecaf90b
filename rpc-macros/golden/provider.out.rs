//! A provider that the node builds.
impl api::UrlStore for Urls {
    async fn get(&self, code: &str) -> Result<Option<Url>, StoreError> {
        Ok(None)
    }
}
#[allow(deprecated, unused_qualifications)]
const _: () = {
    fn __build(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Provider,
        ::wherever::__private::InjectError,
    > {
        ::core::result::Result::Ok(
            <Urls as api::UrlStore>::__wherever_provider(injector.single::<Urls>()?),
        )
    }
    fn __adopt(
        value: ::std::sync::Arc<
            dyn ::core::any::Any + ::core::marker::Send + ::core::marker::Sync,
        >,
    ) -> ::core::option::Option<::wherever::__private::Provider> {
        value.downcast::<Urls>().ok().map(<Urls as api::UrlStore>::__wherever_provider)
    }
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedProvider { type_id : ::core::any::TypeId::of:: <
        Urls >, type_name : ::core::any::type_name:: < Urls >, service : < Urls as
        api::UrlStore > ::__wherever_service, build :
        ::core::option::Option::Some(__build), adopt : __adopt, }
    }
};
