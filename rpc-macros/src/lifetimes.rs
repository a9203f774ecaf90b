//! Lifetimes in the types of arguments: merged into one for the shim, left out for decoding.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypeReference};

/// The type with all its lifetimes made `'w`, the one lifetime of a shim method.
pub(crate) fn merged(ty: &Type) -> Type {
    replaced(ty, "'w")
}

/// The type with all its lifetimes left to the compiler, for a local.
pub(crate) fn elided(ty: &Type) -> Type {
    replaced(ty, "'_")
}

/// Whether a value of the type borrows from somewhere, as far as can be seen.
pub(crate) fn borrows(ty: &Type) -> bool {
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

fn replaced(ty: &Type, name: &str) -> Type {
    let mut ty = ty.clone();
    Replace(Lifetime::new(name, Span::call_site())).visit_type_mut(&mut ty);
    ty
}

struct Replace(Lifetime);

impl VisitMut for Replace {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" {
            *lifetime = self.0.clone();
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        reference.lifetime.get_or_insert_with(|| self.0.clone());
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_path_segment_mut(&mut self, segment: &mut PathSegment) {
        // The one type in the standard library whose lifetime people leave out.
        if hides_lifetime(segment)
            && let PathArguments::AngleBracketed(arguments) = &mut segment.arguments
        {
            arguments.args.insert(0, GenericArgument::Lifetime(self.0.clone()));
        }
        visit_mut::visit_path_segment_mut(self, segment);
    }
}

struct Search(bool);

impl<'ast> Visit<'ast> for Search {
    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0 |= lifetime.ident != "static";
    }

    fn visit_type_reference(&mut self, _: &'ast TypeReference) {
        self.0 = true;
    }

    fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
        self.0 |= hides_lifetime(segment);
        visit::visit_path_segment(self, segment);
    }
}

/// `Cow<str>`, without `'_`.
fn hides_lifetime(segment: &PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return false };
    segment.ident == "Cow" && !arguments.args.iter().any(|argument| matches!(argument, GenericArgument::Lifetime(_)))
}
