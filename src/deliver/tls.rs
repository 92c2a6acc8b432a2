//! TLS for both transports: trust, our certificate, and whose fault a failure is.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, ClientConfig, RootCertStore};

use super::courier::Faults;
use crate::parcel::Failure;
use crate::transport::TlsOptions;

/// Trust and identity of one destination, parsed and proven usable. The expensive part, the system's certificate store, is read when
/// the first connection needs it.
#[derive(Debug)]
pub(super) struct Tls {
    roots: Option<RootCertStore>,
    identity: Option<Arc<CertifiedKey>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Parses the PEM texts.
    ///
    /// # Errors
    /// Every setting that holds no usable certificate or key; the text of neither is quoted.
    pub(super) fn parse(options: &TlsOptions) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let roots = options.ca_pem.as_deref().map(roots).transpose().unwrap_or_else(|problem| {
            faults.push(("CA_CERT", problem));
            None
        });
        let identity = match (&options.client_cert_pem, &options.client_key_pem) {
            (Some(chain), Some(key)) => identity(chain, key.expose()).map(Some).unwrap_or_else(|fault| {
                faults.push(fault);
                None
            }),
            _ => None,
        };
        if faults.is_empty() { Ok(Self { roots, identity, config: OnceLock::new() }) } else { Err(faults) }
    }

    /// TLS 1.2 or later, without ALPN.
    ///
    /// # Errors
    /// When no verifier can be built, in words.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = self.build().map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(self.config.get_or_init(|| Arc::new(config)).clone())
    }

    fn build(&self) -> Result<ClientConfig, Box<dyn Error>> {
        let verifier = match &self.roots {
            Some(roots) => verifier(roots.clone())?,
            None => system_verifier()?,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(match &self.identity {
            Some(key) => {
                let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(CertifiedKey::clone(key)));
                builder.with_client_cert_resolver(resolver)
            }
            None => builder.with_no_client_auth(),
        })
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())).clone()
}

fn verifier(roots: RootCertStore) -> Result<Arc<dyn ServerCertVerifier>, Box<dyn Error>> {
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?)
}

/// The system's trusted issuers, read once for all destinations; Mozilla's, which the program carries along, where there are none: a
/// static program does not know in which image it runs.
fn system_verifier() -> Result<Arc<dyn ServerCertVerifier>, Box<dyn Error>> {
    static SYSTEM: OnceLock<Arc<dyn ServerCertVerifier>> = OnceLock::new();
    if let Some(verifier) = SYSTEM.get() {
        return Ok(verifier.clone());
    }
    let found: Arc<dyn ServerCertVerifier> = match rustls_platform_verifier::Verifier::new(provider()) {
        Ok(verifier) => Arc::new(verifier),
        Err(error) => {
            tracing::warn!(%error, "this system has no usable CA certificates; trusting the built-in list of Mozilla");
            verifier(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())?
        }
    };
    Ok(SYSTEM.get_or_init(|| found).clone())
}

fn roots(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("holds a certificate that cannot be an issuer: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| "holds a damaged PEM block".to_owned())?;
    if certificates.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(certificates) }
}

fn identity(chain: &str, key: &str) -> Result<Arc<CertifiedKey>, (&'static str, String)> {
    let chain = certificates(chain).map_err(|problem| ("CLIENT_CERT", problem))?;
    // The error of a PEM parser may quote what it read: none of it is passed on.
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
        ("CLIENT_KEY", "holds no usable private key; give it unencrypted as PKCS#8, PKCS#1 or SEC1".to_owned())
    })?;
    match CertifiedKey::from_der(chain, key, &provider()) {
        Ok(key) => Ok(Arc::new(key)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(("CLIENT_KEY", "is not the key of the first certificate in CLIENT_CERT".to_owned()))
        }
        Err(rustls::Error::InvalidCertificate(problem)) => {
            Err(("CLIENT_CERT", format!("holds an unusable certificate: {problem}")))
        }
        Err(_) => Err(("CLIENT_KEY", "holds a private key of a kind that TLS cannot use".to_owned())),
    }
}

/// Whose fault an error is: the first TLS error in the chain of causes tells; without one it is the network's.
pub(super) fn failure(error: &(dyn Error + 'static)) -> Failure {
    match find(error) {
        Some(
            rustls::Error::AlertReceived(
                AlertDescription::CloseNotify | AlertDescription::UserCanceled | AlertDescription::InternalError,
            )
            | rustls::Error::DecryptError
            | rustls::Error::EncryptError
            | rustls::Error::FailedToGetRandomBytes
            | rustls::Error::FailedToGetCurrentTime,
        )
        | None => Failure::Network,
        Some(_) => Failure::Trust,
    }
}

/// The innermost cause, in words: the outer ones of the HTTP client say nothing more, and hold the URL.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    if let Some(tls) = find(error) {
        return match tls {
            rustls::Error::AlertReceived(alert) => format!("the peer refused our TLS connection: {alert:?}"),
            tls => format!("TLS: {tls}"),
        };
    }
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// An `io::Error` does not name what it wraps as its source, but what stands behind that: look inside.
fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    let inside: Option<&'e (dyn Error + 'static)> = match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    };
    inside.and_then(find)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Generated, KeyPair, generate_simple_self_signed};

    use super::*;
    use crate::settings::Secret;

    fn generated() -> Generated<KeyPair> {
        generate_simple_self_signed(["relay.example".to_owned()]).unwrap()
    }

    fn faults(ca: Option<&str>, chain: &str, key: &str) -> Faults {
        let options = TlsOptions {
            ca_pem: ca.map(str::to_owned),
            client_cert_pem: Some(chain.to_owned()),
            client_key_pem: Some(Secret::new(key.to_owned())),
        };
        Tls::parse(&options).map(|_| ()).unwrap_err()
    }

    #[test]
    fn unusable_pem_is_found_at_once_and_not_quoted() {
        let (one, other) = (generated(), generated());
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let damaged = "-----BEGIN CERTIFICATE-----\nc2VjcmV0!\n-----END CERTIFICATE-----\n";
        let of = |faults: Faults| faults.iter().map(|(key, _)| *key).collect::<Vec<_>>();
        assert_eq!(of(faults(Some(damaged), damaged, &key)), ["CA_CERT", "CLIENT_CERT"]);
        assert_eq!(of(faults(Some(&key), &chain, &chain)), ["CA_CERT", "CLIENT_KEY"]);
        let mismatch = faults(None, &chain, &other.signing_key.serialize_pem());
        assert_eq!(mismatch, [("CLIENT_KEY", "is not the key of the first certificate in CLIENT_CERT".to_owned())]);
        let nonsense = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
        let said = format!("{:?}", faults(Some(damaged), &chain, nonsense));
        assert!(said.contains("CLIENT_KEY") && !said.contains("c2Vjcm"), "{said}");
    }

    #[test]
    fn a_private_key_with_its_certificate_and_the_systems_trust_make_a_configuration() {
        let one = generated();
        let options = TlsOptions {
            ca_pem: None,
            client_cert_pem: Some(one.cert.pem()),
            client_key_pem: Some(Secret::new(one.signing_key.serialize_pem())),
        };
        let config = Tls::parse(&options).unwrap().config().unwrap();
        assert!(config.client_auth_cert_resolver.has_certs());
        assert!(config.alpn_protocols.is_empty());
    }

    #[test]
    fn tls_errors_are_found_inside_io_errors_and_told_apart() {
        let wrapped = |error: rustls::Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        let refused = wrapped(rustls::Error::AlertReceived(AlertDescription::CertificateRequired));
        assert_eq!(failure(&refused), Failure::Trust);
        assert_eq!(cause(&refused), "the peer refused our TLS connection: CertificateRequired");
        let unwell = wrapped(rustls::Error::AlertReceived(AlertDescription::InternalError));
        assert_eq!(failure(&unwell), Failure::Network);
        assert_eq!(failure(&io::Error::from(io::ErrorKind::ConnectionReset)), Failure::Network);
    }
}
