//! The catalogue: books by id, each on the node that owns its id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use wherever::{Inject, RpcError, rpc_provider, rpc_service};

use crate::reviews::{Reviews, ReviewsClient, Stars};

/// Books by id.
#[rpc_service]
pub(crate) trait Catalogue {
    /// Adds a book. Its key is its id alone, so that it lives where `book` and `Reviews` look for it.
    async fn add(&self, #[key(fields(id))] book: Book) -> Result<(), CatalogueError>;

    /// The book of this id.
    #[rpc(read)]
    async fn book(&self, id: &str) -> Result<Book, CatalogueError>;

    /// A book with the stars that its readers gave it, which `Reviews` knows.
    #[rpc(read)]
    async fn page(&self, id: &str) -> Result<Page, CatalogueError>;

    /// The pages of these books, in this order, gathered from their nodes by whichever node is asked.
    #[rpc(any, read)]
    async fn pages(&self, ids: &[String]) -> Result<Vec<Page>, CatalogueError>;

    /// All books that match, wherever they live, in no order.
    #[rpc(all, read)]
    async fn find(&self, query: &Query) -> Result<Vec<Book>, CatalogueError>;
}

/// A book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) year: u16,
    pub(crate) subjects: Vec<String>,
}

/// What a reader sees of a book.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) book: Book,
    pub(crate) stars: Stars,
}

/// Which books to find; what is absent matches every book.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Query {
    pub(crate) subject: Option<String>,
    pub(crate) since: Option<u16>,
}

/// Why the catalogue refused.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// No book has this id.
    #[error("there is no book {0}")]
    NoSuchBook(String),
    /// A book of this id is there.
    #[error("there is a book {0} already")]
    Taken(String),
    /// The call itself went wrong, here or on the way to `Reviews`.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// The books of one node, shared by everything on it that is given a clone.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<String, Book>>>);

/// The catalogue's provider, built by the node: its clients are injected, its shelf is given to the builder.
#[derive(Inject)]
struct Librarian {
    #[rpc_reference]
    catalogue: CatalogueClient,
    #[rpc_reference]
    reviews: ReviewsClient,
    shelf: Shelf,
}

#[rpc_provider]
impl Catalogue for Librarian {
    async fn add(&self, book: Book) -> Result<(), CatalogueError> {
        self.shelf.with(|books| {
            if books.contains_key(&book.id) {
                return Err(CatalogueError::Taken(book.id));
            }
            books.insert(book.id.clone(), book);
            Ok(())
        })
    }

    async fn book(&self, id: &str) -> Result<Book, CatalogueError> {
        let found = self.shelf.with(|books| books.get(id).cloned());
        found.ok_or_else(|| CatalogueError::NoSuchBook(id.to_owned()))
    }

    async fn page(&self, id: &str) -> Result<Page, CatalogueError> {
        let book = self.book(id).await?;
        // The same key in the same group: this call never leaves the node.
        let stars = self.reviews.stars(id).await?;
        Ok(Page { book, stars })
    }

    async fn pages(&self, ids: &[String]) -> Result<Vec<Page>, CatalogueError> {
        let mut pages = Vec::with_capacity(ids.len());
        for id in ids {
            pages.push(self.catalogue.page(id).await?);
        }
        Ok(pages)
    }

    async fn find(&self, query: &Query) -> Result<Vec<Book>, CatalogueError> {
        Ok(self.shelf.with(|books| books.values().filter(|book| query.matches(book)).cloned().collect()))
    }
}

impl Shelf {
    /// Never held across an await.
    fn with<T>(&self, body: impl FnOnce(&mut BTreeMap<String, Book>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Query {
    fn matches(&self, book: &Book) -> bool {
        self.subject.as_ref().is_none_or(|subject| book.subjects.contains(subject))
            && self.since.is_none_or(|since| book.year >= since)
    }
}
