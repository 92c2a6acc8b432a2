//! ServiceNow: tickets through the Table API, rows of an import set, or events of Event Management.
//!
//! Facts: [Table API](https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html),
//! [Import Set API](https://www.servicenow.com/docs/r/api-reference/rest-apis/c_ImportSetAPI.html), and "Push events with a web service API" of
//! Event Management.

mod change;
mod closed;
mod desk;
mod event;
mod impact;
mod import;
mod instance;
mod key;
mod matter;
mod row;
mod said;
mod states;
mod table;
mod talk;
mod ticket;

use super::{Destination, Kind, Rehearsal};
use crate::event::Event;
use crate::format::matter::Matter;
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::HTTP_SETTINGS;

/// ServiceNow's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "servicenow",
    title: "ServiceNow",
    arrives: "One ticket per alert that follows its status (incident, security incident, import set), or events; unhealthy recommendations, findings \
              and attack paths if you ask for them",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "alert",
    snapshots: false,
    open,
    rehearsal: Rehearsal {
        // Mode table reads back what it wrote, and a stand-in without a memory cannot answer that.
        settings: &[
            ("URL", "{http}/servicenow"),
            ("MODE", "import"),
            ("USER", "rehearsal"),
            ("PASSWORD", "not-a-secret-rehearsal-only"),
            ("CLOSE_CODE", "Solution provided"),
            // One request at a time, so that each run is the same.
            ("CONCURRENCY", "1"),
        ],
        replies: &[
            ("/api/now/v2/table/", 200, r#"{"result":[]}"#),
            (
                "/api/now/import/",
                201,
                r#"{"import_set":"ISET0000001","result":[{"table":"incident","status":"inserted","sys_id":"0"}]}"#,
            ),
        ],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required("URL", "Base URL of the instance: https://acme.service-now.com."),
    Setting::default(
        "MODE",
        "table",
        "What alerts become: table (tickets through the Table API), import (rows of an import set, which a transform map makes tickets \
         of) or event (events of Event Management).",
    ),
    Setting::optional("USER", "Name of the integration user, for Basic authentication; goes with PASSWORD."),
    Setting::optional("PASSWORD", "Password of that user.").secret(),
    Setting::optional("CLIENT_ID", "Client id, for OAuth 2.0 client credentials; goes with CLIENT_SECRET."),
    Setting::optional("CLIENT_SECRET", "Client secret.").secret(),
    Setting::default(
        "TABLE",
        "incident",
        "Table of the tickets: incident, sn_si_incident, or another that extends task.",
    ),
    Setting::default(
        "IMPACT_URGENCY",
        "high=2/1, medium=2/2, low=3/2, informational=3/3",
        "Impact and urgency by severity, each 1 to 3. What is not named keeps its default; critical=1/1 and unknown=3/3.",
    ),
    Setting::optional(
        "CLOSE_CODE",
        "Value of close_code for resolved and dismissed alerts. Without it, such an alert only gets a work note, unless STATE_RESOLVED is \
         set.",
    ),
    Setting::default(
        "CLOSE_NOTES",
        "Closed by Defender Relay: resolved, dismissed, healthy or gone in Microsoft Defender for Cloud.",
        "Text of close_notes.",
    ),
    Setting::optional(
        "STATE_IN_PROGRESS",
        "Value of state for alerts in progress, or none to leave it alone. Default: 2 for incident, 16 for sn_si_incident, else none.",
    ),
    Setting::optional(
        "STATE_RESOLVED",
        "Value of state for resolved and dismissed alerts, or none. Default: 6 for incident, 100 for sn_si_incident, else none.",
    ),
    Setting::optional(
        "STATE_CANCELED",
        "Value of state for a duplicate ticket, or none. Default: 8 for incident, 7 for sn_si_incident, else none.",
    ),
    Setting::optional("ASSIGNMENT_GROUP", "sys_id of the group that new tickets are assigned to."),
    Setting::optional("CALLER", "sys_id of the user who is the caller (caller_id) of new tickets."),
    Setting::optional("CATEGORY", "Value of category of new tickets."),
    Setting::optional(
        "FIELDS",
        "Further columns of new tickets with fixed values, which hold no comma: `contact_type=monitoring, company=<sys_id>`.",
    ),
    Setting::default("STAGING_TABLE", "u_mdc_alert_import", "Mode import: staging table."),
    Setting::default(
        "COLUMN_PREFIX",
        "u_",
        "Mode import: what the names of the staging table's columns begin with, or none.",
    ),
    Setting::default(
        "SOURCE",
        "Microsoft Defender for Cloud",
        "Mode event: source of every event, up to 100 characters.",
    ),
    Setting::optional(
        "SEVERITY_MAP",
        "Mode event: event severity by severity, 1 (critical) to 5 (OK). Default: critical=1, high=2, medium=3, low=4, informational=5, \
         unknown=5.",
    ),
    Setting::default(
        "INCIDENTS",
        "also",
        "What to do with alerts that are incidents, which sum up other alerts: also (take both), only (take no others) or never.",
    ),
    Setting::default("CONCURRENCY", "2", "Tickets worked on at once, between 1 and 4."),
];

/// What alerts become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Table,
    Import,
    Event,
}

fn open(section: &Section<'_>) -> Result<Box<dyn Destination>, SettingsError> {
    let modes = [("table", Mode::Table), ("import", Mode::Import), ("event", Mode::Event)];
    Ok(match section.choice("MODE", &modes) {
        Mode::Table => Box::new(table::Tickets::open(section)?),
        Mode::Import => Box::new(import::Rows::open(section)?),
        Mode::Event => Box::new(event::Events::open(section)?),
    })
}

/// Which alerts are taken. Of other records the setting `EVENTS` chooses; those that are no matter for a ticket never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    /// All.
    All,
    /// Those that sum up others.
    Incidents,
    /// Those that do not.
    Members,
}

impl Selection {
    fn from_section(section: &Section<'_>) -> Self {
        section.choice("INCIDENTS", &[("also", Self::All), ("only", Self::Incidents), ("never", Self::Members)])
    }

    fn takes(self, event: &Event<'_>) -> bool {
        match (event.alert.as_deref(), self) {
            (Some(_), Self::All) => true,
            (Some(alert), Self::Incidents) => alert.is_incident,
            (Some(alert), Self::Members) => !alert.is_incident,
            (None, _) => Matter::of(event).is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
