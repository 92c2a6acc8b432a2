//! The two messages that ThreatStream takes: the import form, and the list of indicators.
//!
//! Facts: the public ThreatStream integrations for Cortex XSOAR (import with and without approval), Splunk SOAR and Swimlane.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::itype::{Itypes, Threat};
use super::observables::{Kind, Observable};
use crate::event::{Alert, Event, Severity};
use crate::format::alert::time;
use crate::format::json::Object;

/// What every message says besides the observables.
#[derive(Debug)]
pub(super) struct Terms {
    /// Whether all users of ThreatStream see them, not only the organisation.
    pub(super) public: bool,
    pub(super) confidence: u8,
    pub(super) tlp: Option<&'static str>,
    pub(super) tags: Vec<String>,
    /// How long after the alert they count.
    pub(super) expiration: Duration,
    pub(super) threat_type: Option<String>,
    pub(super) trusted_circles: Vec<u64>,
    pub(super) itypes: Itypes,
}

impl Terms {
    /// Appends the form of `POST /v1/intelligence/import/`: one session that an analyst approves.
    ///
    /// A session has one indicator type for each kind of observable; of an alert with IPv4 and IPv6 addresses it is that of IPv4.
    pub(super) fn write_import(
        &self,
        event: &Event<'_>,
        alert: &Alert<'_>,
        observables: &[Observable],
        out: &mut Vec<u8>,
    ) {
        const MAPPINGS: [(Kind, &str); 6] = [
            (Kind::Ipv4, "ip_mapping"),
            (Kind::Ipv6, "ip_mapping"),
            (Kind::Domain, "domain_mapping"),
            (Kind::Url, "url_mapping"),
            (Kind::Email, "email_mapping"),
            (Kind::Hash, "md5_mapping"),
        ];
        let threat = Threat::of(alert);
        let values: Vec<&str> = observables.iter().map(|observable| observable.value.as_str()).collect();
        let has = |kind| observables.iter().any(|observable| observable.kind == kind);
        let mut form = Serializer::new(String::new());
        form.append_pair("datatext", &values.join("\n"));
        form.append_pair("classification", self.classification());
        form.append_pair("confidence", &self.confidence.to_string());
        form.append_pair("severity", severity(event.severity));
        form.append_pair("threat_type", self.threat_type.as_deref().unwrap_or(threat.name()));
        for (kind, field) in MAPPINGS {
            if has(kind) && !(kind == Kind::Ipv6 && has(Kind::Ipv4)) {
                form.append_pair(field, self.itypes.of(threat, kind));
            }
        }
        // Who may see a tag: `red` the organisation, `white` everybody.
        let seen_by = if self.public { "white" } else { "red" };
        let tags: Vec<_> = self.tags.iter().map(|tag| json!({"name": tag, "tlp": seen_by})).collect();
        if !tags.is_empty() {
            form.append_pair("tags", &json!(tags).to_string());
        }
        if !self.trusted_circles.is_empty() {
            let circles: Vec<String> = self.trusted_circles.iter().map(u64::to_string).collect();
            form.append_pair("trustedcircles", &circles.join(","));
        }
        form.append_pair("expiration_ts", &self.expires(event));
        if let Some(tlp) = self.tlp {
            form.append_pair("tlp", tlp);
        }
        form.append_pair("notes", &notes(event, alert));
        out.extend_from_slice(form.finish().as_bytes());
    }

    /// Appends the body of `PATCH /v1/intelligence/`: indicators that count at once.
    pub(super) fn write_indicators(
        &self,
        event: &Event<'_>,
        alert: &Alert<'_>,
        observables: &[Observable],
        out: &mut Vec<u8>,
    ) {
        let threat = Threat::of(alert);
        let mut body = Object::open(out);
        let list = body.member("objects");
        list.push(b'[');
        for (place, Observable { kind, value }) in observables.iter().enumerate() {
            if place > 0 {
                list.push(b',');
            }
            let mut object = Object::open(list);
            object.text(value_key(*kind), value);
            object.text("itype", self.itypes.of(threat, *kind));
            object.json("confidence", &self.confidence.to_string());
            object.close();
        }
        list.push(b']');
        body.group("meta", |meta| {
            meta.text("classification", self.classification());
            meta.json("confidence", &self.confidence.to_string());
            meta.text("severity", severity(event.severity));
            // Names that do not resolve are what attackers leave behind.
            meta.json("allow_unresolved", "true");
            meta.text("expiration_ts", &self.expires(event));
            meta.optional("tlp", self.tlp);
            let id = format!("mdc-event:{}", event.id);
            let tags: Vec<&str> = self.tags.iter().map(String::as_str).chain([id.as_str()]).collect();
            meta.texts("tags", &tags);
            if !self.trusted_circles.is_empty() {
                meta.json("trustedcircles", &json!(self.trusted_circles).to_string());
            }
        });
        body.close();
    }

    const fn classification(&self) -> &'static str {
        if self.public { "public" } else { "private" }
    }

    /// When the indicators stop to count, in UTC without a zone: ThreatStream takes a time without one for UTC.
    fn expires(&self, event: &Event<'_>) -> String {
        let end = time(event).saturating_add(self.expiration).unwrap_or(Timestamp::MAX);
        end.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

/// ThreatStream's word for a severity.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "very-high",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low | Severity::Informational | Severity::Unknown => "low",
    }
}

/// The member that holds a value of that kind.
const fn value_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Ipv4 | Kind::Ipv6 => "srcip",
        Kind::Domain => "domain",
        Kind::Url => "url",
        Kind::Email => "email",
        Kind::Hash => "md5",
    }
}

/// What the analyst who approves needs to find the alert; nothing that tells what was attacked.
fn notes(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let plain = |text: &str| {
        let legal = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        text.chars().filter(legal).take(128).collect::<String>()
    };
    let sample = if alert.is_sample() { "SAMPLE ALERT, do not approve. " } else { "" };
    let detection = plain(alert.alert_type.as_deref().unwrap_or_default());
    let id = plain(alert.system_alert_id.as_deref().unwrap_or_default());
    format!("{sample}Microsoft Defender for Cloud, detection {detection}, alert {id}, mdc-event:{}", event.id)
}
