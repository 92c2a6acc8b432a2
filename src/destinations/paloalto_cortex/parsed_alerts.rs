//! `insert_parsed_alerts`: an alert between two addresses, and what the API's replies mean.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::stage::{Rest, Stage};
use super::{AUTH_ID, below, header, misconfigured, needed};
use crate::batch::{Limits, Pace};
use crate::event::{Alert, Event, Severity};
use crate::format::alert::{intent_list, or_empty, resource, signature, status, technique_list, time, title};
use crate::format::json::Object;
use crate::format::severity::word;
use crate::format::text::{self, Room};
use crate::parcel::{Auth, HttpParcel, Reply, Verdict};
use crate::settings::{Secret, Section};

/// Below the tenant's base URL.
pub(super) const PATH: &str = "/public_api/v1/alerts/insert_parsed_alerts";
const VALIDATE_PATH: &str = "/api_keys/validate/";

/// 60 alerts a request and 600 a minute, with a margin for requests that travel faster than those before them.
pub(super) const LIMITS: Limits = Limits { records: 60, bytes: 5_000_000, pace: PACE, ..Limits::ANY };
const PACE: &[Pace] = &[Pace { parcels: usize::MAX, records: 600, per: Duration::from_secs(62) }];

const VENDOR: &str = "Microsoft";
const PRODUCT: &str = "Defender for Cloud";

/// Longest texts. The API tells no limits.
const NAME_ROOM: Room = Room::chars(500);
const DESCRIPTION_ROOM: Room = Room::chars(4_000);
const DETAIL_ROOM: Room = Room::chars(500);

/// The API that takes alerts, and the key to it.
#[derive(Debug)]
pub(super) struct AlertApi {
    url: Url,
    validate_url: Url,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Standard { id: HeaderValue, key: Secret },
    Advanced { id: String, key: Secret },
}

impl AlertApi {
    pub(super) fn open(section: &Section<'_>, base: &Url) -> Self {
        let key = Secret::new(needed(section, "API_KEY", "parsed_alerts"));
        let id = needed(section, "KEY_ID", "parsed_alerts");
        let advanced = section.choice("KEY_TYPE", &[("standard", false), ("advanced", true)]);
        Self {
            url: below(base, PATH),
            validate_url: below(base, VALIDATE_PATH),
            key: match advanced {
                true => Key::Advanced { id, key },
                false => Key::Standard { id: header(section, "KEY_ID", &id), key },
            },
        }
    }

    fn post(&self, url: &Url, body: Vec<u8>, stage: &Stage) -> HttpParcel {
        let mut parcel = HttpParcel::post(url.clone(), "application/json", body.into());
        parcel.memo = stage.memo();
        parcel.auth = match &self.key {
            Key::Standard { id, key } => {
                parcel.headers.push((AUTH_ID, id.clone()));
                Auth::Header { name: AUTHORIZATION, prefix: "", value: key.clone() }
            }
            Key::Advanced { id, key } => Auth::CortexAdvanced { key_id: id.clone(), key: key.clone() },
        };
        parcel
    }

    /// A request of these alerts; `rest` is what the collector gets after it.
    pub(super) fn parcel<'r>(&self, alerts: impl Iterator<Item = &'r [u8]>, rest: Option<Rest>) -> HttpParcel {
        let mut body = b"{\"request_data\":{\"alerts\":[".to_vec();
        for (place, alert) in alerts.enumerate() {
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(alert);
        }
        body.extend_from_slice(b"]}}");
        self.post(&self.url, body, &Stage::Alerts { rest })
    }

    /// A request that has the key validated and does nothing else.
    pub(super) fn validation(&self) -> HttpParcel {
        self.post(&self.validate_url, b"{}".to_vec(), &Stage::Validate)
    }
}

#[derive(Deserialize)]
struct Answer {
    reply: Value,
}

/// Decides what the API's reply to alerts means.
pub(super) fn judge(reply: &Reply) -> Verdict {
    let taken = |body: &[u8]| {
        serde_json::from_slice::<Answer>(body).is_ok_and(|Answer { reply }| {
            !matches!(reply, Value::Null | Value::Bool(false)) && reply.get("err_code").is_none()
        })
    };
    match reply {
        Reply::Http { status, body, .. } if status.is_success() && !taken(body) => misconfigured(
            status,
            "the answer does not say that the alerts were taken; check URL and the proxies before it",
        ),
        _ => judge_validation(reply),
    }
}

/// Decides what the reply to a key means.
pub(super) fn judge_validation(reply: &Reply) -> Verdict {
    let Reply::Http { status, .. } = reply else { return Verdict::by_status(reply) };
    match *status {
        StatusCode::UNAUTHORIZED => {
            misconfigured(status, "check API_KEY, KEY_ID and KEY_TYPE, and whether the key has expired")
        }
        StatusCode::PAYMENT_REQUIRED => misconfigured(status, "the tenant has no licence for this API"),
        StatusCode::FORBIDDEN => misconfigured(status, "the key's role does not allow to insert external alerts"),
        StatusCode::NOT_FOUND => misconfigured(status, "there is no Cortex API here; check URL"),
        _ => Verdict::by_status(reply),
    }
}

/// One end of a connection, as far as the alert tells.
#[derive(Clone, Copy, Debug)]
struct End {
    address: Option<IpAddr>,
    port: u16,
}

/// Both ends of what an alert is about.
#[derive(Debug)]
pub(super) struct Ends {
    local: End,
    remote: End,
}

impl Ends {
    /// Which end is which; nothing, if the alert names no address at all. Of two addresses the private one is local, or else the attacked
    /// one. One that stands alone is remote: alerts name attackers.
    pub(super) fn of(alert: &Alert<'_>) -> Option<Self> {
        let facts = alert.facts();
        let end = |address: &Option<Cow<'_, str>>, port: Option<u16>| End {
            address: address.as_deref().and_then(|text| Some(text.parse::<IpAddr>().ok()?.to_canonical())),
            port: port.unwrap_or_default(),
        };
        let source = end(&facts.source_ip, facts.source_port);
        let destination = end(&facts.destination_ip, facts.destination_port);
        let from_inside = match (source.address, destination.address) {
            (None, None) => return None,
            (Some(a), Some(b)) if is_private(a) != is_private(b) => is_private(a),
            (Some(_), Some(_)) => alert.is_outbound(),
            (source, _) => source.is_none(),
        };
        let (local, remote) = if from_inside { (source, destination) } else { (destination, source) };
        Some(Self { local, remote })
    }
}

/// Whether an address has a meaning inside a network only.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback(),
    }
}

/// Appends the alert as an object of the API.
pub(super) fn write(event: &Event<'_>, alert: &Alert<'_>, ends: &Ends, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text("product", PRODUCT);
    object.text("vendor", VENDOR);
    write_end(&mut object, ends.local, ["local_ip", "local_port", "local_ip_v6"]);
    write_end(&mut object, ends.remote, ["remote_ip", "remote_port", "remote_ip_v6"]);
    object.json("event_timestamp", itoa::Buffer::new().format(milliseconds(event)));
    object.text("severity", severity(event.severity));
    object.text("alert_name", &shortened(title(event), NAME_ROOM));
    object.text("alert_description", &description(event, alert));
    object.text("action_status", "Reported");
    object.close();
}

/// The IPv4 fields are demanded, also where there is no such address: 0.0.0.0 is no host's, and port 0 nobody's.
fn write_end(object: &mut Object<'_>, end: End, [ip, port, ip_v6]: [&str; 3]) {
    let v4 = match end.address {
        Some(IpAddr::V4(address)) => address,
        Some(IpAddr::V6(_)) | None => Ipv4Addr::UNSPECIFIED,
    };
    object.text(ip, &v4.to_string());
    object.json(port, itoa::Buffer::new().format(end.port));
    if let Some(IpAddr::V6(address)) = end.address {
        object.text(ip_v6, &address.to_string());
    }
}

/// Milliseconds since 1970, in thirteen digits: fewer could be read as seconds, and no alert is older than 2001.
fn milliseconds(event: &Event<'_>) -> i64 {
    let own = time(event).as_millisecond();
    if own < 1_000_000_000_000 { event.seen.as_millisecond() } else { own }
}

/// The API has no `Critical`.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => word(Severity::High),
        other => word(other),
    }
}

/// The alert's own description, and what the API has no field for, a line each.
fn description(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let mut out = Vec::new();
    text::push(&mut out, text::trim(or_empty(&alert.description_filled())), DESCRIPTION_ROOM, |_| None);
    let event_id = event.id.to_string();
    let details: [(&str, &str); 9] = [
        ("Status", status(alert)),
        ("Compromised entity", or_empty(&alert.compromised_entity)),
        ("Resource", resource(event)),
        ("Alert type", signature(event)),
        ("Intent", &intent_list(alert)),
        ("Techniques", &technique_list(alert)),
        ("Alert id", or_empty(&alert.system_alert_id)),
        ("Link", or_empty(&alert.alert_uri)),
        ("Event id", &event_id),
    ];
    for (name, value) in details {
        let value = shortened(value, DETAIL_ROOM);
        if !value.is_empty() {
            out.extend_from_slice(format!("\n{name}: {value}").as_bytes());
        }
    }
    String::from_utf8_lossy(out.trim_ascii_start()).into_owned()
}

/// The text on one line, shortened visibly where it is too long.
fn shortened(value: &str, room: Room) -> String {
    let mut out = Vec::new();
    text::push(&mut out, text::trim(value), room, |c| text::breaks_line(c).then_some(" "));
    String::from_utf8_lossy(&out).into_owned()
}
