//! The server: a task for each connection, in which its calls are answered where they are read.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::codec::Codec;
use super::{Get, READ, frame};
use crate::Failed;
use crate::records::Records;

pub async fn serve<C: Codec>(listener: TcpListener, records: Records) -> Result<(), Failed> {
    let records = Arc::new(records);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let records = records.clone();
        tokio::spawn(async move {
            if let Err(error) = answer::<C>(stream, &records).await {
                eprintln!("a connection broke: {error}");
            }
        });
    }
}

async fn answer<C: Codec>(mut stream: TcpStream, records: &Records) -> Result<(), Failed> {
    let (mut inbox, mut outbox) = (Vec::with_capacity(READ), Vec::with_capacity(READ));
    loop {
        inbox.reserve(READ);
        if stream.read_buf(&mut inbox).await? == 0 {
            return Ok(());
        }
        let mut left = inbox.as_slice();
        while let Some((number, payload, rest)) = frame::read(left) {
            let get: Get<'_> = C::decode(payload)?;
            frame::write::<C>(&mut outbox, number, &records.get(get.key, get.payload))?;
            left = rest;
        }
        let taken = inbox.len() - left.len();
        inbox.drain(..taken);
        stream.write_all(&outbox).await?;
        outbox.clear();
    }
}
