//! Providers and injected structs.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use super::arguments::Answer;
use wherever::{Inject, rpc_provider, rpc_service};

#[rpc_service]
trait Greets {
    async fn greet(&self, name: &str) -> Answer<String>;
}

#[derive(Clone)]
struct Greeting(String);

#[derive(Inject)]
struct Named {
    #[rpc_reference]
    #[expect(dead_code)]
    greets: GreetsClient,
    greeting: Greeting,
    r#type: u8,
    #[cfg(any())]
    absent: DoesNotExist,
}

#[derive(Inject)]
struct Tuple(#[rpc_reference] GreetsClient, Greeting);

#[derive(Inject)]
struct OfItsOwn {
    #[inject(default)]
    seen: Mutex<Vec<String>>,
    greeting: Greeting,
}

#[derive(Inject)]
struct OnlyOfItsOwn(#[inject(default)] Mutex<u8>);

#[derive(Inject)]
struct Unit;

#[derive(Inject)]
struct Empty {}

#[derive(Inject)]
struct Generic<T: Clone, const N: usize>
where
    T: Send + Sync + 'static,
{
    value: T,
    many: [T; N],
    nothing: PhantomData<T>,
}

#[rpc_provider]
impl Greets for Named {
    async fn greet(&self, name: &str) -> Answer<String> {
        Ok(format!("{} {name}{}", self.greeting.0, self.r#type))
    }
}

#[rpc_provider(given)]
#[expect(unused_qualifications)]
impl self::Greets for Generic<u8, 2> {
    async fn greet(&self, _: &str) -> Answer<String> {
        Ok(format!("{}{}", self.value, self.many.len()))
    }
}

#[tokio::test]
async fn a_provider_is_called_like_any_value() {
    let client = GreetsClient::local(Generic { value: 1, many: [2, 3], nothing: PhantomData });
    assert_eq!(client.greet("x").await.unwrap(), "12");
    let named = Named { greets: client.clone(), greeting: Greeting("Hi".to_owned()), r#type: 7 };
    let outer = GreetsClient::local(named);
    assert_eq!(outer.greet("you").await.unwrap(), "Hi you7");
    let tuple = Tuple(client, Greeting("a".to_owned()));
    assert_eq!(tuple.0.greet("x").await.unwrap(), "12");
    assert_eq!(tuple.1.0, "a");
}

#[test]
fn structs_of_every_shape_can_be_injected() {
    fn injected<T: Inject>() {}
    injected::<Named>();
    injected::<Tuple>();
    injected::<OfItsOwn>();
    injected::<OnlyOfItsOwn>();
    injected::<Unit>();
    injected::<Empty>();
    injected::<Generic<u8, 3>>();
    let (Unit, Empty {}) = (Unit, Empty {});
    let own = OfItsOwn { seen: Mutex::default(), greeting: Greeting("a".to_owned()) };
    assert!(own.seen.lock().unwrap().is_empty() && own.greeting.0 == "a");
    assert_eq!(*OnlyOfItsOwn(Mutex::default()).0.lock().unwrap(), 0);
}

#[test]
fn a_value_can_be_a_provider_by_hand() {
    let provider = GreetsClient::provider(Generic { value: 1, many: [2, 3], nothing: PhantomData });
    assert_eq!(provider.descriptor().name, "Greets");
}

#[test]
fn a_shared_value_can_be_a_provider_and_stay_in_use() {
    let value = Arc::new(Generic { value: 1, many: [2, 3], nothing: PhantomData });
    let provider = GreetsClient::provider_shared(value.clone());
    assert_eq!(provider.descriptor().name, "Greets");
    assert_eq!(value.value, 1);
}
