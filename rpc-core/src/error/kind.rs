//! The kinds of failure, each with its usual outcome and its JSON-RPC code.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Executed;

/// What happened to a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The body was not JSON, or broke the strictness rules of the wire.
    Parse,
    /// The JSON was no JSON-RPC 2.0 request.
    InvalidRequest,
    /// The node provides no service of that name.
    UnknownService,
    /// The service has no method of that name.
    UnknownMethod,
    /// An argument is missing, unknown, doubled or of the wrong type.
    BadArguments,
    /// The key cannot be hashed (it holds a float, for example).
    BadKey,
    /// Caller and owner compute different slots from the same arguments: the key type does not serialize the same way everywhere.
    SlotMismatch,
    /// A defect in the framework or in a peer of another version.
    Internal,
    /// The provider panicked.
    Panicked,
    /// A value cannot be written as JSON (NaN, an infinity, a map with keys that are no text).
    Encode,
    /// A reply cannot be read as the method's type.
    Decode,
    /// Another node owns the slot; the error names it.
    Moved,
    /// The caller knows a newer epoch of the slot than the node asked.
    WrongEpoch,
    /// The call waited at a sealed slot for as long as it may.
    Parked,
    /// The slot's new owner is still loading its state.
    Recovering,
    /// The node's right to execute has lapsed.
    NoAuthority,
    /// No node owns the slot.
    NoOwner,
    /// A bound on connections, calls in flight or memory is reached.
    Overloaded,
    /// The call's deadline passed.
    Deadline,
    /// The caller may not do this.
    Unauthorised,
    /// The node is on its way out.
    ShuttingDown,
    /// The node cannot be reached.
    Unavailable,
    /// The connection broke after the request may have left.
    ConnectionLost,
    /// The peer answered something that is not the protocol.
    Protocol,
    /// The caller took the call back.
    Cancelled,
    /// The chain of nested calls is too long.
    TooDeep,
    /// A message is larger than the limit.
    TooLarge,
    /// The nodes asked do not cover each slot exactly once.
    Coverage,
    /// The call ran to its end under this id before, and its answer is not kept any more.
    AnswerDropped,
}

/// Every kind, for tables and tests.
pub(crate) const ALL: [Kind; 29] = [
    Kind::Parse,
    Kind::InvalidRequest,
    Kind::UnknownService,
    Kind::UnknownMethod,
    Kind::BadArguments,
    Kind::BadKey,
    Kind::SlotMismatch,
    Kind::Internal,
    Kind::Panicked,
    Kind::Encode,
    Kind::Decode,
    Kind::Moved,
    Kind::WrongEpoch,
    Kind::Parked,
    Kind::Recovering,
    Kind::NoAuthority,
    Kind::NoOwner,
    Kind::Overloaded,
    Kind::Deadline,
    Kind::Unauthorised,
    Kind::ShuttingDown,
    Kind::Unavailable,
    Kind::ConnectionLost,
    Kind::Protocol,
    Kind::Cancelled,
    Kind::TooDeep,
    Kind::TooLarge,
    Kind::Coverage,
    Kind::AnswerDropped,
];

impl Kind {
    /// The name on the wire: the variant's in `snake_case`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::InvalidRequest => "invalid_request",
            Self::UnknownService => "unknown_service",
            Self::UnknownMethod => "unknown_method",
            Self::BadArguments => "bad_arguments",
            Self::BadKey => "bad_key",
            Self::SlotMismatch => "slot_mismatch",
            Self::Internal => "internal",
            Self::Panicked => "panicked",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Moved => "moved",
            Self::WrongEpoch => "wrong_epoch",
            Self::Parked => "parked",
            Self::Recovering => "recovering",
            Self::NoAuthority => "no_authority",
            Self::NoOwner => "no_owner",
            Self::Overloaded => "overloaded",
            Self::Deadline => "deadline",
            Self::Unauthorised => "unauthorised",
            Self::ShuttingDown => "shutting_down",
            Self::Unavailable => "unavailable",
            Self::ConnectionLost => "connection_lost",
            Self::Protocol => "protocol",
            Self::Cancelled => "cancelled",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::Coverage => "coverage",
            Self::AnswerDropped => "answer_dropped",
        }
    }

    /// Whether a call that failed this way ran, unless the error says otherwise.
    pub fn usual_outcome(self) -> Executed {
        match self {
            Self::Internal
            | Self::Panicked
            | Self::ConnectionLost
            | Self::Protocol
            | Self::Cancelled
            | Self::Coverage => Executed::Maybe,
            Self::Decode | Self::AnswerDropped => Executed::Yes,
            _ => Executed::No,
        }
    }

    /// The JSON-RPC 2.0 code of an error of this kind and outcome (PROTOCOL.md has the table).
    pub fn code(self, executed: Executed) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest | Self::TooDeep => -32600,
            Self::TooLarge if executed == Executed::No => -32600,
            Self::UnknownService | Self::UnknownMethod => -32601,
            Self::BadArguments | Self::BadKey | Self::SlotMismatch => -32602,
            Self::Moved => -32001,
            // "Try again" is only said where that is safe for every method.
            Self::WrongEpoch
            | Self::Parked
            | Self::Recovering
            | Self::NoAuthority
            | Self::Unavailable
            | Self::Coverage
                if executed == Executed::No =>
            {
                -32002
            }
            Self::NoOwner => -32003,
            Self::Overloaded => -32004,
            Self::Deadline => -32005,
            Self::Unauthorised => -32006,
            Self::ShuttingDown => -32007,
            Self::Internal | Self::Panicked | Self::Encode | Self::Decode | Self::AnswerDropped => -32603,
            _ if executed == Executed::Maybe => -32008,
            _ => -32603,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    /// As its name in every codec: a build may hear of kinds that it has no variant for.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    /// A name of a later version reads as [`Kind::Internal`]: mixed versions share a cluster.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Internal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_keeps_its_name_on_the_wire() {
        for kind in ALL {
            let text = serde_json::to_string(&kind).expect("encodes");
            assert_eq!(text, format!("\"{}\"", kind.name()));
            assert_eq!(serde_json::from_str::<Kind>(&text).expect("decodes"), kind);
        }
    }

    #[test]
    fn the_outcome_decides_between_the_codes_of_a_kind() {
        // The rows of PROTOCOL.md that name an outcome: the codes for no, maybe and yes.
        let codes = |kind: Kind| [Executed::No, Executed::Maybe, Executed::Yes].map(|executed| kind.code(executed));
        for kind in ALL {
            let expected = match kind {
                Kind::TooLarge => [-32600, -32008, -32603],
                Kind::WrongEpoch
                | Kind::Parked
                | Kind::Recovering
                | Kind::NoAuthority
                | Kind::Unavailable
                | Kind::Coverage => [-32002, -32008, -32603],
                Kind::ConnectionLost | Kind::Protocol | Kind::Cancelled => [-32603, -32008, -32603],
                other => [other.code(Executed::No); 3],
            };
            assert_eq!(codes(kind), expected, "{kind}");
        }
    }

    #[test]
    fn no_kind_uses_the_code_of_the_providers_own_errors() {
        for kind in ALL {
            for executed in [Executed::No, Executed::Maybe, Executed::Yes] {
                assert!(kind.code(executed) < 0, "{kind}");
            }
        }
    }
}
