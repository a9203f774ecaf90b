//! tarpc: its service macro, over its own framing on one connection, with a task for each request as its documentation shows.

use std::sync::Arc;

use ::tarpc::serde_transport;
use ::tarpc::server::{BaseChannel, Channel};
use ::tarpc::tokio_serde::formats::{Bincode, Json};
use ::tarpc::tokio_util::codec::{Framed, LengthDelimitedCodec};
use ::tarpc::{ClientMessage, Response, Transport, client, context};
use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};

use crate::Failed;
use crate::records::{Record, Records};

#[::tarpc::service]
pub trait Store {
    async fn get(key: String, payload: String) -> Record;
}

/// How payloads are encoded.
#[derive(Clone, Copy)]
pub enum Codec {
    Bincode,
    Json,
}

#[derive(Clone)]
struct Server(Arc<Records>);

impl Store for Server {
    async fn get(self, _: context::Context, key: String, payload: String) -> Record {
        self.0.get(&key, &payload)
    }
}

pub async fn serve(listener: TcpListener, records: Records, codec: Codec) -> Result<(), Failed> {
    let server = Server(Arc::new(records));
    loop {
        let framed = framed(listener.accept().await?.0)?;
        match codec {
            Codec::Bincode => tokio::spawn(answer(serde_transport::new(framed, Bincode::default()), server.clone())),
            Codec::Json => tokio::spawn(answer(serde_transport::new(framed, Json::default()), server.clone())),
        };
    }
}

async fn answer<T>(transport: T, server: Server)
where
    T: Transport<Response<StoreResponse>, ClientMessage<StoreRequest>> + Send + 'static,
{
    let requests = BaseChannel::with_defaults(transport).execute(server.serve());
    requests.for_each(async |request| drop(tokio::spawn(request))).await;
}

fn framed(stream: TcpStream) -> Result<Framed<TcpStream, LengthDelimitedCodec>, Failed> {
    stream.set_nodelay(true)?;
    Ok(Framed::new(stream, LengthDelimitedCodec::new()))
}

pub struct Connection(StoreClient);

impl Connection {
    pub async fn new(address: &str, codec: Codec) -> Result<Self, Failed> {
        let framed = framed(TcpStream::connect(address).await?)?;
        let config = client::Config::default();
        Ok(Self(match codec {
            Codec::Bincode => StoreClient::new(config, serde_transport::new(framed, Bincode::default())).spawn(),
            Codec::Json => StoreClient::new(config, serde_transport::new(framed, Json::default())).spawn(),
        }))
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<Record, Failed> {
        Ok(self.0.get(context::current(), key.to_owned(), payload.to_owned()).await?)
    }
}
