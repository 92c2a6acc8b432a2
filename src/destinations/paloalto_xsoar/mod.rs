//! Palo Alto Networks Cortex XSOAR 6 and 8, and Cortex XSIAM, which has the API of XSOAR 8: one incident for each alert, and for other matters
//! that somebody asks for.
//!
//! Facts: [Create or update an incident](https://docs-cortex.paloaltonetworks.com/r/Cortex-XSOAR-8-API/Create-or-update-an-incident), the
//! [model of demisto-py](https://github.com/demisto/demisto-py) for version 6, and
//! [Make your first API call](https://docs-cortex.paloaltonetworks.com/r/Cortex-XDR-REST-API/Make-your-first-API-call) for the keys.

mod access;
mod incident;
mod labels;
mod matter;
mod reply;
mod row;
mod search;
mod severity;
mod talk;

use self::access::{Access, Version};
use self::incident::Incidents;
use self::search::Matching;
use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::matter::Matter;
use crate::parcel::{Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// XSOAR's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "paloalto_xsoar",
    title: "Palo Alto Networks Cortex XSOAR",
    arrives: "One incident for each alert, kept up to date and closed with it (XSOAR 6 and 8, XSIAM); unhealthy recommendations, findings and attack \
              paths if you ask for them",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "alert",
    snapshots: false,
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
            ("/incidents/search", 200, r#"{"total":0,"data":[]}"#),
            ("/incident", 200, r#"{"id":"1","version":1}"#),
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
    Setting::default("INCIDENT_TYPE", "Defender for Cloud Alert", "Type of new incidents of alerts."),
    Setting::default(
        "RECOMMENDATION_TYPE",
        "Defender for Cloud Recommendation",
        "Type of new incidents of recommendations, where EVENTS names those.",
    ),
    Setting::default("FINDING_TYPE", "Defender for Cloud Finding", "Type of new incidents of findings."),
    Setting::default("ATTACK_PATH_TYPE", "Defender for Cloud Attack Path", "Type of new incidents of attack paths."),
    Setting::optional("OWNER", "User that new incidents are assigned to; without it, nobody."),
    Setting::optional("PLAYBOOK", "Id of the playbook for new incidents; without it, the one of INCIDENT_TYPE."),
    Setting::default(
        "CREATE_INVESTIGATION",
        "true",
        "Whether a new incident's playbook starts at once. It never does for an alert that is resolved already.",
    ),
    Setting::default(
        "CLOSE",
        "true",
        "Whether a resolved or dismissed alert closes its incident, and likewise what is healthy or gone.",
    ),
    Setting::default(
        "CLOSE_REASON",
        "Resolved",
        "Close reason for a resolved alert, and for what is healthy or gone; one of those that your XSOAR knows.",
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
    access: Access,
    incidents: Incidents,
    closing: Closing,
    matching: Matching,
    lookback_days: u32,
    concurrency: usize,
}

impl Xsoar {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let version = section.choice("VERSION", &[("8", Version::Eight), ("6", Version::Six)]);
        let access = Access::from_section(section, version);
        let closing = Closing {
            enabled: section.flag("CLOSE"),
            resolved: section.string("CLOSE_REASON"),
            dismissed: section.string("DISMISS_REASON"),
        };
        let xsoar = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            access,
            incidents: Incidents::from_section(section, custom_fields_key(section, version), closing.enabled),
            closing,
            matching: section.choice("MATCH_BY", Matching::WORDS),
            lookback_days: section.number("LOOKBACK_DAYS", 1..=3650),
            concurrency: section.number("CONCURRENCY", 1..=4),
        };
        section.finish(xsoar)
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

    /// Alerts, and what else is open or settled; other records make no incident.
    fn takes(&self, event: &Event<'_>) -> bool {
        event.alert.is_some() || Matter::of(event).is_some()
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
        Some(Parcel::Http(search::probe(self)))
    }

    fn warnings(&self) -> Vec<String> {
        self.access.warnings.clone()
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

#[cfg(test)]
mod tests;
