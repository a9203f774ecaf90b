//! Providers and injected structs.

use std::marker::PhantomData;

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
    injected::<Unit>();
    injected::<Empty>();
    injected::<Generic<u8, 3>>();
    let (Unit, Empty {}) = (Unit, Empty {});
}

#[test]
fn a_value_can_be_a_provider_by_hand() {
    let provider = GreetsClient::provider(Generic { value: 1, many: [2, 3], nothing: PhantomData });
    assert_eq!(provider.descriptor().name, "Greets");
}
