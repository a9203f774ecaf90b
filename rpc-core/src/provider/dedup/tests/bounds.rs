//! What is remembered is bounded, and nobody uses up for long what others need.

use super::*;

#[tokio::test]
async fn when_bytes_run_short_the_oldest_large_answers_go_and_their_calls_still_never_run_again() {
    let dedup = Dedup::new(CALM);
    executes(begin(&dedup, slot(1), id(9, 1, 0), None)).end(&value("small"));
    // Each by a program that is gone before it could say that it has the answer.
    for session in 100..120 {
        executes(begin(&dedup, slot(1), id(session, 1, 0), None)).end(&large());
        assert!(dedup.table().sizes().2 <= MAX_BYTES);
    }
    for session in 100..117 {
        fails(answers(begin(&dedup, slot(1), id(session, 1, 0), Some(1))), Kind::AnswerDropped, Executed::Yes);
    }
    for session in 117..120 {
        assert_eq!(answers(begin(&dedup, slot(1), id(session, 1, 0), Some(1))).unwrap(), large().unwrap());
    }
    assert_eq!(answers(begin(&dedup, slot(1), id(9, 1, 0), Some(1))).unwrap(), Outcome::Value(Payload::json("small")));
    executes(begin(&dedup, slot(1), id(119, 2, 1), None)).end(&value("0"));
    for session in (100..119).chain([9]) {
        dedup.acknowledge(session, 1);
    }
    assert!(dedup.table().sizes().2 < 1000, "what is dropped counts no more");
}

#[tokio::test]
async fn large_answers_of_many_slots_leave_room_on_the_node() {
    let dedup = Dedup::new(CALM);
    let most = (MAX_BYTES_OF_NODE / crate::limits::MAX_MESSAGE) as u16;
    let one = large();
    for number in 0..most + 8 {
        executes(begin(&dedup, slot(number), id(u64::from(number), 1, 0), None)).end(&one);
    }
    assert!(dedup.table().sizes().2 <= MAX_BYTES_OF_NODE);
    fails(answers(begin(&dedup, slot(0), id(0, 1, 0), Some(1))), Kind::AnswerDropped, Executed::Yes);
    let newest = most + 7;
    assert!(answers(begin(&dedup, slot(newest), id(u64::from(newest), 1, 0), Some(1))).is_ok());
}

#[tokio::test]
async fn a_duplicate_that_waits_gets_an_answer_too_large_to_keep() {
    let dedup = Dedup::new(CALM);
    let first = executes(begin(&dedup, slot(1), id(1, 1, 0), None));
    let Verdict::Wait(waiting) = begin(&dedup, slot(1), id(1, 1, 0), Some(1)) else { panic!("waits") };
    let larger = value(&"x".repeat(MAX_BYTES));
    first.end(&larger);
    assert_eq!(waiting.ended(None).await.unwrap(), larger.unwrap());
    fails(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(1))), Kind::AnswerDropped, Executed::Yes);
}

#[tokio::test]
async fn a_refused_call_leaves_no_session() {
    let dedup = Dedup::new(CALM);
    for sequence in 1..=MAX_RECORDS as u64 {
        executes(begin(&dedup, slot(1), id(1, sequence, 0), None)).end(&value("0"));
    }
    for session in 2..1000 {
        refuses(begin(&dedup, slot(1), id(session, 1, 0), None), Kind::Overloaded, Executed::No);
    }
    dedup.open(slot(2), 5, Content::Empty).unwrap();
    refuses(begin(&dedup, slot(2), id(1001, 1, 0), Some(4)), Kind::Recovering, Executed::Maybe);
    assert_eq!(dedup.table().sizes().0, 1);
}

#[tokio::test(start_paused = true)]
async fn sessions_made_up_for_one_slot_leave_room_for_others_and_go_when_they_are_past_their_need() {
    let dedup = Dedup::new(CALM);
    let wait = Duration::from_secs(10);
    let soon = |id| Arrival { deadline: Some(Deadline::after(wait)), ..arrival(id, None) };
    for session in 0..MAX_SESSIONS_OF_SLOT as u64 {
        executes(dedup.begin(slot(1), &soon(id(session, 1, 0)))).end(&value("0"));
        dedup.acknowledge(session, 1);
    }
    let stranger = id(1 << 40, 1, 0);
    refuses(dedup.begin(slot(1), &soon(stranger)), Kind::Overloaded, Executed::No);
    executes(dedup.begin(slot(1), &soon(id(7, 2, 1)))).end(&value("a session that is known goes on"));
    executes(dedup.begin(slot(2), &soon(stranger))).end(&value("0"));
    tokio::time::advance(wait + STRAY).await;
    refuses(dedup.begin(slot(1), &soon(id(1 << 41, 1, 0))), Kind::Overloaded, Executed::No);
    tokio::time::advance(Duration::from_secs(2)).await;
    executes(dedup.begin(slot(1), &soon(id(1 << 41, 1, 0)))).end(&value("0"));
    assert_eq!(dedup.table().sizes().0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_has_room_again_when_its_calls_are_past_their_need_and_not_before() {
    let dedup = Dedup::new(CALM);
    let wait = Duration::from_secs(10);
    let soon = |id| Arrival { deadline: Some(Deadline::after(wait)), ..arrival(id, None) };
    for session in 0..MAX_RECORDS as u64 {
        executes(dedup.begin(slot(1), &soon(id(session, 1, 0)))).end(&value("0"));
    }
    tokio::time::advance(wait + STRAY - Duration::from_secs(1)).await;
    refuses(dedup.begin(slot(1), &soon(id(1 << 40, 1, 0))), Kind::Overloaded, Executed::No);
    assert!(answers(begin(&dedup, slot(1), id(7, 1, 0), Some(1))).is_ok(), "a stray still finds its record");
    tokio::time::advance(Duration::from_secs(2)).await;
    executes(dedup.begin(slot(1), &soon(id(1 << 40, 1, 0)))).end(&value("0"));
    assert_eq!(dedup.records(slot(1)), 2, "the new one, and the one that was asked for again");
}

#[tokio::test]
async fn a_full_window_refuses_new_calls_and_still_knows_the_old() {
    let dedup = Dedup::new(CALM);
    for sequence in 1..=MAX_RECORDS as u64 {
        executes(begin(&dedup, slot(1), id(1, sequence, 0), None)).end(&value("0"));
    }
    let next = MAX_RECORDS as u64 + 1;
    refuses(begin(&dedup, slot(1), id(1, next, 0), None), Kind::Overloaded, Executed::No);
    refuses(begin(&dedup, slot(1), id(2, 1, 0), None), Kind::Overloaded, Executed::No);
    executes(begin(&dedup, slot(2), id(2, 2, 0), None)).end(&value("0"));
    assert_eq!(answers(begin(&dedup, slot(1), id(1, 1, 0), Some(1))).unwrap(), Outcome::Value(Payload::json("0")));
    executes(begin(&dedup, slot(1), id(1, next, 1), None)).end(&value("0"));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_forgotten_when_nothing_of_it_can_arrive_any_more() {
    let dedup = Dedup::new(CALM);
    executes(begin(&dedup, slot(1), id(1, 1, 0), None)).end(&value("0"));
    tokio::time::advance(MAX_DEADLINE + STRAY).await;
    executes(begin(&dedup, slot(2), id(2, 1, 0), None)).end(&value("0"));
    assert_eq!(dedup.records(slot(1)), 1, "its caller may just still ask");
    tokio::time::advance(Duration::from_secs(61)).await;
    executes(begin(&dedup, slot(2), id(2, 2, 1), None)).end(&value("0"));
    assert_eq!((dedup.records(slot(1)), dedup.table().sizes().0), (0, 1));
}
