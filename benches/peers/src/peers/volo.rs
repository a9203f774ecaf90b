//! volo: its thrift server and client over its pool of connections, with messages written out by hand as its code generator would, so that
//! nothing has to be generated. Its calls take turns on the connections of the pool: sharing one is a feature that volo does not document.

mod messages;

use std::net::SocketAddr;
use std::sync::Arc;

use pilota::FastStr;
use tokio::net::TcpListener;
use volo::net::Address;
use volo::net::incoming::DefaultIncoming;
use volo::service::{BoxCloneService, Service};
use volo_thrift::client::ClientBuilder;
use volo_thrift::codec::DefaultMakeCodec;
use volo_thrift::context::{CLIENT_CONTEXT_CACHE, ClientContext, ServerContext};
use volo_thrift::server::Server;
use volo_thrift::{ClientError, ServerError};

use self::messages::{Get, Got, Record};
use crate::Failed;
use crate::records::{self, Records};

/// The server that the code generator would write.
struct Store(Arc<Records>);

impl Service<ServerContext, Get> for Store {
    type Response = Got;
    type Error = ServerError;

    async fn call(&self, _: &mut ServerContext, get: Get) -> Result<Got, ServerError> {
        let records::Record { key, version, payload } = self.0.get(&get.key, &get.payload);
        Ok(Got(Record { key: key.into(), version: version.cast_signed(), payload: payload.into() }))
    }
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    let server = Server::new(Store(Arc::new(records))).make_codec(DefaultMakeCodec::framed());
    server.run(DefaultIncoming::from(listener)).await
}

type Calls = volo_thrift::Client<BoxCloneService<ClientContext, Get, Option<Got>, ClientError>>;

/// What makes a client around the calls; the generated one only has a name.
struct Bare;

impl volo::client::MkClient<Calls> for Bare {
    type Target = Calls;

    fn mk_client(&self, calls: Calls) -> Calls {
        calls
    }
}

pub struct Connection(Calls);

impl Connection {
    pub fn new(address: &str) -> Result<Self, Failed> {
        let address = Address::from(address.parse::<SocketAddr>()?);
        let builder = ClientBuilder::new("store.Store", Bare).make_codec(DefaultMakeCodec::framed());
        Ok(Self(builder.address(address).build()))
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<records::Record, Failed> {
        let mut cx = self.0.make_cx("Get", false);
        let get = Get { key: FastStr::new(key), payload: FastStr::new(payload) };
        let Got(Record { key, version, payload }) = self.0.call(&mut cx, get).await?.ok_or("no answer")?;
        CLIENT_CONTEXT_CACHE.with(|cache| {
            let mut cache = cache.borrow_mut();
            if cache.len() < cache.capacity() {
                cache.push(cx);
            }
        });
        Ok(records::Record { key: key.to_string(), version: version.cast_unsigned(), payload: payload.to_string() })
    }
}
