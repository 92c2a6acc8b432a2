//! The other side of every destination, on loopback: receivers that take what is sent, answer as the vendor would, and hand over
//! what arrived, decoded as the vendor would see it.

mod frames;
mod http;
mod identity;
mod syslog;

use std::path::Path;

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::destinations::{CATALOG, Kind};
use crate::settings::{Values, setting_prefix};

use super::payload::Payload;

/// What arrived at one destination's receiver.
#[derive(Debug)]
pub struct Arrival {
    /// Name of the destination.
    pub destination: &'static str,
    /// What arrived.
    pub payload: Payload,
}

/// Every destination of the catalogue, with receivers for all of them. Dropping it stops the receivers and removes its folder.
#[derive(Debug)]
pub struct Receivers {
    /// The settings that open every destination against the receivers, with a store in a temporary folder.
    pub settings: Vec<(String, String)>,
    /// What arrives, in order.
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    _servers: JoinSet<()>,
    _folder: tempfile::TempDir,
}

/// Where a destination's rehearsal finds its receivers.
#[derive(Debug, Default)]
struct Places {
    http: String,
    tcp: String,
    tls: String,
    ca: String,
}

impl Receivers {
    /// Starts a receiver for each destination of the catalogue.
    ///
    /// # Errors
    /// When no port is free or the temporary folder cannot be written.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("defender-relay-").tempdir().context("no temporary folder")?;
        let authority = Authority::write(folder.path())?;
        let (to, arrivals) = mpsc::unbounded_channel();
        let mut servers = JoinSet::new();
        let mut settings = base_settings(folder.path())?;
        let (listener, address) = listen().await?;
        settings.extend(identity::settings(&address));
        servers.spawn(identity::serve(listener));
        for kind in CATALOG {
            let needs = |place: &str| kind.rehearsal.settings.iter().any(|(_, value)| value.contains(place));
            let mut places = Places { ca: authority.path.clone(), ..Places::default() };
            if needs("{http}") {
                let (listener, address) = listen().await?;
                places.http = format!("http://{address}");
                servers.spawn(http::serve(listener, kind, to.clone()));
            }
            if needs("{tcp}") {
                let (listener, address) = listen().await?;
                places.tcp = address;
                servers.spawn(syslog::serve(listener, None, kind.name, to.clone()));
            }
            if needs("{tls}") {
                let (listener, address) = listen().await?;
                places.tls = address;
                servers.spawn(syslog::serve(listener, Some(authority.acceptor()?), kind.name, to.clone()));
            }
            settings.extend(rehearsal_settings(kind, &places));
        }
        Ok(Self { settings, arrivals, _servers: servers, _folder: folder })
    }
}

/// Settings that open every destination of the catalogue without any receiver behind: for a preview, which sends nothing.
///
/// `folder` takes the throw-away CA certificate.
///
/// # Errors
/// When `folder` cannot be written.
pub fn preview_settings(folder: &Path) -> anyhow::Result<Values> {
    let places = Places {
        http: "http://localhost:8080".to_owned(),
        tcp: "localhost:514".to_owned(),
        tls: "localhost:6514".to_owned(),
        ca: Authority::write(folder)?.path,
    };
    let mut settings = base_settings(folder)?;
    settings.extend(CATALOG.iter().flat_map(|kind| rehearsal_settings(kind, &places)));
    Ok(Values::new(settings))
}

fn base_settings(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let names: Vec<&str> = CATALOG.iter().map(|kind| kind.name).collect();
    let state = url::Url::from_file_path(folder.join("state")).ok().context("the temporary folder has no full path")?;
    Ok(vec![("DESTINATIONS".to_owned(), names.join(",")), ("STATE__URL".to_owned(), state.to_string())])
}

fn rehearsal_settings(kind: &Kind, places: &Places) -> Vec<(String, String)> {
    let fill = |value: &str| {
        value
            .replace("{http}", &places.http)
            .replace("{tcp}", &places.tcp)
            .replace("{tls}", &places.tls)
            .replace("{ca}", &places.ca)
    };
    let prefix = setting_prefix(kind.name);
    kind.rehearsal.settings.iter().map(|(key, value)| (format!("{prefix}__{key}"), fill(value))).collect()
}

async fn listen() -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

/// A certificate authority for one run; its key lives in memory only.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    path: String,
}

impl Authority {
    /// Makes one, and writes its certificate into `folder`.
    fn write(folder: &Path) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "defender-relay local run");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let path = folder.join("ca.pem");
        std::fs::write(&path, params.self_signed(&key)?.pem()).context("the CA certificate cannot be written")?;
        Ok(Self { issuer: Issuer::new(params, key), path: path.to_string_lossy().into_owned() })
    }

    /// A TLS server whose certificate this authority signed, for 127.0.0.1 and localhost.
    fn acceptor(&self) -> anyhow::Result<tokio_rustls::TlsAcceptor> {
        let key = KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private.into())?;
        Ok(std::sync::Arc::new(config).into())
    }
}
