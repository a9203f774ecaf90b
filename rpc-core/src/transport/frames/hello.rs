//! The first frame in each direction: who speaks, and what they take.

use serde::{Deserialize, Serialize};

use super::notes::bad_json;
use super::{Fault, FrameKind, MAX_FRAME, PART, VERSION};
use crate::codec::strict;
use crate::error::text::shown;
use crate::limits::MAX_NODE_ID;
use crate::node::NodeId;

/// Most calls open at once on one connection, whatever the peer takes: its table of them stays within a few MiB.
pub const MAX_OPEN: usize = 65_536;

/// What one end says of itself. Unknown members are ignored, so that a later version may add some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the frames that it speaks.
    pub version: u32,
    /// The cluster's id, if it knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Its name in the cluster; none for a program that is no node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The build of its program, if that can be told: ends of the same build may use the compact codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Longest frame that it takes, in bytes without the length; at least [`MAX_FRAME`].
    pub max_frame: u64,
    /// Longest message that it takes, in bytes, in however many parts.
    pub max_message: u64,
    /// How many calls it takes at once on this connection; 0 if it takes none.
    pub max_in_flight: u64,
}

/// What may be sent to the peer, as two hellos have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The peer's name; none for a program that is no node.
    pub node: Option<NodeId>,
    /// Both ends are known to be of the same build.
    pub same_build: bool,
    /// Longest frame, in bytes without the length.
    pub max_frame: usize,
    /// Longest message, in bytes.
    pub max_message: usize,
    /// Most calls open at once.
    pub max_in_flight: usize,
}

/// The two ends have nothing to say to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another version.
    #[error("the peer speaks version {theirs} of the frames, this end {ours}")]
    Version {
        /// The peer's.
        theirs: u32,
        /// This end's.
        ours: u32,
    },
    /// Another cluster.
    #[error("one end belongs to cluster {ours}, the other to {theirs}: their lists of nodes differ")]
    Cluster {
        /// The peer's, as a message may show it.
        theirs: String,
        /// This end's.
        ours: String,
    },
    /// A name that is none.
    #[error("the peer's name has {length} bytes, not 1 to {MAX_NODE_ID}")]
    Node {
        /// Its length, in bytes.
        length: usize,
    },
    /// Limits under which no call would pass.
    #[error("the peer takes {what} of {theirs} bytes at most, and has to take {least}")]
    Limit {
        /// Whose limit it is.
        what: &'static str,
        /// The peer's limit, in bytes.
        theirs: u64,
        /// The least one, in bytes.
        least: usize,
    },
}

impl Hello {
    /// A hello of this version, of nobody in particular: `max_message` and `max_in_flight` are what is taken.
    pub fn new(max_message: usize, max_in_flight: usize) -> Self {
        Self {
            version: VERSION,
            cluster: None,
            node: None,
            build: None,
            max_frame: MAX_FRAME as u64,
            max_message: max_message as u64,
            max_in_flight: max_in_flight as u64,
        }
    }

    /// Reads a hello. Unknown members are ignored, doubled ones refused.
    ///
    /// # Errors
    /// It is no JSON object with the members of a hello.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        strict::from_slice(json).map_err(|error| bad_json(FrameKind::Hello, &error))
    }

    /// What may be sent to the peer that says this, by the end that says `ours`. What the peer takes beyond what this end takes itself is
    /// not used, but for calls: an end that takes none may well make some.
    ///
    /// # Errors
    /// Another version or cluster, no name, or limits below what every end has to take.
    pub fn check(&self, ours: &Self) -> Result<Agreed, Refusal> {
        if self.version != ours.version {
            return Err(Refusal::Version { theirs: self.version, ours: ours.version });
        }
        if let (Some(theirs), Some(ours)) = (&self.cluster, &ours.cluster)
            && theirs != ours
        {
            return Err(Refusal::Cluster { theirs: shown(theirs), ours: shown(ours) });
        }
        let length = self.node.as_ref().map(|node| node.as_str().len());
        if let Some(length) = length.filter(|length| !(1..=MAX_NODE_ID).contains(length)) {
            return Err(Refusal::Node { length });
        }
        Ok(Agreed {
            node: self.node.clone(),
            same_build: self.build.is_some() && self.build == ours.build,
            max_frame: agreed("frames", self.max_frame, ours.max_frame, MAX_FRAME)?,
            max_message: agreed("messages", self.max_message, ours.max_message, PART)?,
            max_in_flight: usize::try_from(self.max_in_flight).map_or(MAX_OPEN, |most| most.min(MAX_OPEN)),
        })
    }
}

fn agreed(what: &'static str, theirs: u64, ours: u64, least: usize) -> Result<usize, Refusal> {
    if theirs < least as u64 {
        return Err(Refusal::Limit { what, theirs, least });
    }
    Ok(usize::try_from(theirs.min(ours)).unwrap_or(usize::MAX))
}
