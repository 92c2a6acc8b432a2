//! The columns as data; those of records that are no alerts are [`crate::format::table`]'s. The rows, the definition of the model, the KQL of the Eventhouse and the page's table are all made of this list, so
//! that none can know a column that another lacks: Power BI refuses a whole request for one unknown column.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::event::{Alert, Event, Facts, RecordKind, segment_after};
use crate::format::alert::{self, is_plausible};
use crate::format::severity::word;
use crate::format::table::{Cell, Column, Table as Kind};

/// The type in a push semantic model; nothing where that has none.
pub(super) const fn power_bi_type(cell: Cell) -> Option<&'static str> {
    match cell {
        Cell::Text(_) | Cell::Shortened => Some("string"),
        Cell::Time(_) => Some("DateTime"),
        Cell::Number(_) => Some("Int64"),
        Cell::Real(_) => Some("Double"),
        Cell::Flag(_) => Some("bool"),
        Cell::Record => None,
    }
}

/// The type in an Eventhouse.
pub(super) const fn kusto_type(cell: Cell) -> &'static str {
    match cell {
        Cell::Text(_) | Cell::Shortened => "string",
        Cell::Time(_) => "datetime",
        Cell::Number(_) => "long",
        Cell::Real(_) => "real",
        Cell::Flag(_) => "bool",
        Cell::Record => "dynamic",
    }
}

/// The columns of a table, in order.
pub(super) fn of_table(table: Kind) -> Vec<&'static Column> {
    match table {
        Kind::Alerts => COLUMNS.iter().collect(),
        other => other.columns().chain(LAST).collect(),
    }
}

/// Those of alerts, in order; records of other kinds have most of them empty.
pub(super) const COLUMNS: &[Column] = &[
    Column {
        name: "AlertKey",
        about: "`SystemAlertId` in lower case; of other records their own key, else the event id. The same for every state of one alert",
        cell: Cell::Text(key),
    },
    Column {
        name: "EventId",
        about: "first 128 bits of the SHA-256 of the record; the same for every repeat of the same bytes",
        cell: Cell::Text(|event| Some(event.id.to_string().into())),
    },
    Column {
        name: "RecordKind",
        about: "`alert`, `recommendation`, `secure_score`, ...: the words of `EVENTS`",
        cell: Cell::Text(|event| Some(event.kind.name().into())),
    },
    Column {
        name: "TimeGenerated",
        about: "the record's own time, else when it was first seen",
        cell: Cell::Time(|event| Some(alert::time(event))),
    },
    Column {
        name: "SeenTime",
        about: "when the event hub took the record: the later of two states of one alert is the newer",
        cell: Cell::Time(|event| Some(event.seen.max(alert::time(event)))),
    },
    Column { name: "StartTime", about: "`StartTimeUtc`", cell: Cell::Time(|event| plausible(of(event)?.start_time)) },
    Column { name: "EndTime", about: "`EndTimeUtc`", cell: Cell::Time(|event| plausible(of(event)?.end_time)) },
    Column {
        name: "ProcessingEndTime",
        about: "`ProcessingEndTime`",
        cell: Cell::Time(|event| plausible(of(event)?.processing_end_time)),
    },
    Column {
        name: "Severity",
        about: "`Informational`, `Low`, `Medium`, `High`, `Critical` or `Unknown`",
        cell: Cell::Text(|event| Some(word(event.severity).into())),
    },
    Column {
        name: "SeverityRank",
        about: "0 for unknown, 1 for informational, to 5 for critical: to sort by",
        cell: Cell::Number(|event| Some(event.severity as i64)),
    },
    Column {
        name: "Status",
        about: "`New`, `InProgress`, `Resolved`, `Dismissed`; another word as it came",
        cell: Cell::Text(|event| text(alert::status(of(event)?))),
    },
    Column {
        name: "AlertName",
        about: "`AlertDisplayName`; of other records their title",
        cell: Cell::Text(|event| text(alert::title(event))),
    },
    Column { name: "AlertType", about: "`AlertType`", cell: Cell::Text(|event| borrowed(&of(event)?.alert_type)) },
    Column {
        name: "Description",
        about: "`Description`, its placeholders filled",
        cell: Cell::Text(|event| of(event)?.description_filled()),
    },
    Column {
        name: "RemediationSteps",
        about: "`RemediationSteps`, one per line",
        cell: Cell::Text(|event| Some(of(event)?.remediation_steps().join("\n").into())),
    },
    Column {
        name: "Tactics",
        about: "`Intent`, as a list",
        cell: Cell::Text(|event| Some(alert::intent_list(of(event)?))),
    },
    Column {
        name: "Techniques",
        about: "MITRE ATT&CK techniques and sub-techniques, as a list",
        cell: Cell::Text(|event| Some(alert::technique_list(of(event)?))),
    },
    Column {
        name: "CompromisedEntity",
        about: "`CompromisedEntity`",
        cell: Cell::Text(|event| borrowed(&of(event)?.compromised_entity)),
    },
    Column {
        name: "SubscriptionId",
        about: "subscription of the resource, else of the alert",
        cell: Cell::Text(|event| match of(event) {
            Some(alert) => alert.subscription_id().map(Cow::Borrowed),
            None => in_resource(event, "subscriptions"),
        }),
    },
    Column {
        name: "ResourceGroup",
        about: "resource group of the resource",
        cell: Cell::Text(|event| in_resource(event, "resourceGroups")),
    },
    Column {
        name: "ResourceType",
        about: "type of the alert's resource, as `Microsoft.Compute/virtualMachines`",
        cell: Cell::Text(|event| Some(of(event)?.resource_type()?.into())),
    },
    Column {
        name: "ResourceName",
        about: "last part of the alert's resource id",
        cell: Cell::Text(|event| of(event)?.resource_name().map(Cow::Borrowed)),
    },
    Column {
        name: "ResourceId",
        about: "the Azure resource, as written",
        cell: Cell::Text(|event| text(alert::resource(event))),
    },
    Column {
        name: "AlertUri",
        about: "`AlertUri`: the alert in the portal",
        cell: Cell::Text(|event| borrowed(&of(event)?.alert_uri)),
    },
    Column {
        name: "ProductName",
        about: "`ProductName`",
        cell: Cell::Text(|event| borrowed(&of(event)?.product_name)),
    },
    Column {
        name: "ProductComponentName",
        about: "`ProductComponentName`: the plan, such as `Servers`",
        cell: Cell::Text(|event| borrowed(&of(event)?.product_component_name)),
    },
    Column {
        name: "CorrelationKey",
        about: "`CorrelationKey`: the same for alerts of one incident",
        cell: Cell::Text(|event| borrowed(&of(event)?.correlation_key)),
    },
    Column {
        name: "IsIncident",
        about: "whether it is an incident: an alert made of alerts",
        cell: Cell::Flag(|event| match event.kind {
            RecordKind::Incident => Some(true),
            _ => Some(of(event)?.is_incident),
        }),
    },
    Column {
        name: "IsSample",
        about: "whether it is one of Defender for Cloud's sample alerts",
        cell: Cell::Flag(|event| Some(of(event)?.is_sample())),
    },
    Column {
        name: "SourceIp",
        about: "address of the attacker",
        cell: Cell::Text(|event| borrowed(&facts(event)?.source_ip)),
    },
    Column {
        name: "DestinationIp",
        about: "address that was contacted",
        cell: Cell::Text(|event| borrowed(&facts(event)?.destination_ip)),
    },
    Column {
        name: "UserName",
        about: "first `account` entity",
        cell: Cell::Text(|event| borrowed(&facts(event)?.user)),
    },
    Column { name: "HostName", about: "first `host` entity", cell: Cell::Text(|event| borrowed(&facts(event)?.host)) },
    Column {
        name: "ProcessName",
        about: "first `process` entity",
        cell: Cell::Text(|event| borrowed(&facts(event)?.process_name)),
    },
    Column {
        name: "CommandLine",
        about: "command line of that process",
        cell: Cell::Text(|event| borrowed(&facts(event)?.command_line)),
    },
    Column {
        name: "FileName",
        about: "first `file` entity",
        cell: Cell::Text(|event| borrowed(&facts(event)?.file_name)),
    },
    Column {
        name: "FileHash",
        about: "hash of that file: SHA-256 before SHA-1 before MD5",
        cell: Cell::Text(|event| borrowed(&facts(event)?.file_hash)),
    },
    Column { name: "Url", about: "first `url` entity", cell: Cell::Text(|event| borrowed(&facts(event)?.url)) },
    Column {
        name: "DomainName",
        about: "first `dns` entity",
        cell: Cell::Text(|event| borrowed(&facts(event)?.domain_name)),
    },
    Column { name: "Record", about: "Eventhouse only: the whole record as it came", cell: Cell::Record },
    Column {
        name: "Shortened",
        about: "names of the columns of this row that were shortened; empty for none",
        cell: Cell::Shortened,
    },
];

/// Those that stand at the end of a table of any other kind.
const LAST: &[Column] = &[
    Column {
        name: "EventId",
        about: "first 128 bits of the SHA-256 of the record; the same for every repeat of the same bytes",
        cell: Cell::Text(|event| Some(event.id.to_string().into())),
    },
    Column { name: "Record", about: "Eventhouse only: the whole record as it came", cell: Cell::Record },
    Column {
        name: "Shortened",
        about: "names of the columns of this row that were shortened; empty for none",
        cell: Cell::Shortened,
    },
];

fn of<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Alert<'a>> {
    event.alert.as_deref()
}

fn facts<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Facts<'a>> {
    of(event).map(Alert::facts)
}

fn key<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    Some(match alert::record_id(event) {
        "" => event.id.to_string().into(),
        id => id.to_ascii_lowercase().into(),
    })
}

fn in_resource<'e>(event: &'e Event<'_>, name: &str) -> Option<Cow<'e, str>> {
    segment_after(alert::resource(event), name).map(Cow::Borrowed)
}

fn text(text: &str) -> Option<Cow<'_, str>> {
    Some(text.into())
}

fn borrowed<'e>(text: &'e Option<Cow<'_, str>>) -> Option<Cow<'e, str>> {
    text.as_deref().map(Cow::Borrowed)
}

fn plausible(time: Option<Timestamp>) -> Option<Timestamp> {
    time.filter(is_plausible)
}
