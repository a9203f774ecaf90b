//! tonic: one unary method over one HTTP/2 connection, written out by hand as its code generator would, so that no protoc is needed.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tonic::body::Body;
use ::tonic::client::Grpc as Client;
use ::tonic::codegen::http::uri::PathAndQuery;
use ::tonic::codegen::{Service, http};
use ::tonic::server::{Grpc as Server, NamedService, UnaryService};
use ::tonic::transport::Channel;
use ::tonic::{Request, Response, Status};
use tokio::net::TcpListener;
use tonic_prost::ProstCodec;

use crate::Failed;
use crate::records::{self, Records};

const PATH: &str = "/store.Store/Get";

#[derive(Clone, PartialEq, prost::Message)]
struct Get {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    payload: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(string, tag = "3")]
    payload: String,
}

/// The service that the code generator would write.
#[derive(Clone)]
struct Store(Arc<Records>);

impl NamedService for Store {
    const NAME: &'static str = "store.Store";
}

impl Service<http::Request<Body>> for Store {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Method(self.0.clone());
        Box::pin(async move { Ok(Server::new(ProstCodec::default()).unary(method, request).await) })
    }
}

struct Method(Arc<Records>);

impl UnaryService<Get> for Method {
    type Response = Record;
    type Future = Ready<Result<Response<Record>, Status>>;

    fn call(&mut self, request: Request<Get>) -> Self::Future {
        let Get { key, payload } = request.into_inner();
        let records::Record { key, version, payload } = self.0.get(&key, &payload);
        ready(Ok(Response::new(Record { key, version, payload })))
    }
}

pub async fn serve(listener: TcpListener, records: Records) -> Result<(), Failed> {
    let incoming = ::tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let store = Store(Arc::new(records));
    Ok(::tonic::transport::Server::builder().add_service(store).serve_with_incoming(incoming).await?)
}

pub struct Connection(Channel);

impl Connection {
    pub async fn new(address: &str) -> Result<Self, Failed> {
        Ok(Self(Channel::from_shared(format!("http://{address}"))?.connect().await?))
    }

    pub async fn get(&self, key: &str, payload: &str) -> Result<records::Record, Failed> {
        // Cloning a channel is how calls share its connection.
        let mut client = Client::new(self.0.clone());
        client.ready().await?;
        let get = Get { key: key.to_owned(), payload: payload.to_owned() };
        let path = PathAndQuery::from_static(PATH);
        let reply = client.unary(Request::new(get), path, ProstCodec::<Get, Record>::default()).await?;
        let Record { key, version, payload } = reply.into_inner();
        Ok(records::Record { key, version, payload })
    }
}
