//! State that moves with its slots.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Counters {
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("Counters");
        let __a0 = fields
            .state::<Slots<String, u64>>("values", "default", "Counters.values");
        let __a1 = fields.state::<Slots<String, u64>>("type", "urls", "Counters.old");
        let __a2 = fields.value::<Config>("config");
        match (__a2,) {
            (::core::option::Option::Some(__a2),) => {
                ::core::result::Result::Ok(Self {
                    values: __a0,
                    r#type: __a1,
                    config: __a2,
                })
            }
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
