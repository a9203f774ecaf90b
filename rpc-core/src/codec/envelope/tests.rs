//! Envelopes good and bad, rule by rule.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const MAX_BATCH: usize = 3;

fn one(body: &str) -> Result<Request<'_>, BadRequest<'_>> {
    match parse(body.as_bytes(), MAX_BATCH) {
        Ok(Message::One(request)) => request,
        other => panic!("{body}: {other:?}"),
    }
}

fn invalid(body: &str) -> String {
    let bad = one(body).unwrap_err();
    format!("{} {bad}", bad.id.as_json())
}

fn unparsed(body: impl AsRef<[u8]>) -> Unparsed {
    parse(body.as_ref(), MAX_BATCH).unwrap_err()
}

#[test]
fn a_request_keeps_its_bytes() {
    let request =
        one(r#" {"params":{"n": 1.50},"method":"a.\u0062","id":"\u0041","jsonrpc":"2.0","later":[{}]} "#).unwrap();
    assert_eq!(request.id.as_json(), r#""\u0041""#);
    assert_eq!(request.method, "a.b");
    assert_eq!(request.params_json(), br#"{"n": 1.50}"#);
    let bare = one(r#"{"jsonrpc":"\u0032.0","method":""}"#).unwrap();
    assert!(bare.is_notification() && bare.params.is_none() && bare.params_json().is_empty());
}

#[test]
fn ids_are_integers_strings_or_null() {
    for id in ["0", "-7", "123456789012345678901234567890", "null", r#""""#, r#""a\/\ud800""#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
        let request = one(&body).unwrap();
        assert_eq!(request.id.as_json(), id);
        assert!(!request.is_notification());
    }
    for id in ["1.0", "1e2", "-0.5", "true", "{}", "[1]"] {
        let said = invalid(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#));
        assert!(said.starts_with("null `id` must "), "{said}");
    }
    assert_eq!(one(r#"{"jsonrpc":"2.0","id":7,"method":"m"}"#).unwrap().id.as_u64(), Some(7));
    assert_eq!(one(r#"{"jsonrpc":"2.0","id":-7,"method":"m"}"#).unwrap().id.as_u64(), None);
    assert_ne!(Id::Absent, Id::Null);
}

#[test]
fn bodies_that_are_no_json_are_parse_errors() {
    let bodies: [&[u8]; 16] = [
        b"",
        b" \t\r\n",
        b"\xef\xbb\xbf{}",
        b"{\"method\":\"\xff\"}",
        b"{\0\"\0}\0",
        b"\xfe\xff\0{\0}",
        b"{} {}",
        b"{}x",
        b"[{}],",
        b"{\"id\":01}",
        b"{\"jsonrpc\":\"2.0\",}",
        b"{'id':1}",
        b"{\"x\":\"\n\"}",
        b"nul",
        b"7 7",
        b"\x0c{}",
    ];
    for body in bodies {
        let error = unparsed(body);
        assert_eq!(error.code(), PARSE_ERROR, "{} {error}", body.escape_ascii());
    }
}

#[test]
fn json_of_another_shape_is_invalid() {
    for body in ["null", "0", "-1.5e3", "\"\"", "true", "[]", " [ ] "] {
        assert_eq!(unparsed(body).code(), INVALID_REQUEST, "{body}");
    }
    assert_eq!(unparsed("[1,2,3,4]").to_string(), "a batch of 4 requests is over the limit of 3");
}

#[test]
fn doubled_members_are_parse_errors_wherever_they_are() {
    let full = r#""jsonrpc":"2.0","id":1,"method":"m","params":[]"#;
    for doubled in
        [r#""id":1"#, r#""\u0069d":2"#, r#""method":"m""#, r#""params":{}"#, r#""jsonrpc":"2.0""#, r#""x":1,"x":1"#]
    {
        for body in [format!("{{{full},{doubled}}}"), format!("[{{{full}}},{{{full},{doubled}}}]")] {
            let error = unparsed(&body);
            assert_eq!(error.code(), PARSE_ERROR, "{body}");
            assert!(error.to_string().contains("two members named"), "{error}");
        }
    }
    let name = "x".repeat(1_000_000);
    let error = unparsed(format!(r#"{{"{name}":1,"{name}":1}}"#)).to_string();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn faulty_requests_are_refused_with_their_id() {
    let cases = [
        (r#"{}"#, "null `jsonrpc` must be \"2.0\""),
        (r#"{"id":1,"method":"m"}"#, "1 `jsonrpc` must be \"2.0\""),
        (r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, "1 `jsonrpc` must be \"2.0\""),
        (r#"{"jsonrpc":"1.0","id":"a","method":"m"}"#, "\"a\" `jsonrpc` must be \"2.0\""),
        (r#"{"jsonrpc":"2.0","id":1}"#, "1 `method` is missing"),
        (r#"{"jsonrpc":"2.0","method":1}"#, "null `method` must be a string"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, "1 `method` must be a string"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#,
            "1 `params` must be an object or an array, or left out",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":"a"}"#,
            "1 `params` must be an object or an array, or left out",
        ),
    ];
    for (body, said) in cases {
        assert_eq!(invalid(body), said, "{body}");
    }
    let many: Vec<_> = (0..33).map(|n| format!("\"x{n}\":0")).collect();
    assert!(invalid(&format!("{{{}}}", many.join(","))).contains("more than 32 members"));
    assert!(one(&format!(r#"{{{},"jsonrpc":"2.0","method":"m"}}"#, many[1..].join(","))).is_ok());
}

#[test]
fn a_batch_answers_each_element_for_itself() {
    let body = br#"[1, {"jsonrpc":"2.0","id":1,"method":"m"}, {"jsonrpc":"2.0","id":2}]"#;
    let Ok(Message::Batch(requests)) = parse(body, MAX_BATCH) else { panic!("a batch") };
    let ids: Vec<_> =
        requests.iter().map(|r| r.as_ref().map(|r| r.id.as_u64()).map_err(|bad| bad.id.as_json())).collect();
    assert_eq!(ids, [Err("null"), Ok(Some(1)), Err("2")]);
    assert!(matches!(parse(br#"[["svc","m",[1]]]"#, MAX_BATCH), Ok(Message::Batch(all)) if all[0].is_err()));
}

#[test]
fn messages_nest_to_the_limit() {
    let nested = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"m","params":[{value}]}}]"#)
    };
    assert!(parse(nested(127).as_bytes(), MAX_BATCH).is_ok());
    for depth in [128, 100_000] {
        let error = unparsed(nested(depth));
        assert_eq!(error, Unparsed::Parse("the body is nested deeper than 130 levels".to_owned()));
    }
    let open = format!(r#"{{"jsonrpc":"2.0","x":{}"#, "[".repeat(1_000_000));
    assert_eq!(unparsed(open).code(), PARSE_ERROR);
}

#[test]
fn replies_are_read_strictly() {
    let reply = parse_reply(br#"{"jsonrpc":"2.0","id":7,"result":null,"covered":[[0,1]],"later":1}"#).unwrap();
    assert_eq!(reply.id.as_u64(), Some(7));
    assert_eq!(reply.answer.unwrap().get(), "null");
    assert_eq!(reply.covered.unwrap().get(), "[[0,1]]");
    let bad = [
        "",
        "[]",
        "null",
        "<html>",
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"2.0","result":1}"#,
        r#"{"id":7,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":1,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":1,"error":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":1,"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":"no"}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1.0,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":99999999999999999999,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":1} x"#,
    ];
    for body in bad {
        assert!(parse_reply(body.as_bytes()).is_err(), "{body}");
    }
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}"#, "[".repeat(1_000_000));
    assert!(parse_reply(deep.as_bytes()).unwrap_err().to_string().contains("nested deeper than"));
}

#[test]
fn replies_are_written_as_the_specification_has_them() {
    let mut out = Vec::new();
    write_result(&mut out, &Id::Absent, b"[1]");
    assert_eq!(out, br#"{"jsonrpc":"2.0","id":null,"result":[1]}"#);
    out.clear();
    write_covered_result(&mut out, &Id::Null, b"1", b"[]");
    assert_eq!(out, br#"{"jsonrpc":"2.0","id":null,"result":1,"covered":[]}"#);
    out.clear();
    write_error(&mut out, &Id::Null, -32700, "a \"b\"", Some(b"{}"));
    assert_eq!(out, br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a \"b\"","data":{}}}"#);
}

proptest! {
    #[test]
    fn requests_survive_the_wire(id in any::<u64>(), method in any::<String>(), n in any::<Option<i64>>()) {
        let params = n.map(|n| json!({ "n": n }).to_string()).unwrap_or_default();
        let mut out = Vec::new();
        write_request(&mut out, id, &method, params.as_bytes());
        let text = String::from_utf8(out).unwrap();
        let request = one(&text).unwrap();
        prop_assert_eq!(request.id.as_u64(), Some(id));
        prop_assert_eq!(&request.method, &method);
        prop_assert_eq!(request.params_json(), params.as_bytes());
        let mut again = Vec::new();
        write_forwarded(&mut again, &request);
        prop_assert_eq!(again, text.as_bytes());
        let mut notice = Vec::new();
        write_notification(&mut notice, &method, params.as_bytes());
        prop_assert!(one(std::str::from_utf8(&notice).unwrap()).unwrap().is_notification());
    }

    #[test]
    fn replies_survive_the_wire(id in any::<String>(), code in any::<i32>(), message in any::<String>(), data in any::<Option<u8>>()) {
        let id = serde_json::value::to_raw_value(&id).unwrap();
        let data = data.map(|data| data.to_string());
        let mut out = Vec::new();
        write_error(&mut out, &Id::Text(&id), code, &message, data.as_deref().map(str::as_bytes));
        let reply = parse_reply(&out).unwrap();
        prop_assert_eq!(reply.id, Id::Text(&id));
        let error = reply.answer.unwrap_err();
        prop_assert_eq!((error.code, &*error.message), (code.into(), &*message));
        prop_assert_eq!(error.data.map(RawValue::get), data.as_deref());

        out.clear();
        write_result(&mut out, &Id::Text(&id), message_json(&message).as_bytes());
        let reply = parse_reply(&out).unwrap();
        prop_assert_eq!(reply.answer.unwrap().get(), message_json(&message));
    }
}

fn message_json(message: &str) -> String {
    Value::from(message).to_string()
}

proptest! {
    /// The short way says what the long one says, or nothing: also where a byte of the usual form is another.
    #[test]
    fn the_usual_form_reads_like_any_other(
        id in "[0-9]{1,3}",
        name in "[A-Za-z.]{0,5}",
        value in prop::sample::select(vec!["1", "{}", "[{}]", r#"{"a":"}"}"#, "{},\"x\":1", "{},\"error\":{}", " {} ", "{", "\"\\n\""]),
        place in any::<prop::sample::Index>(),
        byte in prop::sample::select(b"0,:{}[]\"\\ a".to_vec()),
        spoil in any::<bool>(),
    ) {
        let asked = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{name}","params":{value}}}"#);
        let answered = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{value}}}"#);
        let spoiled = |text: String| {
            let mut bytes = text.into_bytes();
            if spoil {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            String::from_utf8(bytes).unwrap()
        };
        let (asked, answered) = (spoiled(asked), spoiled(answered));
        if let Some(short) = usual::request(&asked) {
            let long = request::read_request(&asked).unwrap().unwrap();
            prop_assert_eq!(format!("{short:?}"), format!("{long:?}"));
        }
        if let Some(short) = usual::reply(&answered) {
            let long = reply::read_reply(&answered).unwrap();
            prop_assert_eq!(format!("{short:?}"), format!("{long:?}"));
        }
    }
}

#[test]
fn what_our_nodes_write_has_the_usual_form() {
    let mut text = Vec::new();
    write_request(&mut text, 7, "A.b", b"{}");
    assert!(usual::request(std::str::from_utf8(&text).unwrap()).is_some());
    let id = one(std::str::from_utf8(&text).unwrap()).unwrap().id;
    let mut text = Vec::new();
    write_result(&mut text, &id, b"{}");
    assert_eq!(text.len(), text.capacity());
    assert!(usual::reply(std::str::from_utf8(&text).unwrap()).is_some());
}
