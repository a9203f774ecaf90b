//! Mistakes: every message, the trait as it was, and a client to compile against.
::core::compile_error! {
    "a method of a service is async; write `async fn put`"
}
::core::compile_error! {
    "a method of a service cannot take `&mut self`: many calls run at once; take `&self`, and keep what changes behind a Mutex or an atomic"
}
::core::compile_error! {
    "a borrow inside another type cannot be lent from the wire; use the owned type here, as `String` for `&str` or `Vec<T>` for `&[T]` (an argument can be `&T`, `&str`, `&[T]` or an `Option` of one)"
}
::core::compile_error! {
    "any call can fail on its way; write `Result<u64, E>`, where `E` is `RpcError` or an error of your own that is `From<RpcError>`"
}
#[allow(async_fn_in_trait, clippy::all)]
trait Store: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn put(&self, code: String) -> Result<(), StoreError>;
    async fn get(&mut self, codes: Vec<&str>) -> u64;
    async fn fine(&self, code: &str) -> Result<(), StoreError>;
    #[doc(hidden)]
    fn __wherever_service() -> &'static ::wherever::__private::ServiceDescriptor
    where
        Self: ::core::marker::Sized,
    {
        <dyn __StoreShim as ::wherever::__private::Service>::descriptor()
    }
    #[doc(hidden)]
    fn __wherever_provider(
        self: ::std::sync::Arc<Self>,
    ) -> ::wherever::__private::Provider
    where
        Self: ::core::marker::Sized,
    {
        ::wherever::__private::Provider::new::<dyn __StoreShim>(self)
    }
}
#[doc(hidden)]
#[allow(non_camel_case_types)]
trait __StoreShim: ::core::marker::Send + ::core::marker::Sync + 'static {}
///Client of [`Store`], which it implements: each call runs where its data lives.
#[allow(dead_code, non_camel_case_types)]
struct StoreClient(::wherever::__private::Client<dyn __StoreShim>);
#[allow(dead_code, deprecated)]
impl StoreClient {
    /// A client backed by the cluster: each call goes to the node that its key or its routing picks.
    #[must_use]
    pub fn new(wherever: &::wherever::Wherever) -> Self {
        Self(::wherever::__private::Client::new(wherever))
    }
    /// A client whose calls all go to one node, and nowhere else.
    #[must_use]
    pub fn on<__Node: ::core::convert::Into<::wherever::NodeId>>(
        client: &Self,
        node: __Node,
    ) -> Self {
        Self(client.0.on(::core::convert::Into::into(node)))
    }
    /// A client of a value in this process, as for tests.
    #[must_use]
    pub fn local<__Provider: Store>(provider: __Provider) -> Self {
        Self(::wherever::__private::Client::of_value(::std::sync::Arc::new(provider)))
    }
    /// The value as a provider, for `Node::builder().provide(…)`.
    #[must_use]
    pub fn provider<__Provider: Store>(
        provider: __Provider,
    ) -> ::wherever::__private::Provider {
        Self::provider_shared(::std::sync::Arc::new(provider))
    }
    /// As `provider`, of a value that the program goes on using.
    #[must_use]
    pub fn provider_shared<__Provider: Store>(
        provider: ::std::sync::Arc<__Provider>,
    ) -> ::wherever::__private::Provider {
        <__Provider as Store>::__wherever_provider(provider)
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
    impl<__Provider: Store> __StoreShim for __Provider {}
    impl Store for StoreClient {
        fn put(&self, code: String) -> Result<(), StoreError> {
            ::core::unimplemented!()
        }
        async fn get(&mut self, codes: Vec<&str>) -> u64 {
            ::core::unimplemented!()
        }
        async fn fine(&self, code: &str) -> Result<(), StoreError> {
            ::core::unimplemented!()
        }
    }
};
