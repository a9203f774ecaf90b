//! All nodes: the replies are merged.
trait Store: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn whole(
        &self,
    ) -> impl ::core::future::Future<
        Output = Result<Vec<Url>, StoreError>,
    > + ::core::marker::Send;
    fn partial(
        &self,
        prefix: &str,
    ) -> impl ::core::future::Future<Output = Alias<u64>> + ::core::marker::Send;
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
    fn __wherever_whole<'w>(
        &'w self,
    ) -> ::wherever::__private::BoxFuture<'w, Result<Vec<Url>, StoreError>>;
    fn __wherever_partial<'w>(
        &'w self,
        __a0: &'w str,
    ) -> ::wherever::__private::BoxFuture<'w, Alias<u64>>;
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
    type __Checked_whole = ::wherever::__private::Checked<
        {
            ::wherever::__private::value::<
                <Result<Vec<Url>, StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<
                    Vec<Url>,
                    StoreError,
                > as ::wherever::__private::Returned>::Failure,
            >();
            ::wherever::__private::mergeable::<
                <Result<Vec<Url>, StoreError> as ::wherever::__private::Returned>::Value,
            >();
            true
        },
    >;
    type __Checked_partial = ::wherever::__private::Checked<
        {
            ::wherever::__private::value::<
                <Alias<u64> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Alias<u64> as ::wherever::__private::Returned>::Failure,
            >();
            ::wherever::__private::mergeable::<
                <Alias<u64> as ::wherever::__private::Returned>::Value,
            >();
            true
        },
    >;
    type __Route_whole<'w> = <__Checked_whole as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __StoreShim>,
    >;
    type __Route_partial<'w> = <__Checked_partial as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __StoreShim>,
    >;
    static __METHOD_whole: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "Store",
        group: "default",
        name: "whole",
        full_name: "Store.whole",
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
                <__Checked_whole as ::wherever::__private::Passed>::Of<
                    Result<Vec<Url>, StoreError>,
                >,
            >,
        ),
        compact: ::core::option::Option::None,
    };
    static __METHOD_partial: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "Store",
        group: "default",
        name: "partial",
        full_name: "Store.partial",
        routing: ::wherever::__private::Routing::All(
            ::wherever::__private::Partial::Accept,
        ),
        params: &["prefix"],
        key: &[],
        docs: "",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::None,
        merge: ::core::option::Option::Some(
            ::wherever::__private::merge_replies::<
                <__Checked_partial as ::wherever::__private::Passed>::Of<Alias<u64>>,
            >,
        ),
        compact: ::core::option::Option::None,
    };
    static __SERVICE: ::wherever::__private::ServiceDescriptor = ::wherever::__private::ServiceDescriptor {
        name: "Store",
        group: "default",
        methods: &[&__METHOD_whole, &__METHOD_partial],
        path: ::core::concat!(::core::module_path!(), "::Store"),
    };
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedService(& __SERVICE)
    }
    impl<__Provider: Store> __StoreShim for __Provider {
        fn __wherever_whole<'w>(
            &'w self,
        ) -> ::wherever::__private::BoxFuture<'w, Result<Vec<Url>, StoreError>> {
            ::std::boxed::Box::pin(<__Provider as Store>::whole(self))
        }
        fn __wherever_partial<'w>(
            &'w self,
            __a0: &'w str,
        ) -> ::wherever::__private::BoxFuture<'w, Alias<u64>> {
            ::std::boxed::Box::pin(<__Provider as Store>::partial(self, __a0))
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
                "whole" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_whole as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let _args = call.args()?;
                        let entry = call
                            .enter(::wherever::__private::Key::none())
                            .await?;
                        entry
                            .run(
                                <dyn __StoreShim as __StoreShim>::__wherever_whole(&*self),
                            )
                            .await
                    })
                }
                "partial" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_partial as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let args = call.args()?;
                        let __a0 = args.text(0usize)?;
                        let entry = call
                            .enter(::wherever::__private::Key::none())
                            .await?;
                        entry
                            .run(
                                <dyn __StoreShim as __StoreShim>::__wherever_partial(
                                    &*self,
                                    &__a0,
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
    impl Store for StoreClient {
        #[allow(clippy::manual_async_fn)]
        fn whole(
            &self,
        ) -> impl ::core::future::Future<
            Output = Result<Vec<Url>, StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(&__METHOD_whole, ::wherever::__private::Key::none())
                {
                    __Route_whole::Near(near) => {
                        near.run(move |provider| <dyn __StoreShim as __StoreShim>::__wherever_whole(
                            provider,
                        ))
                    }
                    __Route_whole::Far(far) => {
                        far.call(|_args| { ::core::result::Result::Ok(()) })
                    }
                    __Route_whole::Refused(error) => {
                        ::wherever::__private::refused(error)
                    }
                };
                call.await
            }
        }
        #[allow(clippy::manual_async_fn)]
        fn partial(
            &self,
            __a0: &str,
        ) -> impl ::core::future::Future<Output = Alias<u64>> + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(&__METHOD_partial, ::wherever::__private::Key::none())
                {
                    __Route_partial::Near(near) => {
                        near.run(move |provider| <dyn __StoreShim as __StoreShim>::__wherever_partial(
                            provider,
                            __a0,
                        ))
                    }
                    __Route_partial::Far(far) => {
                        far.call(|args| {
                            args.arg("prefix", &__a0)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_partial::Refused(error) => {
                        ::wherever::__private::refused(error)
                    }
                };
                call.await
            }
        }
    }
};
