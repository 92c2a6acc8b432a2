//! rsyslog and syslog-ng as children of a test, and certificates for them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long a receiver may take to come up, or a message to arrive, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What secures the receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Guard {
    Nothing,
    Tls,
    MutualTls,
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An issuer and what it issued.
pub(crate) struct Certificates {
    pub(crate) ca: String,
    pub(crate) server: Pair,
    pub(crate) client: Pair,
}

pub(crate) fn certificates() -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "test issuer");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let issue = |name: &str| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &issuer).unwrap().pem(), key: key.serialize_pem() }
    };
    Certificates { ca, server: issue("localhost"), client: issue("relay.example") }
}

/// A receiver that runs as our child, and ends with this value.
pub(crate) struct Receiver {
    /// Held for its end: the child dies with it.
    _child: Child,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Receiver {
    /// The lines of a file that the receiver writes, once there are as many as that.
    pub(crate) async fn lines(&self, file: &str, count: usize) -> Vec<String> {
        let path = self.folder.path().join(file);
        until(&format!("{count} messages in {file}"), || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            (text.lines().count() >= count && text.ends_with('\n')).then(|| text.lines().map(str::to_owned).collect())
        })
        .await
    }
}

/// Polls, within a generous bound.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "no {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn start(mut command: Command, folder: tempfile::TempDir, port: u16) -> Receiver {
    let log = std::fs::File::create(folder.path().join("output")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        let output = || std::fs::read_to_string(folder.path().join("output")).unwrap_or_default();
        assert!(child.try_wait().unwrap().is_none(), "the receiver ended: {}", output());
        assert!(start.elapsed() < PATIENCE, "the receiver does not listen: {}", output());
        sleep(Duration::from_millis(20)).await;
    }
    Receiver { _child: child, folder, port }
}

fn write_certificates(folder: &Path, certificates: &Certificates) {
    std::fs::write(folder.join("ca.pem"), &certificates.ca).unwrap();
    std::fs::write(folder.join("server.pem"), &certificates.server.certificate).unwrap();
    std::fs::write(folder.join("server.key"), &certificates.server.key).unwrap();
}

/// The rsyslogd that `scripts/peers` fetched; an installed one only if it has the TLS driver, which is a package of its own.
fn rsyslogd() -> Option<PathBuf> {
    let installed = format!("/usr/lib/{}-linux-gnu/rsyslog/lmnsd_ossl.so", std::env::consts::ARCH);
    let has_tls = |program: &PathBuf| program.starts_with(super::root()) || Path::new(&installed).is_file();
    super::need("rsyslogd with rsyslog-openssl", super::program("rsyslogd").filter(has_tls))
}

/// Starts rsyslog with the configuration that `conf` writes for a folder (certificates are in it) and a port.
pub(crate) async fn rsyslog(certificates: &Certificates, conf: impl FnOnce(&Path, u16) -> String) -> Option<Receiver> {
    let program = rsyslogd()?;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    write_certificates(folder.path(), certificates);
    let conf_path = folder.path().join("rsyslog.conf");
    std::fs::write(&conf_path, conf(folder.path(), port)).unwrap();
    let mut command = Command::new(program);
    command.arg("-n").arg("-f").arg(conf_path).arg("-i").arg(folder.path().join("pid"));
    Some(start(command, folder, port).await)
}

/// Starts syslog-ng in the same way.
pub(crate) async fn syslog_ng(
    certificates: &Certificates,
    conf: impl FnOnce(&Path, u16) -> String,
) -> Option<Receiver> {
    let program = super::need("syslog-ng", super::program("syslog-ng"))?;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    write_certificates(folder.path(), certificates);
    let conf_path = folder.path().join("syslog-ng.conf");
    std::fs::write(&conf_path, conf(folder.path(), port)).unwrap();
    let mut command = Command::new(program);
    command.args(["-F", "--no-caps", "--stderr"]).arg("-f").arg(conf_path);
    for (option, file) in [("--persist-file", "persist"), ("--control", "control"), ("--pidfile", "pid")] {
        command.arg(format!("{option}={}", folder.path().join(file).display()));
    }
    Some(start(command, folder, port).await)
}
