//! How what a method's calls carry in the compact codec is written as JSON: for nodes of other builds, which cannot read it.

use proc_macro2::TokenStream;
use quote::quote;

use super::calls::writes;
use super::dispatch::decode;
use super::{Cx, checks, locals};
use crate::model::Method;
use crate::names;

/// The field of the method's descriptor: `None`, as for methods that stream, whose calls and items are JSON, or
/// ```text
/// Some(Compact { params: __to_json_get, value: value_to_json::<Result<Url, StoreError>>, failure: failure_to_json::<…> })
/// ```
pub(super) fn field(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    if cx.service.compact.is_none() || method.stream.is_some() {
        return quote!(::core::option::Option::None);
    }
    let to_json = names::to_json(&method.item.sig.ident);
    let checked = names::checked(&method.item.sig.ident);
    let result = method.result();
    let result = quote!(<#checked as #private::Passed>::Of<#result>);
    quote! {
        ::core::option::Option::Some(#private::Compact {
            params: #to_json,
            value: #private::value_to_json::<#result>,
            failure: #private::failure_to_json::<#result>,
            trials: #private::Trials::new(),
        })
    }
}

/// Expands to, for a service that says so:
/// ```text
/// fn __to_json_get(params: &Payload) -> Result<Bytes, RpcError> {
///     let args = __Checked_get::pass(Args::read(&["code"], params)?);
///     let __a0 = args.text(0)?;
///     arguments_to_json("UrlStore.get", |args| { args.arg("code", &__a0)?; Ok(()) })
/// }
/// ```
pub(super) fn expand(cx: &Cx<'_>, method: &Method) -> Option<TokenStream> {
    let private = &cx.private;
    cx.service.compact.filter(|_| method.stream.is_none())?;
    let name = names::to_json(&method.item.sig.ident);
    let full_name = format!("{}.{}", cx.service.name.value, method.name.value);
    let locals = locals(method);
    let params = method.args.iter().map(|arg| &arg.name.value);
    let decoded = method.args.iter().zip(&locals).enumerate().map(|(index, (arg, local))| decode(index, arg, local));
    let args = checks::passed(cx, method, &quote!(#private::Args::read(&[#(#params),*], params)?));
    let bound = if method.args.is_empty() { quote!(_args) } else { quote!(args) };
    let write = writes(method);
    Some(quote! {
        fn #name(params: &#private::Payload) -> ::core::result::Result<#private::Bytes, #private::RpcError> {
            let #bound = #args;
            #(#decoded)*
            #private::arguments_to_json(#full_name, #write)
        }
    })
}
