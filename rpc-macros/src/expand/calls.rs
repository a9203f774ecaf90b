//! The caller's side: the client implements the trait, and routes each call.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;

use super::located::located;
use super::{Cx, locals, trait_};
use crate::model::Method;
use crate::names;

/// Expands to:
/// ```text
/// impl UrlStore for UrlStoreClient {
///     fn get(&self, __a0: &str) -> impl Future<Output = Result<Url, StoreError>> + Send {
///         async move {
///             let call = match self.0.route(&__METHOD_get, Key::at(slot_of(&__a0))) {
///                 __Route_get::Near(near) => near.run(move |provider| provider.__wherever_get(__a0)),
///                 __Route_get::Far(far) => far.call(|args| { args.arg("code", &__a0)?; Ok(()) }),
///                 __Route_get::Refused(error) => refused(error),
///             };
///             call.await
///         }
///     }
/// }
/// ```
pub(super) fn expand(cx: &Cx<'_>) -> TokenStream {
    let Cx { trait_, client, .. } = cx;
    let methods = cx.methods(|method| call(cx, method));
    quote! {
        impl #trait_ for #client {
            #methods
        }
    }
}

fn call(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let private = &cx.private;
    let signature = trait_::signature(method, &locals(method), &method.result());
    let descriptor = names::descriptor(&method.item.sig.ident);
    let result = method.result();
    let route = names::route(&method.item.sig.ident);
    let key = cx.key(method);
    let near = located(near(cx, method), result.span());
    let far = far(method);
    let refused = match &method.stream {
        Some(_) => quote!(#private::refused_stream(error)),
        None => quote!(#private::refused(error)),
    };
    let refused = located(refused, result.span());
    // A client says more of its stream than the trait asks: it is `'static`, and can be named.
    let refining = method.stream.is_some().then(|| quote!(#[allow(refining_impl_trait)]));
    // Awaited in one place, outside of the match: what a match looks at is kept in the future while an arm of it waits.
    let call = located(quote!(call.await), result.span());
    quote! {
        #[allow(clippy::manual_async_fn)]
        #refining
        #signature {
            async move {
                let call = match self.0.route(&#descriptor, #key) {
                    #route::Near(near) => #near,
                    #route::Far(far) => #far,
                    #route::Refused(error) => #refused,
                };
                #call
            }
        }
    }
}

/// The call of a provider in this process: the arguments are moved.
fn near(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let shim = &cx.shim;
    let shim_method = names::shim_method(&method.item.sig.ident);
    let locals = locals(method);
    if method.stream.is_some() {
        quote!(near.stream(move |provider, out| <dyn #shim as #shim>::#shim_method(provider #(, #locals)*, out)))
    } else if method.marks.detach.is_some() {
        quote! {{
            let provider = near.shared_provider();
            near.detach(async move { <dyn #shim as #shim>::#shim_method(&*provider #(, #locals)*).await })
        }}
    } else {
        quote!(near.run(move |provider| <dyn #shim as #shim>::#shim_method(provider #(, #locals)*)))
    }
}

/// The call that leaves this process: the arguments are written.
fn far(method: &Method) -> TokenStream {
    let write = writes(method);
    let call = if method.stream.is_some() { quote!(far.stream) } else { quote!(far.call) };
    let call = located(call, method.result().span());
    quote!(#call(#write))
}

/// `|args| { args.arg("code", &__a0)?; Ok(()) }`
pub(super) fn writes(method: &Method) -> TokenStream {
    let args = if method.args.is_empty() { quote!(_args) } else { quote!(args) };
    let writes = method.args.iter().zip(locals(method)).map(|(arg, local)| {
        let name = &arg.name.value;
        located(quote!(args.arg(#name, &#local)?;), arg.ty.span())
    });
    quote!(|#args| { #(#writes)* ::core::result::Result::Ok(()) })
}
