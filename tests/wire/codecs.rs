//! One verdict for every case, whatever codec and transport calls travel in: the same service twice, of which one is compact.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wherever::testing::Cluster;
use wherever::{Build, Executed, Kind, RpcError, Slot, rpc_provider, rpc_service};

use super::probe::{Color, Nested, ProbeError};

/// Becomes what it has travelled in: whether that has names for people to read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Travels(pub(crate) bool);

impl Serialize for Travels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.is_human_readable().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Travels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Figure {
    Point,
    Round { radius: u32 },
    Sides(i64, Option<String>),
    Named(String),
}

/// A type that leaves out a field, which the compact codec cannot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<u8>,
}

/// A type that is written and cannot be read without names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Tagged {
    One { value: u8 },
}

macro_rules! twins {
    ($($module:ident($($option:tt)*);)*) => {$(
        pub(crate) mod $module {
            use super::*;

            #[rpc_service($($option)*)]
            pub(crate) trait Same {
                #[rpc(read)]
                async fn echo(&self, key: &str) -> Result<String, ProbeError>;
                async fn add(&self, key: &str, a: i64, b: i128) -> Result<i128, ProbeError>;
                async fn figures(&self, key: String, figures: &[Figure]) -> Result<Vec<Figure>, ProbeError>;
                async fn optional(&self, key: &str, text: Option<&str>, color: Option<&Color>) -> Result<Option<String>, ProbeError>;
                async fn float(&self, key: &str, value: f64) -> Result<f64, ProbeError>;
                async fn text(&self, key: &str, bytes: u64) -> Result<String, ProbeError>;
                async fn nested(&self, key: &str, value: Nested) -> Result<Nested, ProbeError>;
                async fn refuse(&self, key: &str, code: i32) -> Result<(), ProbeError>;
                async fn fails(&self, key: &str) -> Result<(), RpcError>;
                async fn panics(&self, key: &str) -> Result<(), ProbeError>;
                async fn sparse(&self, key: &str, value: Sparse) -> Result<Sparse, ProbeError>;
                async fn tagged(&self, key: &str) -> Result<Tagged, ProbeError>;
                async fn take_tagged(&self, key: &str, value: Tagged) -> Result<(), ProbeError>;
                #[rpc(detach)]
                async fn travels(&self, key: String, how: Travels) -> Result<(bool, Travels), ProbeError>;
                #[rpc(read, all)]
                async fn names(&self) -> Result<Vec<String>, ProbeError>;
                #[rpc(any)]
                async fn nothing(&self) -> Result<(), ProbeError>;
            }

            pub(crate) struct Provider(pub(crate) String);

            #[rpc_provider(given)]
            impl Same for Provider {
                async fn echo(&self, key: &str) -> Result<String, ProbeError> {
                    Ok(key.to_owned())
                }
                async fn add(&self, _key: &str, a: i64, b: i128) -> Result<i128, ProbeError> {
                    Ok(i128::from(a).wrapping_add(b))
                }
                async fn figures(&self, _key: String, figures: &[Figure]) -> Result<Vec<Figure>, ProbeError> {
                    Ok(figures.to_vec())
                }
                async fn optional(&self, _key: &str, text: Option<&str>, color: Option<&Color>) -> Result<Option<String>, ProbeError> {
                    Ok(text.map(|text| format!("{text} {color:?}")))
                }
                async fn float(&self, _key: &str, value: f64) -> Result<f64, ProbeError> {
                    Ok(value)
                }
                async fn text(&self, _key: &str, bytes: u64) -> Result<String, ProbeError> {
                    Ok("x".repeat(usize::try_from(bytes).unwrap()))
                }
                async fn nested(&self, _key: &str, value: Nested) -> Result<Nested, ProbeError> {
                    Ok(value)
                }
                async fn refuse(&self, _key: &str, code: i32) -> Result<(), ProbeError> {
                    Err(ProbeError::Refused { code })
                }
                async fn fails(&self, _key: &str) -> Result<(), RpcError> {
                    Err(RpcError::new(Kind::Overloaded, "of its own").with_retry_after(Duration::from_millis(7)))
                }
                async fn panics(&self, _key: &str) -> Result<(), ProbeError> {
                    panic!("secret")
                }
                async fn sparse(&self, _key: &str, value: Sparse) -> Result<Sparse, ProbeError> {
                    Ok(value)
                }
                async fn tagged(&self, _key: &str) -> Result<Tagged, ProbeError> {
                    Ok(Tagged::One { value: 1 })
                }
                async fn take_tagged(&self, _key: &str, _value: Tagged) -> Result<(), ProbeError> {
                    Ok(())
                }
                async fn travels(&self, _key: String, how: Travels) -> Result<(bool, Travels), ProbeError> {
                    Ok((how.0, how))
                }
                async fn names(&self) -> Result<Vec<String>, ProbeError> {
                    Ok(vec![self.0.clone()])
                }
                async fn nothing(&self) -> Result<(), ProbeError> {
                    Ok(())
                }
            }

            /// What a caller can tell of each case, without the names of nodes and of the service.
            pub(crate) async fn verdicts(client: &SameClient, key: &str, cluster: Option<&Cluster>) -> Vec<(&'static str, String)> {
                let names: Vec<_> = cluster.iter().flat_map(|cluster| cluster.nodes()).map(|node| node.id().to_string()).collect();
                let mut verdicts = Vec::new();
                let mut add = |case, verdict: String| {
                    let verdict = verdict.replace("json.Same", "SAME").replace("compact.Same", "SAME");
                    verdicts.push((case, names.iter().fold(verdict, |verdict, name| verdict.replace(name, "NODE"))));
                };
                let figures = [
                    Figure::Point,
                    Figure::Round { radius: u32::MAX },
                    Figure::Sides(i64::MIN, None),
                    Figure::Sides(-1, Some("\u{1f980}\0\u{202e}".to_owned())),
                    Figure::Named(String::new()),
                ];
                add("a value", verdict(client.echo(key).await));
                add("integers", verdict(client.add(key, i64::MIN, i128::MAX).await));
                add("variants", verdict(client.figures(key.to_owned(), &figures).await));
                add("nothing optional", verdict(client.optional(key, None, None).await));
                add("something optional", verdict(client.optional(key, Some("a"), Some(&Color::Blue)).await));
                for value in [-0.0, f64::MIN_POSITIVE, f64::MAX, 0.1] {
                    add("a float", verdict(client.float(key, value).await));
                }
                add("a large value", verdict(client.text(key, 99_000).await.map(|text| text.len())));
                add("too large a value", verdict(client.text(key, 200_000).await).split(" has ").next().unwrap().to_owned());
                let large = client.optional(key, Some(&"x".repeat(200_000)), None).await;
                add("too large arguments", verdict(large).split(" have ").next().unwrap().to_owned());
                for depth in [1, 126, 127] {
                    let nested = (0..depth).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]));
                    add("nested", verdict(client.nested(key, nested).await.map(|value| format!("{value:?}").len())));
                }
                add("its own error", verdict(client.refuse(key, -7).await));
                add("an error of ours for its own", verdict(client.fails(key).await.map_err(ProbeError::Rpc)));
                add("a panic", verdict(client.panics(key).await));
                add("all nodes", verdict(client.names().await.map(|names| names.len())));
                add("any node", verdict(client.nothing().await));
                verdicts
            }
        }
    )*};
}

twins! {
    json(name = "json.Same");
    compact(name = "compact.Same", compact);
}

use compact::Same as _;

fn verdict<T: std::fmt::Debug>(result: Result<T, ProbeError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(ProbeError::Rpc(error)) => format!("{}, executed {}: {}", error.kind(), error.executed(), error.message()),
        Err(own) => format!("own error: {own:?}"),
    }
}

/// Two nodes that provide both, of these builds.
async fn nodes(builds: [Build; 2], frames: bool) -> Cluster {
    let builds = Arc::new(builds);
    let cluster = Cluster::builder(2)
        .provide_with(|node| json::SameClient::provider(json::Provider(node.id.to_string())))
        .provide_with(|node| compact::SameClient::provider(compact::Provider(node.id.to_string())))
        .configure(move |builder, node| {
            builder.program_build(builds[node.index].clone()).frames(frames).max_message(100_000)
        })
        .start()
        .await;
    // Connections come with the first call, which is JSON for want of knowing better.
    for node in 0..2 {
        cluster.client::<compact::SameClient>(node).echo(&key_of(&cluster, 1 - node)).await.unwrap();
    }
    cluster
}

/// A key that `node` owns.
fn key_of(cluster: &Cluster, node: usize) -> String {
    let node = cluster.node(node);
    let group = node.wherever().group("default");
    let is_its =
        |key: &String| group.owner(Slot::of_text(key.as_bytes())).is_some_and(|owner| owner.node.id == *node.id());
    (0..).map(|n| format!("key{n}")).find(is_its).unwrap()
}

fn of(name: &str) -> Build {
    Build::Named(name.into())
}

/// Every way on which the compact service can be called from the first node of two, and whether calls are compact there.
async fn ways() -> Vec<(&'static str, Cluster, bool)> {
    vec![
        ("frames, one build", nodes([of("a"), of("a")], true).await, true),
        ("frames, the executable's build", nodes([Build::OfProgram, Build::OfProgram], true).await, true),
        ("frames, two builds", nodes([of("a"), of("b")], true).await, false),
        ("frames, of one end nothing is known", nodes([of("a"), Build::Unknown], true).await, false),
        ("frames, of neither end anything is known", nodes([Build::Unknown, Build::Unknown], true).await, false),
        ("POST, one build", nodes([of("a"), of("a")], false).await, false),
    ]
}

#[tokio::test]
async fn every_codec_and_transport_gives_the_same_verdicts() {
    let cluster = nodes([of("a"), of("a")], true).await;
    let key = key_of(&cluster, 1);
    let expected = json::verdicts(&cluster.client(0), &key, Some(&cluster)).await;
    let is_same = |way: &str, found: Vec<(&str, String)>| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.into_iter().zip(&expected) {
            assert_eq!(found.0, expected.0);
            assert_eq!(
                found.1.replace(&key_of(&cluster, 1), "KEY"),
                expected.1.replace(&key, "KEY"),
                "{} by {way}",
                found.0
            );
        }
    };
    for (way, cluster, _) in ways().await {
        let key = key_of(&cluster, 1);
        let found = compact::verdicts(&cluster.client(0), &key, Some(&cluster)).await;
        is_same(way, found.into_iter().map(|(case, verdict)| (case, verdict.replace(&key, "KEY"))).collect());
    }
}

#[tokio::test]
async fn calls_are_compact_exactly_between_ends_of_one_build() {
    for (way, cluster, is_compact) in ways().await {
        let key = key_of(&cluster, 1);
        let client: compact::SameClient = cluster.client(0);
        let (came, went) = client.travels(key.clone(), Travels::default()).await.unwrap();
        assert_eq!((came, went), (!is_compact, Travels(!is_compact)), "{way}");
        let pinned = compact::SameClient::on(&client, cluster.node(1).id().clone());
        assert_eq!(pinned.travels(key.clone(), Travels::default()).await.unwrap().0, !is_compact, "pinned by {way}");
        let plain: json::SameClient = cluster.client(0);
        assert_eq!(json::Same::travels(&plain, key, Travels::default()).await.unwrap(), (true, Travels(true)), "{way}");
        // What JSON does not have goes where it is not needed.
        let nan = client.float(&key_of(&cluster, 1), f64::NAN).await;
        match is_compact {
            true => assert!(nan.unwrap().is_nan(), "{way}"),
            false => assert!(verdict(nan).starts_with("encode, executed no"), "{way}"),
        }
    }
}

#[tokio::test]
async fn types_that_need_names_are_refused_with_what_to_do() {
    let cluster = nodes([of("a"), of("a")], true).await;
    let key = key_of(&cluster, 1);
    let client: compact::SameClient = cluster.client(0);
    let what_to_do = |result: Result<(), ProbeError>, kind, executed| {
        let Err(ProbeError::Rpc(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.kind(), error.executed()), (kind, executed), "{error}");
        assert!(error.message().contains("take `compact` off the service"), "{error}");
    };
    what_to_do(client.sparse(&key, Sparse { left_out: None }).await.map(drop), Kind::Encode, Executed::No);
    assert_eq!(client.sparse(&key, Sparse { left_out: Some(1) }).await, Ok(Sparse { left_out: Some(1) }));
    what_to_do(client.take_tagged(&key, Tagged::One { value: 1 }).await, Kind::BadArguments, Executed::No);
    what_to_do(client.tagged(&key).await.map(drop), Kind::Decode, Executed::Yes);
    assert_eq!(client.echo(&key).await.as_ref(), Ok(&key), "the connection is none the worse");
}
