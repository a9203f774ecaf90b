//! A call that is sent twice runs once, whatever happens in between.

mod bounds;
mod codecs;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::call::id::Session;
use crate::state::{Content, SlotState, StateError};

const CALM: Duration = Duration::ZERO;

/// The epoch of every slot, if nothing else is said.
const NOW: u64 = 9;

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn id(session: u64, sequence: u64, acked: u64) -> CallId {
    CallId { session, sequence, acked }
}

/// A call of one method with the same arguments, with the longest deadline.
fn arrival(id: CallId, first_epoch: Option<u64>) -> Arrival {
    Arrival {
        id,
        first_epoch,
        epoch: NOW,
        print: Print::of("Ledger.add", &Payload::json("{}")),
        compact: None,
        deadline: None,
    }
}

fn begin(dedup: &Arc<Dedup>, slot: Slot, id: CallId, first_epoch: Option<u64>) -> Verdict {
    dedup.begin(slot, &arrival(id, first_epoch))
}

fn value(text: &str) -> Ended {
    Ok(Outcome::Value(Payload::json(text.to_owned())))
}

#[track_caller]
fn executes(verdict: Verdict) -> Recording {
    match verdict {
        Verdict::Execute(recording) => recording,
        Verdict::Wait(_) => panic!("waits"),
        Verdict::Answer(ended) => panic!("has run: {ended:?}"),
        Verdict::Refuse(error) => panic!("refused: {error}"),
    }
}

#[track_caller]
fn answers(verdict: Verdict) -> Ended {
    match verdict {
        Verdict::Answer(ended) => ended,
        _ => panic!("no answer"),
    }
}

#[track_caller]
fn refuses(verdict: Verdict, kind: Kind, executed: Executed) {
    let Verdict::Refuse(error) = verdict else { panic!("not refused") };
    assert_eq!((error.kind(), error.executed()), (kind, executed), "{error}");
}

#[track_caller]
fn fails(ended: Ended, kind: Kind, executed: Executed) {
    let error = ended.expect_err("failed");
    assert_eq!((error.kind(), error.executed()), (kind, executed), "{error}");
}

#[tokio::test]
async fn a_duplicate_waits_for_the_first_and_gets_its_answer() {
    let dedup = Dedup::new(CALM);
    let first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    let Verdict::Wait(waiting) = begin(&dedup, slot(1), id(1, 1, 0), Some(1)) else { panic!("waits") };
    let waiting = tokio::spawn(waiting.ended(None));
    first.end(&value("7"));
    assert_eq!(waiting.await.unwrap().unwrap(), Outcome::Value(Payload::json("7")));
    assert_eq!(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(1))).unwrap(), Outcome::Value(Payload::json("7")));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_waits_no_longer_than_its_deadline() {
    let dedup = Dedup::new(CALM);
    let _first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    let Verdict::Wait(waiting) = begin(&dedup, slot(1), id(1, 1, 0), Some(1)) else { panic!("waits") };
    let until = Instant::now() + Duration::from_secs(1);
    fails(waiting.ended(Some(until)).await, Kind::Deadline, Executed::Maybe);
}

#[tokio::test]
async fn a_call_that_ended_half_way_is_a_maybe_for_its_duplicates_and_never_runs_again() {
    let dedup = Dedup::new(CALM);
    let first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    let Verdict::Wait(waiting) = begin(&dedup, slot(1), id(1, 1, 0), None) else { panic!("waits") };
    drop(first);
    fails(waiting.ended(None).await, Kind::Internal, Executed::Maybe);
    fails(answers(begin(&dedup, slot(1), id(1, 1, 0), None)), Kind::Internal, Executed::Maybe);
    let second = executes(begin(&dedup, slot(1), id(1, 2, 0), None));
    second.end(&Err(RpcError::new(Kind::Panicked, "the provider panicked")));
    fails(answers(begin(&dedup, slot(1), id(1, 2, 0), Some(1))), Kind::Panicked, Executed::Maybe);
}

#[tokio::test]
async fn what_the_session_has_the_answer_of_is_dropped_in_every_slot_and_never_runs_again() {
    let dedup = Dedup::new(CALM);
    for sequence in 1..=4 {
        executes(begin(&dedup, slot(sequence as u16), id(1, sequence, 0), None)).end(&value("0"));
    }
    let _running = executes(begin(&dedup, slot(9), id(1, 5, 3), None));
    let held: Vec<_> = (1..=9).map(|number| dedup.records(slot(number))).collect();
    assert_eq!(held, [0, 0, 0, 1, 0, 0, 0, 0, 1]);
    assert!(dedup.is_answered(id(1, 3, 0)) && !dedup.is_answered(id(1, 4, 0)) && !dedup.is_answered(id(2, 1, 0)));
    refuses(begin(&dedup, slot(2), id(1, 2, 0), None), Kind::InvalidRequest, Executed::Maybe);
    assert_eq!(dedup.table().sizes().1, 2, "a slot without records costs nothing");
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_runs_leaves_nothing_behind() {
    let dedup = Dedup::new(CALM);
    let first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    let Verdict::Wait(waiting) = begin(&dedup, slot(1), id(1, 1, 0), None) else { panic!("waits") };
    executes(begin(&dedup, slot(2), id(1, 2, 1), None)).end(&value("0"));
    fails(waiting.ended(None).await, Kind::Cancelled, Executed::Maybe);
    first.end(&value("0"));
    assert_eq!(dedup.records(slot(1)), 0);
}

#[tokio::test]
async fn one_id_in_two_slots_is_refused() {
    let dedup = Dedup::new(CALM);
    executes(begin(&dedup, slot(1), id(1, 1, 0), None)).end(&value("0"));
    refuses(begin(&dedup, slot(2), id(1, 1, 0), None), Kind::InvalidRequest, Executed::No);
}

/// An answer of which four fill the window of a slot.
fn large() -> Ended {
    value(&format!("\"{}\"", "x".repeat(crate::limits::MAX_MESSAGE - 2)))
}

#[tokio::test]
async fn a_session_that_has_nothing_more_to_send_still_says_that_it_has_its_answers() {
    let dedup = Dedup::new(CALM);
    executes(begin(&dedup, slot(1), id(1, 1, 0), None)).end(&value("0"));
    executes(begin(&dedup, slot(2), id(1, 2, 0), None)).end(&value("0"));
    dedup.acknowledge(1, 2);
    dedup.acknowledge(77, 5);
    assert_eq!(dedup.table().sizes(), (1, 0, 0), "and one that nobody knows leaves nothing");
    refuses(begin(&dedup, slot(1), id(1, 1, 0), Some(1)), Kind::InvalidRequest, Executed::Maybe);
}

#[tokio::test]
async fn one_id_for_two_methods_or_other_arguments_is_refused() {
    let dedup = Dedup::new(CALM);
    let first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    for print in [Print::of("Ledger.take", &Payload::json("{}")), Print::of("Ledger.add", &Payload::json("{\"by\":1}"))]
    {
        let other = Arrival { print, ..arrival(id(1, 1, 0), Some(1)) };
        refuses(dedup.begin(slot(1), &other), Kind::InvalidRequest, Executed::No);
    }
    first.end(&value("7"));
    let other = Arrival { print: Print::of("Ledger.take", &Payload::json("{}")), ..arrival(id(1, 1, 0), None) };
    refuses(dedup.begin(slot(1), &other), Kind::InvalidRequest, Executed::No);
    assert!(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(1))).is_ok());
}

#[tokio::test]
async fn a_retry_from_before_the_history_is_a_maybe() {
    let dedup = Dedup::new(CALM);
    dedup.open(slot(1), 5, Content::Empty).unwrap();
    refuses(begin(&dedup, slot(1), id(1, 1, 0), Some(4)), Kind::Recovering, Executed::Maybe);
    executes(begin(&dedup, slot(1), id(1, 2, 0), Some(5))).end(&value("0"));
    executes(begin(&dedup, slot(1), id(1, 3, 0), None)).end(&value("0"));
    dedup.forget(slot(1));
    dedup.open(slot(1), 6, Content::Kept).unwrap();
    refuses(begin(&dedup, slot(1), id(1, 2, 0), Some(6)), Kind::Recovering, Executed::Maybe);
}

#[tokio::test]
async fn a_retry_from_an_epoch_that_has_not_come_is_a_maybe() {
    let dedup = Dedup::new(CALM);
    for first in [NOW + 1, u64::MAX] {
        refuses(begin(&dedup, slot(1), id(1, 1, 0), Some(first)), Kind::Recovering, Executed::Maybe);
    }
    executes(begin(&dedup, slot(1), id(1, 1, 0), Some(NOW))).end(&value("7"));
    assert!(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(NOW + 1))).is_ok(), "what it knows it does not doubt");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_keeps_its_epochs_through_a_restart_doubts_its_history_for_a_while() {
    let dedup = Dedup::new(RESTART_DOUBT);
    dedup.open(slot(1), 1, Content::Empty).unwrap();
    refuses(begin(&dedup, slot(1), id(1, 1, 0), Some(1)), Kind::Recovering, Executed::Maybe);
    executes(begin(&dedup, slot(1), id(1, 2, 0), None)).end(&value("0"));
    assert!(answers(begin(&dedup, slot(1), id(1, 2, 0), Some(1))).is_ok(), "what it knows it does not doubt");
    tokio::time::advance(RESTART_DOUBT).await;
    executes(begin(&dedup, slot(1), id(1, 3, 0), Some(1))).end(&value("0"));
}

/// Hands slot 1 over, in pieces of `max_bytes`, with `change` after each.
fn hand_over(from: &Dedup, to: &Dedup, epoch: u64, max_bytes: usize, mut change: impl FnMut()) {
    from.begin_copy(slot(1)).unwrap();
    loop {
        let pulled = from.pull(slot(1), max_bytes).unwrap();
        to.stage(slot(1), &pulled.piece).unwrap();
        if pulled.pending == 0 {
            break;
        }
        change();
    }
    hand_on(from, to, max_bytes, epoch);
}

#[tokio::test]
async fn records_move_with_their_slot() {
    let (from, to) = (Dedup::new(CALM), Dedup::new(CALM));
    from.open(slot(1), 3, Content::Empty).unwrap();
    let failure = Outcome::Failure {
        message: "sold \"out\"".into(),
        data: Payload::json(r#"{"left":[0,-0.5,18446744073709551615]}"#),
    };
    let ends = [
        Ok(Outcome::Value(Payload::json("null"))),
        Ok(Outcome::Value(Payload::json(r#""ü\n""#))),
        Ok(failure),
        Err(RpcError::new(Kind::Panicked, "x").at_slot(slot(1), 3)),
    ];
    for (sequence, ended) in (1..).zip(&ends) {
        executes(begin(&from, slot(1), id(u64::MAX, sequence, 0), None)).end(ended);
    }
    hand_over(&from, &to, 4, 1, || ());
    for (sequence, ended) in (1..).zip(ends) {
        let moved = answers(begin(&to, slot(1), id(u64::MAX, sequence, 0), Some(3)));
        match (moved, ended) {
            (Ok(moved), Ok(ended)) => assert_eq!(moved, ended),
            (Err(moved), Err(ended)) => assert_eq!(moved.record(), ended.record()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(from.table().sizes().1, 0);
    refuses(begin(&to, slot(1), id(7, 1, 0), Some(2)), Kind::Recovering, Executed::Maybe);
    executes(begin(&to, slot(1), id(7, 2, 0), Some(3))).end(&value("the history goes back to epoch 3"));
}

#[tokio::test(start_paused = true)]
async fn marks_prints_and_how_long_they_are_needed_move_with_their_slot() {
    let (from, to) = (Dedup::new(CALM), Dedup::new(CALM));
    let soon = |id| Arrival { deadline: Some(Deadline::after(Duration::from_secs(10))), ..arrival(id, None) };
    for session in 1..=5 {
        executes(from.begin(slot(1), &soon(id(session, 1, 0)))).end(&large());
    }
    hand_over(&from, &to, 4, 1, || ());
    fails(answers(begin_again(&to, id(1, 1, 0))), Kind::AnswerDropped, Executed::Yes);
    assert_eq!(answers(begin_again(&to, id(5, 1, 0))).unwrap(), large().unwrap());
    let other = Arrival { print: Print::of("Ledger.take", &Payload::json("{}")), ..soon(id(2, 1, 0)) };
    refuses(to.begin(slot(1), &other), Kind::InvalidRequest, Executed::No);
    tokio::time::advance(Duration::from_secs(71) + STRAY).await;
    executes(to.begin(slot(2), &soon(id(6, 1, 0)))).end(&value("0"));
    assert_eq!(to.records(slot(1)), 0);
}

/// Asks again for a call of slot 1, as late as its deadline allows.
fn begin_again(dedup: &Arc<Dedup>, id: CallId) -> Verdict {
    let soon = Some(Deadline::after(Duration::from_secs(10)));
    dedup.begin(slot(1), &Arrival { deadline: soon, ..arrival(id, Some(3)) })
}

#[tokio::test]
async fn records_of_a_build_that_knows_no_prints_are_taken_over() {
    let to = Dedup::new(CALM);
    let piece = r#"{"v":1,"since":3,"done":[{"session":1,"sequence":1,"acked":0,"answer":{"value":7}}],"gone":[]}"#;
    to.stage(slot(1), piece.as_bytes()).unwrap();
    to.open(slot(1), 4, Content::Staged).unwrap();
    assert_eq!(answers(begin(&to, slot(1), id(1, 1, 0), Some(3))).unwrap(), Outcome::Value(Payload::json("7")));
}

#[tokio::test]
async fn a_running_call_is_copied_when_it_has_ended() {
    let (from, to) = (Dedup::new(CALM), Dedup::new(CALM));
    let mut running = Some(executes(begin(&from, slot(1), id(1, 1, 0), None)));
    executes(begin(&from, slot(1), id(1, 2, 0), None)).end(&value("0"));
    executes(begin(&from, slot(1), id(1, 3, 0), None)).end(&value("0"));
    hand_over(&from, &to, 2, 1, || {
        if let Some(running) = running.take() {
            running.end(&value("1"));
        }
    });
    assert_eq!(answers(begin(&to, slot(1), id(1, 1, 0), Some(1))).unwrap(), Outcome::Value(Payload::json("1")));
}

#[tokio::test]
async fn a_piece_of_another_form_is_unreadable() {
    let dedup = Dedup::new(CALM);
    for (piece, expected) in [(r#"{"v":2}"#, "version 2"), (r#"{"v":1}"#, "missing field"), ("[]", "invalid")] {
        match dedup.stage(slot(1), piece.as_bytes()) {
            Err(StateError::Unreadable { why, .. }) => assert!(why.contains(expected), "{piece}: {why}"),
            other => panic!("{piece}: {other:?}"),
        }
    }
    assert_eq!(dedup.staged(slot(1)).unwrap(), 0);
}

#[derive(Clone, Debug)]
enum Op {
    /// Sends the call of this offset behind the session's first unanswered one, again if it was sent before.
    Send { session: u64, ahead: u64 },
    /// Ends the oldest running call.
    End,
    /// The session has got all answers but the newest so many.
    Acknowledge { session: u64, but: u64 },
    /// The slot goes to the other node.
    Move { max_bytes: usize },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => (0..3_u64, 0..4_u64).prop_map(|(session, ahead)| Op::Send { session, ahead }),
        5 => Just(Op::End),
        2 => (0..3_u64, 0..3_u64).prop_map(|(session, but)| Op::Acknowledge { session, but }),
        1 => (1..400_usize).prop_map(|max_bytes| Op::Move { max_bytes }),
    ];
    prop::collection::vec(op, 1..200)
}

/// An answer that no other call gives.
fn answer_of((session, sequence): (u64, u64)) -> Ended {
    value(&format!("[{session},{sequence}]"))
}

proptest! {
    #[test]
    fn no_call_runs_twice_and_every_duplicate_hears_the_same(ops in ops()) {
        let mut nodes = [Dedup::new(CALM), Dedup::new(CALM)];
        let mut epoch = 1;
        nodes[0].open(slot(1), epoch, Content::Empty).unwrap();
        let mut running: Vec<((u64, u64), Recording)> = Vec::new();
        let mut ran: HashMap<(u64, u64), bool> = HashMap::new();
        let mut acked = [0; 3];
        for op in ops {
            match op {
                Op::Send { session, ahead } => {
                    let acked = acked[session as usize];
                    let call = (session, acked + 1 + ahead);
                    let again = ran.contains_key(&call).then_some(1);
                    match begin(&nodes[0], slot(1), id(session, call.1, acked), again) {
                        Verdict::Execute(recording) => {
                            prop_assert!(ran.insert(call, false).is_none(), "{call:?} runs twice");
                            running.push((call, recording));
                        }
                        Verdict::Wait(_) => prop_assert_eq!(ran.get(&call), Some(&false)),
                        Verdict::Answer(ended) => {
                            prop_assert_eq!(ran.get(&call), Some(&true));
                            prop_assert_eq!(ended.unwrap(), answer_of(call).unwrap());
                        }
                        Verdict::Refuse(error) => prop_assert!(false, "{error}"),
                    }
                }
                Op::End if !running.is_empty() => {
                    let (call, recording) = running.remove(0);
                    recording.end(&answer_of(call));
                    ran.insert(call, true);
                }
                Op::End => {}
                Op::Acknowledge { session, but } => {
                    // Only what has ended can be answered.
                    let acked = &mut acked[session as usize];
                    let answered = (*acked + 1..).take_while(|sequence| ran.get(&(session, *sequence)) == Some(&true)).count() as u64;
                    *acked += answered.saturating_sub(but);
                }
                Op::Move { max_bytes } => {
                    epoch += 1;
                    // Calls end during the copy, the last of them before its last piece.
                    let mut ends = std::mem::take(&mut running);
                    let [from, to] = &nodes;
                    let mut end = |call: (u64, u64), recording: Recording| {
                        recording.end(&answer_of(call));
                        ran.insert(call, true);
                    };
                    let half = ends.split_off(ends.len() / 2);
                    let mut ends = ends.into_iter();
                    half.into_iter().for_each(|(call, recording)| end(call, recording));
                    from.begin_copy(slot(1)).unwrap();
                    to.stage(slot(1), &from.pull(slot(1), max_bytes).unwrap().piece).unwrap();
                    ends.by_ref().for_each(|(call, recording)| end(call, recording));
                    hand_on(from, to, max_bytes, epoch);
                    nodes.swap(0, 1);
                }
            }
        }
    }
}

/// The rest of a hand-over that has begun.
fn hand_on(from: &Dedup, to: &Dedup, max_bytes: usize, epoch: u64) {
    loop {
        let pulled = from.pull(slot(1), max_bytes).unwrap();
        if pulled.piece.is_empty() {
            break;
        }
        to.stage(slot(1), &pulled.piece).unwrap();
    }
    assert_eq!(from.entries(slot(1)).unwrap(), to.staged(slot(1)).unwrap());
    from.end_copy(slot(1));
    to.open(slot(1), epoch, Content::Staged).unwrap();
    from.forget(slot(1));
}

#[test]
fn calls_that_leave_no_record_at_their_caller_are_no_old_duplicates_where_they_are_recorded() {
    // Of a build in which the method was idempotent, at a node of one in which it is not any more.
    let dedup = Dedup::new(CALM);
    let session = Session::new();
    let _recording = executes(begin(&dedup, slot(1), session.plain(), None));
    for _ in 0..2 {
        let recorded = session.open();
        let _recording = executes(begin(&dedup, slot(1), recorded.id(), None));
    }
    for _ in 0..100 {
        let _recording = executes(begin(&dedup, slot(1), session.plain(), None));
    }
    assert!(dedup.records(slot(1)) <= 2, "each goes with the next, as nobody says anything of them otherwise");
}
