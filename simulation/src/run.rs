//! One seed, from the cluster's founding to the last look at its lists.

use std::cell::RefCell;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use rpc_core::cluster::records::{Phase, Run, Standing};
use rpc_core::slot::Slot;
use serde::{Deserialize, Serialize};
use turmoil::{Builder, Sim};

use crate::bug::Bug;
use crate::callers::{self, Callers, DEADLINE, keys};
use crate::clock::DriftingClock;
use crate::coordinator::{Desk, HOST};
use crate::faults::Faults;
use crate::history::{Answer, History};
use crate::operator::{self, GROUP};
use crate::seat::Seat;
use crate::{TICK, chance, check};

/// Nodes of a cluster: three or four.
const NODES: usize = 3;

/// Programs that call from outside.
const OUTSIDE: usize = 2;

/// When things begin to go wrong: the slots are assigned by then.
const FIRST_FAULT: Duration = Duration::from_millis(2500);

/// For how long they go wrong.
const FAULTY: Duration = Duration::from_secs(12);

/// Time after the last fault in which every slot must be served: lease and authority, the controller's own caution after it had no
/// coordinator, another leader's election, and the loading.
const SERVED: Duration = Duration::from_secs(15);

/// Time after the last fault in which the cluster must be quiet: the above, and the moves of a whole rebalancing.
const QUIET: Duration = Duration::from_secs(60);

/// For how long nothing but beats is written by a quiet cluster.
const STILL: Duration = Duration::from_secs(3);

/// Longest time for the last reading of the lists.
const READING: Duration = Duration::from_secs(20);

/// The usual latency, at most.
pub(crate) const SLOWEST: Duration = Duration::from_millis(8);

/// What is to be simulated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What everything follows from.
    pub seed: u64,
    /// A mistake to plant.
    pub bug: Option<Bug>,
    /// Whether the trace is printed.
    pub prints: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash of the trace: the same for the same seed and program.
    pub hash: u64,
    /// What was wrong.
    pub violations: Vec<String>,
    /// Calls that ended.
    pub calls: usize,
    /// Calls of which the caller heard an error of ours.
    pub failures: usize,
    /// Polls of providers' futures.
    pub polls: u64,
    /// Planned moves that came about.
    pub moves: u64,
    /// Slots with lists whose state was declared lost.
    pub losses: usize,
    /// Simulated time.
    pub simulated: Duration,
}

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Panics of tasks are caught by their runtime, so they are written down where they happen.
fn witness_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.with_borrow_mut(|panics| panics.push(info.to_string()));
            usual(info);
        }));
    });
}

/// In which order the tasks of a crashed host end follows from their ids, which are counted for the whole process: one simulation at a
/// time, each from an id that is a multiple of this, which the number of lists that the runtime keeps its tasks in divides.
const TASK_LISTS: u64 = 64;

/// Held for a whole simulation.
static ALONE: Mutex<()> = Mutex::new(());

/// Makes the next task's id begin like the first one's of every other simulation.
fn align_tasks() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let next_id = || runtime.spawn(async {}).id().to_string().parse::<u64>().unwrap_or_default();
    while !next_id().is_multiple_of(TASK_LISTS) {}
}

/// Simulates a cluster. A second simulation of the same process waits for the first one's end.
pub fn run(options: &Options) -> Report {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    align_tasks();
    witness_panics();
    PANICS.take();
    chance::begin(options.seed);
    let history = History::new(options.prints);
    let mut sim = Builder::new()
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(3600))
        .min_message_latency(TICK / 2)
        .max_message_latency(SLOWEST)
        .tcp_capacity(4096)
        .rng_seed(options.seed)
        .enable_random_order()
        .build();
    let scene = Scene::set(&mut sim, options, &history);
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| scene.play(&mut sim)));
    let simulated = sim.elapsed();
    if !matches!(ended, Ok(Ok(()))) {
        history.violated(format!("the simulation broke off: {:?}", ended.map_err(|_| "a panic")));
    }
    let last = scene.callers.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut told = history.told();
    let wrong = check::check(&told, &last, DEADLINE);
    told.violations.extend(wrong);
    told.violations.extend(PANICS.take().into_iter().map(|panic| format!("panic: {panic}")));
    let failures = told.calls.iter().filter(|heard| matches!(heard.answer, Answer::Failed(..))).count();
    let of_lists: Vec<Slot> = keys().iter().map(|key| Slot::of_text(key.as_bytes())).collect();
    let report = Report {
        seed: options.seed,
        hash: told.hash(),
        violations: told.violations.clone(),
        calls: told.calls.len(),
        failures,
        polls: told.polls,
        moves: told.moves,
        losses: told.losses.iter().filter(|(slot, _)| of_lists.contains(slot)).count(),
        simulated,
    };
    drop(told);
    report
}

/// Everything that is on the stage.
struct Scene {
    seats: Vec<Arc<Seat>>,
    outside: Vec<String>,
    callers: Callers,
    history: History,
    desk: Arc<Desk>,
    orders_end: Arc<AtomicBool>,
    bug: Option<Bug>,
}

impl Scene {
    fn set(sim: &mut Sim<'_>, options: &Options, history: &History) -> Self {
        let desk_clock = Arc::new(DriftingClock::new(Duration::from_secs(7), chance::below(19) as i32 - 9));
        let desk = Desk::new(desk_clock, history.clone());
        let served = desk.clone();
        sim.host(HOST, move || {
            let desk = served.clone();
            async move { Ok(desk.serve().await?) }
        });
        let callers = Callers::new(history.clone());
        let may_stop = Arc::new(AtomicBool::new(false));
        let seat = |index| Seat::new(index, callers.clone(), history.clone(), options.bug, may_stop.clone());
        let seats: Vec<Arc<Seat>> = (0..NODES + chance::below(2)).map(seat).collect();
        for seat in &seats {
            let seat = seat.clone();
            sim.host(&*seat.name.clone(), move || {
                let seat = seat.clone();
                async move { Ok(seat.live().await?) }
            });
        }
        let seeds: Vec<String> = seats.iter().map(|seat| seat.address()).collect();
        let outside: Vec<String> = (0..OUTSIDE).map(|number| format!("c{number}")).collect();
        for name in &outside {
            let (callers, seeds, bug, name) = (callers.clone(), seeds.clone(), options.bug, name.clone());
            sim.client(&*name.clone(), async move {
                let client = callers::outside(&seeds, bug)?;
                let second = tokio::spawn(callers.clone().call(client.clone(), name.clone()));
                callers.call(client, name).await;
                second.await?;
                Ok(())
            });
        }
        let orders_end = Arc::new(AtomicBool::new(false));
        let (records, history_of_orders, end) = (desk.clone(), history.clone(), orders_end.clone());
        sim.client("operator", async move {
            operator::order(records, history_of_orders, end).await;
            Ok(())
        });
        Self { seats, outside, callers, history: history.clone(), desk, orders_end, bug: options.bug }
    }

    fn play(&self, sim: &mut Sim<'_>) -> turmoil::Result {
        let (seats, history) = (self.seats.clone(), self.history.clone());
        let mut faults = Faults::new(seats, self.outside.clone(), history, self.desk.clone(), FIRST_FAULT);
        while sim.elapsed() < FIRST_FAULT + FAULTY {
            let now = sim.elapsed();
            faults.strike(sim, now);
            faults.restart(sim, now);
            sim.step()?;
        }
        let healed = sim.elapsed();
        self.history.note(healed, "all is healed");
        faults.heal(sim, healed);
        self.orders_end.store(true, Ordering::Relaxed);
        self.until(sim, &faults, healed + SERVED, "every slot is served", |scene, _| scene.unserved())?;
        self.callers.is_over.store(true, Ordering::Relaxed);
        self.until(sim, &faults, healed + QUIET, "the cluster is quiet", Self::unrest)?;
        let limit = sim.elapsed() + READING;
        self.until(sim, &faults, limit, "no call is under way", |scene, _| {
            let left = scene.callers.under_way.load(Ordering::Relaxed);
            (left > 0).then(|| format!("{left} are"))
        })?;
        let (callers, bug) = (self.callers.clone(), self.bug);
        let seeds: Vec<String> = self.seats.iter().map(|seat| seat.address()).collect();
        sim.client("reader", async move {
            callers.clone().read_all(callers::outside(&seeds, bug)?).await;
            Ok(())
        });
        let limit = sim.elapsed() + READING;
        self.until(sim, &faults, limit, "every list is read", |scene, _| {
            let read = scene.callers.last.lock().unwrap_or_else(PoisonError::into_inner).len();
            (read < keys().len()).then(|| format!("{read} lists are"))
        })
    }

    /// Goes on until `lacks` finds nothing any more, or says what, if that does not come by `limit`.
    fn until(
        &self,
        sim: &mut Sim<'_>,
        faults: &Faults,
        limit: Duration,
        what: &str,
        lacks: impl Fn(&Self, Duration) -> Option<String>,
    ) -> turmoil::Result {
        loop {
            let Some(lack) = lacks(self, sim.elapsed()) else { return Ok(()) };
            if sim.elapsed() > limit {
                self.history.violated(format!("it does not come about that {what}: {lack}"));
                return Ok(());
            }
            for _ in 0..50 {
                faults.restart(sim, sim.elapsed());
                sim.step()?;
            }
        }
    }

    /// What is not served, if anything.
    fn unserved(&self) -> Option<String> {
        let mirror = self.desk.picture();
        let is_served = |run: &&Run| {
            let owner = mirror.nodes().get(&run.holding.node).map(|seen| seen.record.incarnation);
            let is_loaded = matches!(run.holding.state, Standing::Stable | Standing::Moving { .. });
            is_loaded && owner == Some(run.holding.incarnation)
        };
        let runs = mirror.buckets(GROUP).flat_map(|(_, bucket)| &bucket.record.runs).filter(is_served);
        let served: u16 = runs.map(|run| run.last.get() - run.first.get() + 1).sum();
        let unserved = Slot::COUNT - served;
        (unserved > 0).then(|| format!("{unserved} slots are not"))
    }

    /// What still goes on, if anything.
    fn unrest(&self, now: Duration) -> Option<String> {
        let mirror = self.desk.picture();
        let copies = mirror.moves().filter(|(_, _, seen)| seen.record.phase == Phase::Copy).count();
        if copies > 0 {
            return Some(format!("{copies} moves go on"));
        }
        let last = self.history.told().last_news;
        (now < last + STILL).then(|| format!("something was written at {last:?}"))
    }
}
