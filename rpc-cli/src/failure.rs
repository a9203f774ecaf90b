//! What went wrong, and the exit status that says so.

use std::io::{self, Write};
use std::process::ExitCode;

use rpc_core::error::bounded;
use rpc_core::node::NodeId;
use rpc_core::slot::Slot;
use rpc_core::{Executed, Kind, RpcError};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::json;
use crate::terminal::Paint;

/// The exit statuses; [`EXIT_STATUSES`](crate::options::EXIT_STATUSES) explains them to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The provider answered with its own error, or a program that was started failed.
    Failed = 1,
    /// The command line is wrong; clap exits with the same.
    Usage = 2,
    /// No node could be reached.
    Unreachable = 3,
    /// It was refused and not executed.
    Refused = 4,
    /// It failed and may have been executed, or it is not finished.
    Maybe = 5,
    /// Standard input or output failed; the `EX_IOERR` of sysexits.h.
    Io = 74,
    /// Ctrl-C ended the wait: what a shell reports for a death by SIGINT.
    Interrupted = 130,
    /// The reader of our output is gone: what a shell reports for a death by SIGPIPE.
    ClosedPipe = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong, in a way that only the command knows.
    Usage(String),
    /// Standard input or output failed.
    Io(String),
    /// The reader of our output is gone.
    ClosedPipe,
    /// What the output tells already.
    Told(Exit),
    /// Nothing that is a node answered; nothing was asked of it.
    Unreachable(RpcError),
    /// The cluster says no, or cannot; nothing was done.
    Refused(String),
    /// What was asked for is not done yet, or not all of it.
    Unfinished(String),
    /// The user does not wait for the end of it.
    Interrupted(String),
    /// A program that `wherever up` started failed.
    Program(String),
    /// The provider's own error.
    Provider {
        /// Its text.
        message: String,
        /// The error itself.
        data: Option<Box<RawValue>>,
    },
    /// The node's refusal, or the loss of the call on its way.
    Call {
        /// The JSON-RPC code, if there was a reply.
        code: Option<i64>,
        /// What happened, and whether the call ran.
        error: RpcError,
    },
}

impl Failure {
    /// Something that ought to be a node is none, or does not answer.
    pub(crate) fn unreachable(kind: Kind, message: String) -> Self {
        Self::Unreachable(RpcError::new(kind, message).with_executed(Executed::No))
    }

    /// A call that got no reply.
    pub(crate) fn unanswered(error: RpcError) -> Self {
        Self::Call { code: None, error }
    }

    /// Standard input failed.
    pub(crate) fn input(error: &io::Error) -> Self {
        Self::Io(format!("standard input cannot be read: {error}"))
    }

    /// The program's exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Io(_) => Exit::Io,
            Self::ClosedPipe => Exit::ClosedPipe,
            Self::Told(exit) => *exit,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Refused(_) => Exit::Refused,
            Self::Unfinished(_) => Exit::Maybe,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Program(_) => Exit::Failed,
            Self::Provider { .. } => Exit::Failed,
            Self::Call { error, .. } if error.executed() == Executed::No => Exit::Refused,
            Self::Call { .. } => Exit::Maybe,
        }
    }

    /// What happened, harmless on a terminal; nothing if nobody is there to read it.
    pub(crate) fn sentence(&self) -> String {
        bounded(match self {
            Self::ClosedPipe | Self::Told(_) => String::new(),
            Self::Usage(message) | Self::Io(message) | Self::Refused(message) => message.clone(),
            Self::Unfinished(message) | Self::Interrupted(message) | Self::Program(message) => message.clone(),
            Self::Provider { message, .. } => format!("the provider answered: {message}"),
            // A node's name is from outside too.
            Self::Unreachable(error) => error.message().to_owned(),
            Self::Call { error, .. } => error.to_string(),
        })
    }

    /// For people: a sentence, and what the provider says about it.
    pub(crate) fn write_text(&self, out: &mut dyn Write, paint: Paint) -> io::Result<()> {
        if matches!(self, Self::ClosedPipe | Self::Told(_)) {
            return Ok(());
        }
        writeln!(out, "{} {}", paint.red("error:"), self.sentence())?;
        if let Self::Provider { data: Some(data), .. } = self {
            json::write_pretty(out, data.get())?;
            writeln!(out)?;
        }
        Ok(())
    }

    /// For scripts: `{"error": {…}}`.
    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            error: Report<'a>,
        }
        json::write_line(out, &Line { error: self.into() })
    }
}

impl From<io::Error> for Failure {
    /// Standard output failed: the one stream that commands write with `?`.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Io(format!("standard output cannot be written: {error}")),
        }
    }
}

/// A failure as scripts read it; what does not apply is left out.
#[derive(Serialize)]
struct Report<'a> {
    exit: u8,
    executed: Executed,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a NodeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<Slot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl<'a> From<&'a Failure> for Report<'a> {
    fn from(failure: &'a Failure) -> Self {
        let exit = failure.exit() as u8;
        let plain = |executed, message| Self {
            exit,
            executed,
            message,
            kind: None,
            code: None,
            node: None,
            slot: None,
            epoch: None,
            retry_after_ms: None,
            data: None,
        };
        match failure {
            Failure::Usage(message) | Failure::Io(message) | Failure::Refused(message) => plain(Executed::No, message),
            Failure::Unfinished(message) | Failure::Interrupted(message) | Failure::Program(message) => {
                plain(Executed::Maybe, message)
            }
            Failure::ClosedPipe => plain(Executed::No, "the reader of the output went away"),
            Failure::Told(_) => plain(Executed::Maybe, "some calls failed"),
            Failure::Provider { message, data } => {
                Self { code: Some(1), data: data.as_deref(), ..plain(Executed::Yes, message) }
            }
            Failure::Unreachable(error) => {
                Self { kind: Some(error.kind()), ..plain(error.executed(), error.message()) }
            }
            Failure::Call { code, error } => Self {
                kind: Some(error.kind()),
                code: *code,
                node: error.node(),
                slot: error.slot(),
                epoch: error.epoch(),
                retry_after_ms: error.record().retry_after_ms,
                ..plain(error.executed(), error.message())
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(executed: Executed) -> Exit {
        Failure::unanswered(RpcError::new(Kind::Internal, "?").with_executed(executed)).exit()
    }

    #[test]
    fn the_exit_status_says_whether_the_call_ran() {
        assert_eq!(exit_of(Executed::No), Exit::Refused);
        assert_eq!(exit_of(Executed::Maybe), Exit::Maybe);
        assert_eq!(exit_of(Executed::Yes), Exit::Maybe);
    }

    #[test]
    fn hostile_text_is_harmless_on_both_streams() {
        let error = RpcError::new(Kind::Internal, "a\x1b[2J").at_node(&NodeId::new("n\x1b[31m\u{9b}"));
        let failure = Failure::unanswered(error);
        let (mut text, mut json) = (Vec::new(), Vec::new());
        failure.write_text(&mut text, Paint::NONE).expect("writes to memory");
        failure.write_json(&mut json).expect("writes to memory");
        for out in [text, json] {
            let out = String::from_utf8(out).expect("text");
            assert!(!out.contains(['\x1b', '\u{9b}']), "{out:?}");
        }
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_full_disk() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(), Exit::ClosedPipe);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit(), Exit::Io);
    }
}
