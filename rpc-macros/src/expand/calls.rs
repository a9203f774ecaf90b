//! The caller's side: the client implements the trait, and routes each call.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;

use super::dispatch::assertion;
use super::located::located;
use super::{Cx, locals, trait_};
use crate::model::Method;
use crate::names;

/// Expands to:
/// ```text
/// impl UrlStore for UrlStoreClient {
///     fn get(&self, __a0: &str) -> impl Future<Output = Result<Url, StoreError>> + Send {
///         async move {
///             match self.0.route(&__METHOD_get, Key::at(slot_of(&__a0))) {
///                 Route::Near(near) => { let provider = near.provider(); near.run(provider.__wherever_get(__a0)).await }
///                 Route::Far(far) => far.call(|args| { args.arg("code", &__a0)?; Ok(()) }).await,
///                 Route::Refused(error) => refused(error),
///             }
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
    let signature = trait_::signature(method, &locals(method));
    let descriptor = names::descriptor(&method.item.sig.ident);
    let result = method.result();
    let checks = method.args.iter().map(|arg| assertion(cx, arg));
    let check = located(quote!(#private::assert_result::<#result>();), result.span());
    let key = cx.key(method);
    let near = located(near(cx, method), result.span());
    let far = far(method);
    let refused = located(quote!(#private::refused(error)), result.span());
    quote! {
        #[allow(clippy::manual_async_fn)]
        #signature {
            async move {
                #(#checks)*
                #check
                match self.0.route(&#descriptor, #key) {
                    #private::Route::Near(near) => #near,
                    #private::Route::Far(far) => #far,
                    #private::Route::Refused(error) => #refused,
                }
            }
        }
    }
}

/// The call of a provider in this process: the arguments are moved.
fn near(cx: &Cx<'_>, method: &Method) -> TokenStream {
    let shim = &cx.shim;
    let shim_method = names::shim_method(&method.item.sig.ident);
    let locals = locals(method);
    if method.marks.detach.is_some() {
        quote! {{
            let provider = near.shared_provider();
            near.detach(async move { <dyn #shim as #shim>::#shim_method(&*provider #(, #locals)*).await }).await
        }}
    } else {
        quote! {{
            let provider = near.provider();
            near.run(<dyn #shim as #shim>::#shim_method(provider #(, #locals)*)).await
        }}
    }
}

/// The call that leaves this process: the arguments are written.
fn far(method: &Method) -> TokenStream {
    let args = if method.args.is_empty() { quote!(_args) } else { quote!(args) };
    let writes = method.args.iter().zip(locals(method)).map(|(arg, local)| {
        let name = &arg.name.value;
        located(quote!(args.arg(#name, &#local)?;), arg.ty.span())
    });
    let write = quote!(|#args| { #(#writes)* ::core::result::Result::Ok(()) });
    let (call, send) = (quote!(far.call), quote!(.await));
    let place = method.result().span();
    let (call, send) = (located(call, place), located(send, place));
    quote!(#call(#write) #send)
}
