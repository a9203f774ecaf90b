//! The peers: each a server and a connection for the same call.

mod axum_reqwest;
mod jsonrpsee;
mod local;
mod raw;
mod tarpc;
mod tonic;
mod volo;
mod wherever;

use std::future::pending;
use std::str::FromStr;

use tokio::net::TcpListener;

use self::raw::{Json, Postcard};
use self::tarpc::Codec;
use crate::Failed;
use crate::records::{Record, Records};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Local,
    Frames,
    FramesOnce,
    FramesCompact,
    Post,
    Raw,
    RawJson,
    Tarpc,
    TarpcJson,
    Tonic,
    Volo,
    AxumReqwest,
    Jsonrpsee,
}

/// A client that has its server.
pub enum Connection {
    Local(local::Connection),
    Wherever(wherever::Connection),
    WhereverOnce(wherever::Connection),
    WhereverCompact(wherever::Connection),
    Raw(raw::Connection<Postcard>),
    RawJson(raw::Connection<Json>),
    Tarpc(tarpc::Connection),
    Tonic(tonic::Connection),
    Volo(volo::Connection),
    AxumReqwest(axum_reqwest::Connection),
    Jsonrpsee(jsonrpsee::Connection),
}

impl Peer {
    /// In the order in which they take turns.
    pub const ALL: [Self; 13] = [
        Self::Local,
        Self::Frames,
        Self::FramesOnce,
        Self::FramesCompact,
        Self::Post,
        Self::Raw,
        Self::RawJson,
        Self::Tarpc,
        Self::TarpcJson,
        Self::Tonic,
        Self::Volo,
        Self::AxumReqwest,
        Self::Jsonrpsee,
    ];

    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Frames => "frames",
            Self::FramesOnce => "frames-once",
            Self::FramesCompact => "frames-compact",
            Self::Post => "post",
            Self::Raw => "raw",
            Self::RawJson => "raw-json",
            Self::Tarpc => "tarpc",
            Self::TarpcJson => "tarpc-json",
            Self::Tonic => "tonic",
            Self::Volo => "volo",
            Self::AxumReqwest => "axum+reqwest",
            Self::Jsonrpsee => "jsonrpsee",
        }
    }

    /// As it is shown.
    pub fn title(self) -> &'static str {
        match self {
            Self::Local => "wherever, call stays",
            Self::Frames => "wherever, frames, JSON",
            Self::FramesOnce => "wherever, frames, JSON, recorded",
            Self::FramesCompact => "wherever, frames, compact",
            Self::Post => "wherever, JSON POST",
            Self::Raw => "raw frames, postcard",
            Self::RawJson => "raw frames, JSON",
            Self::Tarpc => "tarpc, bincode",
            Self::TarpcJson => "tarpc, JSON",
            Self::Tonic => "tonic",
            Self::Volo => "volo, thrift",
            Self::AxumReqwest => "axum + reqwest, JSON POST",
            Self::Jsonrpsee => "jsonrpsee, HTTP",
        }
    }

    /// Whether it is this repository's.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Local | Self::Frames | Self::FramesOnce | Self::FramesCompact | Self::Post)
    }

    pub async fn serve(self, listener: TcpListener) -> Result<(), Failed> {
        let records = Records::new();
        match self {
            // The client has everything itself.
            Self::Local => pending().await,
            Self::Frames | Self::FramesOnce | Self::FramesCompact | Self::Post => {
                wherever::serve(listener, records).await
            }
            Self::Raw => raw::serve::<Postcard>(listener, records).await,
            Self::RawJson => raw::serve::<Json>(listener, records).await,
            Self::Tarpc => tarpc::serve(listener, records, Codec::Bincode).await,
            Self::TarpcJson => tarpc::serve(listener, records, Codec::Json).await,
            Self::Tonic => tonic::serve(listener, records).await,
            Self::Volo => volo::serve(listener, records).await,
            Self::AxumReqwest => axum_reqwest::serve(listener, records).await,
            Self::Jsonrpsee => jsonrpsee::serve(listener, records).await,
        }
    }

    pub async fn connect(self, address: &str) -> Result<Connection, Failed> {
        Ok(match self {
            Self::Local => Connection::Local(local::Connection::new(Records::new())?),
            Self::Frames => Connection::Wherever(wherever::Connection::by_frames(address).await?),
            Self::FramesOnce => Connection::WhereverOnce(wherever::Connection::by_frames(address).await?),
            Self::FramesCompact => Connection::WhereverCompact(wherever::Connection::by_frames(address).await?),
            Self::Post => Connection::Wherever(wherever::Connection::by_post(address)?),
            Self::Raw => Connection::Raw(raw::Connection::new(address).await?),
            Self::RawJson => Connection::RawJson(raw::Connection::new(address).await?),
            Self::Tarpc => Connection::Tarpc(tarpc::Connection::new(address, Codec::Bincode).await?),
            Self::TarpcJson => Connection::Tarpc(tarpc::Connection::new(address, Codec::Json).await?),
            Self::Tonic => Connection::Tonic(tonic::Connection::new(address).await?),
            Self::Volo => Connection::Volo(volo::Connection::new(address)?),
            Self::AxumReqwest => Connection::AxumReqwest(axum_reqwest::Connection::new(address)?),
            Self::Jsonrpsee => Connection::Jsonrpsee(jsonrpsee::Connection::new(address)?),
        })
    }
}

impl FromStr for Peer {
    type Err = Failed;

    fn from_str(text: &str) -> Result<Self, Failed> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|peer| peer.name() == text)
            .ok_or_else(|| format!("no peer {text}; there are {}", known()).into())
    }
}

impl Connection {
    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        match self {
            Self::Local(connection) => connection.get(key, payload).await,
            Self::Wherever(connection) => connection.get(key, payload).await,
            Self::WhereverOnce(connection) => connection.get_once(key, payload).await,
            Self::WhereverCompact(connection) => connection.get_compact(key, payload).await,
            Self::Raw(connection) => connection.get(key, payload).await,
            Self::RawJson(connection) => connection.get(key, payload).await,
            Self::Tarpc(connection) => connection.get(key, payload).await,
            Self::Tonic(connection) => connection.get(key, payload).await,
            Self::Volo(connection) => connection.get(key, payload).await,
            Self::AxumReqwest(connection) => connection.get(key, payload).await,
            Self::Jsonrpsee(connection) => connection.get(key, payload).await,
        }
    }
}
