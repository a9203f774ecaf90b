//! An enum is refused, and can still be named where `Inject` is asked for.
::core::compile_error! {
    "a node cannot choose a variant; derive Inject on a struct, or implement it by hand"
}
#[automatically_derived]
#[allow(deprecated)]
impl ::wherever::__private::Inject for Either {
    fn inject(
        _: &::wherever::__private::Injector<'_>,
    ) -> ::core::result::Result<Self, ::wherever::__private::InjectError> {
        ::core::unimplemented!()
    }
}
