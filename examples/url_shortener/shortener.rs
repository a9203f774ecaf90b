//! The application: turns addresses into short ones and back. It neither knows nor cares which node keeps which.

use url::Url;
use wherever::Inject;

use crate::address::{self, BadAddress};
use crate::store::{StoreError, UrlStore, UrlStoreClient};

/// Codes tried for one address. That two addresses share a code is unlikely; that it happens so often in a row is an attack.
const ATTEMPTS: u8 = 8;

/// How the application is set up.
#[derive(Clone)]
pub(crate) struct Config {
    /// What stands before the code in a short address, without a slash at its end: `http://127.0.0.1:7001`.
    pub(crate) public: String,
}

/// Shortens addresses. On a node it is built by `node.inject()`: the client comes from the node, the config from its builder.
#[derive(Clone, Inject)]
pub(crate) struct Shortener {
    #[rpc_reference]
    pub(crate) store: UrlStoreClient,
    pub(crate) config: Config,
}

/// Why an address was not shortened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    #[error(transparent)]
    Address(#[from] BadAddress),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shortener {
    /// The short address for what a person typed.
    pub(crate) async fn add(&self, text: &str) -> Result<String, AddError> {
        let url = address::parse(text)?;
        let mut attempt = 0;
        loop {
            let code = address::code(&url, attempt);
            attempt += 1;
            match self.store.put(code.clone(), url.clone()).await {
                Ok(()) => return Ok(format!("{}/{code}", self.config.public)),
                Err(StoreError::Taken(_)) if attempt < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What a code stands for. Text that cannot be a code stands for nothing, and nobody is asked.
    pub(crate) async fn find(&self, code: &str) -> Result<Option<Url>, StoreError> {
        if address::is_code(code) { self.store.get(code).await } else { Ok(None) }
    }
}
