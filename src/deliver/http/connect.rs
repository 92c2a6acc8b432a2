//! A connection that nothing is said over: whether the host answers, and whether it is trusted.

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::deliver::courier::Broken;
use crate::deliver::tls::Tls;
use crate::parcel::Failure;

/// Connects to the URL's host, with TLS for https, and hangs up. What a TLS 1.3 server makes of our own certificate is not awaited.
pub(super) async fn connect(url: &Url, tls: &Tls, limit: Instant) -> Result<(), Broken> {
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    };
    let stage = format!("cannot connect to {host}");
    let shake_hands = async {
        let port = url.port_or_known_default().unwrap_or_default();
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| Broken::of(&stage, &error))?;
        if url.scheme() == "https" {
            let no_name = |_| Broken(Failure::Trust, format!("{stage}: no certificate can hold that name"));
            let name = ServerName::try_from(host.clone()).map_err(no_name)?;
            let config = tls.config().map_err(|detail| Broken(Failure::Trust, detail))?;
            let secured = TlsConnector::from(config).connect(name, stream).await;
            secured.map_err(|error| Broken::of(&stage, &error))?;
        }
        Ok(())
    };
    let timed_out = || Broken(Failure::Network, format!("{stage}: timed out"));
    timeout_at(limit, shake_hands).await.unwrap_or_else(|_| Err(timed_out()))
}
