//! A Resource Manager that has gone mad: ids and links that would lead our token, or a change, anywhere else.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use defender_relay::deliver::token::Identity;

use super::*;

/// What it was asked: method, path and query.
type Asked = Arc<Mutex<Vec<(Method, String)>>>;

/// An identity whose tokens open nothing.
#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl azure_core::credentials::TokenCredential for Nobody {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<azure_core::credentials::TokenRequestOptions<'_>>,
    ) -> azure_core::Result<azure_core::credentials::AccessToken> {
        let expires = azure_core::time::OffsetDateTime::now_utc() + HOUR;
        Ok(azure_core::credentials::AccessToken::new("token", expires))
    }
}

/// Answers: incidents that are closed and hold one alert; alerts as they are given; links as they are given.
#[derive(Clone)]
struct Mad {
    asked: Asked,
    base: String,
    alerts: Vec<Value>,
    /// What `nextLink` of each list leads to.
    link: fn(&str) -> Option<String>,
}

async fn answer(State(mad): State<Mad>, request: Request) -> String {
    let path = request.uri().to_string();
    mad.asked.lock().unwrap().push((request.method().clone(), path.clone()));
    let link = (mad.link)(&mad.base);
    let incident = json!({"name": incident_name(1), "etag": "1", "properties": {"status": "Closed", "title": "T", "severity": "High",
        "classification": "FalsePositive", "lastModifiedTimeUtc": Timestamp::now().to_string()}});
    let answer = match path.split('?').next().unwrap() {
        path if path.ends_with("/incidents") => json!({"value": [incident, {"name": "../../x", "etag": "1"}, 7, null]}),
        path if path.contains("/incidents/") && path.ends_with("/alerts") => {
            json!({"value": [{"properties": {"productName": "Azure Security Center", "systemAlertId": "a"}}], "nextLink": link})
        }
        path if path.ends_with("Microsoft.Security/alerts") => json!({"value": mad.alerts}),
        path if path.contains("/incidents/") => incident,
        _ => json!({"id": mad.alerts[0]["id"], "properties": {"status": "Active"}}),
    };
    answer.to_string()
}

/// Runs against it; what it was asked, and what came of it.
async fn run(alerts: Vec<Value>, link: fn(&str) -> Option<String>) -> (Vec<(Method, String)>, Report) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let mad = Mad { asked: Arc::clone(&asked), base: base.clone(), alerts, link };
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer).with_state(mad)).into_future());
    let report = run_at(&base).await;
    let asked = asked.lock().unwrap().clone();
    (asked, report)
}

/// Runs once against a Resource Manager at that address.
async fn run_at(base: &str) -> Report {
    let values = Values::new(
        [
            ("SYNC__MODE", "on"),
            ("SYNC__WORKSPACES", WORKSPACE),
            ("SYNC__SUBSCRIPTIONS", SUBSCRIPTION),
            ("SYNC__URL", base),
            ("STATE__URL", "memory:"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let identity = Arc::new(Identity::of(Arc::new(Nobody)));
    let sync = Sync::open(&Section::new("SYNC", vec![sync::SETTINGS], &values), &identity).unwrap().unwrap();
    let store = Store::open(&Section::new("STATE", vec![state::SETTINGS], &values), &identity).unwrap();
    sync.run(&store, &[], Timestamp::now()).await.unwrap()
}

fn listed(id: &str) -> Value {
    json!({"id": id, "properties": {"status": "Active", "systemAlertId": "a"}})
}

/// What was done to alerts.
fn actions(asked: &[(Method, String)]) -> Vec<&str> {
    let posts =
        asked.iter().filter(|(method, _)| method == Method::POST).map(|(_, path)| path.split('?').next().unwrap());
    posts.filter(|path| !path.contains("/incidents/")).collect()
}

#[tokio::test]
async fn only_ids_of_listed_alerts_become_addresses() {
    let good = alert_path("a");
    let (asked, report) = run(vec![listed(&good)], |_| None).await;
    assert_eq!(actions(&asked), [format!("{good}/dismiss")], "{report:?}");
    for hostile in [
        good.replace(SUBSCRIPTION, STRANGER),
        format!("{good}/../../../../../../../x"),
        good.replace("/a", "/.."),
        good.replace("app-rg", ".."),
        format!("https://evil.example{good}"),
        format!("//evil.example{good}"),
        format!("{good}?x="),
        format!("{good}/dismiss?y=#"),
        good.replace("alerts", "pricings"),
        String::new(),
    ] {
        let (asked, report) = run(vec![listed(&hostile)], |_| None).await;
        assert!(actions(&asked).is_empty() && report.changes.is_empty(), "{hostile}: {asked:?}");
        let strange =
            asked.iter().find(|(_, path)| path.contains("..") || path.contains("evil") || path.contains(STRANGER));
        assert_eq!(strange, None, "{hostile}");
    }
}

#[tokio::test]
async fn a_link_that_is_not_of_the_same_list_is_not_followed() {
    let links: [fn(&str) -> Option<String>; 5] = [
        |base| Some(format!("{base}{}/dismiss?api-version=2022-01-01", alert_path("a"))),
        |base| Some(format!("{base}{}/alerts/../../x", incident_path(1))),
        |_| Some("https://evil.example/".to_owned()),
        |base| Some(base.replace("http://", "http://user@")),
        |_| Some("no address".to_owned()),
    ];
    for link in links {
        let (asked, report) = run(vec![listed(&alert_path("a"))], link).await;
        assert!(actions(&asked).is_empty(), "{asked:?}");
        let posts = asked.iter().filter(|(method, _)| method == Method::POST).count();
        assert_eq!((posts, report.failures.len()), (1, 1), "{:?}", report.failures);
    }
}

#[tokio::test]
async fn a_list_without_end_comes_to_an_end() {
    let (asked, report) = run(vec![listed(&alert_path("a"))], |base| {
        Some(format!("{base}{}/alerts?api-version=2025-09-01&$skipToken=x", incident_path(1)))
    })
    .await;
    assert_eq!(report.error(), None);
    assert_eq!(actions(&asked).len(), 1);
    assert!(asked.len() < 20, "the same link is not followed twice: {}", asked.len());
}

#[tokio::test]
async fn an_alert_without_a_second_name_is_found_by_its_first() {
    for name in [json!(null), json!("")] {
        let mut row = listed(&alert_path("a"));
        row["properties"]["systemAlertId"] = name;
        let (asked, _) = run(vec![row], |_| None).await;
        assert_eq!(actions(&asked).len(), 1);
    }
}

/// Keeps the filter, not the order: the latest change comes on the first page, the older one on the second.
async fn newest_first(request: Request) -> String {
    let query = request.uri().to_string();
    let Some((path, query)) = query.split_once('?') else { return String::new() };
    let row = |number: u32, minutes: u64| {
        let modified = (Timestamp::now() - Duration::from_secs(60 * minutes)).to_string();
        json!({"name": incident_name(number), "etag": "1", "properties": {"status": "Closed", "title": "T", "severity": "High",
            "classification": "FalsePositive", "lastModifiedTimeUtc": modified}})
    };
    let hour_ago = (Timestamp::now() - HOUR).to_string();
    let is_recent = query.split_once("ge+").is_some_and(|(_, from)| from.replace("%3A", ":") > hour_ago);
    let here = format!("http://{}{path}", request.headers()["host"].to_str().unwrap());
    let answer = match path {
        _ if query.contains("skipToken") => json!({"value": [row(2, 120)]}),
        path if path.ends_with("/incidents") && is_recent => json!({"value": [row(1, 1)]}),
        path if path.ends_with("/incidents") => {
            json!({"value": [row(1, 1), row(3, 90)], "nextLink": format!("{here}?$skipToken=2")})
        }
        path if path.contains("/incidents/") => json!({"value": []}),
        _ => json!({}),
    };
    answer.to_string()
}

#[tokio::test]
async fn a_service_that_keeps_no_order_hides_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().fallback(newest_first)).into_future());
    assert_eq!(run_at(&base).await.incidents, 3);
}
