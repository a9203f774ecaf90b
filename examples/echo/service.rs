//! The probe: a service whose every method shows one thing about a call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wherever::{Context, Inject, NodeId, RpcError, rpc_provider, rpc_service};

/// Most bytes that `bytes` answers: four times the usual limit on a message, so that the limit can be tried out.
pub(crate) const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A probe. The methods with a key go to its owner, so two thirds of the calls to one of three nodes are passed on.
#[rpc_service]
pub(crate) trait Echo {
    /// Gives back any JSON value. A [`Value`] holds integers from -2^63 to 2^64-1; others come back as the nearest float.
    // Of any node, since a value may hold floats, which are refused as keys.
    #[rpc(any, read)]
    async fn echo(&self, value: Value) -> Result<Value, EchoError>;

    /// The sum, kept at the ends of the integers' range.
    #[rpc(read)]
    async fn add(&self, a: i64, b: i64) -> Result<i64, EchoError>;

    /// The parts, one after the other.
    #[rpc(read)]
    async fn concat(&self, parts: Vec<String>) -> Result<String, EchoError>;

    /// Fails with this code.
    async fn fail(&self, code: i32) -> Result<(), EchoError>;

    /// Panics. The node lives on, and the caller gets an error of its own kind.
    #[rpc(any)]
    async fn panics(&self) -> Result<(), EchoError>;

    /// Takes this many milliseconds.
    async fn sleep(&self, ms: u64) -> Result<(), EchoError>;

    /// A text of `n` bytes; at most [`MAX_BYTES`].
    #[rpc(read)]
    async fn bytes(&self, n: u64) -> Result<String, EchoError>;

    /// The node that runs the call: the one asked, since any can.
    #[rpc(any, read)]
    async fn whoami(&self) -> Result<NodeId, EchoError>;
}

/// Why the probe failed.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EchoError {
    /// It was asked to.
    #[error("failed with code {code}, as asked")]
    Failed {
        /// The code asked for.
        code: i32,
    },
    /// It would have answered too much.
    #[error("{n} bytes are more than {MAX_BYTES}")]
    TooMany {
        /// The number asked for.
        n: u64,
    },
    /// The call itself went wrong.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Answers the probe's calls on every node; it has no state.
#[derive(Inject)]
pub(crate) struct Probe;

#[rpc_provider]
impl Echo for Probe {
    async fn echo(&self, value: Value) -> Result<Value, EchoError> {
        Ok(value)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, EchoError> {
        Ok(a.saturating_add(b))
    }

    async fn concat(&self, parts: Vec<String>) -> Result<String, EchoError> {
        Ok(parts.concat())
    }

    async fn fail(&self, code: i32) -> Result<(), EchoError> {
        Err(EchoError::Failed { code })
    }

    async fn panics(&self) -> Result<(), EchoError> {
        panic!("asked to panic")
    }

    async fn sleep(&self, ms: u64) -> Result<(), EchoError> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(())
    }

    async fn bytes(&self, n: u64) -> Result<String, EchoError> {
        match usize::try_from(n) {
            Ok(length) if n <= MAX_BYTES => Ok("x".repeat(length)),
            _ => Err(EchoError::TooMany { n }),
        }
    }

    async fn whoami(&self) -> Result<NodeId, EchoError> {
        // Only a client of a local value runs a provider outside of any node.
        let node = Context::current().and_then(|call| call.node().cloned());
        Ok(node.unwrap_or_else(|| NodeId::new("local")))
    }
}
