#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::Value;

use super::*;

/// Gives these replies in turn, and keeps what was asked.
#[derive(Debug, Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    asked: Asked,
}

/// The requests so far.
type Asked = Arc<Mutex<Vec<(Method, Url)>>>;

#[async_trait]
impl Courier for Script {
    async fn send(&self, parcel: &Parcel, _: Instant) -> Reply {
        let Parcel::Http(parcel) = parcel else { panic!("a question is an HTTP request") };
        assert!(
            matches!(&parcel.auth, Auth::Entra(audience) if audience.scope == "https://graph.microsoft.com/.default")
        );
        self.asked.lock().unwrap().push((parcel.method.clone(), parcel.url.clone()));
        self.replies.lock().unwrap().pop_front().unwrap()
    }
}

fn http(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Reply::Http {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn api(root: &str, replies: impl IntoIterator<Item = Reply>) -> (Api, Asked) {
    let script = Script { replies: Mutex::new(replies.into_iter().collect()), ..Script::default() };
    let asked = Arc::clone(&script.asked);
    let audience = Arc::new(Audience::of(Service::Graph, Cloud::Public));
    let api = Api { root: Url::parse(root).unwrap(), audience, courier: Box::new(script), pacer: Pacer::new(&[]) };
    (api, asked)
}

async fn get(api: &Api, patience: Duration) -> Result<Value, ApiError> {
    api.get(api.url("/v1.0/x", &[("$filter", "a eq 'b c'")]), &[], Instant::now() + patience).await
}

const LONG: Duration = Duration::from_secs(100);

#[tokio::test(start_paused = true)]
async fn patience_is_what_the_service_asks_for_and_the_caller_has() {
    let replies = || [http(429, &[("retry-after", "7")], ""), http(503, &[], ""), http(200, &[], r#"{"a":1}"#)];
    let (service, asked) = api("https://graph.microsoft.com", replies());
    let begun = Instant::now();
    assert_eq!(get(&service, LONG).await.unwrap(), serde_json::json!({"a": 1}));
    assert!(begun.elapsed() >= Duration::from_secs(7));
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].1.as_str(), "https://graph.microsoft.com/v1.0/x?%24filter=a+eq+%27b+c%27");

    let (service, asked) = api("https://graph.microsoft.com", replies());
    let error = get(&service, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error, ApiError::Unwell { reason: "429 Too Many Requests".into(), after: Some(Duration::from_secs(7)) });
    assert_eq!(asked.lock().unwrap().len(), 1, "it is not asked again before the time that it named");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_by_its_code_alone() {
    let body = r#"{"error":{"code":"Forbidden","message":"you sent secret"}}"#;
    let (service, asked) = api("https://graph.microsoft.com", [http(403, &[], body)]);
    let error = get(&service, LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "403 Forbidden: Forbidden");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_strange_and_a_broken_connection_passes() {
    let broken = || Reply::Failed { failure: Failure::Network, detail: "reset".into() };
    let (service, _) = api("https://graph.microsoft.com", [broken(), http(200, &[], "<html>secret")]);
    let error = get(&service, LONG).await.unwrap_err();
    assert!(matches!(&error, ApiError::Strange(text) if !text.contains("secret")), "{error}");
    let (service, asked) = api("https://graph.microsoft.com", (0..4).map(|_| broken()));
    assert!(matches!(get(&service, LONG).await.unwrap_err(), ApiError::Unwell { after: None, .. }));
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[test]
fn a_next_page_lies_at_home() {
    let (service, _) = api("https://graph.microsoft.com/base/", []);
    for good in [
        "https://graph.microsoft.com/base/v1.0/security/alerts_v2?$skip=100&x=%2F",
        "https://GRAPH.microsoft.com:443/base/x",
    ] {
        assert_eq!(service.next_page(good).unwrap(), Url::parse(good).unwrap(), "{good}");
    }
    for bad in [
        "",
        "/base/x",
        "//evil.example/base/x",
        "http://graph.microsoft.com/base/x",
        "https://graph.microsoft.com:8443/base/x",
        "https://graph.microsoft.com.evil.example/base/x",
        "https://evil.example/base/x?https://graph.microsoft.com/base/",
        "https://user@graph.microsoft.com/base/x",
        "https://graph.microsoft.com@evil.example/base/x",
        "https://graph.microsoft.com/base/../other",
        "https://graph.microsoft.com/based/x",
        "https://graph.microsoft.com/base/x#f",
    ] {
        assert!(service.next_page(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_service_is_at_its_own_hosts() {
    let identity = Arc::new(Identity::choose(&crate::settings::Values::default()));
    let open = |root: &str| Api::open(Service::Arm, Cloud::Public, Url::parse(root).unwrap(), &identity, &[]);
    assert_eq!(open("https://management.azure.com").unwrap().url("/a", &[]).as_str(), "https://management.azure.com/a");
    assert!(open("http://127.0.0.1:9/arm").is_ok());
    assert!(open("https://management.azure.com/?x=1").is_err());
    let error = open("https://management.usgovcloudapi.net").unwrap_err();
    assert_eq!(error, "must lead to management.azure.com (AZURE_CLOUD is public)");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_sent_once_unless_it_was_turned_away() {
    let lost = || Reply::Failed { failure: Failure::Network, detail: "reset".to_owned() };
    for (first, sent) in
        [(lost(), 1), (http(503, &[], ""), 1), (http(500, &[], ""), 1), (http(429, &[("retry-after", "2")], ""), 2)]
    {
        let (service, asked) = api("https://graph.microsoft.com", [first, http(200, &[], "done")]);
        let url = service.url("/x", &[]);
        let answer = service.change(Method::PUT, url, Bytes::from_static(b"{}"), Instant::now() + LONG).await;
        assert_eq!(asked.lock().unwrap().len(), sent);
        assert_eq!(answer.is_ok(), sent == 2, "{answer:?}");
        assert!(matches!(answer, Ok(_) | Err(ApiError::Unwell { .. })));
    }
    let (service, asked) = api("https://graph.microsoft.com", [lost(), http(200, &[], "7")]);
    let read: u32 = service.read_by_post(service.url("/x", &[]), Instant::now() + LONG).await.unwrap();
    assert_eq!((read, asked.lock().unwrap().len()), (7, 2), "reading may be repeated");
}
