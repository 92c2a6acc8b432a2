//! Palo Alto Networks Cortex XSOAR 6 and 8, and Cortex XSIAM, which has the API of XSOAR 8: one incident for each alert.
//!
//! Facts: [Create or update an incident](https://docs-cortex.paloaltonetworks.com/r/Cortex-XSOAR-8-API/Create-or-update-an-incident), the
//! [model of demisto-py](https://github.com/demisto/demisto-py) for version 6, and
//! [Make your first API call](https://docs-cortex.paloaltonetworks.com/r/Cortex-XDR-REST-API/Make-your-first-API-call) for the keys.

mod incident;
mod row;
mod severity;
mod talk;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use url::Url;

use self::incident::Incidents;
use self::talk::MatchBy;
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::cloud::is_loopback;
use crate::event::Event;
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// XSOAR's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "paloalto_xsoar",
    title: "Palo Alto Networks Cortex XSOAR",
    arrives: "One incident for each alert, kept up to date and closed with it (XSOAR 6 and 8, XSIAM)",
    settings: &[SETTINGS, HTTP_SETTINGS],
    open: |section| Xsoar::open(section).map(|xsoar| Box::new(xsoar) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        // A standard key and one request at a time, so that each run is the same.
        settings: &[
            ("URL", "{http}"),
            ("API_KEY", "rehearsal-key-0123456789"),
            ("KEY_ID", "1"),
            ("KEY_TYPE", "standard"),
            ("CONCURRENCY", "1"),
        ],
        replies: &[
            ("/xsoar/public/v1/incidents/search", 200, r#"{"total":0,"data":[]}"#),
            ("/xsoar/public/v1/incident", 200, r#"{"id":"1","version":1}"#),
        ],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "URL",
        "Base URL of the API. Version 8: https://api-acme.xdr.eu.paloaltonetworks.com. Version 6: https://xsoar.example, on a \
         multi-tenant server with the account, https://xsoar.example/acc_soc.",
    ),
    Setting::default("VERSION", "8", "Version of XSOAR: 8 (also for XSIAM) or 6."),
    Setting::required("API_KEY", "API key, as it was shown when it was made.").secret(),
    Setting::optional(
        "KEY_ID",
        "Id of the API key, from the ID column of the table of keys; version 8 wants one, version 6 has none.",
    ),
    Setting::default(
        "KEY_TYPE",
        "advanced",
        "Security level that the key of version 8 was made with: advanced (only a hash of it travels) or standard.",
    ),
    Setting::default("INCIDENT_TYPE", "Defender for Cloud Alert", "Type of new incidents."),
    Setting::optional("OWNER", "User that new incidents are assigned to; without it, nobody."),
    Setting::optional("PLAYBOOK", "Id of the playbook for new incidents; without it, the one of INCIDENT_TYPE."),
    Setting::default(
        "CREATE_INVESTIGATION",
        "true",
        "Whether a new incident's playbook starts at once. It never does for an alert that is resolved already.",
    ),
    Setting::default("CLOSE", "true", "Whether a resolved or dismissed alert closes its incident."),
    Setting::default(
        "CLOSE_REASON",
        "Resolved",
        "Close reason for a resolved alert; one of those that your XSOAR knows.",
    ),
    Setting::default(
        "DISMISS_REASON",
        "Other",
        "Close reason for a dismissed alert; one of those that your XSOAR knows.",
    ),
    Setting::optional(
        "SEVERITY_MAP",
        "Severities (0, 0.5, 1, 2, 3 or 4) other than unknown=0,informational=0.5,low=1,medium=2,high=3,critical=4.",
    ),
    Setting::default(
        "MATCH_BY",
        "both",
        "Where the incident of an alert is searched: dbotMirrorId, mdcalertid (a custom field), or both, one after the other.",
    ),
    Setting::default(
        "LOOKBACK_DAYS",
        "90",
        "How many days back the incident of an alert is searched, between 1 and 3650.",
    ),
    Setting::optional(
        "CUSTOM_FIELDS_KEY",
        "How the member with the custom fields is spelled: customFields or CustomFields. Without it, as VERSION 8 and 6 have it.",
    ),
    Setting::default(
        "CONCURRENCY",
        "2",
        "Alerts under way at once, between 1 and 4. Events about one alert are always sent one after another.",
    ),
];

/// Which API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Six,
    Eight,
}

/// Where requests go.
#[derive(Debug)]
struct Endpoints {
    search: Url,
    incident: Url,
    close: Url,
}

/// When and why incidents are closed.
#[derive(Debug)]
struct Closing {
    enabled: bool,
    resolved: String,
    dismissed: String,
}

/// An opened XSOAR destination.
#[derive(Debug)]
struct Xsoar {
    transport: Transport,
    endpoints: Endpoints,
    auth: Auth,
    /// `x-xdr-auth-id` of a standard key; an advanced one brings its own.
    headers: Vec<(HeaderName, HeaderValue)>,
    incidents: Incidents,
    closing: Closing,
    match_by: &'static [MatchBy],
    lookback_days: u32,
    concurrency: usize,
    warnings: Vec<String>,
}

impl Xsoar {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let version = section.choice("VERSION", &[("8", Version::Eight), ("6", Version::Six)]);
        let base = section.url("URL");
        let (auth, headers) = auth(section, version);
        let closing = Closing {
            enabled: section.flag("CLOSE"),
            resolved: section.string("CLOSE_REASON"),
            dismissed: section.string("DISMISS_REASON"),
        };
        let xsoar = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            endpoints: endpoints(section, &base, version),
            auth,
            headers,
            incidents: Incidents::from_section(section, custom_fields_key(section, version), closing.enabled),
            closing,
            match_by: section.choice(
                "MATCH_BY",
                &[
                    ("both", &[MatchBy::Mirror, MatchBy::Field][..]),
                    ("dbotMirrorId", &[MatchBy::Mirror]),
                    ("mdcalertid", &[MatchBy::Field]),
                ],
            ),
            lookback_days: section.number("LOOKBACK_DAYS", 1..=3650),
            concurrency: section.number("CONCURRENCY", 1..=4),
            warnings: warnings(&base, version),
        };
        section.finish(xsoar)
    }

    /// A POST of JSON with our proof.
    fn post(&self, url: &Url, body: Vec<u8>) -> HttpParcel {
        let mut parcel = HttpParcel::post(url.clone(), "application/json", body.into());
        parcel.headers.extend_from_slice(&self.headers);
        HttpParcel { auth: self.auth.clone(), ..parcel }
    }
}

impl Destination for Xsoar {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One alert for each conversation.
    fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.concurrency, ..Limits::ANY }
    }

    /// An incident is about an alert; other records make none.
    fn takes(&self, event: &Event<'_>) -> bool {
        event.alert.is_some()
    }

    /// The body that creates the incident; the conversation takes from it what else it needs to know.
    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        self.incidents.write(event, out)
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let record = records.iter().next().map(|(_, record)| String::from_utf8_lossy(record)).unwrap_or_default();
        Parcel::Http(talk::begin(self, &record))
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, _records: usize) -> Verdict {
        match sent {
            Parcel::Http(parcel) => talk::judge(self, parcel, reply),
            Parcel::Syslog(_) => Verdict::by_status(reply),
        }
    }

    /// A search for an incident that there is not: proves the address, the key and the right to see incidents; not that to change them.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(talk::probe(self)))
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}

fn endpoints(section: &Section<'_>, base: &Url, version: Version) -> Endpoints {
    const PUBLIC: &str = "/xsoar/public/v1";
    if base.query().is_some() {
        section.fault("URL", "must not hold a query; the key has its own setting");
    }
    let path = base.path().trim_end_matches('/');
    let (path, prefix) = match version {
        Version::Eight => (path.strip_suffix(PUBLIC).unwrap_or(path), PUBLIC),
        Version::Six if path.ends_with(PUBLIC) => {
            section.fault("URL", "has a path of version 8; set VERSION=8, or the bare address of the server");
            (path, "")
        }
        Version::Six => (path, ""),
    };
    let below = |name: &str| {
        let mut url = base.clone();
        url.set_query(None);
        url.set_path(&format!("{path}{prefix}/{name}"));
        url
    };
    Endpoints { search: below("incidents/search"), incident: below("incident"), close: below("incident/close") }
}

/// How requests prove who sends them. Version 6 has a key and nothing else; the keys of version 8 have an id and a security level.
fn auth(section: &Section<'_>, version: Version) -> (Auth, Vec<(HeaderName, HeaderValue)>) {
    let advanced = section.choice("KEY_TYPE", &[("advanced", true), ("standard", false)]);
    let key = section.secret("API_KEY");
    if HeaderValue::from_str(key.expose()).is_err() || key.expose().contains(' ') {
        section.fault("API_KEY", "must be the key alone: no word before it, no spaces, no line breaks");
    }
    let id = section.text("KEY_ID");
    let bare = Auth::Header { name: AUTHORIZATION, prefix: "", value: key.clone() };
    let key_id = match (version, id) {
        (Version::Six, None) => return (bare, Vec::new()),
        (Version::Six, Some(_)) => {
            section.fault("KEY_ID", "belongs to version 8; keys of version 6 have no id");
            return (bare, Vec::new());
        }
        (Version::Eight, None) => {
            section.fault(
                "KEY_ID",
                "is required for version 8: the id of the API key, from the ID column of the table of keys",
            );
            String::new()
        }
        (Version::Eight, Some(id)) => id,
    };
    let Ok(header) = HeaderValue::from_str(&key_id) else {
        section.fault("KEY_ID", "holds a character that no HTTP header can carry");
        return (bare, Vec::new());
    };
    match advanced {
        true => (Auth::CortexAdvanced { key_id, key }, Vec::new()),
        false => (bare, vec![(HeaderName::from_static("x-xdr-auth-id"), header)]),
    }
}

fn custom_fields_key(section: &Section<'_>, version: Version) -> &'static str {
    const LOWER: &str = "customFields";
    const UPPER: &str = "CustomFields";
    match (section.text("CUSTOM_FIELDS_KEY").as_deref(), version) {
        (Some(LOWER), _) | (None, Version::Eight) => LOWER,
        (Some(UPPER), _) | (None, Version::Six) => UPPER,
        (Some(_), _) => {
            section.fault("CUSTOM_FIELDS_KEY", "must be customFields or CustomFields, spelled so");
            LOWER
        }
    }
}

fn warnings(base: &Url, version: Version) -> Vec<String> {
    let host = base.host_str().unwrap_or_default();
    let is_api = version == Version::Six || host.starts_with("api-") || is_loopback(base);
    let warning =
        "the host of URL does not begin with api-; that of the API of version 8 does, unlike that of the console";
    if is_api { Vec::new() } else { vec![warning.to_owned()] }
}

#[cfg(test)]
mod tests;
