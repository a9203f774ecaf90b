//! A program with two services that call each other, on three nodes: books and their reviews.
//!
//! It shows injected clients, arguments that are lists and structs, errors of the services' own, and calls nested in calls.

mod catalogue;
mod reviews;

use std::error::Error;

use tokio::net::TcpListener;
use wherever::{Inject, Node};

use catalogue::{Book, Catalogue, CatalogueClient, CatalogueError, Query, Shelf};
use reviews::{Ledger, Review, ReviewError, Reviews, ReviewsClient};

/// The program itself: it holds clients, and knows nothing of nodes.
#[derive(Inject)]
struct Library {
    #[rpc_reference]
    catalogue: CatalogueClient,
    #[rpc_reference]
    reviews: ReviewsClient,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let nodes = start_nodes(3).await?;
    let libraries = nodes.iter().map(Node::inject::<Library>).collect::<Result<Vec<_>, _>>()?;
    libraries[0].stock().await?;
    libraries[1].review().await?;
    libraries[2].query().await?;
    for (node, library) in nodes.iter().zip(&libraries) {
        library.refusals().await?;
        let counts = node.wherever().counted();
        println!("node {}: {} calls stayed, {} left", node.id(), counts.local, counts.remote);
    }
    Ok(())
}

/// Starts nodes in this process; each has a shelf and a ledger of its own.
async fn start_nodes(count: usize) -> Result<Vec<Node>, Box<dyn Error>> {
    let mut listeners = Vec::new();
    for _ in 0..count {
        listeners.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let mut nodes = Vec::new();
    for (listener, &address) in listeners.into_iter().zip(&addresses) {
        let builder = Node::builder().nodes(&addresses).advertise(address);
        let node = builder.with(Shelf::default()).with(Ledger::default()).build()?;
        nodes.push(node.clone());
        tokio::spawn(async move { node.serve(listener).await });
    }
    Ok(nodes)
}

impl Library {
    async fn stock(&self) -> Result<(), Box<dyn Error>> {
        for (id, title, year, subjects) in [
            ("sicp", "Structure and Interpretation of Computer Programs", 1985, &["programming", "lisp"][..]),
            ("k&r", "The C Programming Language", 1978, &["programming", "c"]),
            ("taocp", "The Art of Computer Programming", 1968, &["algorithms"]),
            ("ddia", "Designing Data-Intensive Applications", 2017, &["databases", "distribution"]),
            ("trpl", "The Rust Programming Language", 2018, &["programming", "rust"]),
        ] {
            let subjects = subjects.iter().map(ToString::to_string).collect();
            self.catalogue.add(Book { id: id.into(), title: title.into(), year, subjects }).await?;
        }
        println!("added five books");
        Ok(())
    }

    async fn review(&self) -> Result<(), Box<dyn Error>> {
        for (book, reader, stars) in [("sicp", "Ann", 5), ("sicp", "Bob", 4), ("trpl", "Ann", 5)] {
            let so_far = self.reviews.add(book, Review { reader: reader.into(), stars }).await?;
            println!("{reader} gives {book} {stars} stars, its review number {}", so_far.reviews);
        }
        Ok(())
    }

    async fn query(&self) -> Result<(), Box<dyn Error>> {
        let query = Query { subject: Some("programming".into()), since: Some(1980) };
        let mut ids: Vec<_> = self.catalogue.find(&query).await?.into_iter().map(|book| book.id).collect();
        ids.sort();
        ensure(ids == ["sicp", "trpl"], "the wrong books were found")?;
        let pages = self.catalogue.pages(&ids).await?;
        for page in &pages {
            println!(
                "{} ({}): {} of {} stars",
                page.book.title,
                page.book.year,
                page.stars.sum,
                page.stars.reviews * 5
            );
        }
        ensure(pages.iter().map(|page| page.stars.sum).eq([9, 5]), "the stars are wrong")
    }

    /// A service's own errors arrive as they were, also those of a service behind it.
    async fn refusals(&self) -> Result<(), Box<dyn Error>> {
        let missing = || CatalogueError::NoSuchBook("emma".into());
        let pages = self.catalogue.pages(&["sicp".into(), "emma".into()]).await;
        ensure(pages == Err(missing()), "a missing book was found")?;
        let review = self.reviews.add("emma", Review { reader: "Eve".into(), stars: 5 }).await;
        ensure(review == Err(ReviewError::Catalogue(missing())), "a missing book was reviewed")?;
        let review = self.reviews.add("sicp", Review { reader: "Eve".into(), stars: 6 }).await;
        ensure(review == Err(ReviewError::NotStars(6)), "six stars were taken")
    }
}

fn ensure(right: bool, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if right { Ok(()) } else { Err(otherwise.into()) }
}
