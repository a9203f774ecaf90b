//! Traits wherever a trait can stand: private, in modules, in functions, under a `cfg`, from a macro.
#![allow(clippy::non_minimal_cfg)]

use super::arguments::Answer;
use wherever::rpc_service;

pub(crate) mod inner {
    use super::Answer;
    use wherever::rpc_service;

    pub(crate) mod deeper {
        use super::super::Answer;
        use wherever::rpc_service;

        #[rpc_service(name = "places.Deep")]
        pub(in crate::places) trait Deep {
            async fn get(&self, code: &str) -> Answer<super::Local>;
        }

        #[rpc_service(name = "places.Super")]
        pub(super) trait Super {
            async fn get(&self, code: &str) -> Answer<super::Local>;
        }
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(crate) struct Local(pub(crate) String);

    struct Nested;

    impl deeper::Super for Nested {
        async fn get(&self, code: &str) -> Answer<Local> {
            Ok(Local(code.to_owned()))
        }
    }

    #[tokio::test]
    async fn a_trait_can_be_visible_in_part_of_the_crate() {
        use deeper::Super as _;
        assert_eq!(deeper::SuperClient::local(Nested).get("a").await.unwrap().0, "a");
    }

    #[rpc_service(name = "places.Private")]
    trait Private {
        async fn get(&self, secret: Hidden) -> Answer<Hidden>;
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Hidden(u8);

    struct Keeper;

    impl Private for Keeper {
        async fn get(&self, secret: Hidden) -> Answer<Hidden> {
            Ok(secret)
        }
    }

    #[tokio::test]
    async fn a_private_trait_can_use_private_types() {
        assert_eq!(PrivateClient::local(Keeper).get(Hidden(3)).await.unwrap().0, 3);
    }

    // Never used: no warning may come of it.
    #[rpc_service(name = "places.Unused")]
    #[allow(dead_code)]
    trait Unused {
        async fn get(&self, code: &str) -> Answer<u8>;
    }
}

#[tokio::test]
async fn a_trait_can_stand_in_a_function() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Inside(u8);

    /// In a function.
    #[rpc_service(name = "places.InFunction")]
    trait InFunction {
        async fn get(&self, inside: Inside) -> Answer<Inside>;
    }

    struct Provider;

    impl InFunction for Provider {
        async fn get(&self, inside: Inside) -> Answer<Inside> {
            Ok(inside)
        }
    }

    assert_eq!(InFunctionClient::local(Provider).get(Inside(1)).await.unwrap().0, 1);
}

#[rpc_service]
#[cfg(any())]
trait Absent {
    async fn get(&self, absent: DoesNotExist) -> Answer<u8>;
}

#[cfg(any())]
#[rpc_service]
trait AbsentToo {
    async fn get(&self, absent: DoesNotExist) -> Answer<u8>;
}

/// Methods that come and go.
#[rpc_service]
trait Conditional {
    #[cfg(any())]
    async fn absent(&self, absent: DoesNotExist) -> Answer<DoesNotExist>;
    #[cfg(all())]
    async fn present(&self, code: &str) -> Answer<usize>;
    #[cfg_attr(all(), cfg(any()))]
    async fn absent_too(&self, absent: DoesNotExist) -> Answer<DoesNotExist>;
    #[cfg_attr(all(), must_use, doc = "Documented.")]
    async fn attributed(&self, code: &str) -> Answer<usize>;
    #[cfg(any())]
    #[rpc(all)]
    async fn either(&self) -> Answer<DoesNotExist>;
    #[cfg(not(any()))]
    #[rpc(any)]
    async fn either(&self) -> Answer<u8>;
}

struct Half;

impl Conditional for Half {
    async fn present(&self, code: &str) -> Answer<usize> {
        Ok(code.len())
    }
    async fn attributed(&self, code: &str) -> Answer<usize> {
        Ok(code.len())
    }
    async fn either(&self) -> Answer<u8> {
        Ok(2)
    }
}

#[tokio::test]
async fn methods_under_a_cfg_come_and_go_whole() {
    let client = ConditionalClient::local(Half);
    assert_eq!(client.present("abc").await.unwrap(), 3);
    assert_eq!(client.attributed("abcd").await.unwrap(), 4);
    assert_eq!(client.either().await.unwrap(), 2);
    let names: Vec<_> = Half::__wherever_service().methods.iter().map(|method| method.name).collect();
    assert_eq!(names, ["present", "attributed", "either"]);
}

/// Attributes that stay on the trait.
#[rpc_service]
trait Attributed {
    #[deprecated(note = "use `new_one`")]
    async fn old(&self, code: &str) -> Answer<u8>;
    #[must_use = "of course"]
    async fn used(&self, code: &str) -> Answer<u8>;
    #[allow(clippy::too_many_arguments)]
    async fn long(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> Answer<u8>;
    #[allow(clippy::type_complexity)]
    async fn complex(&self, a: Vec<(u8, Vec<(u8, Vec<(u8, Vec<Option<(u8, u8)>>)>)>)>) -> Answer<u8>;
    #[doc(alias = "another")]
    #[doc(hidden)]
    async fn hidden(&self, a: u8) -> Answer<u8>;
}

struct Attributes;

impl Attributed for Attributes {
    async fn old(&self, _code: &str) -> Answer<u8> {
        Ok(1)
    }
    async fn used(&self, _code: &str) -> Answer<u8> {
        Ok(2)
    }
    async fn long(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> Answer<u8> {
        Ok(a + b + c + d + e + f + g + h)
    }
    async fn complex(&self, a: Vec<(u8, Vec<(u8, Vec<(u8, Vec<Option<(u8, u8)>>)>)>)>) -> Answer<u8> {
        Ok(a[0].0)
    }
    async fn hidden(&self, a: u8) -> Answer<u8> {
        Ok(a)
    }
}

#[tokio::test]
async fn attributes_stay_where_they_were() {
    let client = AttributedClient::local(Attributes);
    #[expect(deprecated)]
    let old = client.old("").await.unwrap();
    assert_eq!(old, 1);
    assert_eq!(client.used("").await.unwrap(), 2);
    assert_eq!(client.long(1, 1, 1, 1, 1, 1, 1, 1).await.unwrap(), 8);
    assert_eq!(client.complex(vec![(7, vec![])]).await.unwrap(), 7);
    assert_eq!(client.hidden(3).await.unwrap(), 3);
}

macro_rules! service {
    ($vis:vis $name:ident, $method:ident($arg:ident: $ty:ty) -> $answer:ty) => {
        #[rpc_service]
        $vis trait $name {
            async fn $method(&self, $arg: $ty, more: $ty) -> $answer;
        }
    };
}

service!(pub(crate) FromMacro, get(code: &str) -> Answer<String>);

struct Expanded;

impl FromMacro for Expanded {
    async fn get(&self, code: &str, more: &str) -> Answer<String> {
        Ok(format!("{code}{more}"))
    }
}

#[tokio::test]
async fn a_trait_can_come_from_a_macro() {
    assert_eq!(FromMacroClient::local(Expanded).get("a", "b").await.unwrap(), "ab");
}

/// A service may ask of its providers what its client has too.
#[rpc_service]
trait Super: Clone + std::fmt::Debug + Named {
    async fn get(&self, code: &str) -> Answer<String> {
        Ok(format!("{}{code}", self.name()))
    }
}

trait Named {
    fn name(&self) -> &'static str;
}

impl Named for SuperClient {
    fn name(&self) -> &'static str {
        "client"
    }
}

#[derive(Clone, Debug)]
struct Sub;

impl Named for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }
}

impl Super for Sub {}

#[tokio::test]
async fn a_service_can_have_supertraits() {
    let client = SuperClient::local(Sub);
    assert_eq!(client.get("!").await.unwrap(), "sub!");
    assert_eq!(client.name(), "client");
}

/// The crate by another name.
mod renamed {
    use elsewhere::{Inject, RpcError, rpc_provider, rpc_service};

    #[rpc_service(crate = "elsewhere", name = "places.Elsewhere")]
    trait Elsewhere {
        async fn get(&self, code: &str) -> Result<usize, RpcError>;
    }

    #[derive(Inject)]
    #[inject(crate = "elsewhere")]
    struct There;

    #[rpc_provider(crate = "elsewhere")]
    impl Elsewhere for There {
        async fn get(&self, code: &str) -> Result<usize, RpcError> {
            Ok(code.len())
        }
    }

    #[tokio::test]
    async fn the_crate_can_be_called_otherwise() {
        assert_eq!(ElsewhereClient::local(There).get("abc").await.unwrap(), 3);
    }
}
