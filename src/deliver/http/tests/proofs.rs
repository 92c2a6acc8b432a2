//! Tokens and signatures that the courier makes: fetched once, renewed after a refusal, and shown to nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;

use super::*;
use crate::cloud::{Audience, Cloud, Hosts, Service};
use crate::parcel::ClientCredentials;

const REFUSED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Issues `token-1`, `token-2` and so on; after the last it repeats itself.
#[derive(Debug)]
struct Issuer {
    last: usize,
    asked: AtomicUsize,
}

#[async_trait]
impl TokenCredential for Issuer {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let turn = (self.asked.fetch_add(1, Ordering::SeqCst) + 1).min(self.last);
        Ok(AccessToken::new(format!("token-{turn}"), OffsetDateTime::now_utc() + Duration::from_secs(3600)))
    }
}

fn with_tokens(last: usize) -> (Arc<Issuer>, HttpCourier) {
    let issuer = Arc::new(Issuer { last, asked: AtomicUsize::new(0) });
    let options = HttpOptions { tls: TlsOptions::default(), timeout: LONG, cookies: false, reply_bytes: VERDICT_BYTES };
    let identity = Identity::of(Arc::clone(&issuer) as Arc<dyn TokenCredential>);
    (issuer, HttpCourier::open(options, Arc::new(identity)).unwrap())
}

fn monitor() -> Auth {
    Auth::Entra(Arc::new(Audience::of(Service::Monitor, Cloud::Public)))
}

fn bearer(head: &str) -> String {
    head.lines().find_map(|line| line.strip_prefix("authorization: bearer ")).unwrap_or_default().to_owned()
}

fn status(reply: &Reply) -> u16 {
    match reply {
        Reply::Http { status, .. } => status.as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let (issuer, courier) = with_tokens(9);
    let (url, mut requests) = server(ok("", b"")).await;
    for _ in 0..3 {
        send(&courier, HttpParcel { auth: monitor(), ..post(&url, "[]") }).await;
        assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-1");
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (issuer, courier) = with_tokens(9);
    let (url, mut requests) =
        serve(|head, _| if head.contains("token-1") { REFUSED.to_vec() } else { ok("", b"") }).await;
    let auth = Auth::StandardWebhooks { id: "x".into(), keys: Arc::default(), besides: Arc::new(monitor()) };
    assert_eq!(status(&send(&courier, HttpParcel { auth, ..post(&url, "[]") }).await), 200);
    assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-1");
    assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-2");
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn whoever_refuses_everything_hears_two_tokens_and_no_more() {
    let (issuer, courier) = with_tokens(9);
    let (url, mut requests) = server(REFUSED.to_vec()).await;
    assert_eq!(status(&send(&courier, HttpParcel { auth: monitor(), ..post(&url, "[]") }).await), 401);
    assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-1");
    assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-2");
    assert!(requests.try_recv().is_err());
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_issuer_that_insists_is_not_sent_twice() {
    let (issuer, courier) = with_tokens(1);
    let (url, mut requests) = server(REFUSED.to_vec()).await;
    assert_eq!(status(&send(&courier, HttpParcel { auth: monitor(), ..post(&url, "[]") }).await), 401);
    assert_eq!(bearer(&requests.recv().await.unwrap().0), "token-1");
    assert!(requests.try_recv().is_err());
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_goes_to_no_host_but_its_own() {
    let (issuer, courier) = with_tokens(9);
    for url in ["https://evil.example/dataCollectionRules", "https://x.ingest.monitor.azure.us/"] {
        let parcel = HttpParcel { auth: monitor(), ..post(&Url::parse(url).unwrap(), "[]") };
        match send(&courier, parcel).await {
            Reply::Failed { failure: Failure::Trust, detail } => {
                assert!(detail.contains("*.ingest.monitor.azure.com"), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 0, "not even asked for");
}

/// Credentials whose tokens are good for the host of `url`.
fn credentials(token_url: &Url, url: &Url) -> Auth {
    Auth::OAuth2(Arc::new(ClientCredentials {
        token_url: token_url.clone(),
        client_id: "id&1".into(),
        client_secret: Secret::new("s3cret=+ü".into()),
        scope: Some("https://api.example/.default".into()),
        hosts: Hosts::only(url),
    }))
}

#[tokio::test]
async fn client_credentials_buy_a_token_and_buy_anew_after_a_refusal() {
    let sold = AtomicUsize::new(0);
    let (issuer, mut purchases) = serve(move |_, _| {
        let number = sold.fetch_add(1, Ordering::SeqCst) + 1;
        ok("", format!(r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":"1799"}}"#).as_bytes())
    })
    .await;
    let (url, mut requests) =
        serve(|head, _| if head.contains("bearer t1") { REFUSED.to_vec() } else { ok("", b"") }).await;
    let courier = courier(LONG, false);
    for _ in 0..2 {
        let parcel = HttpParcel { auth: credentials(&issuer, &url), ..post(&url, "{}") };
        assert_eq!(status(&send(&courier, parcel).await), 200);
    }
    let (head, form) = purchases.recv().await.unwrap();
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    let form = String::from_utf8(form).unwrap();
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=id%261&client_secret=s3cret%3D%2B%C3%BC&scope=https%3A%2F%2Fapi.example%2F.default"
    );
    purchases.recv().await.unwrap();
    assert!(purchases.try_recv().is_err(), "the second token serves on");
    let bearers = [(); 3].map(|()| bearer(&requests.try_recv().unwrap().0));
    assert_eq!(bearers, ["t1", "t2", "t2"]);
}

#[tokio::test]
async fn an_issuers_no_is_a_credential_fault_and_its_illness_is_not() {
    let (url, mut requests) = server(ok("", b"")).await;
    for (line, body, failure) in [
        ("400 Bad Request", r#"{"error":"invalid_client","error_description":"you sent s3cret"}"#, Failure::Credential),
        ("401 Unauthorized", "<html>s3cret</html>", Failure::Credential),
        ("200 OK", "<html>asleep</html>", Failure::Credential),
        ("200 OK", r#"{"access_token":"t","token_type":"mac"}"#, Failure::Credential),
        ("503 Service Unavailable", "", Failure::Network),
        ("429 Too Many Requests", "", Failure::Network),
    ] {
        let answer = format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (issuer, _purchases) = server(answer.into_bytes()).await;
        let parcel = HttpParcel { auth: credentials(&issuer, &url), ..post(&url, "{}") };
        match send(&courier(LONG, false), parcel).await {
            Reply::Failed { failure: given, detail } => {
                assert_eq!(given, failure, "{line}: {detail}");
                assert!(!detail.contains("s3cret"), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(requests.try_recv().is_err(), "nothing goes out without its token");
}

#[tokio::test]
async fn another_issuer_is_not_trusted_by_the_destinations_own_authority() {
    let (issuer, authority) = tls_server(false).await;
    let (url, mut requests) = server(ok("", b"")).await;
    let tls = TlsOptions { ca_pem: Some(authority), ..TlsOptions::default() };
    let courier =
        HttpCourier::open(HttpOptions { tls, timeout: LONG, cookies: false, reply_bytes: VERDICT_BYTES }, nobody())
            .unwrap();
    let reply = send(&courier, HttpParcel { auth: credentials(&issuer, &url), ..post(&url, "{}") }).await;
    assert!(matches!(&reply, Reply::Failed { .. }), "{reply:?}");
    assert!(requests.try_recv().is_err());
    // The destination's own host is another matter: a ServiceNow behind a private authority issues its tokens itself.
    let reply = send(&courier, HttpParcel { auth: credentials(&issuer, &issuer), ..post(&issuer, "{}") }).await;
    assert!(matches!(&reply, Reply::Failed { detail, .. } if detail.contains("access_token")), "{reply:?}");
}

#[tokio::test]
async fn each_attempt_proves_itself_anew_with_an_advanced_key() {
    let (url, mut requests) = server(ok("", b"")).await;
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let auth = Auth::CortexAdvanced { key_id: "7".into(), key: Secret::new("k".into()) };
        send(&courier(LONG, false), HttpParcel { auth, ..post(&url, "{}") }).await;
        let (head, _) = requests.recv().await.unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        assert_eq!(header("x-xdr-auth-id: "), "7");
        assert_eq!(header("authorization: ").len(), 64);
        assert!(header("x-xdr-timestamp: ").parse::<i64>().unwrap() > 1_764_000_000_000);
        nonces.push(header("x-xdr-nonce: "));
    }
    assert_ne!(nonces[0], nonces[1]);
}
