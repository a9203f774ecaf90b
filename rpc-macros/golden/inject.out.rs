//! Clients and values.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Shortener {
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("Shortener");
        let __a0 = fields.reference::<UrlStoreClient>("store");
        let __a1 = fields.value::<Config>("config");
        #[cfg(unix)]
        let __a2 = fields.value::<u8>("type");
        match (__a1, __a2) {
            (::core::option::Option::Some(__a1), ::core::option::Option::Some(__a2)) => {
                ::core::result::Result::Ok(Self {
                    store: __a0,
                    config: __a1,
                    #[cfg(unix)]
                    r#type: __a2,
                })
            }
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
