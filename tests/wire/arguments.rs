//! Arguments of the wrong number, name or type, and those at the edges of their types: group B.

use serde_json::json;

use super::row::{Row, refused_call};
use super::world::{World, call};

fn bad(method: &str, params: &str, says: &'static str) -> Row {
    refused_call(method, params, -32602, says)
}

#[tokio::test]
async fn wrong_arguments_are_named_and_nothing_runs() {
    World::start(2)
        .await
        .refuses([
            bad("add", r#"["k",1]"#, "argument `b` (position 2) is missing"),
            bad("add", r#"{"key":"k","b":1}"#, "argument `a` (position 1) is missing"),
            bad("add", "[]", "argument `key` (position 0)"),
            bad("add", r#"["k",1,2,3]"#, "too many arguments: 4"),
            bad("add", r#"{"key":"k","a":1,"b":2,"c":3}"#, "unknown argument `c`"),
            bad("add", r#"{"key":"k","a":1,"b":2,"b":2}"#, "argument `b` (position 2) is given twice"),
            bad("add", r#"{"key":"k","a":1,"b":2,"\u0062":2}"#, "is given twice"),
            bad("add", r#"["k",null,2]"#, "argument `a` (position 1)"),
            bad("add", r#"["k","1",2]"#, "argument `a` (position 1)"),
            bad("add", r#"["k",1.0,2]"#, "argument `a` (position 1)"),
            bad("add", r#"["k",1,1e2]"#, "argument `b` (position 2)"),
            bad("add", r#"["k",true,2]"#, "argument `a` (position 1)"),
            bad("truth", r#"["k",1]"#, "argument `value` (position 1)"),
            bad("truth", r#"["k","true"]"#, "argument `value` (position 1)"),
            bad("echo", "[7]", "argument `key` (position 0)"),
            bad("echo", "[null]", "argument `key` (position 0)"),
            bad("optional", r#"["k",7]"#, "argument `text` (position 1)"),
            bad("echo", r#"["\ud800"]"#, "argument `key` (position 0)"),
            bad("optional", r#"["k","a\udfff"]"#, "argument `text` (position 1)"),
            bad("color", r#"["k","Green"]"#, "unknown variant"),
            bad("color", r#"["k",{"Red":null,"Blue":null}]"#, "argument `color` (position 1)"),
            bad("shape", r#"["k",{"kind":"oval"}]"#, "unknown variant"),
            bad("shape", r#"["k",{"kind":"round","radius":1,"kind":"square","side":1}]"#, "argument `shape`"),
            bad("shape", r#"["k",{"radius":1}]"#, "argument `shape`"),
            bad("nothing", "[1]", "takes none"),
            bad("nothing", r#"{"a":1}"#, "takes none"),
        ])
        .await;
}

#[tokio::test]
async fn integers_are_exact_or_refused() {
    let world = World::start(2).await;
    for (method, good) in [
        ("add", "-9223372036854775808,0"),
        ("add", "9223372036854775807,0"),
        ("add", "9007199254740993,0"),
        ("unsigned", "18446744073709551615"),
        ("wide", "170141183460469231731687303715884105727"),
        ("wide", "-170141183460469231731687303715884105728"),
        ("wide", "12345678901234567890123"),
        ("widest", "340282366920938463463374607431768211455"),
    ] {
        let result = world.result(method, &format!("[\"k\",{good}]")).await;
        assert_eq!(result, good.strip_suffix(",0").unwrap_or(good), "{method}");
    }
    let rows = [
        ("add", r#"["k",-9223372036854775809,0]"#),
        ("add", r#"["k",9223372036854775808,0]"#),
        ("add", r#"["k",12345678901234567890123,0]"#),
        ("unsigned", r#"["k",18446744073709551616]"#),
        ("unsigned", r#"["k",-1]"#),
        ("wide", r#"["k",170141183460469231731687303715884105728]"#),
        ("widest", r#"["k",340282366920938463463374607431768211456]"#),
        ("widest", r#"["k",-1]"#),
    ];
    world.refuses(rows.map(|(method, params)| bad(method, params, "(position 1)"))).await;
}

#[tokio::test]
async fn floats_are_exact_or_refused() {
    let world = World::start(1).await;
    for (given, back) in [("-0.0", "-0.0"), ("5e-324", "5e-324"), ("1e308", "1e+308"), ("0.1", "0.1"), ("7", "7.0")] {
        let result = world.result("float", &format!("[\"k\",{given}]")).await;
        assert_eq!(result.replace("e+", "e"), back.replace("e+", "e"));
    }
    world
        .refuses([bad("float", r#"["k",1e400]"#, "out of range"), bad("float", r#"["k",null]"#, "(position 1)")])
        .await;
}

#[tokio::test]
async fn an_option_may_be_absent_or_null() {
    let world = World::start(1).await;
    for params in [r#"["k"]"#, r#"["k",null]"#, r#"{"key":"k"}"#, r#"{"text":null,"key":"k"}"#] {
        assert_eq!(world.result("optional", params).await, "null", "{params}");
    }
    assert_eq!(world.result("optional", r#"["k","a\nb"]"#).await, r#""a\nb""#);
}

#[tokio::test]
async fn text_comes_back_as_it_is() {
    let world = World::start(2).await;
    for text in ["🦀𝄞", "e\u{301}\u{323}", "\u{0}\u{7f}\u{2028}", "\"\\/", ""] {
        assert_eq!(world.reply(0, call("echo", &json!([text]))).await["result"], text);
    }
    assert_eq!(world.result("echo", r#"["\ud83e\udd80\u00e9"]"#).await, "\"🦀é\"");
}

#[tokio::test]
async fn a_map_of_a_hundred_thousand_keys_is_read_in_time() {
    let world = World::start(1).await;
    let map: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("{n}"), json!(n))).collect();
    let reply =
        tokio::time::timeout(std::time::Duration::from_secs(9), world.reply(0, call("size", &json!(["k", map]))));
    assert_eq!(reply.await.expect("time linear in the keys")["result"], 100_000);
}
