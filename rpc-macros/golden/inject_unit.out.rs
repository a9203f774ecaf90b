//! Nothing to inject.
#[automatically_derived]
#[allow(deprecated)]
impl elsewhere::__private::Inject for Unit {
    fn inject(
        _: &elsewhere::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, elsewhere::__private::InjectError> {
        ::core::result::Result::Ok(Self {})
    }
}
