//! What a node tells of what is in motion.

use std::time::Duration;

use rpc_core::cluster::mirror::Mirror as Picture;
use rpc_core::cluster::records::{NodeState, Phase, Standing};
use rpc_core::cluster::stuck::Stuck;
use rpc_core::cluster::view::{LiveNode, LiveView, MoveView, StuckView, UnsettledView};

use super::live::{Live, Status};

impl Live {
    /// What is in motion, as this node knows it.
    pub(crate) fn view(&self) -> LiveView {
        let stopped = match self.status() {
            Status::Stopped(why) => Some(why),
            _ => None,
        };
        let authority = &self.here.authority;
        let left = authority.left();
        let standing = match self.status() {
            Status::Stopped(_) => "stopped",
            Status::Fenced => "fenced",
            Status::Left => "left",
            Status::Joining if self.check_started().is_err() => "not_started",
            Status::Joining => "not_yet",
            Status::Member if left.is_zero() => "lapsed",
            Status::Member => "held",
        };
        let mut view = LiveView {
            authority: standing.to_owned(),
            authority_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            stopped,
            ..LiveView::default()
        };
        let Some(current) = self.current() else { return view };
        let picture = current.joined.picture();
        view.revision = picture.revision();
        view.leader = picture.leader().map(|seen| seen.record.node.clone());
        view.nodes = nodes(&picture);
        view.moves = moves(&picture);
        view.orders = current.joined.orders.views(&current.joined, &picture);
        view.stuck = stuck(&picture, current.joined.clock().now());
        view.unsettled = picture.groups().flat_map(|group| unsettled(group, &picture)).collect();
        view.losses = current.joined.holders.iter().flat_map(|holder| holder.losses()).collect();
        view.parked = current.joined.holders.iter().map(|holder| holder.group().parked() as u64).sum();
        view
    }
}

fn nodes(picture: &Picture) -> Vec<LiveNode> {
    let live = |node: &rpc_core::cluster::records::NodeRecord| LiveNode {
        id: node.id.clone(),
        address: node.address.clone(),
        incarnation: node.incarnation.to_string(),
        zone: node.zone.clone(),
        weight: picture.weight(node),
        state: if picture.fence(node.incarnation).is_some() {
            "fenced"
        } else if node.state == NodeState::Leaving {
            "leaving"
        } else if picture.is_drained(&node.id) {
            "draining"
        } else {
            "serving"
        }
        .to_owned(),
        groups: node.groups.clone(),
    };
    picture.nodes().values().map(|seen| live(&seen.record)).collect()
}

fn moves(picture: &Picture) -> Vec<MoveView> {
    let one = |(group, id, seen): (&str, &str, &rpc_core::cluster::mirror::Seen<rpc_core::cluster::records::Move>)| {
        let phase = match seen.record.phase {
            Phase::Copy => "copy",
            Phase::Committed => "committed",
            Phase::Active => "active",
            Phase::Aborted => "aborted",
        };
        MoveView {
            id: id.to_owned(),
            group: group.to_owned(),
            from: seen.record.from.node.clone(),
            to: seen.record.to.node.clone(),
            slots: u32::try_from(seen.record.slots.len()).unwrap_or(u32::MAX),
            phase: phase.to_owned(),
        }
    };
    // One that failed and stays for that is told of as what cannot be moved.
    picture.moves().filter(|(_, id, seen)| Stuck::of(id, seen).is_none()).map(one).collect()
}

fn stuck(picture: &Picture, now: Duration) -> Vec<StuckView> {
    let failed = picture.moves().filter_map(|(group, id, seen)| Some((group, Stuck::of(id, seen)?)));
    let stands = failed.filter(|(group, stuck)| stuck.stands(picture, group));
    let told = stands.map(|(group, stuck)| StuckView {
        group: group.to_owned(),
        from: stuck.seen.record.from.node.clone(),
        to: stuck.seen.record.to.node.clone(),
        slots: stuck.slots().to_vec(),
        why: stuck.failure.why.clone(),
        tries: stuck.seen.record.tries.saturating_add(1),
        again_ms: u64::try_from(stuck.due().saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
    });
    told.collect()
}

fn unsettled(group: &str, picture: &Picture) -> Vec<UnsettledView> {
    let mut runs: Vec<UnsettledView> = Vec::new();
    for run in picture.buckets(group).flat_map(|(_, bucket)| &bucket.record.runs) {
        let state = match run.holding.state {
            Standing::Stable => continue,
            Standing::Moving { .. } => "moving",
            Standing::Recovering { .. } => "recovering",
        };
        match runs.last_mut() {
            Some(last) if last.state == state && last.last.get() + 1 == run.first.get() => last.last = run.last,
            _ => runs.push(UnsettledView {
                group: group.to_owned(),
                first: run.first,
                last: run.last,
                state: state.to_owned(),
            }),
        }
    }
    runs
}
