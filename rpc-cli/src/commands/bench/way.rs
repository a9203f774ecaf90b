//! How the calls travel: as frames straight to the owner of each key, or by `POST` through the one node that was named.

use std::collections::BTreeMap;
use std::time::Duration;

use rpc_core::call::{Call, Deadline, Outcome, Path, Target};
use rpc_core::client::Wherever;
use rpc_core::cluster::view::{ClusterView, MethodView};
use rpc_core::codec::args::Args;
use rpc_core::codec::payload::Payload;
use rpc_core::route::key::Key;
use rpc_core::service::{Balancing, MethodDescriptor, Routing};
use rpc_core::slot::Slot;
use rpc_core::{Executed, Kind, RpcError};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::node::Node;

/// What came of a call that failed: its kind, and whether it was executed.
pub(super) type Failed = (String, Executed);

/// A way to call one method.
pub(super) enum Way {
    /// By frames, or by whatever the node takes instead.
    Frames(Box<Frames>),
    /// By requests of any JSON-RPC client's kind.
    Post(Box<Node>, String),
}

/// The method as our clients call it.
pub(super) struct Frames {
    wherever: Wherever,
    method: &'static MethodDescriptor,
    deadline: Duration,
}

impl Way {
    /// Makes a call, and says what came of it if it failed.
    pub(super) async fn call(&self, params: String) -> Result<(), Failed> {
        match self {
            Self::Frames(frames) => frames.call(params).await,
            Self::Post(node, method) => match node.call(method, &params).await {
                Ok(_) => Ok(()),
                Err(Failure::Provider { .. }) => Err(provider()),
                Err(Failure::Unreachable(error) | Failure::Call { error, .. }) => Err(kind_of(&error)),
                Err(other) => Err((other.sentence(), Executed::Maybe)),
            },
        }
    }
}

impl Frames {
    /// The method called `Service.method`, as the cluster tells it.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a method that cannot be called without its trait, [`Failure::Refused`] for one that nobody provides,
    /// [`Failure::Unreachable`].
    pub(super) fn to(address: &str, view: &ClusterView, full_name: &str, deadline: Duration) -> Result<Self, Failure> {
        let (service, name) = full_name.rsplit_once('.').unwrap_or_default();
        let known = view.services.iter().find(|known| known.name == service);
        let method = known.and_then(|known| known.methods.iter().find(|method| method.name == name));
        let (Some(known), Some(method)) = (known, method) else {
            return Err(Failure::Refused(format!(
                "the node knows no method {full_name}; `wherever services` lists them"
            )));
        };
        let method = described(&known.name, &known.group, full_name, method)?;
        let wherever = Wherever::connect_lazily([address]).map_err(Failure::Unreachable)?;
        // Asked for before the map is read: of groups that nobody asks for, none is kept.
        let _group = wherever.group(method.group);
        Ok(Self { wherever, method, deadline })
    }

    async fn call(&self, params: String) -> Result<(), Failed> {
        let target = self.target(&params).map_err(|error| kind_of(&error))?;
        // Kept until the answer is here: then its node may forget the call.
        let (id, _open) = self.wherever.session().number(self.method);
        let call = Call {
            method: self.method,
            params: Payload::json(params),
            target,
            epoch: 0,
            deadline: Deadline::after(self.deadline),
            id,
            first_epoch: None,
            hops: 0,
            path: Path::root(),
            trace: None,
        };
        match self.wherever.caller().call(call).await {
            Ok(reply) if matches!(reply.outcome, Outcome::Value(_)) => Ok(()),
            Ok(_) => Err(provider()),
            Err(error) => Err(kind_of(&error)),
        }
    }

    fn target(&self, params: &str) -> Result<Target, RpcError> {
        match self.method.routing {
            Routing::Key => Ok(Target::Slot(slot(self.method, params)?)),
            _ => Ok(Target::Any),
        }
    }

    /// Tells the nodes that the answers have arrived.
    pub(super) async fn end(&self) {
        self.wherever.acknowledge().await;
    }
}

/// The kind of what a provider answers itself.
pub(super) const PROVIDER: &str = "provider";

fn provider() -> Failed {
    (PROVIDER.to_owned(), Executed::Yes)
}

fn kind_of(error: &RpcError) -> Failed {
    (error.kind().to_string(), error.executed())
}

/// The method as data. It is kept for good, as a program has its own: a run has one.
fn described(
    service: &str,
    group: &str,
    full_name: &str,
    method: &MethodView,
) -> Result<&'static MethodDescriptor, Failure> {
    let without = |why: &str| {
        Failure::Usage(format!(
            "{full_name} {why}: only a program with its trait can call it by frames; use --transport post"
        ))
    };
    let routing = match method.routing.as_str() {
        "key" if method.key.iter().all(|key| method.params.contains(key)) => Routing::Key,
        "key" => return Err(without("has a key that is part of an argument")),
        "any" => Routing::Any(Balancing::RoundRobin),
        other => return Err(without(&format!("is a method of `{other}`"))),
    };
    let marked = |mark: &str| method.marks.iter().any(|known| known == mark);
    if marked("streams") {
        return Err(Failure::Usage(format!(
            "{full_name} answers with a stream, and there is no one answer to measure"
        )));
    }
    Ok(Box::leak(Box::new(MethodDescriptor {
        service: kept(service),
        group: kept(group),
        name: kept(&method.name),
        full_name: kept(full_name),
        routing,
        params: all_kept(&method.params),
        key: all_kept(&method.key),
        docs: "",
        read: marked("read"),
        idempotent: marked("idempotent"),
        streams: false,
        detach: marked("detach"),
        // It is told from there being one that calls have a key, and so leave records that must be acknowledged.
        slot_of: (routing == Routing::Key).then_some(not_known_here),
        merge: None,
        compact: None,
    })))
}

/// Nobody asks: the slot is computed from the raw arguments, in [`slot`].
fn not_known_here(_args: &Args<'_>) -> Result<Slot, RpcError> {
    Err(RpcError::new(Kind::Internal, "this program does not have the method's trait"))
}

fn kept(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn all_kept(texts: &[String]) -> &'static [&'static str] {
    Vec::leak(texts.iter().map(|text| kept(text)).collect())
}

/// The slot of the key among these arguments: key bytes follow a value's shape in JSON, which is what was typed.
fn slot(method: &MethodDescriptor, params: &str) -> Result<Slot, RpcError> {
    let unreadable = |error: serde_json::Error| {
        RpcError::new(Kind::BadArguments, format!("the arguments cannot be read: {error}")).with_executed(Executed::No)
    };
    let by_name: BTreeMap<&str, &RawValue> = match params.trim_start().starts_with('[') {
        true => {
            let values: Vec<&RawValue> = serde_json::from_str(params).map_err(unreadable)?;
            method.params.iter().copied().zip(values).collect()
        }
        false => serde_json::from_str(params).map_err(unreadable)?,
    };
    let mut key = Key::new();
    for name in method.key {
        let raw = by_name.get(name).ok_or_else(|| {
            RpcError::new(Kind::BadArguments, format!("the argument `{name}`, of the key, is missing"))
        })?;
        let value: Value = serde_json::from_str(raw.get()).map_err(unreadable)?;
        key.push(&value).map_err(|error| RpcError::new(Kind::BadKey, error.to_string()))?;
    }
    Ok(key.slot())
}
