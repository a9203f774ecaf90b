//! Peers that answer slowly, or with everything but an answer: E3, E7, E12. The deadline holds in every case.

use std::time::{Duration, Instant};

use wherever::{Executed, Kind};

use super::fake::{Deed, http};
use super::fakes::{Fakes, assert_is, timed};
use super::probe::Probe as _;

/// What a peer does, and its name.
type Scripted = (&'static str, fn() -> Deed);

#[tokio::test]
async fn the_deadline_holds_whatever_the_peer_does() {
    let fakes = Fakes::start(1).await;
    let wait = Duration::from_millis(200);
    let scripts: [Scripted; 6] = [
        ("silence", || Deed::Silence),
        ("half a head", || Deed::Trickle(b"HTTP/1.1 200 x\r\nx: ".iter().chain([&b'y'; 4000]).copied().collect())),
        ("a trickle", || Deed::Trickle(http(200, "application/json", " ".repeat(4000)))),
        ("a body that never comes", || Deed::Flood(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{".into(), Vec::new())),
        ("interim answers", || Deed::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10))),
        ("early hints", || Deed::Flood(Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(10))),
    ];
    for (what, deed) in scripts {
        fakes[0].does(move |_| match deed() {
            // Nothing more to say, and the connection stays open.
            Deed::Flood(once, again) if again.is_empty() => Deed::Trickle(once),
            deed => deed,
        });
        let client = fakes.client().await;
        for repeatable in [false, true] {
            let (began, before) = (Instant::now(), fakes[0].calls());
            let error =
                if repeatable { timed(wait, client.read("k")).await } else { timed(wait, client.write("k")).await };
            assert_is(what, &error, Kind::Deadline, Executed::Maybe);
            assert!(error.message().contains(&format!("no answer from {} by", fakes[0].address)), "{error}");
            assert!(began.elapsed() >= wait - Duration::from_millis(1), "{what}: {:?}", began.elapsed());
            assert_eq!(fakes[0].calls() - before, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn the_time_left_is_told_to_the_peer() {
    let fakes = Fakes::start(1).await;
    fakes[0].does(|asked| {
        let left: u64 = asked.about().left.unwrap();
        asked.reply(&serde_json::json!({"result": left}))
    });
    let client = fakes.client().await;
    let left = wherever::with_deadline(Duration::from_millis(700), client.write("k")).await.unwrap();
    assert!((1..=700).contains(&left), "{left}");
    let left = client.write("k").await.unwrap();
    assert!((9_000..=10_000).contains(&left), "{left}");
}
