//! Syslog over TLS (RFC 5425), TCP (RFC 6587) and UDP (RFC 5426): one connection per flush.
//!
//! Syslog has no acknowledgement: a write that succeeds has only reached our own kernel. So a flush counts as sent only after the peer
//! had time to complain: it closed after us, or stayed silent. Whatever else happens fails the whole flush, which is then sent again:
//! the peer may see a message twice, but none is lost.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use super::Courier;
use super::courier::{Broken, Faults};
use super::tls::Tls;
use crate::batch::Frames;
use crate::parcel::{Failure, Parcel, Reply};
use crate::transport::{SyslogOptions, SyslogScheme};

mod stream;

/// Longest time to make a connection, and then for the TLS handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// Largest message that one IPv4 datagram carries (RFC 5426 section 3.2).
const DATAGRAM: usize = 65_507;

/// Sends syslog messages.
#[derive(Debug)]
pub(super) struct SyslogCourier {
    options: SyslogOptions,
    /// Whom the certificate must name; only with TLS.
    name: Option<ServerName<'static>>,
    tls: Tls,
}

#[async_trait]
impl Courier for SyslogCourier {
    async fn send(&self, parcel: &Parcel, deadline: Instant) -> Reply {
        let Parcel::Syslog(parcel) = parcel else {
            return self.failed(Broken(Failure::Network, "an HTTP request was handed to a syslog courier".to_owned()));
        };
        let limit = deadline.min(Instant::now() + self.options.timeout);
        match timeout_at(limit, self.flush(&parcel.messages)).await {
            Ok(Ok(())) => Reply::Sent,
            Ok(Err(broken)) => self.failed(broken),
            Err(_) if limit == deadline => {
                self.failed(Broken(Failure::Deadline, "the time for this delivery is over".to_owned()))
            }
            Err(_) => {
                self.failed(Broken(Failure::Network, format!("timed out, TIMEOUT is {:?}", self.options.timeout)))
            }
        }
    }
}

impl SyslogCourier {
    pub(super) fn open(options: SyslogOptions) -> Result<Self, Faults> {
        let tls = Tls::parse(&options.tls);
        let name = match options.scheme {
            SyslogScheme::Tls => ServerName::try_from(options.host.clone()).map(Some),
            SyslogScheme::Tcp | SyslogScheme::Udp => Ok(None),
        };
        match (tls, name) {
            (Ok(tls), Ok(name)) => Ok(Self { options, name, tls }),
            (tls, name) => {
                let mut faults = tls.err().unwrap_or_default();
                faults.extend(
                    name.err().map(|_| ("ADDRESS", "its host is no name that a certificate can hold".to_owned())),
                );
                Err(faults)
            }
        }
    }

    fn failed(&self, Broken(failure, detail): Broken) -> Reply {
        Broken(failure, format!("{}:{}: {detail}", self.options.host, self.options.port)).into()
    }

    async fn flush(&self, messages: &Frames) -> Result<(), Broken> {
        match (self.options.scheme, &self.name) {
            (SyslogScheme::Udp, _) => self.flush_datagrams(messages).await,
            (_, None) => {
                let (stream, round_trip) = self.connect().await?;
                stream::flush(stream, messages, self.options.framing, round_trip).await
            }
            (_, Some(name)) => {
                let (stream, round_trip) = self.connect().await?;
                let config = self.tls.config().map_err(|problem| Broken(Failure::Trust, problem))?;
                let stream = timeout(CONNECT, stream::secure(stream, name.clone(), &config, round_trip))
                    .await
                    .map_err(|_| Broken(Failure::Network, "the TLS handshake timed out".to_owned()))??;
                stream::flush(stream, messages, self.options.framing, round_trip).await
            }
        }
    }

    /// A connection, and how long it took: about one round trip.
    async fn connect(&self) -> Result<(TcpStream, Duration), Broken> {
        let start = Instant::now();
        let stream = timeout(CONNECT, TcpStream::connect((self.options.host.as_str(), self.options.port)))
            .await
            .map_err(|_| Broken(Failure::Network, "the connection timed out".to_owned()))?
            .map_err(|error| Broken::of("cannot connect", &error))?;
        stream.set_nodelay(true).map_err(|error| Broken::of("cannot connect", &error))?;
        Ok((stream, start.elapsed()))
    }

    /// One datagram per message; nobody says whether it arrives.
    async fn flush_datagrams(&self, messages: &Frames) -> Result<(), Broken> {
        if let Some(large) = messages.iter().map(<[u8]>::len).find(|length| *length > DATAGRAM) {
            return Err(too_large(large));
        }
        let address = lookup_host((self.options.host.as_str(), self.options.port))
            .await
            .map_err(|error| Broken::of("cannot resolve the host", &error))?
            .next()
            .ok_or_else(|| Broken(Failure::Network, "the host has no address".to_owned()))?;
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let failed = |error: io::Error| Broken::of("cannot send", &error);
        let socket = UdpSocket::bind(local).await.map_err(failed)?;
        socket.connect(address).await.map_err(failed)?;
        for message in messages.iter() {
            socket.send(message).await.map_err(|error| match error.kind() {
                // The way there is narrower than a datagram can be.
                _ if error.raw_os_error() == Some(EMSGSIZE) => too_large(message.len()),
                _ => failed(error),
            })?;
        }
        Ok(())
    }
}

/// `EMSGSIZE` on Linux, for which the standard library has no name.
const EMSGSIZE: i32 = 90;

fn too_large(bytes: usize) -> Broken {
    Broken(Failure::TooLarge, format!("a message of {bytes} bytes does not fit into one UDP datagram"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::batch::{Records, Span};
    use crate::event::EventId;
    use crate::parcel::SyslogParcel;
    use crate::transport::{Framing, TlsOptions};

    fn options(scheme: SyslogScheme, host: &str, port: u16) -> SyslogOptions {
        let timeout = Duration::from_secs(20);
        SyslogOptions {
            scheme,
            host: host.into(),
            port,
            framing: Framing::LineFeed,
            tls: TlsOptions::default(),
            timeout,
        }
    }

    async fn send(courier: &SyslogCourier, lengths: &[usize]) -> Reply {
        let buffer = Bytes::from(vec![b'x'; lengths.iter().sum()]);
        let mut end = 0;
        let spans: Vec<Span> = lengths
            .iter()
            .map(|length| {
                end += length;
                Span { start: end - length, end, id: EventId::of(b"x"), subject: 0, group: 0 }
            })
            .collect();
        let messages = Records::new(&buffer, &spans).frames();
        courier.send(&Parcel::Syslog(SyslogParcel { messages }), Instant::now() + Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn one_datagram_carries_one_message() {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = peer.local_addr().unwrap().port();
        let courier = SyslogCourier::open(options(SyslogScheme::Udp, "127.0.0.1", port)).unwrap();
        assert!(matches!(send(&courier, &[3, 5]).await, Reply::Sent));
        let mut bytes = [0; 99];
        assert_eq!(peer.recv(&mut bytes).await.unwrap(), 3);
        assert_eq!(peer.recv(&mut bytes).await.unwrap(), 5);
        let reply = send(&courier, &[3, DATAGRAM + 1]).await;
        assert!(matches!(&reply, Reply::Failed { failure: Failure::TooLarge, .. }), "{reply:?}");
        assert!(peer.try_recv(&mut bytes).is_err(), "nothing is sent of a run that is split");
    }

    #[test]
    fn a_host_that_no_certificate_can_name_is_a_fault() {
        let faults = SyslogCourier::open(options(SyslogScheme::Tls, "under score!", 6514)).unwrap_err();
        assert_eq!(faults[0].0, "ADDRESS");
        assert!(SyslogCourier::open(options(SyslogScheme::Tls, "2001:db8::1", 6514)).is_ok());
    }
}
