//! A field of the struct's own is made by `Default`.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Shortener {
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("Shortener");
        let __a0 = fields.reference::<UrlStoreClient>("store");
        let __a1 = fields.value::<Config>("config");
        let __a2 = <Mutex<HashMap<String, Url>> as ::core::default::Default>::default();
        match (__a1,) {
            (::core::option::Option::Some(__a1),) => {
                ::core::result::Result::Ok(Self {
                    store: __a0,
                    config: __a1,
                    cache: __a2,
                })
            }
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
