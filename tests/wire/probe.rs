//! A service that counts how often any of its methods ran.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use wherever::{RpcError, Stream, rpc_service};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("refused with {code}")]
    Refused { code: i32 },
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Shape {
    Round { radius: u32 },
    Square { side: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Color {
    Red,
    Blue,
}

/// A type whose decoder and destructor recurse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Nested(pub(crate) Vec<Nested>);

/// A type that cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Trap;

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("secret: while arguments are read")
    }
}

#[rpc_service]
pub(crate) trait Probe {
    /// Answers its key, and is the canary.
    #[rpc(read)]
    async fn echo(&self, key: &str) -> Result<String, ProbeError>;
    async fn add(&self, key: &str, a: i64, b: i64) -> Result<i64, ProbeError>;
    async fn unsigned(&self, key: &str, value: u64) -> Result<u64, ProbeError>;
    async fn wide(&self, key: &str, value: i128) -> Result<i128, ProbeError>;
    async fn widest(&self, key: &str, value: u128) -> Result<u128, ProbeError>;
    async fn float(&self, key: &str, value: f64) -> Result<f64, ProbeError>;
    async fn truth(&self, key: &str, value: bool) -> Result<bool, ProbeError>;
    async fn optional(&self, key: &str, text: Option<&str>) -> Result<Option<String>, ProbeError>;
    async fn shape(&self, key: &str, shape: Shape) -> Result<Shape, ProbeError>;
    async fn color(&self, key: &str, color: Color) -> Result<Color, ProbeError>;
    async fn nested(&self, key: &str, value: Nested) -> Result<(), ProbeError>;
    async fn value(&self, key: &str, value: serde_json::Value) -> Result<(), ProbeError>;
    async fn size(&self, key: &str, map: HashMap<String, u32>) -> Result<usize, ProbeError>;
    async fn trap(&self, key: &str, trap: Trap) -> Result<(), ProbeError>;
    async fn text(&self, key: &str, bytes: u64) -> Result<String, ProbeError>;
    async fn not_finite(&self, key: &str) -> Result<f64, ProbeError>;
    async fn odd_keys(&self, key: &str) -> Result<HashMap<Vec<u8>, u8>, ProbeError>;
    async fn refuse(&self, key: &str, code: i32) -> Result<(), ProbeError>;
    async fn panics(&self, key: &str, how: &str) -> Result<(), ProbeError>;
    /// Never answers.
    async fn hang(&self, key: &str) -> Result<(), ProbeError>;
    /// Answers when the test lets it.
    async fn wait(&self, key: &str) -> Result<String, ProbeError>;
    /// The same, and nobody can stop it.
    #[rpc(detach)]
    async fn outlast(&self, key: String) -> Result<String, ProbeError>;
    /// Texts of so many bytes, without end; `Watch::ran` counts each.
    async fn texts(
        &self,
        key: String,
        bytes: usize,
    ) -> Result<impl Stream<Item = Result<String, ProbeError>> + Send, ProbeError>;
    #[rpc(any)]
    async fn nothing(&self) -> Result<(), ProbeError>;
}

/// A second service, to ask for methods of the wrong one.
#[rpc_service]
pub(crate) trait Other {
    #[rpc(any)]
    async fn alone(&self) -> Result<(), ProbeError>;
}

/// What all providers of one test share with it.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) ran: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) started: Notify,
    pub(crate) release: Notify,
    held: Mutex<()>,
}

pub(crate) struct Provider(pub(crate) Arc<Watch>);

impl Provider {
    fn ran(&self) {
        self.0.ran.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts a method that is dropped before its end.
struct Dropped<'a>(Option<&'a Watch>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.0 {
            watch.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("secret: in a destructor");
    }
}

impl Probe for Provider {
    async fn echo(&self, key: &str) -> Result<String, ProbeError> {
        self.ran();
        Ok(key.to_owned())
    }
    async fn add(&self, _key: &str, a: i64, b: i64) -> Result<i64, ProbeError> {
        self.ran();
        Ok(a.wrapping_add(b))
    }
    async fn unsigned(&self, _key: &str, value: u64) -> Result<u64, ProbeError> {
        self.ran();
        Ok(value)
    }
    async fn wide(&self, _key: &str, value: i128) -> Result<i128, ProbeError> {
        self.ran();
        Ok(value)
    }
    async fn widest(&self, _key: &str, value: u128) -> Result<u128, ProbeError> {
        self.ran();
        Ok(value)
    }
    async fn float(&self, _key: &str, value: f64) -> Result<f64, ProbeError> {
        self.ran();
        Ok(value)
    }
    async fn truth(&self, _key: &str, value: bool) -> Result<bool, ProbeError> {
        self.ran();
        Ok(value)
    }
    async fn optional(&self, _key: &str, text: Option<&str>) -> Result<Option<String>, ProbeError> {
        self.ran();
        Ok(text.map(str::to_owned))
    }
    async fn shape(&self, _key: &str, shape: Shape) -> Result<Shape, ProbeError> {
        self.ran();
        Ok(shape)
    }
    async fn color(&self, _key: &str, color: Color) -> Result<Color, ProbeError> {
        self.ran();
        Ok(color)
    }
    async fn nested(&self, _key: &str, _value: Nested) -> Result<(), ProbeError> {
        self.ran();
        Ok(())
    }
    async fn value(&self, _key: &str, _value: serde_json::Value) -> Result<(), ProbeError> {
        self.ran();
        Ok(())
    }
    async fn size(&self, _key: &str, map: HashMap<String, u32>) -> Result<usize, ProbeError> {
        self.ran();
        Ok(map.len())
    }
    async fn trap(&self, _key: &str, _trap: Trap) -> Result<(), ProbeError> {
        self.ran();
        Ok(())
    }
    async fn text(&self, _key: &str, bytes: u64) -> Result<String, ProbeError> {
        self.ran();
        Ok("x".repeat(usize::try_from(bytes).unwrap()))
    }
    async fn not_finite(&self, _key: &str) -> Result<f64, ProbeError> {
        self.ran();
        Ok(f64::NAN)
    }
    async fn odd_keys(&self, _key: &str) -> Result<HashMap<Vec<u8>, u8>, ProbeError> {
        self.ran();
        Ok(HashMap::from([(vec![1], 1)]))
    }
    async fn refuse(&self, _key: &str, code: i32) -> Result<(), ProbeError> {
        self.ran();
        Err(ProbeError::Refused { code })
    }
    async fn panics(&self, _key: &str, how: &str) -> Result<(), ProbeError> {
        self.ran();
        match how {
            "spawned" => tokio::spawn(async { panic!("secret: in a task") })
                .await
                .map_err(|_| ())
                .or(Err(ProbeError::Refused { code: 7 })),
            "value" => std::panic::panic_any(17_u8),
            "holding" => {
                let _held = self.0.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                panic!("secret: with a lock held")
            }
            "later" => {
                tokio::task::yield_now().await;
                panic!("secret: after an await")
            }
            "drop" => {
                let _bomb = PanicsInDrop;
                std::future::pending().await
            }
            _ => panic!("secret: {how}"),
        }
    }
    async fn hang(&self, _key: &str) -> Result<(), ProbeError> {
        self.ran();
        let _dropped = Dropped(Some(&self.0));
        self.0.started.notify_one();
        std::future::pending().await
    }
    async fn wait(&self, key: &str) -> Result<String, ProbeError> {
        self.ran();
        let mut dropped = Dropped(Some(&self.0));
        let released = self.0.release.notified();
        self.0.started.notify_one();
        released.await;
        dropped.0 = None;
        Ok(key.to_owned())
    }
    async fn outlast(&self, key: String) -> Result<String, ProbeError> {
        self.wait(&key).await
    }
    async fn texts(
        &self,
        _key: String,
        bytes: usize,
    ) -> Result<impl Stream<Item = Result<String, ProbeError>> + Send, ProbeError> {
        let dropped = Dropped(Some(&self.0));
        Ok(stream::repeat_with(move || {
            let _held = &dropped;
            self.ran();
            Ok("x".repeat(bytes))
        }))
    }
    async fn nothing(&self) -> Result<(), ProbeError> {
        self.ran();
        Ok(())
    }
}

impl Other for Provider {
    async fn alone(&self) -> Result<(), ProbeError> {
        self.ran();
        Ok(())
    }
}
