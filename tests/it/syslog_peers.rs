//! Real receivers: rsyslog and syslog-ng as Debian builds them, over TCP, TLS and mutual TLS. What arrives equals what was sent, byte for
//! byte; and what does not arrive is never called sent.

use std::fmt::Write as _;

use bytes::Bytes;
use defender_relay::batch::{Records, Span};
use defender_relay::deliver::{Courier, courier};
use defender_relay::event::EventId;
use defender_relay::parcel::{Failure, Parcel, Reply, SyslogParcel};
use defender_relay::settings::Secret;
use defender_relay::transport::{Framing, SyslogOptions, SyslogScheme, TlsOptions, Transport};
use tokio::time::Instant;

use crate::support::nobody;
use crate::support::receivers::{self, Certificates, Guard, PATIENCE, Pair, Receiver, certificates, free_port};

async fn rsyslog(guard: Guard, certificates: &Certificates) -> Option<Receiver> {
    receivers::rsyslog(certificates, |folder, port| {
        let at = folder.display();
        let driver = match guard {
            Guard::Nothing => String::new(),
            Guard::Tls => r#" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon""#.to_owned(),
            Guard::MutualTls => r#" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
            PermittedPeer=["relay.example"]"#
                .to_owned(),
        };
        format!(
            r#"global(workDirectory="{at}" maxMessageSize="128k" parser.escapeControlCharactersOnReceive="off"
    defaultNetstreamDriverCAFile="{at}/ca.pem" defaultNetstreamDriverCertFile="{at}/server.pem"
    defaultNetstreamDriverKeyFile="{at}/server.key")
module(load="imtcp"{driver})
template(name="raw" type="string" string="%rawmsg%\n")
template(name="parsed" type="string" string="%msgid% %msg%\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
ruleset(name="all") {{
    action(type="omfile" file="{at}/raw" template="raw")
    action(type="omfile" file="{at}/parsed" template="parsed")
}}
"#
        )
    })
    .await
}

async fn syslog_ng(guard: Guard, framing: Framing, certificates: &Certificates) -> Option<Receiver> {
    receivers::syslog_ng(certificates, |folder, port| {
        let at = folder.display();
        let verify = if guard == Guard::MutualTls { "required-trusted" } else { "optional-untrusted" };
        let transport = match guard {
            Guard::Nothing => r#"transport("tcp")"#.to_owned(),
            Guard::Tls | Guard::MutualTls => format!(
                r#"transport("tls") tls(key-file("{at}/server.key") cert-file("{at}/server.pem") ca-file("{at}/ca.pem")
            peer-verify({verify}))"#
            ),
        };
        let source = match framing {
            Framing::OctetCounting => {
                format!("syslog(ip(127.0.0.1) port({port}) {transport} flags(store-raw-message))")
            }
            Framing::LineFeed => {
                format!("network(ip(127.0.0.1) port({port}) {transport} flags(syslog-protocol, store-raw-message))")
            }
        };
        format!(
            r#"@version: 3.35
options {{ keep-hostname(yes); flush-lines(1); }};
source s {{ {source}; }};
destination raw {{ file("{at}/raw" template("${{RAWMSG}}\n")); }};
destination parsed {{ file("{at}/parsed" template("${{MSGID}} ${{MSG}}\n")); }};
log {{ source(s); destination(raw); destination(parsed); }};
"#
        )
    })
    .await
}

/// Messages that break weak framing, escaping or decoding: (message id, MSG part).
fn hostile() -> Vec<(String, String)> {
    let mut messages = vec![
        ("escapes".to_owned(), r#"{"path":"C:\\x","quote":"say \"hi\"","pipe":"a|b=c]"}"#.to_owned()),
        ("text".to_owned(), "Bericht “für” 日本語 🛡️👩🏽‍💻 \u{202e}rtl\u{202c} \u{feff}".to_owned()),
        ("tabs".to_owned(), "a\tb\t\tc".to_owned()),
        ("framing".to_owned(), "77 <134>1 - - - - - - looks like a frame".to_owned()),
        ("large".to_owned(), "ü".repeat(3_900)),
    ];
    for number in 0..3_000 {
        let mut text = format!("message {number} ");
        for _ in 0..number % 40 {
            write!(text, "{number:x}/").unwrap();
        }
        text.push('.');
        messages.push((format!("m{number}"), text));
    }
    messages
}

fn rfc5424(id: &str, text: &str) -> String {
    format!(
        r#"<130>1 2026-02-03T04:09:10.123456Z relay.example defender-relay - {id} [mdc@32473 a="b\\c" d="\"e\"" f="[g\]"] {text}"#
    )
}

fn parcel(messages: &[String]) -> Parcel {
    let mut buffer = Vec::new();
    let mut spans = Vec::new();
    for message in messages {
        let start = buffer.len();
        buffer.extend_from_slice(message.as_bytes());
        spans.push(Span { start, end: buffer.len(), id: EventId::of(message.as_bytes()), subject: 0, group: 0 });
    }
    Parcel::Syslog(SyslogParcel { messages: Records::new(&Bytes::from(buffer), &spans).frames() })
}

fn courier(scheme: SyslogScheme, port: u16, framing: Framing, tls: TlsOptions) -> Box<dyn Courier> {
    let host = "localhost".to_owned();
    let options = SyslogOptions { scheme, host, port, framing, tls, timeout: PATIENCE };
    courier::open(&Transport::Syslog(options), &nobody()).unwrap()
}

async fn send(courier: &dyn Courier, messages: &[String]) -> Reply {
    courier.send(&parcel(messages), Instant::now() + PATIENCE).await
}

fn trusting(certificates: &Certificates, client: Option<&Pair>) -> TlsOptions {
    TlsOptions {
        ca_pem: Some(certificates.ca.clone()),
        client_cert_pem: client.map(|pair| pair.certificate.clone()),
        client_key_pem: client.map(|pair| Secret::new(pair.key.clone())),
    }
}

fn scheme(guard: Guard) -> SyslogScheme {
    if guard == Guard::Nothing { SyslogScheme::Tcp } else { SyslogScheme::Tls }
}

/// Sends hostile messages and compares what the receiver read, whole and parsed.
async fn arrives_as_sent(receiver: &Receiver, guard: Guard, framing: Framing, certificates: &Certificates) {
    let client = (guard == Guard::MutualTls).then_some(&certificates.client);
    let courier = courier(scheme(guard), receiver.port, framing, trusting(certificates, client));
    assert!(matches!(send(&*courier, &[]).await, Reply::Sent), "the probe only connects");
    let parts = hostile();
    let messages: Vec<String> = parts.iter().map(|(id, text)| rfc5424(id, text)).collect();
    let reply = send(&*courier, &messages).await;
    assert!(matches!(reply, Reply::Sent), "{reply:?}");
    let parsed: Vec<String> = parts.iter().map(|(id, text)| format!("{id} {text}")).collect();
    same(&receiver.lines("raw", messages.len()).await, &messages);
    same(&receiver.lines("parsed", parsed.len()).await, &parsed);
}

fn same(arrived: &[String], sent: &[String]) {
    for (arrived, sent) in arrived.iter().zip(sent) {
        assert_eq!(arrived, sent);
    }
    assert_eq!(arrived.len(), sent.len());
}

/// Neither no certificate nor one of another issuer passes, and neither is called sent.
async fn refused_clients_are_noticed(receiver: &Receiver, certificates: &Certificates) {
    let stranger = receivers::certificates();
    for client in [None, Some(&stranger.client)] {
        let tls = trusting(certificates, client);
        let courier = courier(SyslogScheme::Tls, receiver.port, Framing::OctetCounting, tls);
        for messages in [vec![], vec![rfc5424("lost", "must not count as sent")]] {
            trust_fails(&send(&*courier, &messages).await);
        }
    }
    assert_eq!(std::fs::read_to_string(receiver.folder.path().join("raw")).unwrap_or_default(), "");
}

fn trust_fails(reply: &Reply) {
    assert!(matches!(reply, Reply::Failed { failure: Failure::Trust, .. }), "{reply:?}");
}

#[tokio::test]
async fn rsyslog_receives_over_tcp_what_was_sent() {
    for framing in [Framing::OctetCounting, Framing::LineFeed] {
        let certificates = certificates();
        let Some(receiver) = rsyslog(Guard::Nothing, &certificates).await else { return };
        arrives_as_sent(&receiver, Guard::Nothing, framing, &certificates).await;
    }
}

#[tokio::test]
async fn rsyslog_receives_over_tls_what_was_sent() {
    for guard in [Guard::Tls, Guard::MutualTls] {
        let certificates = certificates();
        let Some(receiver) = rsyslog(guard, &certificates).await else { return };
        arrives_as_sent(&receiver, guard, Framing::OctetCounting, &certificates).await;
    }
}

#[tokio::test]
async fn clients_that_rsyslog_refuses_are_noticed() {
    let certificates = certificates();
    let Some(receiver) = rsyslog(Guard::MutualTls, &certificates).await else { return };
    refused_clients_are_noticed(&receiver, &certificates).await;
}

#[tokio::test]
async fn syslog_ng_receives_over_tcp_what_was_sent() {
    for framing in [Framing::OctetCounting, Framing::LineFeed] {
        let certificates = certificates();
        let Some(receiver) = syslog_ng(Guard::Nothing, framing, &certificates).await else { return };
        arrives_as_sent(&receiver, Guard::Nothing, framing, &certificates).await;
    }
}

#[tokio::test]
async fn syslog_ng_receives_over_tls_what_was_sent() {
    for guard in [Guard::Tls, Guard::MutualTls] {
        let certificates = certificates();
        let Some(receiver) = syslog_ng(guard, Framing::OctetCounting, &certificates).await else { return };
        arrives_as_sent(&receiver, guard, Framing::OctetCounting, &certificates).await;
    }
}

#[tokio::test]
async fn clients_that_syslog_ng_refuses_are_noticed() {
    let certificates = certificates();
    let Some(receiver) = syslog_ng(Guard::MutualTls, Framing::OctetCounting, &certificates).await else { return };
    refused_clients_are_noticed(&receiver, &certificates).await;
}

/// syslog-ng closes the connection on a frame above its `log-msg-size`, and loses it and what follows.
#[tokio::test]
async fn a_frame_that_syslog_ng_gives_up_on_is_noticed() {
    for guard in [Guard::Nothing, Guard::Tls] {
        let certificates = certificates();
        let Some(receiver) = syslog_ng(guard, Framing::OctetCounting, &certificates).await else { return };
        let courier = courier(scheme(guard), receiver.port, Framing::OctetCounting, trusting(&certificates, None));
        let messages = [rfc5424("large", &"x".repeat(70_000)), rfc5424("lost", "behind it")];
        let reply = send(&*courier, &messages).await;
        assert!(matches!(reply, Reply::Failed { failure: Failure::Network, .. }), "{guard:?}: {reply:?}");
    }
}

#[tokio::test]
async fn a_server_of_an_unknown_issuer_or_another_name_is_not_trusted() {
    let certificates = certificates();
    let Some(receiver) = syslog_ng(Guard::Tls, Framing::OctetCounting, &certificates).await else { return };
    let message = [rfc5424("lost", "must not arrive")];
    let unknown = trusting(&receivers::certificates(), None);
    trust_fails(&send(&*courier(SyslogScheme::Tls, receiver.port, Framing::OctetCounting, unknown), &message).await);
    let other_name = SyslogOptions {
        scheme: SyslogScheme::Tls,
        host: "127.0.0.1".to_owned(),
        port: receiver.port,
        framing: Framing::OctetCounting,
        tls: trusting(&certificates, None),
        timeout: PATIENCE,
    };
    trust_fails(&send(&*courier::open(&Transport::Syslog(other_name), &nobody()).unwrap(), &message).await);
}

#[tokio::test]
async fn nobody_there_is_a_network_failure() {
    for scheme in [SyslogScheme::Tcp, SyslogScheme::Tls] {
        let courier = courier(scheme, free_port(), Framing::OctetCounting, TlsOptions::default());
        let reply = send(&*courier, &[rfc5424("lost", "nobody there")]).await;
        assert!(matches!(reply, Reply::Failed { failure: Failure::Network, .. }), "{reply:?}");
    }
}
