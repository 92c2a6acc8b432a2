//! A flush over a stream: frames out, and the peer's silence or complaint in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ProtocolVersion, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::batch::Frames;
use crate::deliver::courier::Broken;
use crate::parcel::Failure;
use crate::transport::Framing;

/// Bytes gathered before a write, so that small messages share packets and a large flush takes little memory.
const CHUNK: usize = 64 * 1024;
/// How long a peer may take to close after us.
const FAREWELL: Duration = Duration::from_secs(2);

/// The TLS handshake. In TLS 1.3 the client has finished before the server judges its certificate, so a refusal only shows on a read
/// after that; writes succeed meanwhile and are lost. A server that asked for a certificate is therefore listened to first.
pub(super) async fn secure(
    stream: TcpStream,
    name: ServerName<'static>,
    config: &Arc<ClientConfig>,
    round_trip: Duration,
) -> Result<TlsStream<TcpStream>, Broken> {
    let witness = Arc::new(Witness { inner: config.client_auth_cert_resolver.clone(), asked: AtomicBool::new(false) });
    let mut config = ClientConfig::clone(config);
    config.client_auth_cert_resolver = witness.clone();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| Broken::of("the TLS handshake failed", &error))?;
    let late = stream.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    if late && witness.asked.load(Ordering::Relaxed) {
        let patience = (round_trip * 4).clamp(Duration::from_millis(300), Duration::from_secs(1));
        listen(&mut stream, patience).await?;
    }
    Ok(stream)
}

/// Notes whether the server asked for a certificate.
#[derive(Debug)]
struct Witness {
    inner: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Witness {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.inner.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

/// Writes the messages, closes our side, and waits for the peer's complaint or farewell.
pub(super) async fn flush<S>(
    mut stream: S,
    messages: &Frames,
    framing: Framing,
    round_trip: Duration,
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    if let Err(error) = write(&mut stream, messages, framing).await {
        return Err(complaint(&mut stream, &error).await);
    }
    // A peer that gives up on us (a frame too large for syslog-ng, say) closes first. After our own close nothing would tell that from
    // a farewell, so give it the time of its answer now.
    listen(&mut stream, (round_trip * 2).clamp(Duration::from_millis(25), Duration::from_millis(500))).await?;
    if let Err(error) = stream.shutdown().await {
        return Err(complaint(&mut stream, &error).await);
    }
    farewell(&mut stream).await
}

async fn write<S>(stream: &mut S, messages: &Frames, framing: Framing) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut chunk = Vec::with_capacity(CHUNK);
    for message in messages.iter() {
        if framing == Framing::OctetCounting {
            chunk.extend_from_slice(itoa::Buffer::new().format(message.len()).as_bytes());
            chunk.push(b' ');
        }
        chunk.extend_from_slice(message);
        if framing == Framing::LineFeed {
            chunk.push(b'\n');
        }
        if chunk.len() >= CHUNK {
            stream.write_all(&chunk).await?;
            chunk.clear();
            still_there(stream)?;
        }
    }
    stream.write_all(&chunk).await?;
    stream.flush().await
}

/// Looks, without waiting, whether the peer has closed or complained.
fn still_there<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut bin = [0; 512];
    match stream.read(&mut bin).now_or_never() {
        Some(Ok(0)) => Err(closed_early()),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Waits for `patience`; silence is consent. What a syslog peer says otherwise has no meaning and is dropped.
async fn listen<S: AsyncRead + Unpin>(stream: &mut S, patience: Duration) -> Result<(), Broken> {
    let heard = timeout(patience, async {
        let mut bin = [0; 512];
        loop {
            if stream.read(&mut bin).await? == 0 {
                return Err::<(), _>(closed_early());
            }
        }
    });
    match heard.await {
        Ok(Err(error)) => Err(Broken::of("the peer closed the connection", &error)),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Reads until the peer closes too. Many end the TCP connection without TLS's own farewell, or not at all; both are fine.
async fn farewell<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), Broken> {
    let closed = timeout(FAREWELL, async {
        let mut bin = [0; 512];
        while stream.read(&mut bin).await? > 0 {}
        Ok::<(), io::Error>(())
    });
    match closed.await {
        Ok(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Err(Broken::of("the peer broke the connection off", &error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Why a write failed: the peer's alert, where one waits to be read, says more than the broken pipe.
async fn complaint<S: AsyncRead + Unpin>(stream: &mut S, error: &io::Error) -> Broken {
    match listen(stream, Duration::from_millis(200)).await {
        Err(broken @ Broken(Failure::Trust, _)) => broken,
        _ => Broken::of("cannot write", error),
    }
}

fn closed_early() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "closed before everything was said")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::batch::{Records, Span};
    use crate::event::EventId;

    fn frames(messages: &[&str]) -> Frames {
        let buffer = Bytes::from(messages.concat());
        let spans: Vec<Span> = messages
            .iter()
            .scan(0, |at, message| {
                let span = Span {
                    start: *at,
                    end: *at + message.len(),
                    id: EventId::of(message.as_bytes()),
                    subject: 0,
                    group: 0,
                };
                *at = span.end;
                Some(span)
            })
            .collect();
        Records::new(&buffer, &spans).frames()
    }

    /// Flushes to a peer that is played by `peer`.
    async fn against<F: Future<Output = ()>>(
        messages: &[&str],
        framing: Framing,
        peer: impl FnOnce(DuplexStream) -> F,
    ) -> Result<(), Broken> {
        let (ours, theirs) = duplex(4096);
        let frames = frames(messages);
        let (result, ()) = tokio::join!(flush(ours, &frames, framing, Duration::ZERO), peer(theirs));
        result
    }

    /// Reads all and closes after us.
    async fn read(mut stream: DuplexStream, expected: &str) {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_told_apart_by_their_length_in_bytes_or_by_a_line_feed() {
        let messages = ["<1>1 ü", "", "<1>1 b"];
        against(&messages, Framing::OctetCounting, |peer| read(peer, "7 <1>1 ü0 6 <1>1 b")).await.unwrap();
        against(&messages, Framing::LineFeed, |peer| read(peer, "<1>1 ü\n\n<1>1 b\n")).await.unwrap();
        against(&[], Framing::OctetCounting, |peer| read(peer, "")).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stays_silent_without_closing_counts_as_reached() {
        let start = Instant::now();
        let silent = |mut peer: DuplexStream| async move {
            let mut text = String::new();
            peer.read_to_string(&mut text).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        against(&["a"], Framing::OctetCounting, silent).await.unwrap();
        assert!(start.elapsed() >= FAREWELL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_closes_first_has_not_taken_everything() {
        let hasty = |mut peer: DuplexStream| async move {
            peer.read_exact(&mut [0; 3]).await.unwrap();
            peer.shutdown().await.unwrap();
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).await.unwrap();
        };
        let Broken(failure, detail) = against(&["a"], Framing::OctetCounting, hasty).await.unwrap_err();
        assert_eq!(failure, Failure::Network);
        assert!(detail.contains("closed before everything was said"), "{detail}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_goes_away_in_the_middle_is_a_network_failure() {
        let large = "x".repeat(300_000);
        let gone = |mut peer: DuplexStream| async move {
            peer.read_exact(&mut [0; 3]).await.unwrap();
        };
        let Broken(failure, _) = against(&[&large, "b"], Framing::OctetCounting, gone).await.unwrap_err();
        assert_eq!(failure, Failure::Network);
    }
}
