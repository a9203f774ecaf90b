//! Fields without names.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Pair {
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("Pair");
        let __a0 = fields.reference::<UrlStoreClient>("0");
        let __a1 = fields.value::<Config>("1");
        match (__a1,) {
            (::core::option::Option::Some(__a1),) => {
                ::core::result::Result::Ok(Self { 0: __a0, 1: __a1 })
            }
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
