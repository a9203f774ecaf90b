//! A service whose calls may travel without names.
pub trait UrlStore: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn put(
        &self,
        code: &str,
        url: Url,
        tags: Option<&[String]>,
    ) -> impl ::core::future::Future<
        Output = Result<(), StoreError>,
    > + ::core::marker::Send;
    fn nothing(
        &self,
    ) -> impl ::core::future::Future<
        Output = Result<u64, RpcError>,
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
        __a0: &'w str,
        __a1: Url,
        __a2: Option<&'w [String]>,
    ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>>;
    fn __wherever_nothing<'w>(
        &'w self,
    ) -> ::wherever::__private::BoxFuture<'w, Result<u64, RpcError>>;
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
            ::wherever::__private::argument::<Url>();
            ::wherever::__private::argument::<::std::vec::Vec<String>>();
            ::wherever::__private::value::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Checked_nothing = ::wherever::__private::Checked<
        {
            ::wherever::__private::value::<
                <Result<u64, RpcError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<u64, RpcError> as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Route_put<'w> = <__Checked_put as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __UrlStoreShim>,
    >;
    type __Route_nothing<'w> = <__Checked_nothing as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __UrlStoreShim>,
    >;
    static __METHOD_put: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "UrlStore",
        group: "default",
        name: "put",
        full_name: "UrlStore.put",
        routing: ::wherever::__private::Routing::Key,
        params: &["code", "url", "tags"],
        key: &["code"],
        docs: "",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::Some(__slot_of_put),
        merge: ::core::option::Option::None,
        compact: ::core::option::Option::Some(::wherever::__private::Compact {
            params: __to_json_put,
            value: ::wherever::__private::value_to_json::<
                <__Checked_put as ::wherever::__private::Passed>::Of<
                    Result<(), StoreError>,
                >,
            >,
            failure: ::wherever::__private::failure_to_json::<
                <__Checked_put as ::wherever::__private::Passed>::Of<
                    Result<(), StoreError>,
                >,
            >,
            trials: ::wherever::__private::Trials::new(),
        }),
    };
    static __METHOD_nothing: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "UrlStore",
        group: "default",
        name: "nothing",
        full_name: "UrlStore.nothing",
        routing: ::wherever::__private::Routing::Any(
            ::wherever::__private::Balancing::PreferHere,
        ),
        params: &[],
        key: &[],
        docs: "",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::None,
        merge: ::core::option::Option::None,
        compact: ::core::option::Option::Some(::wherever::__private::Compact {
            params: __to_json_nothing,
            value: ::wherever::__private::value_to_json::<
                <__Checked_nothing as ::wherever::__private::Passed>::Of<
                    Result<u64, RpcError>,
                >,
            >,
            failure: ::wherever::__private::failure_to_json::<
                <__Checked_nothing as ::wherever::__private::Passed>::Of<
                    Result<u64, RpcError>,
                >,
            >,
            trials: ::wherever::__private::Trials::new(),
        }),
    };
    fn __slot_of_put(
        args: &::wherever::__private::Args<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Slot,
        ::wherever::__private::RpcError,
    > {
        let args = <__Checked_put as ::wherever::__private::Passed>::pass(args);
        let __a0 = args.text(0usize)?;
        ::wherever::__private::slot_of(&__a0)
    }
    fn __to_json_put(
        params: &::wherever::__private::Payload,
    ) -> ::core::result::Result<
        ::wherever::__private::Bytes,
        ::wherever::__private::RpcError,
    > {
        let args = <__Checked_put as ::wherever::__private::Passed>::pass(
            ::wherever::__private::Args::read(&["code", "url", "tags"], params)?,
        );
        let __a0 = args.text(0usize)?;
        let __a1: Url = args.get(1usize)?;
        let __a2: ::core::option::Option<::std::vec::Vec<String>> = args.get(2usize)?;
        ::wherever::__private::arguments_to_json(
            "UrlStore.put",
            |args| {
                args.arg("code", &__a0)?;
                args.arg("url", &__a1)?;
                args.arg("tags", &__a2)?;
                ::core::result::Result::Ok(())
            },
        )
    }
    fn __to_json_nothing(
        params: &::wherever::__private::Payload,
    ) -> ::core::result::Result<
        ::wherever::__private::Bytes,
        ::wherever::__private::RpcError,
    > {
        let _args = <__Checked_nothing as ::wherever::__private::Passed>::pass(
            ::wherever::__private::Args::read(&[], params)?,
        );
        ::wherever::__private::arguments_to_json(
            "UrlStore.nothing",
            |_args| { ::core::result::Result::Ok(()) },
        )
    }
    static __SERVICE: ::wherever::__private::ServiceDescriptor = ::wherever::__private::ServiceDescriptor {
        name: "UrlStore",
        group: "default",
        methods: &[&__METHOD_put, &__METHOD_nothing],
        path: ::core::concat!(::core::module_path!(), "::UrlStore"),
    };
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedService(& __SERVICE)
    }
    impl<__Provider: UrlStore> __UrlStoreShim for __Provider {
        fn __wherever_put<'w>(
            &'w self,
            __a0: &'w str,
            __a1: Url,
            __a2: Option<&'w [String]>,
        ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>> {
            ::std::boxed::Box::pin(<__Provider as UrlStore>::put(self, __a0, __a1, __a2))
        }
        fn __wherever_nothing<'w>(
            &'w self,
        ) -> ::wherever::__private::BoxFuture<'w, Result<u64, RpcError>> {
            ::std::boxed::Box::pin(<__Provider as UrlStore>::nothing(self))
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
                        let __a0 = args.text(0usize)?;
                        let __a1: Url = args.get(1usize)?;
                        let __a2: ::core::option::Option<::std::vec::Vec<String>> = args
                            .get(2usize)?;
                        let entry = call
                            .enter(
                                ::wherever::__private::Key::at(
                                    ::wherever::__private::slot_of(&__a0),
                                ),
                            )
                            .await?;
                        entry
                            .run(
                                <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_put(
                                    &*self,
                                    &__a0,
                                    __a1,
                                    __a2.as_deref(),
                                ),
                            )
                            .await
                    })
                }
                "nothing" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_nothing as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let _args = call.args()?;
                        let entry = call
                            .enter(::wherever::__private::Key::none())
                            .await?;
                        entry
                            .run(
                                <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_nothing(
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
            __a0: &str,
            __a1: Url,
            __a2: Option<&[String]>,
        ) -> impl ::core::future::Future<
            Output = Result<(), StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(
                        &__METHOD_put,
                        ::wherever::__private::Key::at(
                            ::wherever::__private::slot_of(&__a0),
                        ),
                    )
                {
                    __Route_put::Near(near) => {
                        near.run(move |provider| <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_put(
                            provider,
                            __a0,
                            __a1,
                            __a2,
                        ))
                    }
                    __Route_put::Far(far) => {
                        far.call(|args| {
                            args.arg("code", &__a0)?;
                            args.arg("url", &__a1)?;
                            args.arg("tags", &__a2)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_put::Refused(error) => ::wherever::__private::refused(error),
                };
                call.await
            }
        }
        #[allow(clippy::manual_async_fn)]
        fn nothing(
            &self,
        ) -> impl ::core::future::Future<
            Output = Result<u64, RpcError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(&__METHOD_nothing, ::wherever::__private::Key::none())
                {
                    __Route_nothing::Near(near) => {
                        near.run(move |provider| <dyn __UrlStoreShim as __UrlStoreShim>::__wherever_nothing(
                            provider,
                        ))
                    }
                    __Route_nothing::Far(far) => {
                        far.call(|_args| { ::core::result::Result::Ok(()) })
                    }
                    __Route_nothing::Refused(error) => {
                        ::wherever::__private::refused(error)
                    }
                };
                call.await
            }
        }
    }
};
