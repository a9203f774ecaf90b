//! The peers: each a server and a connection for the same call.

mod axum_reqwest;
mod tonic;
mod wherever;

use std::str::FromStr;

use tokio::net::TcpListener;

use crate::Failed;
use crate::records::{Record, Records};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Wherever,
    AxumReqwest,
    Tonic,
}

/// A client that has its server.
pub enum Connection {
    Wherever(wherever::Connection),
    AxumReqwest(axum_reqwest::Connection),
    Tonic(tonic::Connection),
}

impl Peer {
    /// In the order in which they take turns; wherever first, as the table's ratios expect.
    pub const ALL: [Self; 3] = [Self::Wherever, Self::AxumReqwest, Self::Tonic];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wherever => "wherever",
            Self::AxumReqwest => "axum+reqwest",
            Self::Tonic => "tonic",
        }
    }

    pub async fn serve(self, listener: TcpListener) -> Result<(), Failed> {
        let records = Records::new();
        match self {
            Self::Wherever => wherever::serve(listener, records).await,
            Self::AxumReqwest => axum_reqwest::serve(listener, records).await,
            Self::Tonic => tonic::serve(listener, records).await,
        }
    }

    pub async fn connect(self, address: &str) -> Result<Connection, Failed> {
        Ok(match self {
            Self::Wherever => Connection::Wherever(wherever::Connection::new(address).await?),
            Self::AxumReqwest => Connection::AxumReqwest(axum_reqwest::Connection::new(address)?),
            Self::Tonic => Connection::Tonic(tonic::Connection::new(address).await?),
        })
    }
}

impl FromStr for Peer {
    type Err = Failed;

    fn from_str(text: &str) -> Result<Self, Failed> {
        Self::ALL.into_iter().find(|peer| peer.name() == text).ok_or_else(|| format!("no peer {text}").into())
    }
}

impl Connection {
    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        match self {
            Self::Wherever(connection) => connection.get(key, payload).await,
            Self::AxumReqwest(connection) => connection.get(key, payload).await,
            Self::Tonic(connection) => connection.get(key, payload).await,
        }
    }
}
