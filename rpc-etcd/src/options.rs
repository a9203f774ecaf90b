//! Where the keys lie, and who asks.

use std::fmt;
use std::time::Duration;

use etcd_client::ConnectOptions;
use rpc_core::coordinator::CoordinatorError;

/// Longest prefix, in bytes: as long as a key behind it.
const MAX_PREFIX: usize = 512;

/// How often a connection is asked whether it still is one, and how long it may take to say so. Without, a watch on a machine that
/// vanished would be silent for ever.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Longest wait for a connection: less than a call may take.
const CONNECT_TIME: Duration = Duration::from_millis(800);

/// How an etcd is used.
#[derive(Clone, PartialEq, Eq)]
pub struct EtcdOptions {
    pub(crate) prefix: String,
    user: Option<(String, String)>,
}

impl EtcdOptions {
    /// Keys of the cluster `name` lie under `/wherever/<name>/`.
    pub fn cluster(name: &str) -> Self {
        Self { prefix: format!("/wherever/{name}/"), user: None }
    }

    /// Puts the keys under another prefix, which should end in a slash: everything that begins with it is the cluster's.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Signs in as this user.
    #[must_use]
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Some((name.into(), password.into())), ..self }
    }

    /// Checks the prefix and makes etcd's own options.
    pub(crate) fn check(&self) -> Result<ConnectOptions, CoordinatorError> {
        if self.prefix.is_empty() || self.prefix.len() > MAX_PREFIX || self.prefix.contains("//") {
            let why = format!("{:?} is no prefix: 1 to {MAX_PREFIX} bytes, no empty name between slashes", self.prefix);
            return Err(CoordinatorError::Refused(why));
        }
        let options = ConnectOptions::new()
            .with_keep_alive(KEEP_ALIVE, KEEP_ALIVE)
            .with_keep_alive_while_idle(true)
            .with_connect_timeout(CONNECT_TIME)
            // A member that has lost its leader ends its watches instead of being silent.
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        Ok(match &self.user {
            Some((name, password)) => options.with_user(name, password),
            None => options,
        })
    }
}

impl fmt::Debug for EtcdOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("EtcdOptions").field("prefix", &self.prefix).field("user", &user).finish_non_exhaustive()
    }
}
