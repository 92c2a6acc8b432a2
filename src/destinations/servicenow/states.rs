//! Which value of `state` an alert's status asks for, and the fixed columns of tickets.

use std::collections::BTreeMap;

use super::desk::{Columns, columns};
use super::instance::is_name;
use super::said::Said;
use crate::event::Status;
use crate::settings::Section;

/// The states of one table's tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct States {
    /// Somebody works on it.
    pub(super) in_progress: Option<String>,
    /// The alert is resolved or dismissed; nothing where tickets only get a note then.
    pub(super) resolved: Option<String>,
    /// A duplicate of another ticket.
    pub(super) canceled: Option<String>,
    /// `close_code` and `close_notes`, which many instances demand with `resolved`.
    pub(super) closing: Option<(String, String)>,
    /// Whether there is no `resolved` though nobody asked for that.
    stays_open: bool,
}

impl States {
    /// Reads the states for `table`. The numbers of `incident` are ServiceNow's documented ones; those of `sn_si_incident` are not documented.
    pub(super) fn from_section(section: &Section<'_>, table: &str) -> Self {
        let defaults = match table {
            "incident" => [Some("2"), Some("6"), Some("8")],
            "sn_si_incident" => [Some("16"), Some("100"), Some("7")],
            _ => [None; 3],
        };
        let [in_progress, resolved, canceled] = defaults;
        let closing = section.text("CLOSE_CODE").map(|code| (code, section.string("CLOSE_NOTES")));
        // What an instance demands for closing is its own affair. Without a close code most would refuse.
        let resolved = resolved.filter(|_| closing.is_some());
        let resolved = state(section, "STATE_RESOLVED", resolved);
        Self {
            in_progress: state(section, "STATE_IN_PROGRESS", in_progress),
            stays_open: resolved.is_none() && section.text("STATE_RESOLVED").is_none(),
            resolved,
            canceled: state(section, "STATE_CANCELED", canceled),
            closing,
        }
    }

    /// The columns that move a ticket to a state because of what was said.
    pub(super) fn move_to(&self, state: &str, said: &Said) -> Columns {
        let mut moved = columns([("state", state)]);
        if let Some((code, notes)) = self.closing.as_ref().filter(|_| said.is_over()) {
            moved.extend(columns([("close_code", code), ("close_notes", notes)]));
        }
        moved
    }

    /// The state of a ticket whose alert is no longer new, if any.
    pub(super) fn of(&self, said: &Said) -> Option<&str> {
        match said.status {
            Status::Resolved | Status::Dismissed => self.resolved.as_deref(),
            Status::InProgress => self.in_progress.as_deref(),
            Status::New | Status::Unknown => None,
        }
    }

    /// What a person who sets this up may not expect.
    pub(super) fn warnings(&self) -> Vec<String> {
        let open = "tickets of resolved and dismissed alerts stay open; set CLOSE_CODE, and STATE_RESOLVED for a table with states of \
                    its own, or STATE_RESOLVED to none";
        if self.stays_open { vec![open.to_owned()] } else { Vec::new() }
    }
}

fn state(section: &Section<'_>, key: &str, default: Option<&str>) -> Option<String> {
    let Some(text) = section.text(key) else { return default.map(str::to_owned) };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !text.chars().all(legal) || text.len() > 40 {
        section.fault(key, "must be a value of state, such as 6, or none");
    }
    (!text.eq_ignore_ascii_case("none")).then_some(text)
}

/// The columns of new tickets that have the same value in each: `ASSIGNMENT_GROUP`, `CALLER`, `CATEGORY`, `FIELDS`.
pub(super) fn fixed_columns(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    for (key, column, reference) in
        [("ASSIGNMENT_GROUP", "assignment_group", true), ("CALLER", "caller_id", true), ("CATEGORY", "category", false)]
    {
        let Some(value) = section.text(key) else { continue };
        if reference && !is_sys_id(&value) {
            section.fault(key, "must be a sys_id: 32 digits and letters a to f, not a name");
        }
        columns.insert(column.to_owned(), value);
    }
    let further = section.text("FIELDS").unwrap_or_default();
    for pair in further.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').map(|(column, value)| (column.trim(), value.trim())) {
            Some((column, value)) if is_name(column) && !OURS.contains(&column) => {
                columns.insert(column.to_owned(), value.to_owned());
            }
            _ => section.fault(
                "FIELDS",
                &format!("must be pairs such as contact_type=monitoring, of columns other than {}", OURS.join(", ")),
            ),
        }
    }
    columns
}

fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Columns that have a meaning of their own here, or that ServiceNow computes.
const OURS: [&str; 12] = [
    "correlation_id",
    "correlation_display",
    "short_description",
    "description",
    "impact",
    "urgency",
    "priority",
    "state",
    "work_notes",
    "close_code",
    "close_notes",
    "sys_id",
];

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;
    use crate::settings::{SettingsError, Values};

    fn read<T>(pairs: &[(&str, &str)], read: impl FnOnce(&Section<'_>) -> T) -> Result<T, SettingsError> {
        let url = [("URL", "https://acme.service-now.com")];
        let values =
            Values::new(url.iter().chain(pairs).map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
        let section = Section::new("x", vec![SETTINGS], &values);
        let value = read(&section);
        section.finish(value)
    }

    #[test]
    fn a_state_that_needs_a_close_code_waits_for_one() {
        let states = |table, pairs: &[_]| read(pairs, |section| States::from_section(section, table)).unwrap();
        let bare = states("incident", &[]);
        assert_eq!(
            (bare.in_progress.as_deref(), bare.resolved.as_deref(), bare.closing.as_ref()),
            (Some("2"), None, None)
        );
        assert_eq!(bare.warnings().len(), 1);
        let closing = states("incident", &[("CLOSE_CODE", "Solution provided")]);
        assert_eq!(closing.resolved.as_deref(), Some("6"));
        assert!(closing.warnings().is_empty());
        assert!(states("incident", &[("STATE_RESOLVED", "none")]).warnings().is_empty());
        let told = states("sn_si_incident", &[("STATE_RESOLVED", "3"), ("STATE_IN_PROGRESS", "None")]);
        assert_eq!((told.resolved.as_deref(), told.in_progress, told.closing), (Some("3"), None, None));
        assert_eq!(states("u_finding", &[("CLOSE_CODE", "x")]).resolved, None);
        assert!(
            read(&[("STATE_RESOLVED", "6^ORstate=1")], |section| States::from_section(section, "incident")).is_err()
        );
    }

    #[test]
    fn fixed_columns_are_those_that_are_not_ours() {
        let group = "0123456789abcdef0123456789abcdef";
        let columns = read(
            &[("ASSIGNMENT_GROUP", group), ("CATEGORY", "security"), ("FIELDS", "contact_type = monitoring, u_x=a=b")],
            fixed_columns,
        )
        .unwrap();
        let told: Vec<String> = columns.iter().map(|(column, value)| format!("{column}={value}")).collect();
        assert_eq!(
            told,
            [&format!("assignment_group={group}"), "category=security", "contact_type=monitoring", "u_x=a=b"]
        );
        for bad in [
            ("ASSIGNMENT_GROUP", "SOC"),
            ("CALLER", "x"),
            ("FIELDS", "priority=1"),
            ("FIELDS", "a b=1"),
            ("FIELDS", "x"),
        ] {
            assert!(read(&[bad], fixed_columns).is_err(), "{bad:?}");
        }
    }
}
