//! Routing, keys and repetition, as the descriptor tells them.

use super::arguments::{Answer, Day, Pair};
use wherever::__private::{Balancing, MethodDescriptor, Partial, Routing};
use wherever::rpc_service;

#[rpc_service]
trait Routed {
    async fn first(&self, code: &str, more: u8) -> Answer<String>;
    async fn marked(&self, more: u8, #[key] code: String, #[key(fields(year, day))] when: Day) -> Answer<String>;
    #[rpc(key = all)]
    async fn every(&self, a: &str, b: u8) -> Answer<String>;
    async fn indexed(&self, #[key(fields(1, 0))] pair: &Pair<u8, String>) -> Answer<String>;
    async fn one_field(&self, #[key(fields(year))] when: &Day) -> Answer<String>;
    #[rpc(read, any)]
    async fn any(&self) -> Answer<u8>;
    #[rpc(any(round_robin), idempotent)]
    async fn in_turn(&self, weight: f64) -> Answer<f64>;
    #[rpc(any(prefer_here))]
    async fn near(&self) -> Answer<u8>;
    #[rpc(all)]
    async fn all(&self) -> Answer<u64>;
    #[rpc(all(partial), read)]
    async fn some(&self, prefix: &str) -> Answer<Vec<String>>;
    #[rpc(here, detach)]
    async fn here(&self) -> Answer<()>;
    #[rpc(detach, idempotent)]
    async fn detached(&self, code: String, number: u8) -> Answer<String>;
}

struct Routes;

impl Routed for Routes {
    async fn first(&self, code: &str, more: u8) -> Answer<String> {
        Ok(format!("{code}{more}"))
    }
    async fn marked(&self, more: u8, code: String, when: Day) -> Answer<String> {
        Ok(format!("{more}{code}{}", when.day))
    }
    async fn every(&self, a: &str, b: u8) -> Answer<String> {
        Ok(format!("{a}{b}"))
    }
    async fn indexed(&self, pair: &Pair<u8, String>) -> Answer<String> {
        Ok(format!("{}{}", pair.0, pair.1))
    }
    async fn one_field(&self, when: &Day) -> Answer<String> {
        Ok(when.year.to_string())
    }
    async fn any(&self) -> Answer<u8> {
        Ok(1)
    }
    async fn in_turn(&self, weight: f64) -> Answer<f64> {
        Ok(weight)
    }
    async fn near(&self) -> Answer<u8> {
        Ok(2)
    }
    async fn all(&self) -> Answer<u64> {
        Ok(3)
    }
    async fn some(&self, prefix: &str) -> Answer<Vec<String>> {
        Ok(vec![prefix.to_owned()])
    }
    async fn here(&self) -> Answer<()> {
        Ok(())
    }
    async fn detached(&self, code: String, number: u8) -> Answer<String> {
        Ok(format!("{code}{number}"))
    }
}

#[tokio::test]
async fn routed_methods_are_called_alike() {
    let client = RoutedClient::local(Routes);
    let day = Day { year: 2000, day: 7 };
    assert_eq!(client.first("a", 1).await.unwrap(), "a1");
    assert_eq!(client.marked(1, "a".to_owned(), day.clone()).await.unwrap(), "1a7");
    assert_eq!(client.every("a", 1).await.unwrap(), "a1");
    assert_eq!(client.indexed(&Pair(1, "b".to_owned())).await.unwrap(), "1b");
    assert_eq!(client.one_field(&day).await.unwrap(), "2000");
    assert_eq!(client.any().await.unwrap(), 1);
    assert!((client.in_turn(0.5).await.unwrap() - 0.5).abs() < f64::EPSILON);
    assert_eq!(client.near().await.unwrap(), 2);
    assert_eq!(client.all().await.unwrap(), 3);
    assert_eq!(client.some("p").await.unwrap(), ["p"]);
    client.here().await.unwrap();
    assert_eq!(client.detached("d".to_owned(), 1).await.unwrap(), "d1");
}

fn method(name: &str) -> &'static MethodDescriptor {
    let service = Routes::__wherever_service();
    service.methods.iter().find(|method| method.name == name).expect("the method")
}

#[test]
fn descriptors_tell_where_a_method_runs() {
    assert_eq!(method("first").routing, Routing::Key);
    assert_eq!(method("any").routing, Routing::Any(Balancing::PreferHere));
    assert_eq!(method("in_turn").routing, Routing::Any(Balancing::RoundRobin));
    assert_eq!(method("near").routing, Routing::Any(Balancing::PreferHere));
    assert_eq!(method("all").routing, Routing::All(Partial::Refuse));
    assert_eq!(method("some").routing, Routing::All(Partial::Accept));
    assert_eq!(method("here").routing, Routing::Here);
}

#[test]
fn descriptors_tell_what_a_key_is_made_of() {
    assert_eq!(method("first").key, ["code"]);
    assert_eq!(method("marked").key, ["code", "when.year", "when.day"]);
    assert_eq!(method("every").key, ["a", "b"]);
    assert_eq!(method("indexed").key, ["pair.1", "pair.0"]);
    assert!(method("any").key.is_empty() && method("any").slot_of.is_none());
    assert!(method("all").merge.is_some() && method("first").merge.is_none());
}

#[test]
fn descriptors_tell_what_may_be_repeated() {
    let marks = |name| (method(name).read, method(name).idempotent, method(name).detach);
    assert_eq!(marks("first"), (false, false, false));
    assert_eq!(marks("any"), (true, false, false));
    assert_eq!(marks("in_turn"), (false, true, false));
    assert_eq!(marks("detached"), (false, true, true));
}

#[test]
fn a_gateway_finds_the_slot_from_raw_arguments() {
    let slot = |name: &str, params: &'static str| {
        let method = method(name);
        let args = wherever::__private::Args::parse(method.params, params.as_bytes()).unwrap();
        method.slot_of.unwrap()(&args).unwrap()
    };
    assert_eq!(slot("first", r#"{"code":"foo","more":1}"#), wherever::__private::slot_of("foo").unwrap());
    assert_eq!(slot("first", r#"["foo",1]"#), slot("first", r#"{"more":1,"code":"foo"}"#));
    let joined = wherever::__private::slot_of("a\u{1f}2000\u{1f}7").unwrap();
    assert_eq!(slot("marked", r#"[1,"a",{"year":2000,"day":7}]"#), joined);
    assert_eq!(slot("one_field", r#"[{"year":2000,"day":7}]"#), wherever::__private::slot_of(&2000).unwrap());
}
