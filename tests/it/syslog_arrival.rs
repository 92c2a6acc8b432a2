//! The whole way of an alert to a syslog server: rendered by a destination, delivered, received by rsyslog and syslog-ng, stored.
//!
//! The receivers run the very files that we give to users, with paths, address and port put in.

use std::path::Path;

use defender_relay::app::{Instance, open_destinations};
use defender_relay::batch::{Rendered, Span};
use defender_relay::deliver::{Fate, deliver, retry::RetryPolicy};
use defender_relay::settings::Values;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::contract;
use crate::support::receivers::{self, Certificates, Guard, PATIENCE, Receiver, certificates};

const RSYSLOG: &str = include_str!("../../src/destinations/syslog/rsyslog.conf");
const SYSLOG_NG: &str = include_str!("../../src/destinations/syslog/syslog-ng.conf");

/// What is sent: instance name, kind, settings.
type Sender<'s> = (&'s str, &'s str, &'s [(&'s str, &'s str)]);

const SENDERS: [Sender<'_>; 5] = [
    ("json", "syslog", &[]),
    ("json-long", "syslog", &[("MAX_MESSAGE_BYTES", "65000")]),
    ("cef", "syslog", &[("FORMAT", "cef")]),
    ("leef", "syslog", &[("FORMAT", "leef"), ("MAX_MESSAGE_BYTES", "1024")]),
    ("lines", "syslog", &[("FRAMING", "lf")]),
];

/// Those whose lines begin as RFC 3164 says; their own default framing is the line feed.
const OLD_STYLE: [Sender<'_>; 6] = [
    ("qradar", "qradar", &[]),
    ("qradar-tab", "qradar", &[("LEEF_VERSION", "1.0"), ("HEADER", "iso")]),
    ("arcsight", "arcsight", &[]),
    ("arcsight-one", "arcsight", &[("CEF_VERSION", "1"), ("FRAMING", "octet")]),
    ("logrhythm", "logrhythm", &[("MODE", "syslog")]),
    ("logrhythm-pipe", "logrhythm", &[("MODE", "syslog"), ("FORMAT", "pipe")]),
];

/// Replaces what must be there.
fn put(conf: &str, from: &str, to: &str) -> String {
    assert!(conf.contains(from), "the file has no {from:?}");
    conf.replace(from, to)
}

/// The user's file for this folder and port, behind a module as in `/etc/rsyslog.conf`, which includes it. For less than mutual TLS it
/// loses the lines that demand it.
fn rsyslog_conf(guard: Guard, folder: &Path, port: u16) -> String {
    let at = folder.display();
    let conf = put(RSYSLOG, "/etc/rsyslog.d/", &format!("{at}/"));
    let conf = put(&conf, "/var/log/", &format!("{at}/"));
    let conf = put(&conf, r#"port="6514""#, &format!(r#"address="127.0.0.1" port="{port}""#));
    let conf = format!("module(load=\"imudp\")\n{conf}");
    match guard {
        Guard::MutualTls => conf,
        Guard::Tls => {
            let conf = put(&conf, r#"StreamDriver.AuthMode="x509/name""#, r#"StreamDriver.AuthMode="anon""#);
            put(&conf, r#"PermittedPeer=["relay.example"]"#, "")
        }
        Guard::Nothing => {
            let tls = |line: &&str| line.trim_start().starts_with("StreamDriver.") || line.contains("PermittedPeer=");
            conf.lines().filter(|line| !tls(line)).map(|line| format!("{line}\n")).collect()
        }
    }
}

fn syslog_ng_conf(guard: Guard, folder: &Path, port: u16) -> String {
    let at = folder.display();
    let conf = put(SYSLOG_NG, "/etc/syslog-ng/", &format!("{at}/"));
    let conf = put(&conf, "/var/log/", &format!("{at}/"));
    let conf = put(&conf, "ip(0.0.0.0) port(6514)", &format!("ip(127.0.0.1) port({port})"));
    match guard {
        Guard::MutualTls => conf,
        Guard::Tls => put(&conf, "required-trusted", "optional-untrusted"),
        Guard::Nothing => {
            let conf = put(&conf, r#"transport("tls")"#, r#"transport("tcp")"#);
            let (before, rest) = conf.split_once("    tls(\n").unwrap();
            let (_, after) = rest.split_once("\n    )\n").unwrap();
            format!("{before}{after}")
        }
    }
}

fn open(sender: Sender<'_>, guard: Guard, port: u16, certificates: &Certificates) -> Instance {
    let (name, kind, settings) = sender;
    let scheme = if guard == Guard::Nothing { "tcp" } else { "tls" };
    let address = format!("{scheme}://localhost:{port}");
    let mut given = vec![("ADDRESS", address.as_str()), ("CA_CERT", &certificates.ca)];
    if guard == Guard::MutualTls {
        given.extend([
            ("CLIENT_CERT", certificates.client.certificate.as_str()),
            ("CLIENT_KEY", &certificates.client.key),
        ]);
    }
    let prefix = defender_relay::settings::setting_prefix(name);
    let values = given.iter().chain(settings).map(|(key, value)| (format!("{prefix}__{key}"), (*value).to_owned()));
    let values: Vec<_> = values.chain([("DESTINATIONS".to_owned(), format!("{name}={kind}"))]).collect();
    open_destinations(&Values::new(values)).unwrap().remove(0)
}

/// Delivers every fixture, sample and hostile alert, and compares what was stored with what was rendered.
async fn arrives(receiver: &Receiver, senders: &[Sender<'_>], guard: Guard, certificates: &Certificates) {
    let mut sent: Vec<String> = Vec::new();
    for sender in senders {
        let instance = open(*sender, guard, receiver.port, certificates);
        let (mut buffer, mut spans) = (Vec::new(), Vec::new());
        contract::for_each_event(|_, event| {
            let start = buffer.len();
            instance.outlet.destination.render(event, &mut buffer).unwrap();
            sent.push(String::from_utf8(buffer[start..].to_vec()).unwrap());
            spans.push(Span::of(event, start..buffer.len()));
        });
        let rendered = Rendered { buffer: buffer.into(), spans };
        let deadline = Instant::now() + PATIENCE;
        let fates = deliver(&instance.outlet, &rendered, &RetryPolicy::default(), deadline, Timestamp::now).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{}: {:?}", sender.0, fates.first());
    }
    let mut stored = receiver.lines("defender.log", sent.len()).await;
    // A flush is in order; flushes are separate connections.
    stored.sort_unstable();
    sent.sort_unstable();
    for (stored, sent) in stored.iter().zip(&sent) {
        assert_eq!(stored, sent);
    }
    assert_eq!(stored.len(), sent.len());
}

#[tokio::test]
async fn alerts_arrive_at_an_rsyslog_with_our_file() {
    for guard in [Guard::Nothing, Guard::Tls, Guard::MutualTls] {
        let certificates = certificates();
        let conf = |folder: &Path, port| rsyslog_conf(guard, folder, port);
        let Some(receiver) = receivers::rsyslog(&certificates, conf).await else { return };
        let senders = [SENDERS.as_slice(), OLD_STYLE.as_slice()].concat();
        arrives(&receiver, &senders, guard, &certificates).await;
    }
}

#[tokio::test]
async fn alerts_arrive_at_a_syslog_ng_with_our_file() {
    for guard in [Guard::Nothing, Guard::Tls, Guard::MutualTls] {
        let certificates = certificates();
        let conf = |folder: &Path, port| syslog_ng_conf(guard, folder, port);
        let Some(receiver) = receivers::syslog_ng(&certificates, conf).await else { return };
        let octet = SENDERS.into_iter().filter(|(_, _, settings)| !settings.contains(&("FRAMING", "lf")));
        arrives(&receiver, &octet.collect::<Vec<_>>(), guard, &certificates).await;
    }
}

/// syslog-ng's driver for old headers and lines is another one than our file has.
#[tokio::test]
async fn lines_arrive_at_a_syslog_ng_that_takes_lines() {
    for guard in [Guard::Nothing, Guard::Tls, Guard::MutualTls] {
        let certificates = certificates();
        let conf = |folder: &Path, port| put(&syslog_ng_conf(guard, folder, port), "  syslog(\n", "  network(\n");
        let Some(receiver) = receivers::syslog_ng(&certificates, conf).await else { return };
        let lines = OLD_STYLE.into_iter().filter(|(_, _, settings)| !settings.contains(&("FRAMING", "octet")));
        arrives(&receiver, &lines.collect::<Vec<_>>(), guard, &certificates).await;
    }
}
