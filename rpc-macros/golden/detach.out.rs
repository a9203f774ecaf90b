//! A write that must finish owns what it needs.
trait Store: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn put(
        &self,
        code: String,
    ) -> impl ::core::future::Future<
        Output = Result<(), StoreError>,
    > + ::core::marker::Send;
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
#[allow(deprecated, non_camel_case_types, non_snake_case, private_interfaces)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
trait __StoreShim: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn __wherever_put<'w>(
        &'w self,
        __a0: String,
    ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>>;
}
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
            ::wherever::__private::value::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Route_put<'w> = <__Checked_put as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __StoreShim>,
    >;
    static __METHOD_put: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "Store",
        group: "default",
        name: "put",
        full_name: "Store.put",
        routing: ::wherever::__private::Routing::Key,
        params: &["code"],
        key: &["code"],
        docs: "",
        read: false,
        idempotent: true,
        streams: false,
        detach: true,
        slot_of: ::core::option::Option::Some(__slot_of_put),
        merge: ::core::option::Option::None,
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
    static __SERVICE: ::wherever::__private::ServiceDescriptor = ::wherever::__private::ServiceDescriptor {
        name: "Store",
        group: "default",
        methods: &[&__METHOD_put],
        path: ::core::concat!(::core::module_path!(), "::Store"),
    };
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedService(& __SERVICE)
    }
    impl<__Provider: Store> __StoreShim for __Provider {
        fn __wherever_put<'w>(
            &'w self,
            __a0: String,
        ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>> {
            ::std::boxed::Box::pin(<__Provider as Store>::put(self, __a0))
        }
    }
    impl ::wherever::__private::Service for dyn __StoreShim {
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
                            .detach(async move {
                                <dyn __StoreShim as __StoreShim>::__wherever_put(
                                        &*self,
                                        __a0,
                                    )
                                    .await
                            })
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
    impl Store for StoreClient {
        #[allow(clippy::manual_async_fn)]
        fn put(
            &self,
            __a0: String,
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
                        let provider = near.shared_provider();
                        near.detach(async move {
                            <dyn __StoreShim as __StoreShim>::__wherever_put(
                                    &*provider,
                                    __a0,
                                )
                                .await
                        })
                    }
                    __Route_put::Far(far) => {
                        far.call(|args| {
                            args.arg("code", &__a0)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_put::Refused(error) => ::wherever::__private::refused(error),
                };
                call.await
            }
        }
    }
};
