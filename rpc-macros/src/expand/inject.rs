//! How a node builds a struct.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned as _;

use super::located::located;
use crate::inject::{Injected, InjectedField, Source};
use crate::names;

/// Expands to:
/// ```text
/// impl Inject for Shortener {
///     fn inject(injector: &Injector<'_>) -> Result<Self, InjectError> {
///         let mut fields = injector.fields("Shortener");
///         let __a0 = fields.reference::<UrlStoreClient>("store");
///         let __a1 = fields.value::<Config>("config");
///         let __a2 = <Cache as Default>::default();
///         let __a3 = fields.state::<Slots<String, u64>>("visits", "default", "Shortener.visits");
///         match (__a1,) {
///             (Some(__a1),) => Ok(Self { store: __a0, config: __a1, cache: __a2, visits: __a3 }),
///             _ => Err(fields.missing()),
///         }
///     }
/// }
/// ```
pub(crate) fn expand(injected: &Injected) -> TokenStream {
    let private = private(injected);
    let type_name = injected.ident.unraw().to_string();
    let lookups = injected.fields.iter().enumerate().map(|(index, field)| lookup(index, field));
    let built = built(injected);
    let asks = injected.fields.iter().any(|field| field.source != Source::Default);
    let fields = asks.then(|| quote!(let mut fields = injector.fields(#type_name);));
    let injector = if asks { quote!(injector) } else { quote!(_) };
    implementation(
        injected,
        &quote! {
            fn inject(
                #injector: &#private::Injector<'_>,
            ) -> ::core::result::Result<Self, #private::InjectError> {
                #fields
                #(#lookups)*
                #built
            }
        },
    )
}

/// For a type with mistakes: enough for the rest of the program to compile.
pub(crate) fn stub(injected: &Injected) -> TokenStream {
    let private = private(injected);
    implementation(
        injected,
        &quote! {
            fn inject(_: &#private::Injector<'_>) -> ::core::result::Result<Self, #private::InjectError> {
                ::core::unimplemented!()
            }
        },
    )
}

fn private(injected: &Injected) -> TokenStream {
    let krate = &injected.krate;
    quote!(#krate::__private)
}

fn implementation(injected: &Injected, function: &TokenStream) -> TokenStream {
    let private = private(injected);
    let ident = &injected.ident;
    let (generics, arguments, clause) = injected.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #generics #private::Inject for #ident #arguments #clause {
            #function
        }
    }
}

/// `let __a0 = fields.reference::<UrlStoreClient>("store");`
fn lookup(index: usize, field: &InjectedField) -> TokenStream {
    let local = names::local(index);
    let InjectedField { name, ty, cfgs, .. } = field;
    let source = match &field.source {
        Source::State { group, name: state } => {
            quote_spanned!(ty.span()=> fields.state::<#ty>(#name, #group, #state))
        }
        Source::Reference => quote_spanned!(ty.span()=> fields.reference::<#ty>(#name)),
        Source::Default => quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default()),
        // Where it is not the user's token, the compiler does not propose to borrow the value instead.
        Source::Given => located(quote!(fields.value::<#ty>(#name)), ty.span()),
    };
    quote!(#(#cfgs)* let #local = #source;)
}

/// The struct, if every value was found.
fn built(injected: &Injected) -> TokenStream {
    let members = injected.fields.iter().enumerate().map(|(index, field)| {
        let local = names::local(index);
        let InjectedField { member, cfgs, .. } = field;
        quote!(#(#cfgs)* #member: #local)
    });
    let built = quote!(::core::result::Result::Ok(Self { #(#members),* }));
    let values: Vec<_> = (0..)
        .zip(&injected.fields)
        .filter(|(_, field)| field.source == Source::Given)
        .map(|(index, _)| names::local(index))
        .collect();
    if values.is_empty() {
        return built;
    }
    quote! {
        match (#(#values,)*) {
            (#(::core::option::Option::Some(#values),)*) => #built,
            _ => ::core::result::Result::Err(fields.missing()),
        }
    }
}
