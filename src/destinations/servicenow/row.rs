//! Rows of the ticket table, as looks find them. No row is trusted before its key is compared.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::instance::result;
use super::said::Said;
use crate::parcel::{Reply, Verdict};

/// The columns that are asked for.
pub(super) const FIELDS: &str =
    "sys_id,number,state,active,assigned_to,correlation_id,correlation_display,sys_created_on";

/// Why tickets cannot be kept apart.
pub(super) const COLUMNS: &str = "the table does not keep correlation_id and correlation_display: it lacks these columns, or the user may \
                                  not read or write them; check TABLE and field rules";

/// A ticket. A column that the table lacks, or that the user may not read, is absent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    #[serde(deserialize_with = "text")]
    pub(super) sys_id: String,
    #[serde(deserialize_with = "text")]
    pub(super) state: String,
    #[serde(deserialize_with = "text")]
    number: String,
    #[serde(deserialize_with = "text")]
    active: String,
    #[serde(deserialize_with = "text")]
    assigned_to: String,
    #[serde(deserialize_with = "column")]
    correlation_id: Option<String>,
    #[serde(deserialize_with = "column")]
    correlation_display: Option<String>,
    #[serde(deserialize_with = "text")]
    sys_created_on: String,
}

/// A value as text; empty where it is none. The API writes texts, but a single odd column shall not hide the whole row.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

fn column<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer).map(Some)
}

impl Row {
    /// What was said last of the alert; nothing where somebody else wrote that column.
    pub(super) fn said(&self) -> Option<Said> {
        self.correlation_display.as_deref()?.parse().ok()
    }

    /// What people call it.
    pub(super) fn number(&self) -> &str {
        if self.number.is_empty() { &self.sys_id } else { &self.number }
    }

    /// Whether it is closed for good.
    pub(super) fn is_closed(&self) -> bool {
        self.active == "false" || self.active == "0"
    }

    /// Whether it is ours, open, and nobody's work yet.
    pub(super) fn is_spare(&self) -> bool {
        self.said().is_some() && !self.is_closed() && self.assigned_to.is_empty()
    }

    /// Whether the columns are there by which tickets are told apart.
    pub(super) fn has_columns(&self) -> bool {
        self.correlation_id.is_some() && self.correlation_display.is_some()
    }

    /// Whether it can be addressed.
    pub(super) fn has_id(&self) -> bool {
        self.sys_id.len() == 32 && self.sys_id.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Whether it kept what it was created with.
    pub(super) fn is_kept(&self, key: &str, said: &Said) -> bool {
        self.has_id() && self.has_key(key) && self.said().as_ref() == Some(said)
    }

    fn has_key(&self, key: &str) -> bool {
        self.correlation_id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(key))
    }
}

/// The tickets of that key: those that are open before those that are closed, then the oldest first; among those of the same second, the
/// order of ids decides for everybody alike.
///
/// # Errors
/// When the reply holds none to rely on. By default the platform ignores a condition on a column that it does not know, and answers with
/// whatever else matches: strangers, which must not be touched.
pub(super) fn rows(reply: &Reply, key: &str) -> Result<Vec<Row>, Verdict> {
    // What is refused here is the question, which holds nothing of the alert but its key.
    let mut rows: Vec<Row> = result(reply).map_err(|verdict| match verdict {
        Verdict::Rejected { reason } | Verdict::Split { reason } => Verdict::Misconfigured {
            reason: format!("{reason}: the instance refuses to be asked for a ticket; check URL and TABLE"),
        },
        verdict => verdict,
    })?;
    if !rows.iter().all(Row::has_columns) {
        return Err(Verdict::Misconfigured { reason: COLUMNS.to_owned() });
    }
    if !rows.iter().all(|row| row.has_id() && row.has_key(key)) {
        let reason =
            "the look for one ticket brought others: the instance ignores the condition on correlation_id; check TABLE";
        return Err(Verdict::Misconfigured { reason: reason.to_owned() });
    }
    let order = |row: &Row| (row.is_closed(), row.sys_created_on.clone(), row.sys_id.clone());
    rows.sort_by_cached_key(order);
    Ok(rows)
}

/// What a reply says outside of a conversation: to a probe, which is about no record. A record without a conversation has lost it, and is
/// sent again.
pub(super) fn probed(reply: &Reply, records: usize) -> Verdict {
    match result::<Vec<Row>>(reply) {
        Ok(_) if records > 0 => {
            Verdict::Retry { after: None, reason: "the conversation about the alert was lost".to_owned() }
        }
        Ok(rows) if rows.iter().all(Row::has_columns) => Verdict::Accepted,
        Ok(_) => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
        Err(verdict) => verdict,
    }
}
