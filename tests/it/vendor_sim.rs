//! Every HTTP destination through the real courier, against the strict vendor simulator beside some checkouts: every fixture and
//! sample record and hostile ones, every documented misfortune, and the simulator's chaos. Whatever happens, each record has exactly
//! one fate, and the simulator notes no breach of the vendor's rules.
//!
//! Each destination has a [`Peer`] in a file of its own, with the tests that only it needs; [`conforms`] adds those that all pass.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use defender_relay::batch::{Rendered, Span};
use defender_relay::deliver::retry::RetryPolicy;
use defender_relay::deliver::token::Identity;
use defender_relay::deliver::{Fate, Outlet, courier, deliver, probe};
use defender_relay::destinations::{self, CATALOG};
use defender_relay::event::Event;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::parcel::Verdict;
use defender_relay::settings::{Section, Values, setting_prefix};
use defender_relay::transport::Transport;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{contract, support};

mod anomali;
mod graph;
mod inspark;
mod logrhythm;
mod logzio;
mod lookout;
mod paloalto_cortex;
mod paloalto_xsoar;
mod powerbi;
mod sentinel;
mod servicenow;
mod splunk;
mod sumologic;
mod sync;
mod webhook;
mod webhook_entra;
mod whole;

/// Every destination that speaks HTTP.
const PEERS: &[&Peer] = &[
    &sentinel::PEER,
    &splunk::PEER,
    &servicenow::PEER,
    &powerbi::PEER,
    &paloalto_xsoar::V6,
    &paloalto_xsoar::V8,
    &paloalto_cortex::PEER,
    &sumologic::PEER,
    &logrhythm::PEER,
    &logzio::PEER,
    &anomali::PEER,
    &lookout::PEER,
    &inspark::PEER,
    &webhook::PEER,
];

/// Fast enough for a test, patient enough for two misfortunes in a row.
const POLICY: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_millis(20), cap: Duration::from_millis(100) };

/// One destination and its simulated other side.
struct Peer {
    /// Name in the catalogue.
    kind: &'static str,
    /// Mount of the simulator.
    vendor: &'static str,
    /// Settings; `{vendor}` stands for the mount's URL, `{sim}` for the simulator's. What [`Peer::modes`] names wins.
    settings: &'static [(&'static str, &'static str)],
    /// Ways to set it up that differ on the wire.
    modes: &'static [&'static [(&'static str, &'static str)]],
    /// Bodies for `/_sim/seed` and `/_sim/options`, as (path, JSON).
    prepare: &'static [(&'static str, &'static str)],
    /// A body for `/_sim/seed` that is made from other files.
    seed: Option<fn() -> Value>,
    /// Whether the receiver's limits leave room for this rendered record.
    fits: fn(&[u8]) -> bool,
    /// What the event is called in [`Peer::stored`]: its id, unless the other side knows it by another name.
    called: fn(&Event<'_>) -> String,
    /// Whether an event that it takes must leave something there by that name: not where it only ends what was there.
    leaves: fn(&Event<'_>) -> bool,
    /// The names of what the receiver holds, from the items that it received: with repeats, where it holds something twice.
    stored: fn(&[Value]) -> Vec<String>,
    /// Whether sending twice leaves one.
    upserts: bool,
    /// Whether a 400 means that the record is at fault.
    buries: bool,
}

impl Peer {
    const PLAIN: Self = Self {
        kind: "",
        vendor: "",
        settings: &[],
        modes: &[&[]],
        prepare: &[],
        seed: None,
        fits: |_| true,
        called: |event| event.id.to_string(),
        leaves: |_| true,
        stored: |_| Vec::new(),
        upserts: false,
        buries: true,
    };

    /// A simulator that is ready for this destination.
    async fn prepare(&self, simulator: &Simulator) {
        simulator.reset().await;
        self.ready(simulator).await;
    }

    /// Makes the simulator ready for this destination, whatever else it holds.
    async fn ready(&self, simulator: &Simulator) {
        for (path, body) in self.prepare {
            simulator.post(path, serde_json::from_str(body).unwrap()).await;
        }
        if let Some(seed) = self.seed {
            simulator.post("seed", seed()).await;
        }
    }

    /// The settings of a mode; of two with one key the first counts.
    fn filled<'k>(&self, simulator: &Simulator, mode: &[(&'k str, &str)]) -> Vec<(&'k str, String)> {
        let vendor = format!("{}/{}", simulator.base, self.vendor);
        let fill = |value: &str| value.replace("{vendor}", &vendor).replace("{sim}", &simulator.base);
        mode.iter().chain(self.settings).map(|(key, value)| (*key, fill(value))).collect()
    }

    fn open(&self, simulator: &Simulator, mode: &[(&str, &str)]) -> Outlet {
        let settings = self.filled(simulator, mode);
        simulator.open(self.kind, &settings.iter().map(|(key, value)| (*key, value.as_str())).collect::<Vec<_>>())
    }

    async fn stored(&self, simulator: &Simulator) -> Vec<String> {
        (self.stored)(&simulator.list(&format!("received?vendor={}", self.vendor)).await)
    }
}

/// The tests that every destination passes.
macro_rules! conforms {
    ($peer:expr) => {
        #[tokio::test]
        async fn takes_every_record_without_a_violation() {
            super::takes_every_record(&$peer).await;
        }

        #[tokio::test]
        async fn loses_nothing_to_passing_misfortunes() {
            super::loses_nothing_to_passing_misfortunes(&$peer).await;
        }

        #[tokio::test]
        async fn parks_what_the_setup_is_to_blame_for() {
            super::parks_what_the_setup_is_to_blame_for(&$peer).await;
        }

        #[tokio::test]
        async fn accounts_for_every_record_in_chaos() {
            super::accounts_for_every_record_in_chaos(&$peer).await;
        }

        #[tokio::test]
        async fn probes_without_leaving_a_trace() {
            super::probes_without_leaving_a_trace(&$peer).await;
        }
    };
}
use conforms;

async fn takes_every_record(peer: &Peer) {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let bodies = bodies();
    for mode in peer.modes {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        let load = load(peer, &outlet, &bodies);
        assert!(load.called.len() >= 10, "{} takes next to nothing", peer.kind);
        let fates = send(&outlet, &load.rendered, 300).await;
        let odd = fates.iter().find(|fate| **fate != Fate::Delivered);
        assert_eq!(odd, None, "{} {mode:?}", peer.kind);
        let stored = peer.stored(&simulator).await;
        assert_eq!(set(&stored), set(&load.called), "{} {mode:?}", peer.kind);
        let once = if peer.upserts { set(&load.called).len() } else { load.called.len() };
        assert_eq!(stored.len(), once, "{} {mode:?} holds something twice", peer.kind);
        simulator.no_violation().await;
    }
}

async fn loses_nothing_to_passing_misfortunes(peer: &Peer) {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in peer.modes {
        for fault in [
            json!({"kind": "status", "status": 500}),
            json!({"kind": "status", "status": 503, "times": 2}),
            json!({"kind": "status", "status": 503, "retry_after": 0}),
            json!({"kind": "status", "status": 502, "after": true}),
            json!({"kind": "throttle", "retry_after": 1}),
            json!({"kind": "delay", "delay_s": 0.05}),
            json!({"kind": "reset"}),
            json!({"kind": "accept_reset"}),
            json!({"kind": "accept_reset", "skip": 1}),
            json!({"kind": "truncate"}),
            json!({"kind": "truncate", "skip": 1}),
            json!({"kind": "tls_close"}),
        ] {
            peer.prepare(&simulator).await;
            simulator.fault(peer.vendor, fault.clone()).await;
            let context = format!("{} {mode:?} {fault}", peer.kind);
            let called: Vec<String> = load(peer, &peer.open(&simulator, mode), &five()).called;
            let (mut rest, mut rounds) = (five(), 0);
            while !rest.is_empty() {
                rounds += 1;
                assert!(rounds <= 3, "{context}: never arrives");
                let outlet = peer.open(&simulator, mode);
                let fates = send(&outlet, &load(peer, &outlet, &rest).rendered, 8).await;
                let dead = fates.iter().find(|fate| matches!(fate, Fate::Dead { .. }));
                assert_eq!(dead, None, "{context}");
                // What is acknowledged only once (Splunk) can be parked for a lost reply, but for nothing else that passes.
                let lost_reply = fault["skip"] == 1;
                assert!(
                    lost_reply || !fates.iter().any(|fate| matches!(fate, Fate::Parked { .. })),
                    "{context}: {fates:?}"
                );
                let mut fates = fates.into_iter();
                rest.retain(|_| fates.next() != Some(Fate::Delivered));
            }
            let stored = peer.stored(&simulator).await;
            assert_eq!(set(&stored), set(&called), "{context}");
            if peer.upserts {
                assert_eq!(stored.len(), set(&called).len(), "{context}: holds something twice");
            }
            simulator.no_violation().await;
        }
    }
}

async fn parks_what_the_setup_is_to_blame_for(peer: &Peer) {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in peer.modes {
        for status in [401, 403, 404] {
            peer.prepare(&simulator).await;
            simulator.fault(peer.vendor, json!({"kind": "status", "status": status, "times": 100})).await;
            let outlet = peer.open(&simulator, mode);
            let load = load(peer, &outlet, &five());
            let fates = send(&outlet, &load.rendered, 10).await;
            assert!(all_parked(&fates), "{} {mode:?} {status}: {fates:?}", peer.kind);
            assert!(peer.stored(&simulator).await.is_empty());
        }
        if peer.buries {
            peer.prepare(&simulator).await;
            simulator.fault(peer.vendor, json!({"kind": "status", "status": 400, "times": 100})).await;
            let outlet = peer.open(&simulator, mode);
            let load = load(peer, &outlet, &five());
            let fates = send(&outlet, &load.rendered, 10).await;
            let dead = fates.iter().all(|fate| matches!(fate, Fate::Dead { .. }));
            assert!(dead, "{} {mode:?} 400: {fates:?}", peer.kind);
        }
    }
}

async fn accounts_for_every_record_in_chaos(peer: &Peer) {
    let Some(simulator) = Simulator::start(&["--fault-profile", "chaos", "--seed", "7"]) else { return };
    let alerts = many();
    for mode in peer.modes {
        peer.prepare(&simulator).await;
        let (mut waiting, mut delivered, mut dead) = (alerts.clone(), Vec::new(), Vec::new());
        for _ in 0..40 {
            if waiting.is_empty() {
                break;
            }
            // Each round is a redelivery by a new process: no breaker that is open, no token that is kept.
            let outlet = peer.open(&simulator, mode);
            let load = load(peer, &outlet, &waiting);
            let fates = send(&outlet, &load.rendered, 20).await;
            assert_eq!(fates.len(), waiting.len(), "each record has one fate");
            let mut rest = Vec::new();
            for ((body, called), fate) in waiting.into_iter().zip(load.called).zip(fates) {
                match fate {
                    Fate::Delivered => delivered.push(called),
                    Fate::Dead { .. } => dead.push(called),
                    Fate::Parked { .. } => rest.push(body),
                }
            }
            waiting = rest;
        }
        assert!(waiting.is_empty(), "{} {mode:?}: {} records never arrive", peer.kind, waiting.len());
        let stored = peer.stored(&simulator).await;
        let missing: Vec<_> = set(&delivered).difference(&set(&stored)).copied().collect();
        assert!(missing.is_empty(), "{} {mode:?}: delivered but not there: {missing:?}", peer.kind);
        assert!(dead.len() * 4 <= alerts.len(), "{} {mode:?}: chaos is no fault of the records: {dead:?}", peer.kind);
        if peer.upserts {
            assert_eq!(stored.len(), set(&stored).len(), "{} {mode:?} holds something twice", peer.kind);
        }
        simulator.no_violation().await;
    }
}

async fn probes_without_leaving_a_trace(peer: &Peer) {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in peer.modes {
        peer.prepare(&simulator).await;
        let outlet = peer.open(&simulator, mode);
        let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Accepted)), "{} {mode:?}: {verdict:?}", peer.kind);
        assert!(peer.stored(&simulator).await.is_empty(), "{} {mode:?}: the probe left something", peer.kind);
        simulator.no_violation().await;
    }
}

#[test]
fn every_http_destination_has_its_peer() {
    let speaks_http = |kind: &&destinations::Kind| {
        matches!(contract::open(kind, &[]).outlet.destination.transport(), Transport::Http(_))
    };
    let http: BTreeSet<&str> = CATALOG.iter().filter(speaks_http).map(|kind| kind.name).collect();
    assert_eq!(PEERS.iter().map(|peer| peer.kind).collect::<BTreeSet<_>>(), http);
}

/// A running simulator; ended when dropped.
struct Simulator {
    child: Child,
    base: String,
    client: reqwest::Client,
    identity: Arc<Identity>,
}

impl Simulator {
    fn start(options: &[&str]) -> Option<Self> {
        let program = support::shared("vendor-sim/vendor_sim.py")?;
        let python = support::need("python3", support::program("python3"))?;
        let mut child = Command::new(python)
            .arg(program)
            .args(["--port", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://{address}");
        let credential = SimulatedIdentity { client: client.clone(), endpoint: format!("{base}/msi/token") };
        Some(Self { child, base, client, identity: Arc::new(Identity::of(Arc::new(credential))) })
    }

    async fn post(&self, path: &str, body: Value) {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        let response = request.header("content-type", "application/json").send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let response = self.client.get(format!("{}/_sim/{what}", self.base)).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer["items"].as_array().unwrap().clone()
    }

    async fn reset(&self) {
        self.post("reset", json!({})).await;
    }

    async fn fault(&self, vendor: &str, mut fault: Value) {
        fault["vendor"] = json!(vendor);
        self.post("fault", fault).await;
    }

    async fn no_violation(&self) {
        let violations = self.list("violations").await;
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// Opens a destination that takes its tokens from this simulator. Of two settings with one key the first counts; `AZURE_CLOUD` is no
    /// destination's.
    fn open(&self, name: &str, settings: &[(&str, &str)]) -> Outlet {
        let prefix = setting_prefix(name);
        let full = |key: &str| if key == "AZURE_CLOUD" { key.to_owned() } else { format!("{prefix}__{key}") };
        let values = Values::new(settings.iter().map(|(key, value)| (full(key), (*value).to_owned())));
        let kind = destinations::kind(name).unwrap();
        let destination =
            (kind.open)(&Section::new(name, kind.settings.to_vec(), &values)).unwrap_or_else(|error| panic!("{error}"));
        let courier = courier::open(destination.transport(), &self.identity).unwrap();
        Outlet::new(name, destination, courier)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The managed identity that the simulator plays.
#[derive(Debug)]
struct SimulatedIdentity {
    client: reqwest::Client,
    endpoint: String,
}

#[async_trait::async_trait]
impl TokenCredential for SimulatedIdentity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let resource = scopes[0].trim_end_matches("/.default");
        let request = self.client.get(format!("{}?api-version=2019-08-01&resource={resource}", self.endpoint));
        let response = request.header("x-identity-header", "sim-identity-header-000000000000").send().await;
        let failed = || azure_core::Error::with_message(azure_core::error::ErrorKind::Io, "no token");
        let body = response.and_then(reqwest::Response::error_for_status).map_err(|_| failed())?.bytes().await;
        let answer: Value = serde_json::from_slice(&body.map_err(|_| failed())?).map_err(|_| failed())?;
        let expires = text(&answer["expires_on"]).parse().unwrap();
        let expires = OffsetDateTime::from_unix_timestamp(expires).unwrap();
        Ok(AccessToken::new(text(&answer["access_token"]), expires))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The bodies of every fixture, of every sample where those are at hand, and of hostile alerts.
fn bodies() -> Vec<Vec<u8>> {
    contract::inputs().into_iter().map(|(_, body)| body).collect()
}

/// What is sent to a destination.
struct Load {
    rendered: Rendered,
    /// What each record that leaves something is called on the other side.
    called: Vec<String>,
}

/// Renders every record that the destination takes and that fits its receiver.
fn load(peer: &Peer, outlet: &Outlet, bodies: &[Vec<u8>]) -> Load {
    let mut called = Vec::new();
    let (rendered, _) = rendered(outlet, bodies, |event, record| {
        let fits = (peer.fits)(record);
        called.extend((fits && (peer.leaves)(event)).then(|| (peer.called)(event)));
        fits
    });
    Load { rendered, called }
}

/// Renders every record for the destination; the second list holds the records' own bytes.
fn render(outlet: &Outlet, bodies: &[Vec<u8>]) -> (Rendered, Vec<String>) {
    rendered(outlet, bodies, |_, _| true)
}

fn rendered(
    outlet: &Outlet,
    bodies: &[Vec<u8>],
    mut keep: impl FnMut(&Event<'_>, &[u8]) -> bool,
) -> (Rendered, Vec<String>) {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    // Some receivers take nothing that was seen long ago.
    let seen = Timestamp::now();
    bodies.iter().for_each(|body| decode(body, seen, &texts, &mut decoded));
    let (mut buffer, mut spans, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    let mut taken: Vec<&Event<'_>> = decoded.events.iter().filter(|event| outlet.destination.takes(event)).collect();
    taken.sort_by_key(|event| outlet.destination.group(event));
    for event in taken {
        let start = buffer.len();
        outlet.destination.render(event, &mut buffer).unwrap();
        if !keep(event, &buffer[start..]) {
            buffer.truncate(start);
            continue;
        }
        spans.push(Span { group: outlet.destination.group(event), ..Span::of(event, start..buffer.len()) });
        raw.push(event.raw.to_owned());
    }
    (Rendered { buffer: buffer.into(), spans }, raw)
}

/// Five alerts of five detections, for what does not depend on the content.
fn five() -> Vec<Vec<u8>> {
    (0..5).map(small).collect()
}

/// Enough alerts for chaos to hit some of them.
fn many() -> Vec<Vec<u8>> {
    (0..60).map(small).collect()
}

/// An alert that every destination takes: it has an address of somebody else's.
fn small(number: usize) -> Vec<u8> {
    let alert = json!({
        "VendorName": "Microsoft", "AlertType": "VM_LoginBruteForceSuccess", "ProductName": "Microsoft Defender for Cloud",
        "SystemAlertId": format!("2517200000000000{number:03}_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b"), "Severity": "High",
        "Status": "New", "AlertDisplayName": "Successful brute force", "Description": "Somebody logged on.",
        "CompromisedEntity": "web01", "TimeGenerated": "2026-02-06T00:00:00Z", "ProcessingEndTime": "2026-02-06T00:00:01Z",
        "StartTimeUtc": "2026-02-05T23:59:00Z", "EndTimeUtc": "2026-02-05T23:59:30Z",
        "Entities": [{"$id": "1", "Address": format!("93.184.216.{}", number + 1), "Type": "ip"}],
    });
    alert.to_string().into_bytes()
}

async fn send(outlet: &Outlet, rendered: &Rendered, seconds: u64) -> Vec<Fate> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    deliver(outlet, rendered, &POLICY, deadline, Timestamp::now).await
}

fn ids(rendered: &Rendered) -> Vec<String> {
    rendered.spans.iter().map(|span| span.id.to_string()).collect()
}

fn set(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}

fn all_parked(fates: &[Fate]) -> bool {
    fates.iter().all(|fate| matches!(fate, Fate::Parked { .. }))
}
