//! Names that collide with ours, with the language's, or with nothing at all.

use super::arguments::Answer;
use wherever::rpc_service;

#[rpc_service]
#[allow(non_camel_case_types)]
trait r#type {
    async fn r#move(&self, r#type: u8, r#async: u8) -> Answer<u8>;
}

struct Raw;

impl r#type for Raw {
    async fn r#move(&self, r#type: u8, r#async: u8) -> Answer<u8> {
        Ok(r#type + r#async)
    }
}

#[tokio::test]
async fn raw_names_are_bare_on_the_wire() {
    assert_eq!(typeClient::local(Raw).r#move(1, 2).await.unwrap(), 3);
    let service = Raw::__wherever_service();
    assert_eq!(service.name, "type");
    assert_eq!(service.methods[0].full_name, "type.move");
    assert_eq!(service.methods[0].params, ["type", "async"]);
    assert_eq!(service.path, "odd_traits::names::type");
}

#[rpc_service]
trait Colliding {
    async fn ours(&self, args: u8, call: u8, entry: u8, near: u8, far: u8) -> Answer<u8>;
    async fn more(&self, provider: u8, error: u8, self_: u8, __a0: u8, __a1: u8) -> Answer<u8>;
    async fn last(&self, client: &str, node: &str, wherever: &str, w: &str, fields: &str) -> Answer<String>;
    async fn bodied(&self, arg0: u8, (arg1, _): (u8, u8), args: u8) -> Answer<u8> {
        Ok(arg0 + arg1 + args)
    }
    async fn lifetime<'w>(&'w self, text: &'w str) -> Answer<String>;
}

struct Adds;

impl Colliding for Adds {
    async fn ours(&self, args: u8, call: u8, entry: u8, near: u8, far: u8) -> Answer<u8> {
        Ok(args + call * 2 + entry * 3 + near * 4 + far * 5)
    }
    async fn more(&self, provider: u8, error: u8, self_: u8, __a0: u8, __a1: u8) -> Answer<u8> {
        Ok(provider + error * 2 + self_ * 3 + __a0 * 4 + __a1 * 5)
    }
    async fn last(&self, client: &str, node: &str, wherever: &str, w: &str, fields: &str) -> Answer<String> {
        Ok([client, node, wherever, w, fields].concat())
    }
    async fn lifetime<'w>(&'w self, text: &'w str) -> Answer<String> {
        Ok(text.to_owned())
    }
}

#[tokio::test]
async fn argument_names_cannot_collide_with_generated_ones() {
    let client = CollidingClient::local(Adds);
    assert_eq!(client.ours(1, 1, 1, 1, 1).await.unwrap(), 15);
    assert_eq!(client.more(1, 0, 0, 2, 3).await.unwrap(), 24);
    assert_eq!(client.last("a", "b", "c", "d", "e").await.unwrap(), "abcde");
    assert_eq!(client.bodied(1, (2, 9), 3).await.unwrap(), 6);
    assert_eq!(client.lifetime("w").await.unwrap(), "w");
}

#[rpc_service]
#[allow(clippy::wrong_self_convention)]
trait Verbs {
    async fn new(&self, number: u8) -> Answer<u8>;
    async fn on(&self, number: u8) -> Answer<u8>;
    async fn local(&self, number: u8) -> Answer<u8>;
    async fn provider(&self, number: u8) -> Answer<u8>;
    async fn clone(&self, number: u8) -> Answer<u8>;
    async fn fmt(&self, number: u8) -> Answer<u8>;
    async fn route(&self, number: u8) -> Answer<u8>;
    async fn dispatch(&self, number: u8) -> Answer<u8>;
    async fn descriptor(&self, number: u8) -> Answer<u8>;
    async fn as_client(&self, number: u8) -> Answer<u8>;
    async fn run(&self, number: u8) -> Answer<u8>;
    async fn call(&self, number: u8) -> Answer<u8>;
    async fn drop(&self, number: u8) -> Answer<u8>;
    async fn get(&self, number: u8) -> Answer<u8>;
    #[allow(non_snake_case)]
    async fn GET(&self, number: u8) -> Answer<u8>;
    async fn poll(&self, number: u8) -> Answer<u8>;
    async fn into(&self, number: u8) -> Answer<u8>;
    async fn downcast(&self, number: u8) -> Answer<u8>;
}

macro_rules! each_answers {
    ($($name:ident)*) => {
        struct Answers;

        impl Verbs for Answers {
            $(async fn $name(&self, number: u8) -> Answer<u8> { Ok(number) })*
        }

        #[tokio::test]
        async fn methods_may_have_the_names_of_ours() {
            let client = VerbsClient::local(Answers);
            let copy = Clone::clone(&client);
            $(assert_eq!(Verbs::$name(&copy, 5).await.unwrap(), 5);)*
            assert_eq!(client.new(1).await.unwrap(), 1);
            assert_eq!(client.on(1).await.unwrap(), 1);
            assert_eq!(client.local(1).await.unwrap(), 1);
            assert_eq!(client.provider(1).await.unwrap(), 1);
            assert_eq!(client.route(1).await.unwrap(), 1);
            assert_eq!(client.as_client(1).await.unwrap(), 1);
        }
    };
}

each_answers!(new on local provider clone fmt route dispatch descriptor as_client run call drop get GET poll into downcast);

#[rpc_service(name = "odd.names.Renamed", group = "odd")]
trait Renamed {
    #[rpc(name = "putOne")]
    async fn put(&self, _code: String) -> Answer<()> {
        Ok(())
    }
    /// Doubled.
    ///
    /// And more.
    async fn documented(&self, __: u8, (a, _): (u8, u8)) -> Answer<u8> {
        Ok(a)
    }
}

struct Renames;

impl Renamed for Renames {}

#[tokio::test]
async fn names_on_the_wire_can_be_chosen() {
    let service = Renames::__wherever_service();
    assert_eq!((service.name, service.group), ("odd.names.Renamed", "odd"));
    assert_eq!(service.methods[0].full_name, "odd.names.Renamed.putOne");
    assert_eq!(service.methods[0].params, ["code"]);
    assert_eq!(service.methods[1].params, ["__", "arg1"]);
    assert_eq!(service.methods[1].docs, "Doubled.\n\nAnd more.");
    let client = RenamedClient::local(Renames);
    client.put("a".to_owned()).await.unwrap();
    assert_eq!(client.documented(1, (2, 3)).await.unwrap(), 2);
    assert_eq!(format!("{client:?}"), "RenamedClient { .. }");
}
