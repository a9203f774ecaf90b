//! Nothing can be missing.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for App {
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("App");
        let __a0 = fields.reference::<UrlStoreClient>("store");
        ::core::result::Result::Ok(Self { store: __a0 })
    }
}
