//! Rules of a service that says `compact`: its values are read without names.

use syn::TypePath;
use syn::visit::{self, Visit};

use crate::errors::Errors;
use crate::model::{Method, Service};

/// Types that hold any JSON, and can only be read from it; the crate `serde_json` or nothing is in front of them.
const ANY_JSON: &[&str] = &["Value", "Map", "Number", "RawValue"];

pub(super) fn check(method: &Method, service: &Service, errors: &mut Errors) {
    if service.compact.is_none() {
        return;
    }
    let mut walk = Walk { errors };
    method.args.iter().for_each(|arg| walk.visit_type(&arg.ty));
    walk.visit_type(&method.result());
}

struct Walk<'a> {
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        if is_any_json(ty) {
            let message = "the compact codec writes values without names and types, and any JSON cannot be read without them; write a type of your own, pass the JSON as a `String`, or take `compact` off the service";
            return self.errors.on(ty, message);
        }
        visit::visit_type_path(self, ty);
    }
}

fn is_any_json(ty: &TypePath) -> bool {
    let segments = &ty.path.segments;
    let is_one = segments.last().is_some_and(|last| ANY_JSON.iter().any(|name| last.ident == name));
    let is_of_serde = segments.first().is_some_and(|first| first.ident == "serde_json");
    // Others may have a `Value` of their own, but hardly a `RawValue`.
    is_one && (is_of_serde || segments.last().is_some_and(|last| last.ident == "RawValue"))
}
