//! What a trait with mistakes becomes: enough for the rest of the program to compile, so that one mistake is one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{
    FnArg, ItemTrait, Pat, ReturnType, TraitItem, TraitItemFn, Type, TypeImplTrait, TypeParamBound, parse_quote,
};

use super::{Cx, client, trait_};
use crate::model::Service;

/// The messages, the trait as near to what was written as the compiler accepts, and a client that cannot be run.
pub(crate) fn stub(service: &Service, messages: &TokenStream) -> TokenStream {
    let cx = Cx::new(service);
    let whole = is_whole(&service.item);
    let trait_ = cleaned(&cx, whole);
    let client = if whole { client::expand(&cx) } else { bare_client(&cx) };
    let rest = rest(&cx, whole);
    let (cfgs, vis, shim) = (&service.cfgs, &service.item.vis, &cx.shim);
    quote! {
        #messages
        #trait_
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #vis trait #shim: ::core::marker::Send + ::core::marker::Sync + 'static {}
        #client
        #(#cfgs)*
        #[allow(deprecated, unused_variables, unused_mut)]
        const _: () = { #rest };
    }
}

/// Whether the client can pretend to implement the trait.
fn is_whole(item: &ItemTrait) -> bool {
    let stubbed = |member: &TraitItem| match member {
        TraitItem::Fn(function) => function.default.is_some() || body(function).is_some(),
        TraitItem::Const(item) => item.default.is_some(),
        _ => false,
    };
    item.generics.params.is_empty() && item.items.iter().all(stubbed) && !unfulfillable(item)
}

/// Whether a supertrait is none that the client has.
fn unfulfillable(item: &ItemTrait) -> bool {
    item.supertraits.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => crate::validate::service::cannot_hold(&bound.path),
        _ => false,
    })
}

fn cleaned(cx: &Cx<'_>, whole: bool) -> TokenStream {
    let mut item = cx.service.item.clone();
    item.modifiers = Default::default();
    let supertraits = std::mem::take(&mut item.supertraits);
    item.supertraits = supertraits.into_iter().filter(|bound| !is_relaxed(bound)).collect();
    item.attrs.push(parse_quote!(#[allow(async_fn_in_trait, clippy::all)]));
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            clean(function);
        }
    }
    if whole {
        item.supertraits.push(parse_quote!(::core::marker::Send));
        item.supertraits.push(parse_quote!(::core::marker::Sync));
        item.supertraits.push(parse_quote!('static));
        item.colon_token.get_or_insert_with(Default::default);
        item.items.extend(trait_::ours(cx));
    }
    item.into_token_stream()
}

/// `?Sized`, which the compiler refuses here as well.
fn is_relaxed(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if bound.maybe.is_some())
}

/// Takes off what the compiler would complain about too.
fn clean(function: &mut TraitItemFn) {
    let bodiless = function.default.is_none();
    NoNever.visit_signature_mut(&mut function.sig);
    function.sig.constness = None;
    function.sig.variadic = None;
    for input in &mut function.sig.inputs {
        match input {
            FnArg::Typed(typed) if bodiless && !trait_::is_name(&typed.pat) && !matches!(*typed.pat, Pat::Wild(_)) => {
                typed.pat = parse_quote!(_);
            }
            FnArg::Receiver(receiver) if bodiless => receiver.mutability = None,
            _ => {}
        }
    }
}

/// `!` in a signature is the compiler's to refuse as well.
struct NoNever;

impl VisitMut for NoNever {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Never(_) = ty {
            *ty = parse_quote!(());
        }
        syn::visit_mut::visit_type_mut(self, ty);
    }
}

/// A client of a trait that it cannot implement.
fn bare_client(cx: &Cx<'_>) -> TokenStream {
    let Cx { private, krate, client, shim, service, .. } = cx;
    let vis = &service.item.vis;
    let cfgs = &service.cfgs;
    let traits = client::traits(cx);
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types)]
        #vis struct #client(#private::Client<dyn #shim>);

        #(#cfgs)*
        #[allow(dead_code)]
        impl #client {
            #[doc(hidden)]
            pub fn new(_: &#krate::Wherever) -> Self { ::core::unimplemented!() }
            #[doc(hidden)]
            pub fn on<__Node: ::core::convert::Into<#krate::NodeId>>(_: &Self, _: __Node) -> Self { ::core::unimplemented!() }
            #[doc(hidden)]
            pub fn local<__Provider>(_: __Provider) -> Self { ::core::unimplemented!() }
            #[doc(hidden)]
            pub fn provider<__Provider>(_: __Provider) -> #private::Provider { ::core::unimplemented!() }
            #[doc(hidden)]
            pub fn provider_shared<__Provider>(_: ::std::sync::Arc<__Provider>) -> #private::Provider { ::core::unimplemented!() }
        }

        #(#cfgs)*
        const _: () = { #traits };
    }
}

/// The shim without methods, its service, and the client's implementation of the trait.
fn rest(cx: &Cx<'_>, whole: bool) -> TokenStream {
    let Cx { private, client, shim, trait_, service, .. } = cx;
    let safety = &service.item.unsafety;
    let implementations = whole.then(|| {
        let bodies = service.item.items.iter().filter_map(|member| match member {
            TraitItem::Fn(function) if function.default.is_none() => stubbed(function),
            _ => None,
        });
        quote! {
            impl<__Provider: #trait_> #shim for __Provider {}
            #safety impl #trait_ for #client { #(#bodies)* }
        }
    });
    quote! {
        impl #private::Service for dyn #shim {
            fn descriptor() -> &'static #private::ServiceDescriptor { ::core::unimplemented!() }
            fn dispatch(
                self: ::std::sync::Arc<Self>,
                _: #private::Incoming,
            ) -> #private::BoxFuture<'static, ::core::result::Result<#private::Reply, #private::RpcError>> {
                ::core::unimplemented!()
            }
        }
        #implementations
    }
}

fn stubbed(function: &TraitItemFn) -> Option<TraitItemFn> {
    let mut function = function.clone();
    clean(&mut function);
    let body = body(&function)?;
    function.default = Some(parse_quote!({ #body }));
    function.semi_token = None;
    function.attrs.retain(|attr| attr.path().is_ident("cfg"));
    Some(function)
}

/// A body that fits the method's type; `None` if there is no telling.
fn body(function: &TraitItemFn) -> Option<TokenStream> {
    let panic = quote!(::core::unimplemented!());
    match &function.sig.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::ImplTrait(future) => {
                let is_future = quote!(#future).to_string().contains("Future");
                is_future.then(|| quote!(async move { #panic }))
            }
            // What is an `impl …` inside of another type has to be some type.
            ty => (!holds_impl(ty)).then_some(panic),
        },
        ReturnType::Default => Some(panic),
    }
}

fn holds_impl(ty: &Type) -> bool {
    struct Search(bool);
    impl<'ast> Visit<'ast> for Search {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}
