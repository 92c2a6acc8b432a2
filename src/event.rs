//! An [`Event`]: one record that Defender for Cloud or Azure Monitor emitted, as the rest of the program sees it.
//!
//! An event borrows from the invocation's one buffer: the original bytes stay available as [`Event::raw`] and are copied,
//! never re-serialised, by destinations that forward the record untouched.

mod alert;
mod assessed;
mod attack_path;
mod bag;
mod compliance;
mod cursor;
pub mod decode;
mod details;
mod enrichment;
mod entities;
mod evidence;
mod evidence_names;
mod facts;
mod fields;
mod finding;
mod graph_alert;
mod html;
mod identity;
mod incident;
mod json;
mod key;
mod log;
mod names;
mod outcome;
mod outline;
mod posture;
mod recommendation;
mod record;
mod remediation;
mod retold;
mod sample;
mod secure_score;
mod tactics;
mod texts;
mod time;
mod twin;
mod vulnerability;

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use alert::{Alert, AlertShape, resource_type, segment_after};
pub use assessed::AssessedResource;
pub use attack_path::{AttackPath, PathEnd};
pub use compliance::{Compliance, ComplianceLevel, ComplianceState};
pub(crate) use cursor::Cursor;
pub use details::Details;
pub use enrichment::{Action, Enrichment};
pub use entities::{Entities, Entity};
pub use facts::{Facts, parse_address};
pub use finding::Finding;
pub use graph_alert::{is_defender_for_cloud, says};
pub use identity::Identity;
pub use incident::Incident;
pub use json::{members, mend_surrogates, scalar};
pub use log::{Log, LogResult, Metric};
pub use outcome::Outcome;
pub use outline::Outline;
pub use posture::{Health, Posture};
pub use recommendation::Recommendation;
pub use secure_score::{Score, SecureScore, SecureScoreControl};
pub use tactics::Tactic;
pub use time::parse_time;
pub use twin::{Source, Stage, Twin};
pub use vulnerability::{Assessed, Cvss, Vulnerability};

/// One record, decoded once for all destinations.
///
/// Matching of keys is case-insensitive; `raw` keeps the casing and every field that is not typed here.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Identifies these bytes: the same record delivered twice has the same id (see [`EventId`]).
    pub id: EventId,
    /// What kind of record this is.
    pub kind: RecordKind,
    /// The record as it came: valid JSON text, one object, without surrounding white space.
    pub raw: &'a str,
    /// The record's natural key: an alert's `SystemAlertId`, an ARM `id`, ...; absent where the record has none.
    pub key: Option<Cow<'a, str>>,
    /// A short human title: alert display name, recommendation display name, operation name, ...
    pub title: Option<Cow<'a, str>>,
    /// The Azure resource the record is about, as written (compare without regard to case).
    pub resource: Option<Cow<'a, str>>,
    /// When the record says it was generated.
    pub time: Option<Timestamp>,
    /// When the record was first seen by this side: the hub's enqueued time where known, else the time of the invocation.
    pub seen: Timestamp,
    /// When this delivery of the record began: differs from one repeat to the next, so it is for receivers that want to know when something
    /// came, never for what identifies a record. [`Event::seen`] unless [`Decoded::taken_at`](decode::Decoded::taken_at) said more.
    pub taken: Timestamp,
    /// Normalised severity; [`Severity::Unknown`] where the record has none.
    pub severity: Severity,
    /// The typed alert, for [`RecordKind::Alert`] only.
    pub alert: Option<Box<Alert<'a>>>,
    /// The typed views of every other kind, read when first asked for: see [`Event::posture`], [`Event::log`], [`Event::incident`],
    /// [`Event::enrichment`].
    pub details: Details<'a>,
}

impl Event<'_> {
    /// The best known time of the event: its own, else when it was seen. Never absent, so no record is lost for lack of one.
    #[must_use]
    pub fn when(&self) -> Timestamp {
        self.time.unwrap_or(self.seen)
    }
}

/// The first 128 bits of the SHA-256 of a record's bytes, printed as 32 lower-case hexadecimal digits.
///
/// It depends on nothing but the record, so every redelivery, whichever instance makes it, carries the same id and a
/// receiver can drop the repeat. Two different versions of one alert have different ids; what they share is [`Event::key`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// The id of these record bytes.
    #[must_use]
    pub fn of(raw: &[u8]) -> Self {
        let digest = Sha256::digest(raw);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The 32 hexadecimal digits, without allocation.
    #[must_use]
    pub fn hex(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kinds of records that can share an event hub with Defender for Cloud's alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A security alert, or an alert incident, in any of its shapes.
    Alert,
    /// A recommendation: `Microsoft.Security/assessments`.
    Recommendation,
    /// A finding: `Microsoft.Security/assessments/subAssessments`.
    Finding,
    /// A secure score: `Microsoft.Security/secureScores`.
    SecureScore,
    /// A secure score control: `Microsoft.Security/secureScores/secureScoreControls`.
    SecureScoreControl,
    /// A regulatory compliance standard, control or assessment.
    Compliance,
    /// An attack path: `Microsoft.Security/attackPaths`.
    AttackPath,
    /// An alert of Defender for IoT: `Microsoft.Security/iotAlerts`.
    IotAlert,
    /// An incident of Microsoft Sentinel or Microsoft Graph.
    Incident,
    /// A record of the Azure activity log, in either of its shapes.
    ActivityLog,
    /// A record of Microsoft Entra: sign-ins, audit, risk.
    EntraLog,
    /// A resource (diagnostic) log record, or a metric.
    ResourceLog,
    /// A record of Defender XDR streaming (`AdvancedHunting-*`).
    XdrLog,
    /// An Azure Monitor alert in the common alert schema.
    MonitorAlert,
    /// A JSON object that none of the rules recognises.
    Unknown,
}

impl RecordKind {
    /// Every kind, in the order of documentation.
    pub const ALL: [Self; 15] = [
        Self::Alert,
        Self::Recommendation,
        Self::Finding,
        Self::SecureScore,
        Self::SecureScoreControl,
        Self::Compliance,
        Self::AttackPath,
        Self::IotAlert,
        Self::Incident,
        Self::ActivityLog,
        Self::EntraLog,
        Self::ResourceLog,
        Self::XdrLog,
        Self::MonitorAlert,
        Self::Unknown,
    ];

    /// The kind's name in settings (`EVENTS`), sourcetypes and letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Recommendation => "recommendation",
            Self::Finding => "finding",
            Self::SecureScore => "secure_score",
            Self::SecureScoreControl => "secure_score_control",
            Self::Compliance => "compliance",
            Self::AttackPath => "attack_path",
            Self::IotAlert => "iot_alert",
            Self::Incident => "incident",
            Self::ActivityLog => "activity_log",
            Self::EntraLog => "entra_log",
            Self::ResourceLog => "resource_log",
            Self::XdrLog => "xdr_log",
            Self::MonitorAlert => "monitor_alert",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that name, without regard to case; the plural means the same.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |name: &str| Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        named(name).or_else(|| named(name.strip_suffix(['s', 'S'])?))
    }
}

/// A severity on Defender for Cloud's scale, ordered from least to most severe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Absent, or a word that is not on the scale. Never filtered out by a minimum severity.
    #[default]
    Unknown,
    /// `Informational`.
    Informational,
    /// `Low`.
    Low,
    /// `Medium`.
    Medium,
    /// `High`.
    High,
    /// `Critical`: recommendations from API version 2025-05-04 on.
    Critical,
}

impl Severity {
    /// Every severity, least severe first.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The severity that a record's text means, without regard to case; anything else is [`Severity::Unknown`].
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(text))
            .unwrap_or(if text.eq_ignore_ascii_case("info") { Self::Informational } else { Self::Unknown })
    }

    /// Lower-case name, as in settings and in the Splunk Common Information Model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The life-cycle state of an alert, normalised over its shapes (`New`, `Active` and `newAlert` are one state).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Absent or not understood.
    #[default]
    Unknown,
    /// New or active.
    New,
    /// Somebody works on it.
    InProgress,
    /// Resolved.
    Resolved,
    /// Dismissed.
    Dismissed,
}

impl Status {
    /// The status that a record's text means, without regard to case.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("new") || is("active") || is("newalert") {
            Self::New
        } else if is("inprogress") || is("in progress") {
            Self::InProgress
        } else if is("resolved") || is("closed") {
            Self::Resolved
        } else if is("dismissed") {
            Self::Dismissed
        } else {
            Self::Unknown
        }
    }

    /// The name in Defender for Cloud's flat export; `Unknown` where nothing is known.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::New => "New",
            Self::InProgress => "InProgress",
            Self::Resolved => "Resolved",
            Self::Dismissed => "Dismissed",
        }
    }
}
