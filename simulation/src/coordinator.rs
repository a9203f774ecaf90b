//! The coordinator of a simulation: the store of an embedded one, on a host of its own, and how the others reach it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use rpc_core::cluster::mirror::Mirror;
use rpc_core::coordinator::bounds::{CALL_TIME, WATCH_SIGN};
use rpc_core::coordinator::store::{Done, Order, Store};
use rpc_core::coordinator::wire::{Answer, Ask, Told, WatchAsk, millis};
use rpc_core::coordinator::{Changes, Coordinator, CoordinatorError, LeaseId, Range, Revision, Txn, TxnOutcome};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};
use wherever::Clock;

use crate::history::History;
use crate::wire::{self, Lost};

/// The coordinator's host.
pub(crate) const HOST: &str = "coordinator";

/// Where it listens.
const ADDRESS: &str = "coordinator:7000";

/// How often leases are looked at.
const LEASE_TICK: Duration = Duration::from_millis(100);

/// A question to the coordinator.
#[derive(Serialize, Deserialize)]
enum Question {
    Ask(Ask),
    Watch(WatchAsk),
}

/// What the coordinator keeps through its crashes.
pub(crate) struct Desk {
    // Held for a look-up or a change, never across an await.
    store: Mutex<Store>,
    // What the store says, read as it is written; held like it, and after it.
    picture: Mutex<Mirror>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    history: History,
}

impl Desk {
    pub(crate) fn new(clock: Arc<dyn Clock>, history: History) -> Arc<Self> {
        Arc::new(Self {
            store: Mutex::new(Store::new()),
            picture: Mutex::default(),
            changed: Notify::new(),
            clock,
            history,
        })
    }

    /// All records, as no host of the simulation could see them.
    pub(crate) fn picture(&self) -> Mirror {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves until it crashes.
    pub(crate) async fn serve(self: Arc<Self>) -> io::Result<()> {
        let listener = TcpListener::bind(("0.0.0.0", wire::PORT)).await?;
        let leases = self.clone();
        tokio::spawn(async move {
            loop {
                sleep(LEASE_TICK).await;
                // Nobody waits for it: it is tried again.
                let _done = leases.carry_out(&Order::Expire);
            }
        });
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(self.clone().answer(stream));
        }
    }

    async fn answer(self: Arc<Self>, mut stream: TcpStream) {
        match wire::read::<Question>(&mut stream).await {
            Ok((Question::Ask(ask), _)) => {
                let answer = self.asked(ask).unwrap_or_else(Answer::Error);
                let _gone = wire::write(&mut stream, &answer, &[]).await;
            }
            Ok((Question::Watch(ask), _)) => self.tell(&mut stream, ask).await,
            Err(_) => {}
        }
    }

    fn asked(&self, ask: Ask) -> Result<Answer, CoordinatorError> {
        let order = match ask {
            Ask::Range(prefix) => return self.store().range(&prefix).map(Answer::Range),
            Ask::KeepAlive(lease) => {
                return self.store().keep_alive(lease, self.clock.now()).map(|()| Answer::KeepAlive);
            }
            Ask::Transact(txn) => Order::Transact(txn),
            Ask::Grant(ttl) => Order::Grant(Duration::from_millis(ttl)),
            Ask::Revoke(lease) => Order::Revoke(lease),
        };
        Ok(match self.carry_out(&order)? {
            Done::Transact(outcome) => Answer::Transact(outcome),
            Done::Grant(lease) => Answer::Grant(lease),
            Done::Ended => Answer::Revoke,
        })
    }

    fn carry_out(&self, order: &Order) -> Result<Done, CoordinatorError> {
        let now = self.clock.now();
        let mut store = self.store();
        store.observe(now);
        let (step, done) = store.plan(order, now)?;
        self.history.written(&step.events);
        if !step.is_empty() {
            let changes = Changes { revision: step.revision, events: step.events.clone() };
            // What cannot be read is the nodes' affair.
            let _problems = self.picture.lock().unwrap_or_else(PoisonError::into_inner).apply(&changes, now);
            store.apply(step, now);
            self.changed.notify_waiters();
        }
        Ok(done)
    }

    async fn tell(&self, stream: &mut TcpStream, ask: WatchAsk) {
        let mut next = ask.from;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let changes = self.store().changes(&ask.prefix, next);
            let told = match changes {
                Ok(changes) if changes.events.is_empty() && timeout(WATCH_SIGN, changed).await.is_ok() => continue,
                Ok(changes) => {
                    next = changes.revision + 1;
                    Told::Changes(changes)
                }
                Err(error) => Told::Error(error),
            };
            let is_over = matches!(told, Told::Error(_));
            if wire::write(stream, &told, &[]).await.is_err() || is_over {
                return;
            }
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The coordinator as the other hosts reach it.
#[derive(Clone, Copy)]
pub(crate) struct FarCoordinator;

impl FarCoordinator {
    async fn ask(&self, ask: Ask) -> Result<Answer, CoordinatorError> {
        match wire::ask::<Answer>(ADDRESS, &Question::Ask(ask), &[], CALL_TIME).await {
            Ok((Answer::Error(error), _)) => Err(error),
            Ok((answer, _)) => Ok(answer),
            Err(Lost::Unreached(why) | Lost::Cut(why)) => Err(CoordinatorError::Unavailable(why)),
        }
    }
}

fn unexpected() -> CoordinatorError {
    CoordinatorError::Changed("it answered something else".to_owned())
}

impl Coordinator for FarCoordinator {
    fn kind(&self) -> &'static str {
        "simulated"
    }

    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Range(prefix.to_owned())).await? {
                Answer::Range(range) => Ok(range),
                _ => Err(unexpected()),
            }
        })
    }

    fn transact(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Transact(txn)).await? {
                Answer::Transact(outcome) => Ok(outcome),
                _ => Err(unexpected()),
            }
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<LeaseId, CoordinatorError>> {
        Box::pin(async move {
            match self.ask(Ask::Grant(millis(ttl))).await? {
                Answer::Grant(lease) => Ok(lease),
                _ => Err(unexpected()),
            }
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move { self.ask(Ask::KeepAlive(lease)).await.map(drop) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), CoordinatorError>> {
        Box::pin(async move { self.ask(Ask::Revoke(lease)).await.map(drop) })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Changes, CoordinatorError>>, CoordinatorError>> {
        Box::pin(async move {
            let unreached = |lost| match lost {
                Lost::Unreached(why) | Lost::Cut(why) => CoordinatorError::Unavailable(why),
            };
            let cut = |error: io::Error| CoordinatorError::Unavailable(error.to_string());
            let mut stream = wire::connect(ADDRESS).await.map_err(unreached)?;
            let ask = WatchAsk { prefix: prefix.to_owned(), from, cluster: None };
            wire::write(&mut stream, &Question::Watch(ask), &[]).await.map_err(cut)?;
            let told = stream::unfold(Some(stream), move |stream| async move {
                let mut stream = stream?;
                let told = match wire::read::<Told>(&mut stream).await {
                    Ok((Told::Changes(changes), _)) => Ok(changes),
                    Ok((Told::Error(error), _)) => Err(error),
                    Err(error) => Err(cut(error)),
                };
                let goes_on = told.is_ok();
                Some((told, goes_on.then_some(stream)))
            });
            Ok(told.boxed())
        })
    }
}
