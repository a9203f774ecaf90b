//! The trait as data, and its entry in the list of linked services.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Member;
use syn::ext::IdentExt;

use super::dispatch::decode;
use super::{Cx, checks, compact, locals};
use crate::model::{KeyPart, Method, Routing};
use crate::names;

/// Expands to:
/// ```text
/// static __METHOD_get: MethodDescriptor = MethodDescriptor { service: "UrlStore", name: "get", … };
/// fn __slot_of_get(args: &Args<'_>) -> Result<Slot, RpcError> { let __a0 = args.text(0)?; slot_of(&__a0) }
/// static __SERVICE: ServiceDescriptor = ServiceDescriptor { name: "UrlStore", methods: &[&__METHOD_get], … };
/// inventory::submit! { LinkedService(&__SERVICE) }
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let private = &cx.private;
    let service = cx.service;
    let descriptors = cx.methods(|method| descriptor(cx, method));
    let slots: TokenStream = cx.methods(|method| slot_of(cx, method));
    let to_json: TokenStream = cx.methods(|method| compact::expand(cx, method));
    let list = cx.methods(|method| {
        let descriptor = names::descriptor(&method.item.sig.ident);
        quote!(&#descriptor,)
    });
    let (name, group) = (&service.name.value, &service.group);
    let path = format!("::{}", service.item.ident.unraw());
    quote! {
        #descriptors
        #slots
        #to_json
        static __SERVICE: #private::ServiceDescriptor = #private::ServiceDescriptor {
            name: #name,
            group: #group,
            methods: &[#list],
            path: ::core::concat!(::core::module_path!(), #path),
        };
        #private::inventory::submit! { #private::LinkedService(&__SERVICE) }
    }
}

fn descriptor(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let (service, group, name, docs) = (&cx.service.name.value, &cx.service.group, &method.name.value, &method.docs);
    let full_name = format!("{service}.{name}");
    let descriptor = names::descriptor(&method.item.sig.ident);
    let params = method.args.iter().map(|arg| &arg.name.value);
    let key = method.key();
    let key_names = key.iter().map(key_name);
    let marks = &method.marks;
    let (read, idempotent, detach) = (marks.read.is_some(), marks.idempotent.is_some(), marks.detach.is_some());
    let streams = method.stream.is_some();
    let routing = routing(private, marks.routing.as_ref().map(|routing| routing.value));
    let slot_of = if key.is_empty() {
        quote!(::core::option::Option::None)
    } else {
        let slot_of = names::slot_of(&method.item.sig.ident);
        quote!(::core::option::Option::Some(#slot_of))
    };
    let merge = merge(private, method);
    let compact = compact::field(cx, method);
    quote! {
        static #descriptor: #private::MethodDescriptor = #private::MethodDescriptor {
            service: #service,
            group: #group,
            name: #name,
            full_name: #full_name,
            routing: #routing,
            params: &[#(#params),*],
            key: &[#(#key_names),*],
            docs: #docs,
            read: #read,
            idempotent: #idempotent,
            streams: #streams,
            detach: #detach,
            slot_of: #slot_of,
            merge: #merge,
            compact: #compact,
        };
    }
}

/// `code` or `when.year`.
fn key_name(part: &KeyPart<'_>) -> String {
    match part.field {
        None => part.arg.name.value.clone(),
        Some(Member::Named(field)) => format!("{}.{}", part.arg.name.value, field.unraw()),
        Some(Member::Unnamed(index)) => format!("{}.{}", part.arg.name.value, index.index),
    }
}

fn routing(private: &TokenStream, routing: Option<Routing>) -> TokenStream {
    match routing {
        None => quote!(#private::Routing::Key),
        Some(Routing::AnyPreferHere) => quote!(#private::Routing::Any(#private::Balancing::PreferHere)),
        Some(Routing::AnyRoundRobin) => quote!(#private::Routing::Any(#private::Balancing::RoundRobin)),
        Some(Routing::All) => quote!(#private::Routing::All(#private::Partial::Refuse)),
        Some(Routing::AllPartial) => quote!(#private::Routing::All(#private::Partial::Accept)),
        Some(Routing::Here) => quote!(#private::Routing::Here),
    }
}

fn merge(private: &TokenStream, method: &Method) -> TokenStream {
    match method.marks.routing.as_ref().map(|routing| routing.value) {
        Some(Routing::All | Routing::AllPartial) => {
            let result = method.result();
            let checked = names::checked(&method.item.sig.ident);
            let result = quote!(<#checked as #private::Passed>::Of<#result>);
            quote!(::core::option::Option::Some(#private::merge_replies::<#result>))
        }
        _ => quote!(::core::option::Option::None),
    }
}

/// The function that hashes the key of raw arguments, decoding no others.
fn slot_of(cx: &Cx<'_>, method: &Method) -> Option<TokenStream> {
    let private = &cx.private;
    let slot = cx.slot(method)?;
    let name = names::slot_of(&method.item.sig.ident);
    let locals = locals(method);
    let mut indices: Vec<_> = method.key().iter().map(|part| part.index).collect();
    indices.dedup();
    let decoded = indices.into_iter().map(|index| decode(index, &method.args[index], &locals[index]));
    let args = checks::passed(cx, method, &quote!(args));
    Some(quote! {
        fn #name(args: &#private::Args<'_>) -> ::core::result::Result<#private::Slot, #private::RpcError> {
            let args = #args;
            #(#decoded)*
            #slot
        }
    })
}
