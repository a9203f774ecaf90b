//! What a node keeps of calls that may be sent twice, as anybody on the wire sees it.

use rpc_core::slot::Slot;
use serde_json::{Value, json};

use super::world::{SESSION, World, call};

fn add(a: i64) -> String {
    call("add", &json!(["k", a, 1]))
}

fn told(reply: &Value) -> (Value, Value) {
    (reply["error"]["data"]["kind"].clone(), reply["error"]["data"]["executed"].clone())
}

#[tokio::test]
async fn an_id_names_one_call() {
    let world = World::start(1).await;
    let lines = world.headers(Slot::of_text(b"k"), 1, 5);
    assert_eq!(world.reply_with(0, &lines, add(1)).await["result"], 2);
    assert_eq!(world.reply_with(0, &lines, add(1)).await["result"], 2, "the same call again");
    for other in [add(2), call("unsigned", &json!(["k", 1])), call("refuse", &json!(["k", 1]))] {
        let reply = world.reply_with(0, &lines, other.clone()).await;
        assert_eq!(told(&reply), (json!("invalid_request"), json!("no")), "{other}: {reply}");
    }
    world.unharmed("ids of other calls", 1).await;
}

#[tokio::test]
async fn a_session_says_which_answers_it_has_and_they_are_kept_no_longer() {
    let world = World::start(1).await;
    let lines = |sequence| world.headers(Slot::of_text(b"k"), 1, sequence);
    let answered = json!({"jsonrpc": "2.0", "id": 1, "method": "wherever.answered"}).to_string();
    assert_eq!(world.reply_with(0, &lines(5), add(1)).await["result"], 2);
    let says = lines(6).replace(&format!("{SESSION}-6-0"), &format!("{SESSION}-6-5"));
    let stranger = says.replace(SESSION, "00c0ffee00c0ffef");
    assert_eq!(world.reply_with(0, &stranger, answered.clone()).await["result"], true);
    assert_eq!(world.reply_with(0, &lines(5), add(1)).await["result"], 2, "a stranger says nothing of it");
    assert_eq!(world.reply_with(0, &says, answered.clone()).await["result"], true);
    let again = world.reply_with(0, &lines(5), add(1)).await;
    assert_eq!(told(&again), (json!("invalid_request"), json!("maybe")), "{again}");

    let of_nobody = world.reply_with(0, "", answered).await;
    assert_eq!(told(&of_nobody), (json!("invalid_request"), json!("no")), "{of_nobody}");
    let with_more = json!({"jsonrpc": "2.0", "id": 1, "method": "wherever.answered", "params": {}}).to_string();
    let refused = world.reply_with(0, &says, with_more).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    world.unharmed("acknowledgements", 1).await;
}
