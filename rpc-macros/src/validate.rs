//! The rules of an annotated trait. Every mistake is reported where it was written, with what to write instead.

mod compact;
mod keys;
mod method;
mod passed;
mod returned;
pub(crate) mod service;

use crate::errors::Errors;
use crate::model::Service;

/// Checks a whole trait.
pub(crate) fn service(service: &Service, errors: &mut Errors) {
    service::check(service, errors);
    for method in &service.methods {
        method::check(method, errors);
        for arg in &method.args {
            passed::check(arg, method, errors);
        }
        returned::check(method, errors);
        keys::check(method, errors);
        compact::check(method, service, errors);
    }
}
