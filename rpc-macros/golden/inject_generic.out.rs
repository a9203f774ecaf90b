//! Parameters and conditions stay.
#[automatically_derived]
#[allow(deprecated)]
impl<T: Clone, const N: usize> ::wherever::__private::Inject for Holder<T, N>
where
    T: Send + Sync + 'static,
{
    fn inject(
        injector: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let mut fields = injector.fields("Holder");
        let __a0 = fields.value::<[T; N]>("values");
        match (__a0,) {
            (::core::option::Option::Some(__a0),) => {
                ::core::result::Result::Ok(Self { values: __a0 })
            }
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
