//! The HTTP courier against a server on loopback that plays back what a test gives it.

use std::io::Read as _;
use std::sync::Arc;

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::parcel::SigningKey;
use crate::settings::{Secret, Values};
use crate::transport::{TlsOptions, VERDICT_BYTES};

mod proofs;

const LONG: Duration = Duration::from_secs(60);

fn courier(timeout: Duration, cookies: bool) -> HttpCourier {
    HttpCourier::open(
        HttpOptions { tls: TlsOptions::default(), timeout, cookies, reply_bytes: VERDICT_BYTES },
        nobody(),
    )
    .unwrap()
}

fn nobody() -> Arc<Identity> {
    Arc::new(Identity::choose(&Values::default()))
}

/// Answers each request with `response`, and passes on what it read: head and body.
async fn server(response: Vec<u8>) -> (Url, UnboundedReceiver<(String, Vec<u8>)>) {
    serve(move |_, _| response.clone()).await
}

/// Answers each request as `answer` makes of its head (in lower case) and body, and passes on what it read.
async fn serve(
    answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + 'static,
) -> (Url, UnboundedReceiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/in?sig=hidden", listener.local_addr().unwrap())).unwrap();
    let (heard, requests) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let head = loop {
                assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ended early");
                if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                    break end + 4;
                }
            };
            let text = String::from_utf8(bytes[..head].to_vec()).unwrap().to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            while bytes.len() < head + length {
                assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the body ended early");
            }
            let body = bytes.split_off(head);
            let response = answer(&text, &body);
            // Whoever asked may be gone by the time of the answer, and whoever listens before the end.
            let _ = heard.send((text, body));
            let _ = stream.write_all(&response).await;
        }
    });
    (url, requests)
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    [
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
        body,
    ]
    .concat()
}

async fn send(courier: &HttpCourier, parcel: HttpParcel) -> Reply {
    courier.send(&Parcel::Http(parcel), Instant::now() + LONG).await
}

fn post(url: &Url, body: impl Into<Bytes>) -> HttpParcel {
    HttpParcel::post(url.clone(), "application/json", body.into())
}

#[tokio::test]
async fn a_request_goes_out_as_packed_and_its_reply_comes_back_whole() {
    let (url, mut requests) = server(ok("X-Code: 7\r\n", b"{}")).await;
    let auth = Auth::Header { name: AUTHORIZATION, prefix: "Splunk ", value: Secret::new("t0ken".into()) };
    let reply = send(&courier(LONG, false), HttpParcel { auth, ..post(&url, "[1]") }).await;
    let Reply::Http { status, headers, body } = reply else { panic!("{reply:?}") };
    assert_eq!((status.as_u16(), &headers["x-code"], &body[..]), (200, &HeaderValue::from_static("7"), &b"{}"[..]));
    let (head, body) = requests.recv().await.unwrap();
    assert!(head.starts_with("post /in?sig=hidden http/1.1\r\n"), "{head}");
    for line in ["content-type: application/json", "authorization: splunk t0ken", "user-agent: defender-relay/"] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!(body, b"[1]");
}

#[tokio::test]
async fn only_large_bodies_are_compressed_and_only_where_allowed() {
    let (url, mut requests) = server(ok("", b"")).await;
    let large = "alert ".repeat(1000);
    for (body, gzip, compressed) in [
        (&*large, Gzip::Large, true),
        (&*large, Gzip::Never, false),
        ("small", Gzip::Large, false),
        ("small", Gzip::Always, true),
    ] {
        send(&courier(LONG, false), HttpParcel { gzip, ..post(&url, body.to_owned()) }).await;
        let (head, bytes) = requests.recv().await.unwrap();
        assert_eq!(head.contains("content-encoding: gzip"), compressed, "{head}");
        let mut text = Vec::new();
        if compressed {
            GzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
        } else {
            text = bytes;
        }
        assert_eq!(text, body.as_bytes());
    }
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_time_of_the_attempt() {
    let (url, mut requests) = server(ok("", b"")).await;
    let keys: Arc<[SigningKey]> = Arc::new([SigningKey(vec![7; 32])]);
    let auth = Auth::StandardWebhooks {
        id: "mdc_1".into(),
        keys: keys.clone(),
        besides: Arc::new(Auth::Header { name: AUTHORIZATION, prefix: "Bearer ", value: Secret::new("x".into()) }),
    };
    let before = Timestamp::now().as_second();
    send(&courier(LONG, false), HttpParcel { auth, ..post(&url, "{}") }).await;
    let (head, _) = requests.recv().await.unwrap();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default();
        line.to_owned()
    };
    let timestamp: i64 = header("webhook-timestamp").parse().unwrap();
    assert!((before..=Timestamp::now().as_second()).contains(&timestamp));
    let signature = standard_webhooks::sign("mdc_1", timestamp, b"{}", &keys).to_ascii_lowercase();
    assert_eq!((header("webhook-id"), header("webhook-signature")), ("mdc_1".to_owned(), signature));
    assert_eq!(header("authorization"), "bearer x");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, mut visits) = server(ok("", b"")).await;
    let (url, _requests) = server(
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
    )
    .await;
    let reply = send(&courier(LONG, false), post(&url, "{}")).await;
    assert!(matches!(reply, Reply::Http { status, .. } if status.as_u16() == 307), "{reply:?}");
    assert!(visits.try_recv().is_err());
}

#[tokio::test]
async fn a_reply_without_end_is_cut() {
    let (url, _requests) = server(ok("", &vec![b'x'; 3 * VERDICT_BYTES])).await;
    let reply = send(&courier(LONG, false), post(&url, "{}")).await;
    assert!(matches!(&reply, Reply::Http { body, .. } if body.len() == VERDICT_BYTES));
}

#[tokio::test]
async fn cookies_are_kept_where_asked_for() {
    let (url, mut requests) = server(ok("Set-Cookie: node=3\r\n", b"")).await;
    for (kept, cookies) in [(true, true), (false, false)] {
        let courier = courier(LONG, cookies);
        for _ in 0..2 {
            send(&courier, post(&url, "{}")).await;
        }
        assert!(!requests.recv().await.unwrap().0.contains("cookie:"));
        assert_eq!(requests.recv().await.unwrap().0.contains("cookie: node=3"), kept);
    }
}

#[tokio::test]
async fn failures_are_told_apart_and_hold_no_path_query_or_credential() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Url::parse(&format!("http://{}/p?sig=hidden", listener.local_addr().unwrap())).unwrap();
    let (garbled, _requests) = server(b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec()).await;
    let closed = Url::parse("http://127.0.0.1:1/p?sig=hidden").unwrap();
    let plain = Url::parse("http://siem.example/p?sig=hidden").unwrap();
    let brief = Duration::from_millis(50);
    for (url, timeout, expected) in [
        (&closed, LONG, Failure::Network),
        (&silent, brief, Failure::Network),
        (&garbled, LONG, Failure::Network),
        (&plain, LONG, Failure::Trust),
    ] {
        let auth = Auth::Basic { user: "u".into(), password: Secret::new("hidden".into()) };
        let reply = send(&courier(timeout, false), HttpParcel { auth, ..post(url, "hidden") }).await;
        let Reply::Failed { failure, detail } = reply else { panic!("{reply:?}") };
        assert_eq!(failure, expected, "{detail}");
        assert!(!detail.contains("hidden") && !detail.contains("/p"), "{detail}");
    }
    let parcel = Parcel::Http(post(&silent, "{}"));
    let reply = courier(LONG, false).send(&parcel, Instant::now() + brief).await;
    assert!(matches!(reply, Reply::Failed { failure: Failure::Deadline, .. }), "{reply:?}");
}

#[tokio::test]
async fn a_credential_that_no_header_can_carry_is_said_so() {
    let auth = Auth::Header { name: AUTHORIZATION, prefix: "", value: Secret::new("hid\nden".into()) };
    let url = Url::parse("http://127.0.0.1:1/").unwrap();
    let reply = send(&courier(LONG, false), HttpParcel { auth, ..post(&url, "{}") }).await;
    let Reply::Failed { failure: Failure::Credential, detail } = reply else { panic!("{reply:?}") };
    assert!(!detail.contains("hid"), "{detail}");
}

#[test]
fn dates_become_seconds() {
    let now: Timestamp = "1994-11-06T08:47:37Z".parse().unwrap();
    for (given, seconds) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "120"),
        ("Sun, 06 Nov 1994 08:40:00 GMT", "0"),
        ("17", "17"),
        ("tomorrow", "tomorrow"),
    ] {
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(given))]);
        date_to_seconds(&mut headers, now);
        assert_eq!(headers[RETRY_AFTER], seconds);
    }
}

/// A TLS server for `localhost`, which may ask for a certificate that nobody has; with the PEM text of its issuer.
async fn tls_server(client_certificate: bool) -> (Url, String) {
    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if client_certificate {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(generated.cert.der().clone()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(generated.signing_key.serialize_der().into());
    let config = builder.with_single_cert(vec![generated.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://localhost:{}/", listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&ok("", b"")).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, generated.cert.pem())
}

#[tokio::test]
async fn only_a_trusted_server_gets_the_request() {
    let (url, issuer) = tls_server(false).await;
    let trusting = |ca_pem: Option<String>| {
        let tls = TlsOptions { ca_pem, ..TlsOptions::default() };
        HttpCourier::open(HttpOptions { tls, timeout: LONG, cookies: false, reply_bytes: VERDICT_BYTES }, nobody())
            .unwrap()
    };
    let reply = send(&trusting(Some(issuer.clone())), post(&url, "{}")).await;
    assert!(matches!(reply, Reply::Http { .. }), "{reply:?}");
    let reply = send(&trusting(Some(issuer.clone())), HttpParcel::connect(url.clone())).await;
    assert!(matches!(reply, Reply::Sent), "{reply:?}");
    let mut other_name = url.clone();
    other_name.set_host(Some("127.0.0.1")).unwrap();
    for (courier, url) in [(trusting(None), &url), (trusting(Some(issuer)), &other_name)] {
        for parcel in [post(url, "{}"), HttpParcel::connect(url.clone())] {
            let reply = send(&courier, parcel).await;
            assert!(matches!(&reply, Reply::Failed { failure: Failure::Trust, .. }), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_our_certificate_is_a_matter_of_trust() {
    let (url, issuer) = tls_server(true).await;
    let tls = TlsOptions { ca_pem: Some(issuer), ..TlsOptions::default() };
    let courier =
        HttpCourier::open(HttpOptions { tls, timeout: LONG, cookies: false, reply_bytes: VERDICT_BYTES }, nobody())
            .unwrap();
    let reply = send(&courier, post(&url, "{}")).await;
    assert!(matches!(&reply, Reply::Failed { failure: Failure::Trust, .. }), "{reply:?}");
}

#[tokio::test]
async fn a_connection_is_tried_without_a_word() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/in", listener.local_addr().unwrap())).unwrap();
    let heard = tokio::spawn(async move {
        let mut bytes = Vec::new();
        listener.accept().await.unwrap().0.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    let plain = courier(LONG, false);
    assert!(matches!(send(&plain, HttpParcel::connect(url)).await, Reply::Sent));
    assert!(heard.await.unwrap().is_empty());
    let closed = Url::parse("http://127.0.0.1:1/").unwrap();
    let reply = send(&plain, HttpParcel::connect(closed)).await;
    assert!(matches!(&reply, Reply::Failed { failure: Failure::Network, .. }), "{reply:?}");

    let (url, issuer) = tls_server(false).await;
    for (ca_pem, trusted) in [(Some(issuer), true), (None, false)] {
        let tls = TlsOptions { ca_pem, ..TlsOptions::default() };
        let courier =
            HttpCourier::open(HttpOptions { tls, timeout: LONG, cookies: false, reply_bytes: VERDICT_BYTES }, nobody())
                .unwrap();
        match send(&courier, HttpParcel::connect(url.clone())).await {
            Reply::Sent => assert!(trusted),
            Reply::Failed { failure, .. } => assert_eq!((failure, trusted), (Failure::Trust, false)),
            reply @ Reply::Http { .. } => panic!("{reply:?}"),
        }
    }
}
