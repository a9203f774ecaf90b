//! The service of the simulated cluster: lists that only grow, in which each item has one place. It witnesses each poll.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use wherever::{Context, RpcError, Slots, Wherever, rpc_provider, rpc_service};

use crate::chance;
use crate::history::{Executor, History};

/// Where an item is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) number: u64,
    /// The epoch of the slot in which it was put there.
    pub(crate) epoch: u64,
}

/// A list as it stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) items: Vec<u64>,
    pub(crate) epoch: u64,
}

#[rpc_service(name = "simulation.Ledger")]
pub(crate) trait Ledger {
    async fn append(&self, key: String, item: u64) -> Result<Place, RpcError>;

    #[rpc(read)]
    async fn list(&self, key: String) -> Result<Listed, RpcError>;
}

pub(crate) struct Book {
    lists: Slots<String, Vec<u64>>,
    history: History,
    incarnation: u64,
}

impl Book {
    pub(crate) fn on(wherever: &Wherever, history: History, incarnation: u64) -> Self {
        Self { lists: wherever.slots("Book.lists"), history, incarnation }
    }

    /// Who runs the current call.
    fn executor(&self) -> Option<Executor> {
        let context = Context::current()?;
        let node = context.node()?.to_string();
        Some(Executor { slot: context.slot()?, epoch: context.epoch(), node, start: self.incarnation })
    }

    fn witness<F: Future>(&self, future: F) -> Witness<F> {
        Witness { future, executor: self.executor(), history: self.history.clone() }
    }
}

#[rpc_provider(given)]
impl Ledger for Book {
    async fn append(&self, key: String, item: u64) -> Result<Place, RpcError> {
        let executor = self.executor();
        let work = async {
            if chance::in_thousand(400) {
                sleep(chance::millis(0..40)).await;
            }
            let number = self.lists.update(&key, Vec::new(), |list| {
                list.push(item);
                list.len() as u64
            })?;
            let epoch = executor.as_ref().map_or(0, |executor| executor.epoch);
            let place = Place { number, epoch };
            self.history.executed(item, &key, place, executor.as_ref());
            if chance::in_thousand(300) {
                sleep(chance::millis(0..40)).await;
            }
            Ok(place)
        };
        self.witness(work).await
    }

    async fn list(&self, key: String) -> Result<Listed, RpcError> {
        let epoch = self.executor().map_or(0, |executor| executor.epoch);
        let work = async { Ok(Listed { items: self.lists.get(&key)?.unwrap_or_default(), epoch }) };
        self.witness(work).await
    }
}

pin_project! {
    /// A future that tells the history of each of its polls.
    struct Witness<F> {
        #[pin]
        future: F,
        executor: Option<Executor>,
        history: History,
    }
}

impl<F: Future> Future for Witness<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(executor) = this.executor {
            this.history.polled(executor);
        }
        this.future.poll(cx)
    }
}
