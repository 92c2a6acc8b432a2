//! Anomali ThreatStream: the observables of alerts, as an import that analysts approve or as indicators.
//!
//! ThreatStream takes indicators, not alerts. So of an alert only what it says of the attacker goes there, and of the organisation nothing:
//! see [`observables`].

mod itype;
mod message;
mod observables;
mod own;

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use url::Url;

use self::itype::Itypes;
use self::message::Terms;
use self::own::{Own, entries};
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::{Alert, Event};
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Secret, Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// ThreatStream's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "anomali",
    title: "Anomali ThreatStream",
    arrives: "Observables of the attacker (addresses, domains, URLs, file hashes, senders), private and for approval; nothing of your own",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "alert",
    snapshots: false,
    open: |section| Anomali::open(section).map(|anomali| Box::new(anomali) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[
            ("URL", "{http}/anomali/api"),
            ("USER", "relay@soc.example"),
            ("API_KEY", "0123456789abcdef0123456789abcdef"),
        ],
        replies: &[("/anomali/api", 202, r#"{"success":true,"import_session_id":"1000","job_id":"job-1"}"#)],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::default(
        "URL",
        "https://api.threatstream.com/api",
        "Base URL of the API; on premises https://threatstream.example/api.",
    ),
    Setting::required("USER", "User name of the API key's owner, usually a mail address."),
    Setting::required("API_KEY", "API key of that user, without the word apikey before it.").secret(),
    Setting::default(
        "MODE",
        "import",
        "import makes one import session for each alert, which analysts approve; intelligence makes indicators that count at once.",
    ),
    Setting::default(
        "CLASSIFICATION",
        "private",
        "private: your organisation and TRUSTED_CIRCLES see them. public: every ThreatStream user does; needs ALLOW_PUBLIC and MODE=import.",
    ),
    Setting::default(
        "ALLOW_PUBLIC",
        "false",
        "Second key for CLASSIFICATION=public. true means: yes, publish to everybody.",
    ),
    Setting::default(
        "CONFIDENCE",
        "50",
        "How sure you are, 0 to 100. ThreatStream rates addresses, domains and URLs itself.",
    ),
    Setting::default("EXPIRATION", "90d", "How long after the alert the indicators count, between 1d and 3650d."),
    Setting::optional("TLP", "Traffic light protocol of the indicators: red, amber, green or white."),
    Setting::default("TAGS", "defender-for-cloud", "Comma-separated tags."),
    Setting::optional(
        "THREAT_TYPE",
        "Threat type of every import session (malware, suspicious, ...); without it, by the alert: brute, c2, phish, scan and so on.",
    ),
    Setting::optional("TRUSTED_CIRCLES", "Comma-separated ids of the trusted circles that see them too."),
    Setting::default(
        "ITYPES",
        Itypes::DEFAULT,
        "Indicator type of each kind of observable, where the alert does not tell a better one such as brute_ip or c2_domain.",
    ),
    Setting::optional(
        "OWN_DOMAINS",
        "Comma-separated domains of your own, with all names below them; never sent. Your tenant's Azure names are known.",
    ),
    Setting::optional(
        "OWN_NETWORKS",
        "Comma-separated public addresses and networks of your own, such as 198.51.100.0/24; never sent. Private ones are known.",
    ),
];

/// How observables get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// An import session, which analysts approve.
    Import,
    /// Indicators that count at once.
    Intelligence,
}

/// An opened ThreatStream destination.
#[derive(Debug)]
struct Anomali {
    transport: Transport,
    /// `…/api`, without a final slash.
    base: Url,
    /// `user:key`.
    credential: Secret,
    mode: Mode,
    terms: Terms,
    own: Own,
}

impl Anomali {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let mode = section.choice("MODE", &[("import", Mode::Import), ("intelligence", Mode::Intelligence)]);
        let anomali = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            base: base(section),
            credential: credential(section),
            mode,
            terms: terms(section, mode),
            own: Own::from_section(section),
        };
        section.finish(anomali)
    }

    fn authorized(&self, parcel: HttpParcel) -> Parcel {
        let auth = Auth::Header { name: AUTHORIZATION, prefix: "apikey ", value: self.credential.clone() };
        Parcel::Http(HttpParcel { auth, ..parcel })
    }

    /// A URL below the base. A path without its final slash is redirected.
    fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// The alert, if observables of it may go where this mode puts them.
    fn alert<'e, 'a>(&self, event: &'e Event<'a>) -> Option<&'e Alert<'a>> {
        // What a sample alert makes up must not count before a person has seen it.
        event.alert.as_deref().filter(|alert| self.mode == Mode::Import || !alert.is_sample())
    }
}

impl Destination for Anomali {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One alert per request: severity, tags and threat type are a request's, not an observable's.
    fn limits(&self) -> Limits {
        Limits { records: 1, ..Limits::ANY }
    }

    /// An alert that says nothing of an attacker says nothing here, nor does any other record.
    fn takes(&self, event: &Event<'_>) -> bool {
        self.alert(event).is_some_and(|alert| !observables::of(alert, &self.own).is_empty())
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let nothing = || RenderError("the record holds no observable of somebody else's".to_owned());
        let alert = self.alert(event).ok_or_else(nothing)?;
        let observables = observables::of(alert, &self.own);
        match (observables.as_slice(), self.mode) {
            ([], _) => return Err(nothing()),
            (observables, Mode::Import) => self.terms.write_import(event, alert, observables, out),
            (observables, Mode::Intelligence) => self.terms.write_indicators(event, alert, observables, out),
        }
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let body = records.joined();
        self.authorized(match self.mode {
            Mode::Import => {
                HttpParcel::post(self.below("/v1/intelligence/import/"), "application/x-www-form-urlencoded", body)
            }
            Mode::Intelligence => HttpParcel {
                method: Method::PATCH,
                ..HttpParcel::post(self.below("/v1/intelligence/"), "application/json", body)
            },
        })
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, _records: usize) -> Verdict {
        let Reply::Http { status, headers, body } = reply else { return Verdict::by_status(reply) };
        let misconfigured = |what: &str| Verdict::Misconfigured { reason: format!("HTTP {}: {what}", status.as_u16()) };
        match status.as_u16() {
            401 => misconfigured("check USER and API_KEY"),
            403 => misconfigured("the user may not do this; check its rights, and the organisation's IP allowlist"),
            404 | 405 => misconfigured("no ThreatStream API here; check URL"),
            200..=299 => {
                let answer: Option<Value> = serde_json::from_slice(body).ok();
                let success = answer.as_ref().and_then(|answer| answer.get("success")).and_then(Value::as_bool);
                let imports = matches!(sent, Parcel::Http(parcel) if parcel.method == Method::POST);
                let is_page = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
                match success {
                    Some(false) => Verdict::Rejected { reason: "ThreatStream answered success: false".to_owned() },
                    None if imports || is_page => misconfigured("the answer is not ThreatStream's; check URL"),
                    _ => Verdict::Accepted,
                }
            }
            _ => Verdict::by_status(reply),
        }
    }

    /// Reads one indicator: proves the address and the key; not that the user may import.
    fn probe(&self) -> Option<Parcel> {
        let mut url = self.below("/v2/intelligence/");
        url.set_query(Some("limit=1"));
        Some(self.authorized(HttpParcel::get(url)))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.terms.public {
            warnings.push(
                "CLASSIFICATION is public: what analysts approve is seen by every user of ThreatStream".to_owned(),
            );
        }
        if self.mode == Mode::Intelligence && self.own.is_empty() {
            warnings.push(
                "MODE is intelligence, and neither OWN_NETWORKS nor OWN_DOMAINS is set: a public address of your own that an alert \
                 does not mark as yours counts as an indicator at once"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// `…/api` from the setting, which may end in a slash or lack the path altogether.
fn base(section: &Section<'_>) -> Url {
    let mut url = section.url("URL");
    if url.query().is_some() {
        section.fault("URL", "must not hold a query; the credential has its own settings");
        url.set_query(None);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.ends_with("/v1") || path.ends_with("/v2") || path.contains("/intelligence") {
        section.fault("URL", "must end in /api, before the version");
    }
    url.set_path(if path.is_empty() { "/api" } else { &path });
    url
}

fn credential(section: &Section<'_>) -> Secret {
    let (user, key) = (section.string("USER"), section.secret("API_KEY"));
    let legal = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
    if user.contains(':') || !legal(&user) {
        section.fault("USER", "must be the user name alone, without spaces and colons");
    }
    if !legal(key.expose()) || key.expose().contains(':') {
        section.fault("API_KEY", "must be the key alone, without the word apikey and without the user");
    }
    Secret::new(format!("{user}:{}", key.expose()))
}

fn terms(section: &Section<'_>, mode: Mode) -> Terms {
    const DAY: Duration = Duration::from_secs(86_400);
    let public = section.choice("CLASSIFICATION", &[("private", false), ("public", true)]);
    let allowed = section.flag("ALLOW_PUBLIC") && mode == Mode::Import;
    if public && !allowed {
        section.fault(
            "CLASSIFICATION",
            "is public, which publishes to everybody: only with ALLOW_PUBLIC=true and MODE=import",
        );
    }
    let threat_type = section.text("THREAT_TYPE");
    if threat_type.as_ref().is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
        section.fault("THREAT_TYPE", "must be one of ThreatStream's threat types, such as malware");
    }
    Terms {
        public,
        confidence: section.number("CONFIDENCE", 0..=100),
        tlp: section.text("TLP").map(|_| {
            let colours = ["red", "amber", "green", "white"].map(|colour| (colour, colour));
            section.choice("TLP", &colours)
        }),
        tags: entries(section, "TAGS", "must be a tag", |tag| {
            (!tag.chars().any(char::is_control) && tag.chars().count() <= 200).then(|| tag.to_owned())
        }),
        expiration: section.duration("EXPIRATION", DAY..=3650 * DAY),
        threat_type,
        trusted_circles: entries(section, "TRUSTED_CIRCLES", "must be the number of a trusted circle", |id| {
            id.parse().ok()
        }),
        itypes: Itypes::from_section(section),
    }
}

#[cfg(test)]
mod tests;
