//! A syslog receiver over TCP or TLS.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Arrival, frames};
use crate::local::payload::Payload;

/// Serves until dropped.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    destination: &'static str,
    to: UnboundedSender<Arrival>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (to, tls) = (to.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => read(stream, destination, &to).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        read(stream, destination, &to).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn read(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    destination: &'static str,
    to: &UnboundedSender<Arrival>,
) {
    let mut buffer = Vec::new();
    loop {
        let end = !matches!(stream.read_buf(&mut buffer).await, Ok(length) if length > 0);
        while let Some(message) = frames::take(&mut buffer) {
            let _ = to.send(Arrival { destination, payload: Payload::Syslog(message) });
        }
        if end {
            if !buffer.is_empty() {
                let _ = to.send(Arrival { destination, payload: Payload::Syslog(std::mem::take(&mut buffer)) });
            }
            let _ = stream.shutdown().await;
            return;
        }
    }
}
