//! What holds of any bytes that a caller may send. Shared by the fuzz target and a property test, so that every run of
//! the tests exercises it.

use rpc_core::codec::args::Args;
use rpc_core::codec::envelope::{BadRequest, Message, Request, parse, parse_reply, write_error, write_forwarded};

const NAMES: &[&str] = &["code", "url"];
const MAX_BATCH: usize = 4;

/// Decodes the bytes as a body and as arguments; panics if a request does not survive being written again.
pub(crate) fn decode(bytes: &[u8]) {
    decode_args(bytes);
    let _ = parse_reply(bytes);
    match parse(bytes, MAX_BATCH) {
        Ok(Message::One(request)) => check(&request),
        Ok(Message::Batch(requests)) => {
            assert!((1..=MAX_BATCH).contains(&requests.len()));
            requests.iter().for_each(check);
        }
        Err(_) => {}
    }
}

fn check(request: &Result<Request<'_>, BadRequest<'_>>) {
    match request {
        Ok(request) => {
            decode_args(request.params_json());
            survives_the_wire(request);
        }
        Err(bad) => {
            let mut reply = Vec::new();
            write_error(&mut reply, &bad.id, -32600, &bad.to_string(), None);
            let read = parse_reply(&reply).expect("our own reply is a reply");
            assert_eq!(read.id, bad.id);
        }
    }
}

fn survives_the_wire(request: &Request<'_>) {
    let mut out = Vec::new();
    write_forwarded(&mut out, request);
    match parse(&out, MAX_BATCH) {
        Ok(Message::One(Ok(again))) => {
            assert_eq!(again.id, request.id);
            assert_eq!(again.method, request.method);
            assert_eq!(again.params_json(), request.params_json());
        }
        other => panic!("written again, the request reads as {other:?}"),
    }
}

fn decode_args(params: &[u8]) {
    let Ok(args) = Args::parse(NAMES, params) else {
        return;
    };
    for index in 0..=NAMES.len() {
        let owned = args.get::<String>(index);
        match args.text(index) {
            Ok(text) => assert_eq!(owned.as_deref(), Ok(&*text)),
            Err(_) => assert!(owned.is_err()),
        }
        let _ = (args.optional_text(index), args.get::<Option<u64>>(index), args.get::<Vec<i128>>(index));
    }
}
