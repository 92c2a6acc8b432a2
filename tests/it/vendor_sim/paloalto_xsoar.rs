//! `paloalto_xsoar` against the simulated XSOAR 6 and 8.

use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::event::{Event, EventId};
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
    let key = key.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_ascii_lowercase();
    let plain = key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match key.is_empty() {
        true => event.id.to_string(),
        false if plain => key,
        false => EventId::of(key.as_bytes()).to_string(),
    }
}

/// The alerts of the incidents that were created.
fn created(items: &[Value]) -> Vec<String> {
    items.iter().filter(|item| item["created"] == true).map(|item| super::text(&fields(&item["record"])["mdcalertid"])).collect()
}

fn fields(incident: &Value) -> &Value {
    incident.get("customFields").unwrap_or(&incident["CustomFields"])
}
