//! A module whose own types have the names of the prelude's, and of ours.
#![allow(dead_code)]

use wherever::{RpcError, rpc_service};

type Good<T> = ::core::result::Result<T, RpcError>;

macro_rules! shadows {
    ($($name:ident)*) => {
        $(
            /// Not what you think.
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            pub(crate) struct $name;
        )*
    };
}

mod types {
    shadows!(Result Option Box String Vec Arc Future T Client Provider Key Args Slot Route Reply Near Far Path PathBuf);
}

/// Traits that shadow the prelude's.
mod traits {
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Clone {}
    pub(crate) trait Sized {}
    pub(crate) trait Into {}
    pub(crate) trait Service {}
}

/// Values that shadow the prelude's.
mod values {
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Some;
    pub(crate) struct None;
}

/// Macros that shadow the prelude's.
#[allow(unused_macros)]
macro_rules! concat {
    () => {};
}
#[allow(unused_macros)]
macro_rules! module_path {
    () => {};
}

mod core {}
mod std {}

mod shadowing {
    use super::Good;
    use super::rpc_service;
    #[allow(unused_imports)]
    use super::traits::*;
    use super::types::*;
    #[allow(unused_imports)]
    use super::values::*;

    #[rpc_service]
    pub(crate) trait Shadowed {
        async fn odd(&self, option: Option, string: String, vec: &Vec, t: T) -> Good<Result>;
        async fn odder(&self, path: PathBuf, slot: Slot, key: &Key) -> Good<Box>;
        async fn text(&self, text: &str, more: super::super::arguments::Day) -> Good<Arc>;
    }

    struct Shade;

    impl Shadowed for Shade {
        async fn odd(&self, _: Option, _: String, _: &Vec, _: T) -> Good<Result> {
            ::core::result::Result::Ok(Result)
        }
        async fn odder(&self, _: PathBuf, _: Slot, _: &Key) -> Good<Box> {
            ::core::result::Result::Ok(Box)
        }
        async fn text(&self, _: &str, _: super::super::arguments::Day) -> Good<Arc> {
            ::core::result::Result::Ok(Arc)
        }
    }

    #[tokio::test]
    async fn types_may_shadow_the_prelude() {
        let client = ShadowedClient::local(Shade);
        assert_eq!(client.odd(Option, String, &Vec, T).await.unwrap(), Result);
        assert_eq!(client.odder(PathBuf, Slot, &Key).await.unwrap(), Box);
    }
}
