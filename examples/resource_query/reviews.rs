//! The reviews: what readers say of a book, on the node that owns the book's id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use wherever::{Inject, RpcError, rpc_provider, rpc_service};

use crate::catalogue::{Catalogue, CatalogueClient, CatalogueError};

/// What readers say of books.
#[rpc_service]
pub(crate) trait Reviews {
    /// Adds a review of a book, which the catalogue must have.
    async fn add(&self, book: &str, review: Review) -> Result<Stars, ReviewError>;

    /// The stars that a book got; none at all if nobody reviewed it.
    #[rpc(read)]
    async fn stars(&self, book: &str) -> Result<Stars, RpcError>;
}

/// One reader's word.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Review {
    pub(crate) reader: String,
    pub(crate) stars: u8,
}

/// The stars of all reviews of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stars {
    pub(crate) sum: u32,
    pub(crate) reviews: u32,
}

/// Why a review was refused.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum ReviewError {
    /// Not a number of stars.
    #[error("{0} is not between 1 and 5 stars")]
    NotStars(u8),
    /// The catalogue's own answer, passed on.
    #[error("cannot review: {0}")]
    Catalogue(CatalogueError),
    /// The call itself went wrong.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// The stars of the books of one node.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<BTreeMap<String, Stars>>>);

/// The reviews' provider. It calls the catalogue, and the catalogue calls it: neither must start first.
#[derive(Inject)]
struct Critic {
    #[rpc_reference]
    catalogue: CatalogueClient,
    ledger: Ledger,
}

#[rpc_provider]
impl Reviews for Critic {
    async fn add(&self, book: &str, review: Review) -> Result<Stars, ReviewError> {
        if !(1..=5).contains(&review.stars) {
            return Err(ReviewError::NotStars(review.stars));
        }
        self.catalogue.book(book).await.map_err(ReviewError::Catalogue)?;
        Ok(self.ledger.with(|books| {
            let stars = books.entry(book.to_owned()).or_default();
            stars.sum += u32::from(review.stars);
            stars.reviews += 1;
            *stars
        }))
    }

    async fn stars(&self, book: &str) -> Result<Stars, RpcError> {
        Ok(self.ledger.with(|books| books.get(book).copied().unwrap_or_default()))
    }
}

impl Ledger {
    /// Never held across an await.
    fn with<T>(&self, body: impl FnOnce(&mut BTreeMap<String, Stars>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
