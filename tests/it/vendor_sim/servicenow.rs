//! `servicenow` against the simulated instance: the three modes, and every trap of the Table API.

mod events;
mod imports;
mod matters;
mod races;
mod tickets;

use defender_relay::deliver::{Fate, Outlet};
use defender_relay::event::{Event, EventId, Outcome};
use serde_json::{Value, json};

use super::{Peer, Simulator, conforms, five, render, send, set, text};

/// The simulator's credentials; nobody's.
const BASIC: [(&str, &str); 2] = [("USER", "sim.integration"), ("PASSWORD", "sim-snow-password")];
const OAUTH: [(&str, &str); 2] =
    [("CLIENT_ID", "a1b2c3d4e5f60718293a4b5c6d7e8f90"), ("CLIENT_SECRET", "sim-snow-secret")];
const CLOSING: (&str, &str) = ("CLOSE_CODE", "Solution provided");

pub(super) const PEER: Peer = Peer {
    kind: "servicenow",
    vendor: "servicenow",
    settings: &[("URL", "{vendor}"), CLOSING],
    modes: &[
        &[BASIC[0], BASIC[1]],
        &[("TABLE", "sn_si_incident"), OAUTH[0], OAUTH[1]],
        &[("MODE", "import"), OAUTH[0], OAUTH[1]],
        &[("MODE", "event"), BASIC[0], BASIC[1]],
    ],
    called,
    leaves: |event| event.alert.is_some() || event.outcome() == Outcome::Open,
    stored,
    upserts: true,
    // The first request of a ticket is a look, and a look that is refused says nothing about the alert.
    buries: false,
    ..Peer::PLAIN
};

conforms!(PEER);

/// The key of the alert, by the rule in the destination's page.
fn called(event: &Event<'_>) -> String {
    let id = event.key.as_deref().unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let id = id.to_ascii_lowercase();
    let matter = match event.kind.name() {
        "recommendation" => Some("rec"),
        "finding" => Some("finding"),
        "attack_path" => Some("path"),
        _ => None,
    };
    if let Some(word) = matter {
        return format!("mdc:{word}:{}", EventId::of(id.as_bytes()));
    }
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    match (id.is_empty(), plain && id.len() <= 80) {
        (true, _) => format!("mdc:{}", event.id),
        (false, true) => format!("mdc:{id}"),
        (false, false) => format!("mdc:hash-{}", EventId::of(id.as_bytes())),
    }
}

/// The keys of the tickets that came to be, and those of the events, of which the instance keeps one alert each.
fn stored(items: &[Value]) -> Vec<String> {
    let mut keys: Vec<String> = items
        .iter()
        .filter(|item| item["kind"] == "create" || item["kind"] == "import" && item["status"] == "inserted")
        .map(|item| {
            let record = &item["record"];
            text(if item["kind"] == "create" { &record["correlation_id"] } else { &record["u_correlation_id"] })
        })
        .collect();
    let mut events: Vec<String> =
        items.iter().filter(|item| item["kind"] == "event").map(|item| text(&item["message_key"])).collect();
    events.sort();
    events.dedup();
    keys.extend(events);
    keys
}

/// Opens the destination with Basic authentication, unless the settings say otherwise.
fn open(simulator: &Simulator, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{}/servicenow", simulator.base);
    let credential = if settings.iter().any(|(key, _)| *key == "CLIENT_ID") { &OAUTH } else { &BASIC };
    simulator.open("servicenow", &[settings, credential, &[("URL", &*url)]].concat())
}

/// Opens the destination with a close code.
fn open_closing(simulator: &Simulator) -> Outlet {
    open(simulator, &[CLOSING])
}

/// The alert of that id, as it stood at that minute of an hour.
fn alert(id: &str, status: &str, minute: u32) -> Vec<u8> {
    let time = format!("2026-02-06T10:{minute:02}:00Z");
    json!({
        "VendorName": "Microsoft", "AlertType": "VM_Test", "ProductName": "Microsoft Defender for Cloud", "SystemAlertId": id,
        "Severity": "High", "Status": status, "AlertDisplayName": "Test", "Description": "Somebody logged on.",
        "CompromisedEntity": "web01", "TimeGenerated": "2026-02-06T09:00:00Z", "ProcessingEndTime": time,
    })
    .to_string()
    .into_bytes()
}

/// Delivers the bodies in order.
async fn deliver(outlet: &Outlet, bodies: &[Vec<u8>]) -> Vec<Fate> {
    let (rendered, _) = render(outlet, bodies);
    send(outlet, &rendered, 30).await
}

async fn deliver_all(outlet: &Outlet, bodies: &[Vec<u8>]) {
    let fates = deliver(outlet, bodies).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
}

impl Simulator {
    /// All rows of a table, in the order of their creation.
    async fn rows(&self, table: &str) -> Vec<Value> {
        let url = format!("{}/servicenow/api/now/v2/table/{table}?sysparm_exclude_reference_link=true", self.base);
        let response = self.client.get(url).basic_auth(BASIC[0].1, Some(BASIC[1].1)).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer["result"].as_array().unwrap().clone()
    }

    /// The only ticket.
    async fn ticket(&self) -> Value {
        let rows = self.rows("incident").await;
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows[0].clone()
    }

    /// The work notes, in order.
    async fn notes(&self) -> Vec<String> {
        self.rows("sys_journal_field").await.iter().map(|note| text(&note["value"])).collect()
    }

    async fn options(&self, mut options: Value) {
        options["vendor"] = json!("servicenow");
        self.post("options", options).await;
    }

    async fn seed(&self, row: Value) {
        self.post("seed", json!({"vendor": "servicenow", "objects": [row]})).await;
    }
}

#[tokio::test]
async fn every_mode_takes_both_credentials() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in ["table", "import", "event"] {
        for credential in [&BASIC, &OAUTH] {
            simulator.reset().await;
            let outlet = open(&simulator, &[&[("MODE", mode)][..], credential].concat());
            deliver_all(&outlet, &five()).await;
            assert_eq!(set(&PEER.stored(&simulator).await).len(), 5, "{mode} {credential:?}");
            let tokens = simulator.list("received?vendor=servicenow&kind=token").await;
            assert_eq!(tokens.len(), usize::from(credential == &OAUTH), "one token serves all requests");
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn a_token_that_expires_is_renewed_once() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &OAUTH);
    deliver_all(&outlet, &[alert("a", "New", 1)]).await;
    simulator.post("clock", json!({"advance_s": 1801})).await;
    deliver_all(&outlet, &[alert("a", "InProgress", 2), alert("b", "New", 3)]).await;
    assert_eq!(simulator.list("received?vendor=servicenow&kind=token").await.len(), 2);
    assert_eq!(simulator.rows("incident").await.len(), 2);
}

#[tokio::test]
async fn a_refused_credential_parks() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for settings in [&[("PASSWORD", "wrong")][..], &[OAUTH[0], ("CLIENT_SECRET", "wrong")]] {
        for mode in ["table", "import", "event"] {
            let outlet = open(&simulator, &[settings, &[("MODE", mode)]].concat());
            let fates = deliver(&outlet, &five()).await;
            assert!(super::all_parked(&fates), "{mode}: {fates:?}");
        }
    }
    simulator.options(json!({"client_credentials_enabled": false})).await;
    let fates = deliver(&open(&simulator, &OAUTH), &five()).await;
    let misconfigured =
        |fate: &Fate| matches!(fate, Fate::Parked { reason, .. } if reason.contains("unsupported_grant_type"));
    assert!(misconfigured(&fates[0]), "{fates:?}");
}

#[tokio::test]
async fn a_sleeping_instance_and_limits_are_outlasted() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in ["table", "import", "event"] {
        simulator.reset().await;
        simulator.options(json!({"hibernating": true})).await;
        let outlet = open(&simulator, &[("MODE", mode)]);
        let fates = deliver(&outlet, &[alert("a", "New", 1)]).await;
        assert!(
            matches!(&fates[..], [Fate::Parked { reason, .. }] if reason.contains("hibernates")),
            "{mode}: {fates:?}"
        );
        simulator.options(json!({"hibernating": false, "hourly_limit": 1})).await;
        // A look at the rows is a request too.
        simulator.rows("em_event").await;
        let fates = deliver(&open(&simulator, &[("MODE", mode)]), &[alert("a", "New", 1)]).await;
        let [Fate::Parked { reason, not_before: Some(_), .. }] = &fates[..] else { panic!("{mode}: {fates:?}") };
        assert!(reason.contains("429"), "{reason}");
        simulator.options(json!({"hourly_limit": 0})).await;
        deliver_all(&open(&simulator, &[("MODE", mode)]), &[alert("a", "New", 1)]).await;
        assert_eq!(PEER.stored(&simulator).await, ["mdc:a"], "{mode}");
    }
}

#[tokio::test]
async fn concurrency_stays_below_what_an_instance_allows() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (lanes, mode) in [("1", "table"), ("2", "table"), ("4", "import"), ("2", "event")] {
        simulator.reset().await;
        let most: usize = lanes.parse().unwrap();
        simulator.options(json!({"max_concurrency": most})).await;
        let outlet = open(&simulator, &[("MODE", mode), ("CONCURRENCY", lanes)]);
        deliver_all(&outlet, &super::many()).await;
        simulator.no_violation().await;
    }
}
