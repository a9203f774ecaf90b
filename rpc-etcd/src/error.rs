//! What went wrong, in our words. What is not known for certain to have changed nothing is `Unavailable`.

use etcd_client::Error;
use rpc_core::coordinator::CoordinatorError;

/// Longest text of an etcd's that is passed on, in bytes.
const MAX_TEXT: usize = 512;

/// The numbers of gRPC's codes that say something definite.
mod code {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// An error of etcd's, or of the way to it.
pub(crate) fn read(error: Error) -> CoordinatorError {
    match error {
        Error::GRpcStatus(status) => {
            let text = cut(status.message());
            match i32::from(status.code()) {
                // The only thing that we name and that can be missing is a lease.
                code::NOT_FOUND => CoordinatorError::LeaseGone,
                // No space, or too many requests: checked before anything is applied.
                code::RESOURCE_EXHAUSTED => CoordinatorError::Full(text),
                // Too large, not allowed: the same.
                code::INVALID_ARGUMENT
                | code::PERMISSION_DENIED
                | code::FAILED_PRECONDITION
                | code::UNAUTHENTICATED => CoordinatorError::Refused(text),
                _ => CoordinatorError::Unavailable(text),
            }
        }
        // Said for a lease whose remaining time is none.
        Error::LeaseKeepAliveError(_) => CoordinatorError::LeaseGone,
        Error::InvalidArgs(why) | Error::EndpointError(why) => CoordinatorError::Refused(cut(&why)),
        Error::InvalidUri(error) => CoordinatorError::Refused(error.to_string()),
        Error::InvalidMetadataValue(error) => CoordinatorError::Refused(error.to_string()),
        other => CoordinatorError::Unavailable(cut(&other.to_string())),
    }
}

/// As much of a text from outside as an error should hold, without control characters.
pub(crate) fn cut(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_are_short_and_one_line() {
        assert_eq!(cut("a\r\n\u{1b}[31mb"), "a   [31mb");
        assert!(cut(&"ü".repeat(MAX_TEXT)).len() <= MAX_TEXT);
    }

    #[test]
    fn what_is_wrong_with_the_address_is_refused_and_not_tried_again() {
        let error = read(Error::InvalidArgs("HTTPS".to_owned()));
        assert_eq!(error, CoordinatorError::Refused("HTTPS".to_owned()));
    }
}
