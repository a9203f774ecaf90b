//! Bloom filters spread over three nodes by their names.
//!
//! A crawler asks for each page whether it has seen it before. One filter per site, sixty sites: the node of weight 2 holds about
//! half of them. The nodes share this process, as in a test; `hello` shows them as a program starts them.

mod service;

use std::error::Error;

use wherever::testing::Cluster;

use service::{Dedup, DedupClient, Filters};

const SITES: usize = 60;
const PAGES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder(3).weights([2, 1, 1]).provide_with(|_| Filters::default()).start().await;
    let dedup: DedupClient = cluster.client(0);
    fill(&cluster).await?;
    look_up(&dedup).await?;
    list(&cluster, &dedup).await?;
    forget(&dedup).await
}

/// Sets every page twice, through one node and then through another: only the first time is it new.
async fn fill(cluster: &Cluster) -> Result<(), Box<dyn Error>> {
    for site in 0..SITES {
        let pages = pages(site, "seen");
        let first: DedupClient = cluster.client(site % 3);
        let second: DedupClient = cluster.client((site + 1) % 3);
        let known = first.set(&name(site), &pages).await?;
        ensure(known.iter().filter(|known| **known).count() < PAGES / 20, "new pages were taken for known ones")?;
        let known = second.set(&name(site), &pages).await?;
        ensure(known.iter().all(|known| *known), "known pages were taken for new ones")?;
    }
    println!("set {PAGES} pages in each of {SITES} filters");
    Ok(())
}

async fn look_up(dedup: &DedupClient) -> Result<(), Box<dyn Error>> {
    let mut mistaken = 0;
    for site in 0..SITES {
        let known = dedup.check(&name(site), &pages(site, "seen")).await?;
        ensure(known.iter().all(|known| *known), "a known page was not found")?;
        let known = dedup.check(&name(site), &pages(site, "unseen")).await?;
        mistaken += known.iter().filter(|known| **known).count();
    }
    println!(
        "checked {} known pages, and as many unknown ones: {mistaken} of these were taken for known",
        SITES * PAGES
    );
    ensure(mistaken < SITES * PAGES / 200, "too many false positives")
}

/// Lists all filters, and then those of one node at a time.
async fn list(cluster: &Cluster, dedup: &DedupClient) -> Result<(), Box<dyn Error>> {
    let all = dedup.list().await?;
    ensure(all.len() == SITES, "the list of all nodes is not complete")?;
    println!("{} filters in all, of {} KiB", all.len(), all.values().map(|filter| filter.bytes).sum::<usize>() / 1024);
    let mut listed = 0;
    for (node, weight) in cluster.nodes().zip([2, 1, 1]) {
        let its = DedupClient::on(dedup, node.id()).list().await?;
        ensure(its.keys().all(|name| all.contains_key(name)), "a node lists a filter of its own")?;
        println!("  node {} of weight {weight} holds {}", node.id(), its.len());
        listed += its.len();
    }
    ensure(listed == SITES, "a filter lives on two nodes")
}

async fn forget(dedup: &DedupClient) -> Result<(), Box<dyn Error>> {
    for site in 0..SITES / 2 {
        dedup.drop(&name(site)).await?;
    }
    let left = dedup.list().await?.len();
    println!("dropped {} filters, {left} are left", SITES / 2);
    let known = dedup.check(&name(0), &pages(0, "seen")).await?;
    ensure(left == SITES - SITES / 2 && !known.contains(&true), "a dropped filter is still there")
}

fn name(site: usize) -> String {
    format!("site-{site}.example")
}

fn pages(site: usize, kind: &str) -> Vec<String> {
    (0..PAGES).map(|page| format!("https://{}/{kind}/{page}", name(site))).collect()
}

fn ensure(right: bool, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if right { Ok(()) } else { Err(otherwise.into()) }
}
