//! The whole of it: a documented public trait with each kind of method.
/// Short addresses.
pub trait UrlStore: ::core::marker::Send + ::core::marker::Sync + 'static {
    /// Stores an address.
    fn put(
        &self,
        code: String,
        url: Url,
    ) -> impl ::core::future::Future<
        Output = Result<(), StoreError>,
    > + ::core::marker::Send;
    fn get(
        &self,
        code: &str,
    ) -> impl ::core::future::Future<
        Output = Result<Option<Url>, StoreError>,
    > + ::core::marker::Send;
    fn count(
        &self,
    ) -> impl ::core::future::Future<
        Output = Result<u64, StoreError>,
    > + ::core::marker::Send;
    #[doc(hidden)]
    fn __wherever_service() -> &'static ::wherever::__private::ServiceDescriptor
    where
        Self: ::core::marker::Sized,
    {
        <dyn __UrlStoreShim as ::wherever::__private::Service>::descriptor()
    }
    #[doc(hidden)]
    fn __wherever_provider(
        self: ::std::sync::Arc<Self>,
    ) -> ::wherever::__private::Provider
    where
        Self: ::core::marker::Sized,
    {
        ::wherever::__private::Provider::new::<dyn __UrlStoreShim>(self)
    }
}
#[doc(hidden)]
#[allow(deprecated, non_camel_case_types, non_snake_case, private_interfaces)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub trait __UrlStoreShim: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn __wherever_put<'w>(
        &'w self,
        __a0: String,
        __a1: Url,
    ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>>;
    fn __wherever_get<'w>(
        &'w self,
        __a0: &'w str,
    ) -> ::wherever::__private::BoxFuture<'w, Result<Option<Url>, StoreError>>;
    fn __wherever_count<'w>(
        &'w self,
    ) -> ::wherever::__private::BoxFuture<'w, Result<u64, StoreError>>;
}
///Client of [`UrlStore`], which it implements: each call runs where its data lives.
#[allow(dead_code, non_camel_case_types)]
pub struct UrlStoreClient(::wherever::__private::Client<dyn __UrlStoreShim>);
#[allow(dead_code, deprecated)]
impl UrlStoreClient {
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
    pub fn local<__Provider: UrlStore>(provider: __Provider) -> Self {
        Self(::wherever::__private::Client::of_value(::std::sync::Arc::new(provider)))
    }
    /// The value as a provider, for `Node::builder().provide(…)`.
    #[must_use]
    pub fn provider<__Provider: UrlStore>(
        provider: __Provider,
    ) -> ::wherever::__private::Provider {
        Self::provider_shared(::std::sync::Arc::new(provider))
    }
    /// As `provider`, of a value that the program goes on using.
    #[must_use]
    pub fn provider_shared<__Provider: UrlStore>(
        provider: ::std::sync::Arc<__Provider>,
    ) -> ::wherever::__private::Provider {
        <__Provider as UrlStore>::__wherever_provider(provider)
    }
}
const _: () = {
    #[automatically_derived]
    impl ::core::clone::Clone for UrlStoreClient {
        fn clone(&self) -> Self {
            Self(::core::clone::Clone::clone(&self.0))
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for UrlStoreClient {
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            ::core::fmt::Formatter::debug_struct(formatter, "UrlStoreClient")
                .finish_non_exhaustive()
        }
    }
    impl ::wherever::__private::ServiceClient for UrlStoreClient {
        type Service = dyn __UrlStoreShim;
        fn from_client(client: ::wherever::__private::Client<Self::Service>) -> Self {
            Self(client)
        }
        fn as_client(this: &Self) -> &::wherever::__private::Client<Self::Service> {
            &this.0
        }
    }
};
#[allow(
    deprecated,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unused_qualifications
)]
#[allow(
    clippy::needless_arbitrary_self_type,
    clippy::too_many_arguments,
    clippy::type_complexity
)]
const _: () = {
    type __Checked_put = ::wherever::__private::Checked<
        {
            ::wherever::__private::argument::<String>();
            ::wherever::__private::argument::<Url>();
            ::wherever::__private::value::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Checked_get = ::wherever::__private::Checked<
        {
            ::wherever::__private::value::<
                <Result<
                    Option<Url>,
                    StoreError,
                > as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<
                    Option<Url>,
                    StoreError,
                > as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Checked_count = ::wherever::__private::Checked<
        {
            ::wherever::__private::value::<
                <Result<u64, StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<u64, StoreError> as ::wherever::__private::Returned>::Failure,
            >();
            ::wherever::__private::mergeable::<
                <Result<u64, StoreError> as ::wherever::__private::Returned>::Value,
            >();
            true
        },
    >;
    type __Route_put<'w> = <__Checked_put as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __UrlStoreShim>,
    >;
    type __Route_get<'w> = <__Checked_get as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __UrlStoreShim>,
    >;
    type __Route_count<'w> = <__Checked_count as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __UrlStoreShim>,
    >;
    static __METHOD_put: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "goto.UrlStore",
        group: "urls",
        name: "put",
        full_name: "goto.UrlStore.put",
        routing: ::wherever::__private::Routing::Key,
        params: &["code", "url"],
        key: &["code"],
        docs: "Stores an address.",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::Some(__slot_of_put),
        merge: ::core::option::Option::None,
        compact: ::core::option::Option::None,
    };
    static __METHOD_get: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "goto.UrlStore",
        group: "urls",
        name: "get",
        full_name: "goto.UrlStore.get",
        routing: ::wherever::__private::Routing::Key,
        params: &["code"],
        key: &["code"],
        docs: "",
        read: true,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::Some(__slot_of_get),
        merge: ::core::option::Option::None,
        compact: ::core::option::Option::None,
    };
    static __METHOD_count: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "goto.UrlStore",
        group: "urls",
        name: "count",
        full_name: "goto.UrlStore.count",
        routing: ::wherever::__private::Routing::All(
            ::wherever::__private::Partial::Refuse,
        ),
        params: &[],
        key: &[],
        docs: "",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::None,
        merge: ::core::option::Option::Some(
            ::wherever::__private::merge_replies::<
                <__Checked_count as ::wherever::__private::Passed>::Of<
                    Result<u64, StoreError>,
                >,
            >,
        ),
        compact: ::core::option::Option::None,
    };
    fn __slot_of_put(
        args: &::wherever::__private::Args<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Slot,
        ::wherever::__private::RpcError,
    > {
        let args = <__Checked_put as ::wherever::__private::Passed>::pass(args);
        let __a0: String = args.get(0usize)?;
        ::wherever::__private::slot_of(
            <__Checked_put as ::wherever::__private::Passed>::pass(&__a0),
        )
    }
    fn __slot_of_get(
        args: &::wherever::__private::Args<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Slot,
        ::wherever::__private::RpcError,
    > {
        let args = <__Checked_get as ::wherever::__private::Passed>::pass(args);
        let __a0 = args.text(0usize)?;
        ::wherever::__private::slot_of(&__a0)
    }
    static __SERVICE: ::wherever::__private::ServiceDescriptor = ::wherever::__private::ServiceDescriptor {
        name: "goto.UrlStore",
        group: "urls",
        methods: &[&__METHOD_put, &__METHOD_get, &__METHOD_count],
        path: ::core::concat!(::core::module_path!(), "::UrlStore"),
    };
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedService(& __SERVICE)
    }
    impl<__Provider: UrlStore> __UrlStoreShim for __Provider {
        fn __wherever_put<'w>(
            &'w self,
            __a0: String,
            __a1: Url,
        ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>> {
            ::std::boxed::Box::pin(<__Provider as UrlStore>::put(self, __a0, __a1))
        }
        fn __wherever_get<'w>(
            &'w self,
            __a0: &'w str,
        ) -> ::wherever::__private::BoxFuture<'w, Result<Option<Url>, StoreError>> {
            ::std::boxed::Box::pin(<__Provider as UrlStore>::get(self, __a0))
        }
        fn __wherever_count<'w>(
            &'w self,
        ) -> ::wherever::__private::BoxFuture<'w, Result<u64, StoreError>> {
            ::std::boxed::Box::pin(<__Provider as UrlStore>::count(self))
        }
    }
    impl ::wherever::__private::Service for dyn __UrlStoreShim {
        fn descriptor() -> &'static ::wherever::__private::ServiceDescriptor {
            &__SERVICE
        }
        fn dispatch(
            self: ::std::sync::Arc<Self>,
            call: ::wherever::__private::Incoming,
        ) -> ::wherever::__private::BoxFuture<
            'static,
            ::core::result::Result<
                ::wherever::__private::Reply,
                ::wherever::__private::RpcError,
            >,
        > {
            match call.method().name {
                "put" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_put as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let args = call.args()?;
                        let __a0: String = args.get(0usize)?;
                        let __a1: Url = args.get(1usize)?;
                        let entry = call
                            .enter(
                                ::wherever::__private::Key::at(
                                    ::wherever::__private::slot_of(
                                        <__Checked_put as ::wherever::__private::Passed>::pass(
                                            &__a0,
                                        ),
                                    ),
                                ),
                            )
                            .await?;
                        entry
                            .run(
                                <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_put(
                                    &*self,
                                    __a0,
                                    __a1,
                                ),
                            )
                            .await
                    })
                }
                "get" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_get as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let args = call.args()?;
                        let __a0 = args.text(0usize)?;
                        let entry = call
                            .enter(
                                ::wherever::__private::Key::at(
                                    ::wherever::__private::slot_of(&__a0),
                                ),
                            )
                            .await?;
                        entry
                            .run(
                                <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_get(
                                    &*self,
                                    &__a0,
                                ),
                            )
                            .await
                    })
                }
                "count" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_count as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let _args = call.args()?;
                        let entry = call
                            .enter(::wherever::__private::Key::none())
                            .await?;
                        entry
                            .run(
                                <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_count(
                                    &*self,
                                ),
                            )
                            .await
                    })
                }
                _ => {
                    ::std::boxed::Box::pin(async move {
                        ::core::result::Result::Err(call.unknown_method())
                    })
                }
            }
        }
    }
    impl UrlStore for UrlStoreClient {
        #[allow(clippy::manual_async_fn)]
        fn put(
            &self,
            __a0: String,
            __a1: Url,
        ) -> impl ::core::future::Future<
            Output = Result<(), StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(
                        &__METHOD_put,
                        ::wherever::__private::Key::at(
                            ::wherever::__private::slot_of(
                                <__Checked_put as ::wherever::__private::Passed>::pass(
                                    &__a0,
                                ),
                            ),
                        ),
                    )
                {
                    __Route_put::Near(near) => {
                        near.run(move |provider| <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_put(
                            provider,
                            __a0,
                            __a1,
                        ))
                    }
                    __Route_put::Far(far) => {
                        far.call(|args| {
                            args.arg("code", &__a0)?;
                            args.arg("url", &__a1)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_put::Refused(error) => ::wherever::__private::refused(error),
                };
                call.await
            }
        }
        #[allow(clippy::manual_async_fn)]
        fn get(
            &self,
            __a0: &str,
        ) -> impl ::core::future::Future<
            Output = Result<Option<Url>, StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(
                        &__METHOD_get,
                        ::wherever::__private::Key::at(
                            ::wherever::__private::slot_of(&__a0),
                        ),
                    )
                {
                    __Route_get::Near(near) => {
                        near.run(move |provider| <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_get(
                            provider,
                            __a0,
                        ))
                    }
                    __Route_get::Far(far) => {
                        far.call(|args| {
                            args.arg("code", &__a0)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_get::Refused(error) => ::wherever::__private::refused(error),
                };
                call.await
            }
        }
        #[allow(clippy::manual_async_fn)]
        fn count(
            &self,
        ) -> impl ::core::future::Future<
            Output = Result<u64, StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(&__METHOD_count, ::wherever::__private::Key::none())
                {
                    __Route_count::Near(near) => {
                        near.run(move |provider| <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_count(
                            provider,
                        ))
                    }
                    __Route_count::Far(far) => {
                        far.call(|_args| { ::core::result::Result::Ok(()) })
                    }
                    __Route_count::Refused(error) => {
                        ::wherever::__private::refused(error)
                    }
                };
                call.await
            }
        }
    }
};
