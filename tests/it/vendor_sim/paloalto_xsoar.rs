//! `paloalto_xsoar` against the simulated XSOAR 6 and 8.

use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::event::{Event, EventId, Outcome};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, conforms, five, render, send};
// For the macro, which looks for them here when it stands one module deeper.
use super::{
    accounts_for_every_record_in_chaos, loses_nothing_to_passing_misfortunes, parks_what_the_setup_is_to_blame_for,
    probes_without_leaving_a_trace, takes_every_record,
};

/// The simulator's keys; nobody's secrets.
const KEY_6: &str = "SIMXSOAR6KEY0000000000000000AAAA";
const STANDARD: &[(&str, &str)] =
    &[("KEY_TYPE", "standard"), ("KEY_ID", "1"), ("API_KEY", "sim-cortex-standard-key-0123456789")];
const ADVANCED: &[(&str, &str)] =
    &[("KEY_TYPE", "advanced"), ("KEY_ID", "2"), ("API_KEY", "sim-cortex-advanced-key-0123456789")];

pub(super) const V6: Peer = Peer {
    kind: "paloalto_xsoar",
    vendor: "xsoar6",
    settings: &[("URL", "{vendor}"), ("VERSION", "6"), ("API_KEY", KEY_6), ("CONCURRENCY", "4")],
    called,
    leaves: |event| event.alert.is_some() || event.outcome() == Outcome::Open,
    stored: created,
    upserts: true,
    ..Peer::PLAIN
};

pub(super) const V8: Peer = Peer {
    vendor: "cortex",
    settings: &[("URL", "{vendor}"), ("CONCURRENCY", "4")],
    modes: &[STANDARD, ADVANCED],
    ..V6
};

mod version_6 {
    use super::{V6, conforms};
    conforms!(V6);
}

mod version_8 {
    use super::{V8, conforms};
    conforms!(V8);
}

/// The alert's id, hashed where it is not short and plain.
fn called(event: &Event<'_>) -> String {
    let key = event.key.as_deref().unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let key = key.to_ascii_lowercase();
    let matter = match event.kind.name() {
        "recommendation" => Some("rec"),
        "finding" => Some("finding"),
        "attack_path" => Some("path"),
        _ => None,
    };
    if let Some(word) = matter {
        return format!("{word}-{}", EventId::of(key.as_bytes()));
    }
    let plain = key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match key.is_empty() {
        true => event.id.to_string(),
        false if plain => key,
        false => EventId::of(key.as_bytes()).to_string(),
    }
}

/// The alerts of the incidents that were created.
fn created(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .filter(|item| item["created"] == true)
        .map(|item| super::text(&fields(&item["record"])["mdcalertid"]))
        .collect()
}

fn fields(incident: &Value) -> &Value {
    incident.get("customFields").unwrap_or(&incident["CustomFields"])
}

/// Each version with each kind of its keys.
const PEERS: [(&Peer, &[(&str, &str)]); 3] = [(&V6, &[]), (&V8, STANDARD), (&V8, ADVANCED)];

/// An alert in some state.
fn alert(id: &str, status: &str, minute: u8) -> Vec<u8> {
    let alert = json!({"VendorName": "Microsoft", "SystemAlertId": id, "AlertType": "VM_X", "AlertDisplayName": "Title",
        "Severity": "High", "Status": status, "CompromisedEntity": "web01", "ProcessingEndTime": format!("2026-02-06T00:{minute:02}:00Z")});
    alert.to_string().into_bytes()
}

async fn deliver(outlet: &Outlet, body: Vec<u8>) -> Fate {
    let (rendered, _) = render(outlet, &[body]);
    send(outlet, &rendered, 30).await.remove(0)
}

/// What was received, in order: `created`, `updated` or `closed`, and the incident as it was then.
async fn received(simulator: &Simulator, peer: &Peer) -> Vec<(&'static str, Value)> {
    let items = simulator.list(&format!("received?vendor={}", peer.vendor)).await;
    let what = |item: &Value| match (item["kind"].as_str(), item["created"].as_bool()) {
        (Some("incident_close"), _) => "closed",
        (_, Some(true)) => "created",
        _ => "updated",
    };
    items.into_iter().map(|mut item| (what(&item), item["record"].take())).collect()
}

async fn kinds(simulator: &Simulator, peer: &Peer) -> Vec<&'static str> {
    received(simulator, peer).await.into_iter().map(|(kind, _)| kind).collect()
}

/// Writes into an incident as an analyst does, whatever its version.
async fn analyse(simulator: &Simulator, peer: &Peer, change: &Value) {
    let url = match peer.vendor {
        "cortex" => format!("{}/cortex/xsoar/public/v1/incident", simulator.base),
        mount => format!("{}/{mount}/incident", simulator.base),
    };
    let key = if peer.vendor == "cortex" { STANDARD[2].1 } else { KEY_6 };
    let request = simulator.client.post(url).header("x-xdr-auth-id", "1").header("authorization", key);
    let response = request.header("content-type", "application/json").body(change.to_string()).send().await.unwrap();
    assert!(response.status().is_success());
}

#[tokio::test]
async fn the_incident_follows_its_alert_and_never_goes_back() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        for strip in [false, true] {
            peer.prepare(&simulator).await;
            simulator.post("options", json!({"vendor": peer.vendor, "strip_dbot_mirror_id": strip})).await;
            let outlet = peer.open(&simulator, mode);
            for (status, minute, expected) in [
                ("New", 10, &["created"][..]),
                ("New", 10, &["created"]),
                ("New", 9, &["created"]),
                ("InProgress", 20, &["created", "updated"]),
                ("New", 20, &["created", "updated"]),
                ("Dismissed", 30, &["created", "updated", "updated", "closed"]),
                ("Dismissed", 30, &["created", "updated", "updated", "closed"]),
                ("InProgress", 29, &["created", "updated", "updated", "closed"]),
                // Active again: said, but not reopened; and over once more without closing it twice.
                ("Active", 40, &["created", "updated", "updated", "closed", "updated"]),
                ("Resolved", 50, &["created", "updated", "updated", "closed", "updated", "updated"]),
            ] {
                assert_eq!(deliver(&outlet, alert("a-1", status, minute)).await, Fate::Delivered);
                assert_eq!(kinds(&simulator, peer).await, expected, "{mode:?} {status} {minute}");
            }
            let received = received(&simulator, peer).await;
            assert_eq!(received[3].1["closeReason"], "Other");
            let last = &received.last().unwrap().1;
            let states = ["mdcstatus", "mdcstatetime"].map(|name| &fields(last)[name]);
            assert_eq!(states, [&json!("Resolved"), &json!("2026-02-06T00:50:00Z")]);
            assert_eq!(last["status"], 2, "still closed");
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn an_alert_that_is_over_is_filed_and_closed() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        assert_eq!(deliver(&outlet, alert("a-1", "Resolved", 10)).await, Fate::Delivered);
        assert_eq!(deliver(&outlet, alert("a-1", "New", 9)).await, Fate::Delivered);
        let received = received(&simulator, peer).await;
        assert_eq!(received[0].1["createInvestigation"], false);
        let [(_, _), ("closed", close)] = received.as_slice() else { panic!("{received:?}") };
        assert_eq!(close["closeReason"], "Resolved");

        let open = peer.open(&simulator, &[mode, &[("CLOSE", "false")]].concat());
        assert_eq!(deliver(&open, alert("a-2", "Resolved", 10)).await, Fate::Delivered);
        assert_eq!(kinds(&simulator, peer).await, ["created", "closed", "created"]);
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn what_an_analyst_wrote_stays() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        assert_eq!(deliver(&outlet, alert("a-1", "New", 10)).await, Fate::Delivered);
        let key = if peer.vendor == "cortex" { "customFields" } else { "CustomFields" };
        let change =
            json!({"id": "1", "version": -1, "name": "Ours", "owner": "ann", "severity": 4, key: {"ticket": "T-7"}});
        analyse(&simulator, peer, &change).await;
        assert_eq!(deliver(&outlet, alert("a-1", "InProgress", 20)).await, Fate::Delivered);
        let received = received(&simulator, peer).await;
        let (_, last) = received.last().unwrap();
        let kept = (&last["name"], &last["owner"], &last["severity"], &fields(last)["ticket"]);
        assert_eq!(kept, (&json!("Ours"), &json!("ann"), &json!(4), &json!("T-7")), "{mode:?}");
        assert_eq!((&fields(last)["mdcstatus"], &last["version"]), (&json!("InProgress"), &json!(3)));
        assert!(last["rawJSON"].as_str().unwrap().contains("InProgress"));
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn two_at_once_leave_one_open_in_the_later_state() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mut withdrawn = 0;
    for (peer, mode) in PEERS {
        // Both searches come before both creations; the creations before both looks around.
        for (fault, times) in [("/incident$", 2), ("/incidents/search$", 4)] {
            peer.prepare(&simulator).await;
            simulator.fault(peer.vendor, json!({"kind": "delay", "delay_s": 0.3, "path": fault, "times": times})).await;
            let (one, two) = (peer.open(&simulator, mode), peer.open(&simulator, mode));
            let (early, late) = (alert("a-1", "New", 10), alert("a-1", "InProgress", 20));
            let fates = tokio::join!(deliver(&one, early), deliver(&two, late.clone()));
            assert_eq!(fates, (Fate::Delivered, Fate::Delivered), "{mode:?} {fault}");
            let received = received(&simulator, peer).await;
            let created = received.iter().filter(|(kind, _)| *kind == "created").count();
            let closed: Vec<_> = received.iter().filter(|(kind, _)| *kind == "closed").collect();
            assert_eq!(closed.len(), created - 1, "{received:?}");
            withdrawn += closed.len();
            assert!(closed.iter().all(|(_, close)| close["id"] == "2" && close["closeReason"] == "Duplicate"));
            let of_first = received.iter().rfind(|(kind, incident)| *kind != "closed" && incident["id"] == "1");
            assert_eq!(fields(&of_first.unwrap().1)["mdcstatus"], "InProgress", "{received:?}");
            // From here on there is nothing to do.
            assert_eq!(deliver(&one, late).await, Fate::Delivered);
            assert_eq!(kinds(&simulator, peer).await.len(), received.len());
            simulator.no_violation().await;
        }
    }
    assert!(withdrawn > 0, "they never met");
}

#[tokio::test]
async fn a_version_that_another_raised_is_read_again() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        for (first, second) in [("InProgress", "Resolved"), ("Resolved", "InProgress")] {
            peer.prepare(&simulator).await;
            let minute = |status| if status == "Resolved" { 30 } else { 20 };
            let outlets = [peer.open(&simulator, mode), peer.open(&simulator, mode)];
            assert_eq!(deliver(&outlets[0], alert("a-1", "New", 10)).await, Fate::Delivered);
            // Whichever update comes first is held back, so that the other overtakes it.
            let held = json!({"kind": "delay", "delay_s": 1, "path": "/incident$"});
            simulator.fault(peer.vendor, held).await;
            let fates = tokio::join!(
                deliver(&outlets[0], alert("a-1", first, minute(first))),
                deliver(&outlets[1], alert("a-1", second, minute(second)))
            );
            assert_eq!(fates, (Fate::Delivered, Fate::Delivered), "{mode:?}");
            let requests = simulator.list(&format!("requests?vendor={}", peer.vendor)).await;
            let conflict = if peer.vendor == "cortex" { 400 } else { 500 };
            assert!(requests.iter().any(|request| request["status"] == conflict), "nobody met a stale version");
            let received = received(&simulator, peer).await;
            let (_, last) = received.iter().rfind(|(kind, _)| *kind == "updated").unwrap();
            assert_eq!(fields(last)["mdcstatus"], "Resolved");
            assert_eq!(received.iter().filter(|(kind, _)| *kind == "closed").count(), 1);
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn what_was_cut_off_is_completed_later() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        for existing in [true, false] {
            peer.prepare(&simulator).await;
            if existing {
                let fate = deliver(&peer.open(&simulator, mode), alert("a-1", "New", 10)).await;
                assert_eq!(fate, Fate::Delivered);
            }
            let down = json!({"kind": "status", "status": 503, "path": "/incident/close$", "times": 4});
            simulator.fault(peer.vendor, down).await;
            let fate = deliver(&peer.open(&simulator, mode), alert("a-1", "Resolved", 20)).await;
            assert!(matches!(fate, Fate::Parked { .. }), "{fate:?}");
            assert!(!kinds(&simulator, peer).await.contains(&"closed"));
            // The redelivery, by another process.
            let fate = deliver(&peer.open(&simulator, mode), alert("a-1", "Resolved", 20)).await;
            assert_eq!(fate, Fate::Delivered);
            let written = if existing { &["created", "updated", "closed"][..] } else { &["created", "closed"] };
            assert_eq!(kinds(&simulator, peer).await, written, "each once");
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn hostile_ids_find_their_own_incident_and_no_other() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        let long = "k".repeat(5000);
        let ids =
            ["a\" OR *:*", "*", "a\\", "a\\\"", "x AND y", "a\r\nb", "(a)[b]{c}~^?:!&&||", "\u{202e}b", "{}", &long];
        for turn in [10, 10, 20] {
            for id in ids {
                let fate = deliver(&outlet, alert(id, "New", turn)).await;
                assert_eq!(fate, Fate::Delivered, "{id}");
            }
        }
        let kinds = kinds(&simulator, peer).await;
        let count = |wanted: &str| kinds.iter().filter(|kind| **kind == wanted).count();
        assert_eq!((count("created"), count("updated")), (ids.len(), ids.len()), "{mode:?}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn every_documented_error_has_its_fate() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in [PEERS[0], PEERS[2]] {
        for path in ["/incidents/search$", "/incident$", "/incident/close$"] {
            for status in [400, 401, 402, 403, 404, 409, 413, 429, 500, 503] {
                peer.prepare(&simulator).await;
                let fault = json!({"kind": "status", "status": status, "path": path, "times": 20, "retry_after": 0});
                simulator.fault(peer.vendor, fault).await;
                // What is tried again shall not be waited for.
                let seconds = if status < 429 { 30 } else { 1 };
                let outlet = peer.open(&simulator, mode);
                let (rendered, _) = render(&outlet, &[alert("a-1", "Resolved", 10)]);
                let fate = send(&outlet, &rendered, seconds).await.remove(0);
                let context = format!("{path} {status}: {fate:?}");
                match status {
                    400 | 409 | 413 => assert!(matches!(fate, Fate::Dead { .. }), "{context}"),
                    _ => assert!(matches!(fate, Fate::Parked { .. }), "{context}"),
                }
                let created = created(&simulator.list(&format!("received?vendor={}", peer.vendor)).await).len();
                assert_eq!(created, usize::from(path == "/incident/close$"), "{context}");
                simulator.no_violation().await;
            }
        }
    }
}

#[tokio::test]
async fn wrong_settings_park_and_probes_tell_them() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let foreign = format!("{}/webhook", simulator.base);
    let six = format!("{}/xsoar6", simulator.base);
    let wrong: [(&Peer, Vec<(&str, &str)>); 7] = [
        (&V6, vec![("API_KEY", "wrong-key")]),
        (&V6, vec![("URL", &foreign)]),
        (&V8, [&[("API_KEY", "wrong-key")], STANDARD].concat()),
        (&V8, [&[("API_KEY", "wrong-key")], ADVANCED].concat()),
        (&V8, [&[("KEY_TYPE", "advanced")], STANDARD].concat()),
        (&V8, [&[("KEY_ID", "9")], ADVANCED].concat()),
        (&V8, [&[("URL", &*six)], STANDARD].concat()),
    ];
    for (peer, settings) in wrong {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, &settings);
        let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Misconfigured { .. })), "{settings:?}: {verdict:?}");
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{settings:?}: {fates:?}");
        assert!(!format!("{fates:?}").contains("wrong-key"), "no setting's value in a reason");
        assert!(simulator.list("received").await.is_empty());
    }
}

#[tokio::test]
async fn an_account_of_a_multi_tenant_server_has_its_own_path() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let url = format!("{}/xsoar6/acc_soc", simulator.base);
    let outlet = V6.open(&simulator, &[("URL", &url)]);
    assert_eq!(deliver(&outlet, alert("a-1", "New", 10)).await, Fate::Delivered);
    let requests = simulator.list("requests?vendor=xsoar6").await;
    assert!(requests.iter().all(|request| request["path"].as_str().unwrap().contains("/acc_soc/")));
    simulator.no_violation().await;
}

/// A recommendation whose status changed at that minute of an hour.
fn recommendation(code: &str, minute: u8, action: &str) -> Vec<u8> {
    let record = json!({
        "id": "/subscriptions/s/providers/Microsoft.Compute/virtualMachines/web01/providers/Microsoft.Security/assessments/k",
        "type": "Microsoft.Security/assessments",
        "properties": {"displayName": "Close the ports", "metadata": {"severity": "Critical"},
            "status": {"code": code, "statusChangeDate": format!("2026-02-06T10:{minute:02}:00Z")}},
        "securityEventDataEnrichment": {"action": action, "isSnapshot": action == "Snapshot"},
    });
    record.to_string().into_bytes()
}

fn attack_path(action: &str, snapshot: bool) -> Vec<u8> {
    let record = json!({
        "id": "/subscriptions/s/providers/Microsoft.Security/attackPaths/p", "type": "Microsoft.Security/attackPaths",
        "properties": {"displayName": "Path", "riskLevel": "High"},
        "securityEventDataEnrichment": {"action": action, "isSnapshot": snapshot},
    });
    record.to_string().into_bytes()
}

#[tokio::test]
async fn matters_open_and_close_their_one_incident() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        for [opens, repeats, ends] in [
            [
                recommendation("Unhealthy", 1, "Insert"),
                recommendation("Unhealthy", 1, "Snapshot"),
                recommendation("Healthy", 2, "Write"),
            ],
            [
                recommendation("Unhealthy", 1, "Insert"),
                recommendation("Unhealthy", 1, "Insert"),
                recommendation("Unhealthy", 1, "Delete"),
            ],
            // Without a time of its own, a snapshot is newer than what it repeats.
            [attack_path("Insert", false), attack_path("Write", true), attack_path("Delete", false)],
        ] {
            peer.prepare(&simulator).await;
            let outlet = peer.open(&simulator, mode);
            assert_eq!(deliver(&outlet, ends.clone()).await, Fate::Delivered);
            assert!(kinds(&simulator, peer).await.is_empty(), "nobody heard of it");
            for (record, expected) in
                [(&opens, &["created"][..]), (&repeats, &["created"]), (&ends, &["created", "updated", "closed"])]
            {
                assert_eq!(deliver(&outlet, record.clone()).await, Fate::Delivered);
                assert_eq!(kinds(&simulator, peer).await, expected, "{mode:?}");
            }
            assert_eq!(deliver(&outlet, ends).await, Fate::Delivered);
            let kinds = kinds(&simulator, peer).await;
            assert_eq!(kinds.iter().filter(|kind| **kind != "updated").collect::<Vec<_>>(), [&"created", &"closed"]);
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn an_older_word_about_a_matter_reopens_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        for (code, minute) in [("Unhealthy", 1), ("Healthy", 4), ("Unhealthy", 3), ("Unhealthy", 1)] {
            assert_eq!(deliver(&outlet, recommendation(code, minute, "Write")).await, Fate::Delivered);
        }
        assert_eq!(kinds(&simulator, peer).await, ["created", "updated", "closed"], "{mode:?}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_one_incident_of_a_matter() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (peer, mode) in PEERS {
        for skip in 0..5 {
            peer.prepare(&simulator).await;
            simulator.fault(peer.vendor, json!({"kind": "accept_reset", "skip": skip})).await;
            let outlet = peer.open(&simulator, mode);
            for (code, minute) in [("Unhealthy", 1), ("Healthy", 4)] {
                assert_eq!(deliver(&outlet, recommendation(code, minute, "Write")).await, Fate::Delivered);
            }
            let kinds = kinds(&simulator, peer).await;
            assert_eq!(kinds.iter().filter(|kind| **kind == "created").count(), 1, "{mode:?} {skip}: {kinds:?}");
            assert_eq!(kinds.last(), Some(&"closed"), "{mode:?} {skip}: {kinds:?}");
            simulator.no_violation().await;
        }
    }
}
