//! A struct of which every field is made by `Default` asks the node for nothing.
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Memory {
    fn inject(
        _: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        let __a0 = <Mutex<HashMap<String, u8>> as ::core::default::Default>::default();
        ::core::result::Result::Ok(Self { pages: __a0 })
    }
}
