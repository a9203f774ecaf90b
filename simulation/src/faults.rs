//! What goes wrong, and when: drawn from the seed while the simulation goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc_core::cluster::records::Phase;
use rpc_core::node::NodeId;
use turmoil::Sim;

use crate::chance;
use crate::coordinator::{Desk, HOST};
use crate::history::History;
use crate::seat::Seat;

/// Time between two faults.
const BETWEEN: std::ops::Range<u64> = 100..1500;

/// How many nodes may be away at once.
const MOST_AWAY: usize = 2;

/// What ends a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mend {
    Start(String),
    Repair(String, String),
    Release(String, String),
    Hurry(String, String),
}

/// The faults of one simulation.
pub(crate) struct Faults {
    seats: Vec<Arc<Seat>>,
    outside: Vec<String>,
    history: History,
    desk: Arc<Desk>,
    next: Duration,
    mends: Vec<(Duration, Mend)>,
}

impl Faults {
    pub(crate) fn new(
        seats: Vec<Arc<Seat>>,
        outside: Vec<String>,
        history: History,
        desk: Arc<Desk>,
        first: Duration,
    ) -> Self {
        Self { seats, outside, history, desk, next: first, mends: Vec::new() }
    }

    /// Does what is due at `now`.
    pub(crate) fn strike(&mut self, sim: &mut Sim<'_>, now: Duration) {
        self.mend(sim, now);
        if now < self.next {
            return;
        }
        self.next = now + chance::millis(BETWEEN);
        match chance::below(100) {
            0..13 => {
                let seat = chance::below(self.seats.len());
                self.crash(sim, now, &self.seats[seat].name.clone());
            }
            13..20 => {
                if let Some(leader) = self.leader() {
                    self.crash(sim, now, &leader);
                }
            }
            20..25 => self.crash(sim, now, HOST),
            25..31 => self.leave(sim, now),
            31..48 => {
                let (a, b) = (chance::one_of(&self.seats).name.clone(), HOST.to_owned());
                self.cut(sim, now, a, b);
            }
            48..62 => {
                let mover = self.mover().unwrap_or_else(|| chance::one_of(&self.seats).name.clone());
                self.cut(sim, now, mover, HOST.to_owned());
            }
            62..77 => {
                let (a, b) = self.pair();
                self.cut(sim, now, a, b);
            }
            77..89 => {
                let (a, b) = self.pair();
                self.note(now, &format!("hold {a} {b}"));
                sim.hold(&*a, &*b);
                self.mends.push((now + chance::millis(20..800), Mend::Release(a, b)));
            }
            _ => {
                let (a, b) = self.pair();
                self.note(now, &format!("slow {a} {b}"));
                sim.set_link_max_message_latency(&*a, &*b, chance::millis(50..400));
                self.mends.push((now + chance::millis(200..3000), Mend::Hurry(a, b)));
            }
        }
    }

    /// Ends all faults.
    pub(crate) fn heal(&mut self, sim: &mut Sim<'_>, now: Duration) {
        for (due, _) in &mut self.mends {
            *due = now;
        }
        self.mend(sim, now);
    }

    /// Starts again the nodes that have ended by themselves.
    pub(crate) fn restart(&self, sim: &mut Sim<'_>, now: Duration) {
        for seat in &self.seats {
            let is_to_start = self.mends.iter().any(|(_, mend)| *mend == Mend::Start(seat.name.clone()));
            if !is_to_start && !sim.is_host_running(&*seat.name) {
                self.note(now, &format!("start {}", seat.name));
                sim.bounce(&*seat.name);
            }
        }
    }

    fn mend(&mut self, sim: &mut Sim<'_>, now: Duration) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.mends).into_iter().partition(|(due, _)| *due <= now);
        self.mends = later;
        for (_, mend) in due {
            self.note(now, &format!("{mend:?}"));
            match mend {
                Mend::Start(host) => sim.bounce(&*host),
                Mend::Repair(a, b) => sim.repair(&*a, &*b),
                Mend::Release(a, b) => sim.release(&*a, &*b),
                Mend::Hurry(a, b) => sim.set_link_max_message_latency(&*a, &*b, crate::run::SLOWEST),
            }
        }
    }

    fn crash(&mut self, sim: &mut Sim<'_>, now: Duration, host: &str) {
        let is_away = |mend: &Mend| matches!(mend, Mend::Start(other) if other == host);
        let away = self.mends.iter().filter(|(_, mend)| matches!(mend, Mend::Start(_))).count();
        if self.mends.iter().any(|(_, mend)| is_away(mend)) || away >= MOST_AWAY || !sim.is_host_running(host) {
            return;
        }
        self.note(now, &format!("crash {host}"));
        sim.crash(host);
        self.mends.push((now + chance::millis(50..3500), Mend::Start(host.to_owned())));
    }

    fn leave(&mut self, sim: &mut Sim<'_>, now: Duration) {
        let seat = chance::one_of(&self.seats).clone();
        if sim.is_host_running(&*seat.name) {
            self.note(now, &format!("{} is told to leave", seat.name));
            seat.leaves.store(true, Ordering::Relaxed);
        }
    }

    fn cut(&mut self, sim: &mut Sim<'_>, now: Duration, a: String, b: String) {
        match chance::below(3) {
            0 => sim.partition(&*a, &*b),
            1 => sim.partition_oneway(&*a, &*b),
            _ => sim.partition_oneway(&*b, &*a),
        }
        self.note(now, &format!("cut {a} {b}"));
        self.mends.push((now + chance::millis(50..3500), Mend::Repair(a, b)));
    }

    /// A node and another host.
    fn pair(&self) -> (String, String) {
        let node = chance::one_of(&self.seats).name.clone();
        let mut others: Vec<String> = self.seats.iter().map(|seat| seat.name.clone()).collect();
        others.extend(self.outside.iter().cloned());
        others.push(HOST.to_owned());
        others.retain(|other| *other != node);
        let other = chance::one_of(&others).clone();
        (node, other)
    }

    /// A side of a move that is not decided yet: what becomes of it, this node must not guess.
    fn mover(&self) -> Option<String> {
        let picture = self.desk.picture();
        let open = picture.moves().filter(|(_, _, seen)| seen.record.phase == Phase::Copy);
        let sides: Vec<&NodeId> =
            open.flat_map(|(_, _, seen)| [&seen.record.from.node, &seen.record.to.node]).collect();
        if sides.is_empty() {
            return None;
        }
        let side: &NodeId = chance::one_of::<&NodeId>(&sides);
        self.seat_of(side)
    }

    fn leader(&self) -> Option<String> {
        let picture = self.desk.picture();
        self.seat_of(&picture.leader()?.record.node)
    }

    fn seat_of(&self, node: &NodeId) -> Option<String> {
        self.seats.iter().find(|seat| seat.address() == node.as_str()).map(|seat| seat.name.clone())
    }

    fn note(&self, now: Duration, line: &str) {
        self.history.note(now, line);
    }
}
