//! Rules of keys and routing: each call goes to exactly one place, and every node agrees which.

use syn::visit::{self, Visit};
use syn::{Path, Type};

use crate::errors::Errors;
use crate::model::{Argument, Method, Routing};

pub(super) fn check(method: &Method, errors: &mut Errors) {
    let marks = &method.marks;
    if let (Some(read), Some(_)) = (marks.read, marks.idempotent) {
        errors.at(read, "`read` includes `idempotent`; keep one of them");
    }
    if let (Some(_), Some(detach)) = (marks.read, marks.detach) {
        errors
            .at(detach, "`detach` is for writes that must finish; a method marked `read` has none, remove one of them");
    }
    if method.stream.is_some() {
        not_with_a_stream(method, errors);
    }
    let marked = method.args.iter().filter_map(|arg| arg.key.as_ref());
    if marks.routing.is_some() {
        for mark in marked {
            errors.at(
                mark.span,
                "this method runs where its routing says, not where a key lives; remove #[key] or the routing",
            );
        }
        if let Some(all) = marks.key_all {
            errors.at(
                all,
                "this method runs where its routing says, not where a key lives; remove `key = all` or the routing",
            );
        }
        return;
    }
    if marks.key_all.is_some() {
        for mark in marked {
            errors.at(mark.span, "`key = all` takes every argument already; remove #[key] here or `key = all` above");
        }
    }
    if method.args.is_empty() {
        let message = "a method without arguments has no key to find its node; say where it runs: #[rpc(any)], #[rpc(all)] or #[rpc(here)]";
        return errors.on(&method.item.sig.ident, message);
    }
    for part in method.key().iter().filter(|part| part.field.is_none()) {
        hashable(part.arg, errors);
    }
}

fn not_with_a_stream(method: &Method, errors: &mut Errors) {
    if let Some(detach) = method.marks.detach {
        let message = "a stream ends when nobody takes its items any more, so it cannot be marked `detach`; remove it";
        errors.at(detach, message);
    }
    if let Some(routing) = method.marks.routing.as_ref()
        && matches!(routing.value, Routing::All | Routing::AllPartial)
    {
        let message = "streams of all nodes cannot be merged into one; let callers open one at each node, with `on(&client, node)`, \
                       of a method marked `any`";
        errors.at(routing.span, message);
    }
}

/// Refuses what has no one text: floats and unordered sets.
fn hashable(arg: &Argument, errors: &mut Errors) {
    Unhashable { errors, arg }.visit_type(&arg.ty);
}

struct Unhashable<'a> {
    errors: &'a mut Errors,
    arg: &'a Argument,
}

impl<'ast> Visit<'ast> for Unhashable<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        if let Type::Path(path) = ty
            && let Some(why) = unhashable(&path.path)
        {
            let name = &self.arg.name.value;
            let message = format!(
                "{why}, so `{name}` cannot be part of a key; mark another argument with #[key], or name fields with #[key(fields(…))]"
            );
            return self.errors.on(ty, message);
        }
        visit::visit_type(self, ty);
    }
}

fn unhashable(path: &Path) -> Option<&'static str> {
    let last = path.segments.last()?;
    if last.ident == "f32" || last.ident == "f64" {
        Some("equal floats can be written in several ways")
    } else if last.ident == "HashSet" {
        Some("a HashSet has no order that all nodes share")
    } else {
        None
    }
}
