//! Raw names are bare on the wire.
trait r#type: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn r#move(
        &self,
        r#type: u8,
    ) -> impl ::core::future::Future<
        Output = Result<(), StoreError>,
    > + ::core::marker::Send;
    #[doc(hidden)]
    fn __wherever_service() -> &'static ::wherever::__private::ServiceDescriptor
    where
        Self: ::core::marker::Sized,
    {
        <dyn __typeShim as ::wherever::__private::Service>::descriptor()
    }
    #[doc(hidden)]
    fn __wherever_provider(
        self: ::std::sync::Arc<Self>,
    ) -> ::wherever::__private::Provider
    where
        Self: ::core::marker::Sized,
    {
        ::wherever::__private::Provider::new::<dyn __typeShim>(self)
    }
}
#[doc(hidden)]
#[allow(deprecated, non_camel_case_types, non_snake_case, private_interfaces)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
trait __typeShim: ::core::marker::Send + ::core::marker::Sync + 'static {
    fn __wherever_move<'w>(
        &'w self,
        __a0: u8,
    ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>>;
}
///Client of [`r#type`], which it implements: each call runs where its data lives.
#[allow(dead_code, non_camel_case_types)]
struct typeClient(::wherever::__private::Client<dyn __typeShim>);
#[allow(dead_code, deprecated)]
impl typeClient {
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
    pub fn local<__Provider: r#type>(provider: __Provider) -> Self {
        Self(::wherever::__private::Client::of_value(::std::sync::Arc::new(provider)))
    }
    /// The value as a provider, for `Node::builder().provide(…)`.
    #[must_use]
    pub fn provider<__Provider: r#type>(
        provider: __Provider,
    ) -> ::wherever::__private::Provider {
        Self::provider_shared(::std::sync::Arc::new(provider))
    }
    /// As `provider`, of a value that the program goes on using.
    #[must_use]
    pub fn provider_shared<__Provider: r#type>(
        provider: ::std::sync::Arc<__Provider>,
    ) -> ::wherever::__private::Provider {
        <__Provider as r#type>::__wherever_provider(provider)
    }
}
const _: () = {
    #[automatically_derived]
    impl ::core::clone::Clone for typeClient {
        fn clone(&self) -> Self {
            Self(::core::clone::Clone::clone(&self.0))
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for typeClient {
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            ::core::fmt::Formatter::debug_struct(formatter, "typeClient")
                .finish_non_exhaustive()
        }
    }
    impl ::wherever::__private::ServiceClient for typeClient {
        type Service = dyn __typeShim;
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
    type __Checked_move = ::wherever::__private::Checked<
        {
            ::wherever::__private::argument::<u8>();
            ::wherever::__private::value::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Value,
            >();
            ::wherever::__private::failure::<
                <Result<(), StoreError> as ::wherever::__private::Returned>::Failure,
            >();
            true
        },
    >;
    type __Route_move<'w> = <__Checked_move as ::wherever::__private::Passed>::Of<
        ::wherever::__private::Route<'w, dyn __typeShim>,
    >;
    static __METHOD_move: ::wherever::__private::MethodDescriptor = ::wherever::__private::MethodDescriptor {
        service: "type",
        group: "default",
        name: "move",
        full_name: "type.move",
        routing: ::wherever::__private::Routing::Key,
        params: &["type"],
        key: &["type"],
        docs: "",
        read: false,
        idempotent: false,
        streams: false,
        detach: false,
        slot_of: ::core::option::Option::Some(__slot_of_move),
        merge: ::core::option::Option::None,
        compact: ::core::option::Option::None,
    };
    fn __slot_of_move(
        args: &::wherever::__private::Args<'_>,
    ) -> ::core::result::Result<
        ::wherever::__private::Slot,
        ::wherever::__private::RpcError,
    > {
        let args = <__Checked_move as ::wherever::__private::Passed>::pass(args);
        let __a0: u8 = args.get(0usize)?;
        ::wherever::__private::slot_of(
            <__Checked_move as ::wherever::__private::Passed>::pass(&__a0),
        )
    }
    static __SERVICE: ::wherever::__private::ServiceDescriptor = ::wherever::__private::ServiceDescriptor {
        name: "type",
        group: "default",
        methods: &[&__METHOD_move],
        path: ::core::concat!(::core::module_path!(), "::type"),
    };
    ::wherever::__private::inventory::submit! {
        ::wherever::__private::LinkedService(& __SERVICE)
    }
    impl<__Provider: r#type> __typeShim for __Provider {
        fn __wherever_move<'w>(
            &'w self,
            __a0: u8,
        ) -> ::wherever::__private::BoxFuture<'w, Result<(), StoreError>> {
            ::std::boxed::Box::pin(<__Provider as r#type>::r#move(self, __a0))
        }
    }
    impl ::wherever::__private::Service for dyn __typeShim {
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
                "move" => {
                    ::std::boxed::Box::pin(async move {
                        let call = <__Checked_move as ::wherever::__private::Passed>::pass(
                            &call,
                        );
                        let args = call.args()?;
                        let __a0: u8 = args.get(0usize)?;
                        let entry = call
                            .enter(
                                ::wherever::__private::Key::at(
                                    ::wherever::__private::slot_of(
                                        <__Checked_move as ::wherever::__private::Passed>::pass(
                                            &__a0,
                                        ),
                                    ),
                                ),
                            )
                            .await?;
                        entry
                            .run(
                                <dyn __typeShim as __typeShim>::__wherever_move(
                                    &*self,
                                    __a0,
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
    impl r#type for typeClient {
        #[allow(clippy::manual_async_fn)]
        fn r#move(
            &self,
            __a0: u8,
        ) -> impl ::core::future::Future<
            Output = Result<(), StoreError>,
        > + ::core::marker::Send {
            async move {
                let call = match self
                    .0
                    .route(
                        &__METHOD_move,
                        ::wherever::__private::Key::at(
                            ::wherever::__private::slot_of(
                                <__Checked_move as ::wherever::__private::Passed>::pass(
                                    &__a0,
                                ),
                            ),
                        ),
                    )
                {
                    __Route_move::Near(near) => {
                        near.run(move |provider| <dyn __typeShim as __typeShim>::__wherever_move(
                            provider,
                            __a0,
                        ))
                    }
                    __Route_move::Far(far) => {
                        far.call(|args| {
                            args.arg("type", &__a0)?;
                            ::core::result::Result::Ok(())
                        })
                    }
                    __Route_move::Refused(error) => ::wherever::__private::refused(error),
                };
                call.await
            }
        }
    }
};
