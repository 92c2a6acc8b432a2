//! `sentinel` against the simulated Logs Ingestion API, whose streams are those of the data collection rule that users deploy.

use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, bodies, conforms, five, ids, many, render, send, set};

/// The simulator's rule.
const RULE: &str = "dcr-0123456789abcdef0123456789abcdef";

pub(super) const PEER: Peer = Peer {
    kind: "sentinel",
    vendor: "sentinel",
    settings: &[("ENDPOINT", "{vendor}"), ("RULE_ID", RULE)],
    modes: &[&[], &[("TABLES", "one")], &[("SCHEMA", "asim"), ("GZIP", "false")]],
    seed: Some(streams),
    stored: |items| items.iter().map(event_id).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

/// The streams that `dcr.json` declares.
fn streams() -> Value {
    let rule: Value = serde_json::from_str(include_str!("../../../src/destinations/sentinel/dcr.json")).unwrap();
    let declared = rule["properties"]["streamDeclarations"].as_object().unwrap().iter();
    let objects: Vec<Value> = declared
        .map(|(stream, declaration)| {
            let columns = declaration["columns"].as_array().unwrap().iter();
            let columns: Value = columns.map(|column| (super::text(&column["name"]), column["type"].clone())).collect();
            json!({"stream": stream, "columns": columns})
        })
        .collect();
    json!({"vendor": "sentinel", "objects": objects})
}

fn event_id(item: &Value) -> String {
    let row = &item["record"];
    super::text(row.get("ForwarderEventId").unwrap_or(&row["AdditionalFields"]["ForwarderEventId"]))
}

async fn simulator(options: &[&str]) -> Option<Simulator> {
    let simulator = Simulator::start(options)?;
    PEER.prepare(&simulator).await;
    Some(simulator)
}

fn open(simulator: &Simulator, settings: &[(&str, &str)]) -> Outlet {
    PEER.open(simulator, settings)
}

async fn stored(simulator: &Simulator) -> Vec<String> {
    PEER.stored(simulator).await
}

fn all_delivered(fates: &[Fate]) -> bool {
    fates.iter().all(|fate| *fate == Fate::Delivered)
}

#[tokio::test]
async fn compresses_where_it_is_asked_to_and_stays_below_a_million_bytes_before_that() {
    let Some(simulator) = simulator(&[]).await else { return };
    // Some 250 alerts of 20 kB each: five requests at least.
    let alert = |n| {
        let steps = "do this; ".repeat(2_000);
        json!({"SystemAlertId": format!("a{n}"), "AlertType": "T", "AlertDisplayName": "d", "RemediationSteps": [steps]})
    };
    let alerts: Vec<Vec<u8>> = (0..250).map(|n| alert(n).to_string().into_bytes()).collect();
    for gzip in ["true", "false"] {
        PEER.prepare(&simulator).await;
        let outlet = open(&simulator, &[("GZIP", gzip)]);
        let (rendered, _) = render(&outlet, &alerts);
        assert!(all_delivered(&send(&outlet, &rendered, 60).await));
        assert_eq!(set(&stored(&simulator).await), set(&ids(&rendered)));
        let requests = simulator.list("requests?vendor=sentinel").await;
        assert!((5..=6).contains(&requests.len()), "{} requests", requests.len());
        let compressed = |request: &Value| request["headers"].to_string().contains("gzip");
        assert!(requests.iter().all(|request| compressed(request) == (gzip == "true")));
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn shortens_visibly_what_the_service_would_cut_silently() {
    let Some(simulator) = simulator(&[]).await else { return };
    let giant = "é\u{1}\"".repeat(40_000);
    let entities: Vec<Value> =
        (0..3_000).map(|n| json!({"$id": n, "Type": "host", "HostName": giant[..300]})).collect();
    let alert = json!({
        "SystemAlertId": giant, "AlertType": giant, "AlertDisplayName": giant, "Description": giant, "Entities": entities,
        "ExtendedProperties": {"one": giant, "two": [1e300, 1e-7]}, "RemediationSteps": [giant, giant],
        "SupportingEvidence": {"a": giant}, "Anything": vec![1e15; 30_000],
    });
    let numbers = json!({"hello": vec![1; 12_000]});
    // A short number that the service writes out to a long one.
    let exponents = format!("{{\"hello\":[{}1]}}", "1e15,".repeat(12_000));
    let loose = format!("{{\"hello\":[{}1]}}", " ".repeat(900_000));
    let bodies = [alert.to_string(), numbers.to_string(), exponents, loose].map(String::into_bytes);
    for schema in ["alerts", "asim"] {
        PEER.prepare(&simulator).await;
        let outlet = open(&simulator, &[("SCHEMA", schema)]);
        let (rendered, _) = render(&outlet, &bodies);
        assert!(all_delivered(&send(&outlet, &rendered, 30).await));
        assert_eq!(stored(&simulator).await.len(), if schema == "asim" { 1 } else { 4 });
        let rows = simulator.list("received?vendor=sentinel").await;
        let row = &rows[0]["record"];
        let lost = row.get("TruncatedFields").unwrap_or(&row["AdditionalFields"]["TruncatedFields"]);
        assert!(super::text(lost).contains("AdditionalFields"), "{lost}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn parks_everything_while_the_role_is_missing() {
    let Some(simulator) = simulator(&[]).await else { return };
    simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    assert!(all_parked(&fates), "{fates:?}");
    assert!(format!("{fates:?}").contains("Monitoring Metrics Publisher"), "{fates:?}");
    assert!(stored(&simulator).await.is_empty());
    // Later, with a token that knows of the role.
    simulator.post("options", json!({"vendor": "msi", "privileged": true})).await;
    simulator.post("clock", json!({"advance_s": 86_500})).await;
    let outlet = open(&simulator, &[]);
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
}

#[tokio::test]
async fn parks_what_its_own_settings_are_to_blame_for() {
    let Some(simulator) = simulator(&[]).await else { return };
    let elsewhere = format!("{}/webhook", simulator.base);
    for settings in [
        &[("RULE_ID", "dcr-ffffffffffffffffffffffffffffffff")][..],
        &[("STREAM", "Custom-Nothing")],
        &[("ENDPOINT", &*elsewhere)],
    ] {
        let outlet = open(&simulator, settings);
        let (rendered, _) = render(&outlet, &many());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{settings:?}: {fates:?}");
        let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Misconfigured { .. })), "{settings:?}: {verdict:?}");
    }
    assert!(stored(&simulator).await.is_empty());
}

#[tokio::test]
async fn renews_a_token_that_has_expired_before_its_time() {
    let Some(simulator) = simulator(&[]).await else { return };
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &five());
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
    // Beyond the life of the token that is kept, which by our clock is still good.
    simulator.post("clock", json!({"advance_s": 86_500})).await;
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
    assert_eq!(stored(&simulator).await.len(), 10);
    let statuses: Vec<Value> =
        simulator.list("requests?vendor=sentinel").await.iter().map(|request| request["status"].clone()).collect();
    assert_eq!(statuses, [204, 401, 204]);
    assert_eq!(simulator.list("received?vendor=msi").await.len(), 2, "one token, and one more");
}

#[tokio::test]
async fn serves_the_cloud_of_the_us_government() {
    let Some(simulator) = simulator(&["--cloud", "usgov"]).await else { return };
    let endpoint = format!("{}/sentinel", simulator.base);
    let settings = [("AZURE_CLOUD", "usgov"), ("ENDPOINT", &*endpoint), ("RULE_ID", RULE)];
    let outlet = simulator.open("sentinel", &settings);
    let (rendered, _) = render(&outlet, &five());
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
    let tokens = simulator.list("received?vendor=msi").await;
    assert!(tokens.iter().all(|token| token.to_string().contains("https://monitor.azure.us\"")), "{tokens:?}");
    simulator.no_violation().await;

    let outlet = simulator.open("sentinel", &settings[1..]);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(all_parked(&fates), "the public cloud's audience is not known there: {fates:?}");
}

#[tokio::test]
async fn takes_in_halves_what_is_too_large_and_looks_again_at_what_is_not_found() {
    let Some(simulator) = simulator(&[]).await else { return };
    let alert = |n| {
        let text = "x".repeat(50_000);
        json!({"SystemAlertId": format!("a{n}"), "AlertType": "T", "AlertDisplayName": "d", "Description": text})
    };
    let alerts: Vec<Vec<u8>> = (0..12).map(|n| alert(n).to_string().into_bytes()).collect();
    for status in [413, 404] {
        PEER.prepare(&simulator).await;
        simulator.fault("sentinel", json!({"kind": "status", "status": status})).await;
        let outlet = open(&simulator, &[]);
        let (rendered, _) = render(&outlet, &alerts);
        let fates = send(&outlet, &rendered, 20).await;
        assert!(all_delivered(&fates), "{status}: {fates:?}");
        assert_eq!(set(&stored(&simulator).await), set(&ids(&rendered)));
        let requests = simulator.list("requests?vendor=sentinel").await;
        assert_eq!(requests.len(), 3, "one, then its halves");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn buries_the_row_that_is_refused_alone() {
    let Some(simulator) = simulator(&[]).await else { return };
    // A rule that somebody declared with another type.
    let mut streams = streams();
    let alerts = streams["objects"].as_array_mut().unwrap().iter_mut();
    let alerts = alerts.into_iter().find(|object| object["stream"] == "Custom-DefenderForCloudAlerts").unwrap();
    alerts["columns"]["ExtendedLinks"] = "string".into();
    simulator.post("seed", streams).await;
    let mut alerts = five();
    let odd =
        json!({"SystemAlertId": "odd", "AlertType": "T", "AlertDisplayName": "d", "ExtendedLinks": [{"Href": "x"}]});
    alerts.insert(2, odd.to_string().into_bytes());
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(matches!(&fates[2], Fate::Dead { reason } if reason.contains("InvalidRequest")), "{fates:?}");
    let mut expected = ids(&rendered);
    expected.remove(2);
    assert_eq!(set(&stored(&simulator).await), set(&expected));
}

#[tokio::test]
async fn rows_hold_what_the_records_say() {
    let Some(simulator) = simulator(&[]).await else { return };
    let outlet = open(&simulator, &[]);
    let (rendered, raw) = render(&outlet, &bodies());
    assert!(all_delivered(&send(&outlet, &rendered, 120).await));
    let rows = simulator.list("received?vendor=sentinel").await;
    let mut others = 0;
    for (span, raw) in rendered.spans.iter().zip(&raw) {
        let id = span.id.to_string();
        let row = &rows.iter().find(|item| event_id(item) == id).unwrap()["record"];
        let record: Value = serde_json::from_str(raw).unwrap();
        if row["RecordKind"] != "alert" && row["TruncatedFields"].is_null() {
            assert_eq!(row["AdditionalFields"], record, "what is no alert comes whole");
            others += 1;
        }
    }
    assert!(others >= 10, "{others}");
}

/// A batch of alternating kinds: alerts, and recommendations of the export.
fn alternating(count: usize) -> Vec<Vec<u8>> {
    let recommendation = |number: usize| {
        let id = format!("/subscriptions/s/providers/Microsoft.Security/assessments/{number}");
        let properties = json!({"displayName": "r", "status": {"code": "Unhealthy"}, "metadata": {"severity": "High"}});
        json!({"id": id, "type": "Microsoft.Security/assessments", "properties": properties}).to_string().into_bytes()
    };
    (0..count).flat_map(|number| [super::small(number), recommendation(number)]).collect()
}

#[tokio::test]
async fn alternating_kinds_make_one_request_each() {
    let Some(simulator) = simulator(&[]).await else { return };
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &alternating(200));
    assert!(all_delivered(&send(&outlet, &rendered, 30).await));
    let rows = simulator.list("received?vendor=sentinel").await;
    for (stream, kind) in
        [("Custom-DefenderForCloudAlerts", "alert"), ("Custom-DefenderForCloudRecommendations", "recommendation")]
    {
        let of_stream = rows.iter().filter(|row| row.to_string().contains(&format!("\"{stream}\"")));
        assert_eq!(of_stream.filter(|row| row["record"]["RecordKind"] == kind).count(), 200, "{stream}");
    }
    assert_eq!(simulator.list("requests?vendor=sentinel").await.len(), 2);
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_rule_that_knows_alerts_only_holds_back_nothing_but_the_rest() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mut seed = streams();
    seed["objects"].as_array_mut().unwrap().retain(|object| object["stream"] == "Custom-DefenderForCloudAlerts");
    simulator.post("seed", seed).await;
    let outlet = open(&simulator, &[]);
    for _ in 0..2 {
        let (rendered, _) = render(&outlet, &alternating(3));
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_delivered(&fates[..3]) && all_parked(&fates[3..]), "{fates:?}");
        assert!(format!("{fates:?}").contains("no stream Custom-DefenderForCloudRecommendations"), "{fates:?}");
    }
    let outlet = open(&simulator, &[("TABLES", "one")]);
    let (rendered, _) = render(&outlet, &alternating(3));
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
}
