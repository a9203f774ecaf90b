//! Arguments good and bad, by name and by position.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::text::MAX_ERROR_TEXT;

const NAMES: &[&str] = &["code", "url"];

fn parse(params: &str) -> Args<'_> {
    Args::parse(NAMES, params.as_bytes()).unwrap()
}

fn refused(params: impl AsRef<[u8]>) -> String {
    let error = Args::parse(NAMES, params.as_ref()).unwrap_err();
    assert!(error.to_string().len() <= MAX_ERROR_TEXT);
    error.to_string()
}

#[test]
fn arguments_come_by_name_or_by_position() {
    for params in [r#" {"url":[1, 2],"code":"a"} "#, r#"["a",[1, 2]]"#, r#"{"\u0063ode":"a","url":[1,2]}"#] {
        let args = parse(params);
        assert_eq!(args.get::<&str>(0), Ok("a"));
        assert_eq!(args.get::<Vec<u8>>(1), Ok(vec![1, 2]));
    }
}

#[test]
fn absent_arguments_are_none_or_missing() {
    for params in ["", "{}", "[]"] {
        let args = parse(params);
        assert_eq!(args.get::<Option<u8>>(1), Ok(None));
        assert_eq!(args.optional_text(1), Ok(None));
        let error = args.get::<u8>(0).unwrap_err();
        assert_eq!(error.to_string(), "argument `code` (position 0) is missing");
        assert_eq!(error.argument, Some(0));
        assert_eq!(args.text(0), Err(error));
        assert!(args.get::<()>(0).is_err());
        assert!(args.get::<Value>(0).is_err());
    }
    assert_eq!(parse("[null, null]").get::<Option<u8>>(0), Ok(None));
    assert_eq!(parse("[null, null]").optional_text(1), Ok(None));
    assert!(parse("[null]").text(0).is_err());
    assert!(parse("[null]").get::<u8>(0).is_err());
}

#[test]
fn text_is_borrowed_from_the_message_unless_escaped() {
    let args = parse(r#"{"code":"aé","url":"a\/"}"#);
    assert!(matches!(args.text(0), Ok(Cow::Borrowed("aé"))));
    assert!(matches!(args.optional_text(1), Ok(Some(Cow::Owned(text))) if text == "a/"));
    let lone = parse(r#"["\ud800",1]"#);
    assert!(lone.text(0).unwrap_err().to_string().starts_with("argument `code` (position 0) cannot be decoded: "));
    assert_eq!(lone.optional_text(1).unwrap_err().argument, Some(1));
}

#[test]
fn what_does_not_fit_the_method_is_named() {
    let unknown = refused(r#"{"cod\u0000e":1}"#);
    assert_eq!(unknown, "unknown argument `cod\\0e`; the method takes 2: `code`, `url`");
    assert!(refused(format!(r#"{{"{}":1}}"#, "é".repeat(100_000))).ends_with("…`; the method takes 2: `code`, `url`"));
    assert_eq!(refused(r#"{"code":1,"c\u006fde":1}"#), "argument `code` (position 0) is given twice");
    assert_eq!(refused("[1,2,3,4]"), "too many arguments: 4 were given; the method takes 2: `code`, `url`");
    let none = Args::parse(&[], b"[1]").unwrap_err();
    assert_eq!(none.to_string(), "too many arguments: 1 were given; the method takes none");
    assert!(Args::parse(&[], b"[]").is_ok() && Args::parse(&[], b"{}").is_ok() && Args::parse(&[], b"").is_ok());
}

#[test]
fn what_is_no_params_is_refused() {
    for params in ["null", "7", "\"a\"", "true", " ", "\u{feff}{}", "x"] {
        assert!(refused(params).starts_with("params must be an object"), "{params}");
    }
    for params in
        ["{} {}", "[]x", "{", "[1,]", r#"{"code"}"#, r#"{"code":1,}"#, "{code:1}", "[01]", "[NaN]", "[\"\u{1}\"]"]
    {
        assert!(refused(params).starts_with("params are not valid JSON: "), "{params}");
    }
    assert!(refused(b"[\"\xff\"]").starts_with("params are not valid UTF-8: "));
}

#[test]
fn numbers_are_exact_or_refused() {
    let args = parse("[170141183460469231731687303715884105727, 18446744073709551616]");
    assert_eq!(args.get::<i128>(0), Ok(i128::MAX));
    for wrong in ["1.0", "1e2", "\"1\"", "true", "-1", "18446744073709551616"] {
        assert!(parse(&format!("[{wrong}]")).get::<u64>(0).is_err(), "{wrong}");
    }
    assert_eq!(args.get::<&RawValue>(1).unwrap().get(), "18446744073709551616");
}

#[test]
fn each_argument_may_nest_to_the_limit() {
    let nested = |depth| format!("[{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(127)).get::<Value>(0).is_ok());
    let error = parse(&nested(128)).get::<Value>(0).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn errors_never_echo_a_hostile_argument_whole() {
    let params = format!("[\"{}\"]", "🦀".repeat(1_000_000));
    let error = parse(&params).get::<u8>(0).unwrap_err().to_string();
    assert!(error.len() <= MAX_ERROR_TEXT && error.starts_with("argument `code` (position 0) cannot be decoded"));
}

#[test]
fn a_writer_undoes_an_argument_that_has_no_json() {
    assert_eq!(ArgsWriter::new().finish(), Payload::json("{}"));
    let mut writer = ArgsWriter::new();
    assert!(writer.arg("code", &f64::NAN).is_err());
    writer.arg("r\"é", "x").unwrap();
    assert!(writer.arg("url", &[1.0, f64::INFINITY]).is_err());
    writer.arg("url", &json!({"a": null})).unwrap();
    assert_eq!(std::str::from_utf8(writer.finish().bytes()).unwrap(), r#"{"r\"é":"x","url":{"a":null}}"#);
}

#[test]
fn compact_arguments_are_read_in_their_order_and_end_the_message() {
    let mut writer = ArgsWriter::of(Codec::Compact);
    writer.arg("code", "rust").unwrap();
    assert!(writer.arg("url", &RawValue::from_string("1".into()).unwrap()).is_err());
    writer.arg("url", &Some("u")).unwrap();
    let params = writer.finish();
    assert_eq!(params, Payload::compact(&b"\x04rust\x01\x01u"[..]));
    let read = || Args::read(NAMES, &params).unwrap();
    let args = read();
    assert!(matches!(args.text(0), Ok(Cow::Borrowed("rust"))));
    assert_eq!(args.optional_text(1), Ok(Some("u".into())));
    assert!(read().get::<String>(1).is_err(), "out of its turn");
    // A key alone can be asked for.
    assert_eq!(read().get::<String>(0).unwrap(), "rust");
    let longer = Payload::compact(&b"\x04rust\x01\x01u\0"[..]);
    let args = Args::read(NAMES, &longer).unwrap();
    assert_eq!(args.text(0).unwrap(), "rust");
    let error = args.optional_text(1).unwrap_err();
    assert_eq!(error.argument, Some(1));
    assert!(error.to_string().contains("1 bytes stand behind"), "{error}");
    assert!(Args::compact(&[], &[0]).is_err() && Args::compact(&[], &[]).is_ok());
}

proptest! {
    #[test]
    fn written_arguments_are_read_back(code in any::<String>(), url in any::<Option<Vec<i64>>>()) {
        let mut writer = ArgsWriter::new();
        writer.arg("code", &code).unwrap();
        writer.arg("url", &url).unwrap();
        let params = writer.finish();
        let args = Args::read(NAMES, &params).unwrap();
        prop_assert_eq!(&*args.text(0).unwrap(), code.as_str());
        prop_assert_eq!(args.get::<String>(0).unwrap(), code);
        prop_assert_eq!(args.get::<Option<Vec<i64>>>(1).unwrap(), url);
    }
}
