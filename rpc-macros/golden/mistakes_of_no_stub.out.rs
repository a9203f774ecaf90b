//! Mistakes that leave no trait the client could implement.
::core::compile_error! {
    "a service cannot be generic: it has one name on the wire; use concrete types, or write one trait per type"
}
::core::compile_error! {
    "a service cannot have associated types; write the concrete type where `Code` is used"
}
#[allow(async_fn_in_trait, clippy::all)]
trait Store<T> {
    type Code;
    async fn put(&self, code: T) -> Result<(), StoreError>;
}
#[doc(hidden)]
#[allow(non_camel_case_types)]
trait __StoreShim: ::core::marker::Send + ::core::marker::Sync + 'static {}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types)]
struct StoreClient(::wherever::__private::Client<dyn __StoreShim>);
#[allow(dead_code)]
impl StoreClient {
    #[doc(hidden)]
    pub fn new(_: &::wherever::Wherever) -> Self {
        ::core::unimplemented!()
    }
    #[doc(hidden)]
    pub fn on<__Node: ::core::convert::Into<::wherever::NodeId>>(
        _: &Self,
        _: __Node,
    ) -> Self {
        ::core::unimplemented!()
    }
    #[doc(hidden)]
    pub fn local<__Provider>(_: __Provider) -> Self {
        ::core::unimplemented!()
    }
    #[doc(hidden)]
    pub fn provider<__Provider>(_: __Provider) -> ::wherever::__private::Provider {
        ::core::unimplemented!()
    }
    #[doc(hidden)]
    pub fn provider_shared<__Provider>(
        _: ::std::sync::Arc<__Provider>,
    ) -> ::wherever::__private::Provider {
        ::core::unimplemented!()
    }
}
const _: () = {
    #[automatically_derived]
    impl ::core::clone::Clone for StoreClient {
        fn clone(&self) -> Self {
            Self(::core::clone::Clone::clone(&self.0))
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for StoreClient {
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            ::core::fmt::Formatter::debug_struct(formatter, "StoreClient")
                .finish_non_exhaustive()
        }
    }
    impl ::wherever::__private::ServiceClient for StoreClient {
        type Service = dyn __StoreShim;
        fn from_client(client: ::wherever::__private::Client<Self::Service>) -> Self {
            Self(client)
        }
        fn as_client(this: &Self) -> &::wherever::__private::Client<Self::Service> {
            &this.0
        }
    }
};
#[allow(deprecated, unused_variables, unused_mut)]
const _: () = {
    impl ::wherever::__private::Service for dyn __StoreShim {
        fn descriptor() -> &'static ::wherever::__private::ServiceDescriptor {
            ::core::unimplemented!()
        }
        fn dispatch(
            self: ::std::sync::Arc<Self>,
            _: ::wherever::__private::Incoming,
        ) -> ::wherever::__private::BoxFuture<
            'static,
            ::core::result::Result<
                ::wherever::__private::Reply,
                ::wherever::__private::RpcError,
            >,
        > {
            ::core::unimplemented!()
        }
    }
};
