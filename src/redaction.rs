//! What is taken out of an event before a destination sees it: `DROP_FIELDS` and `REDACT`.
//!
//! A destination with such a setting gets events whose record was rewritten, byte for byte the same but for what was taken out, and whose
//! typed fields were read from what is left. Nobody else pays for that. What is stored when delivery fails is the record as it came; it is
//! rewritten again when it is sent again.

mod nested;
mod path;
mod rewrite;

use std::borrow::Cow;

use crate::event::Event;
use crate::event::decode::Texts;
use crate::format::redact;
use crate::settings::{Section, Setting};
use path::{Entry, Step};
use rewrite::{Action, Trail};

/// Settings that every destination has.
pub const REDACTION_SETTINGS: &[Setting] = &[
    Setting::optional(
        "DROP_FIELDS",
        "Comma-separated paths of fields that are taken away before an event is sent: `Entities.*.Address, ExtendedProperties.User Name`; see \
         docs/redaction.md.",
    ),
    Setting::optional(
        "REDACT",
        "Comma-separated paths of fields whose value becomes `[redacted]`; `@sas` for the queries of web addresses that carry a signature or a \
         credential, `@queries` for every query.",
    ),
];

/// What is taken out of one destination's events.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// Paths, and what happens at their ends.
    rules: Vec<(Vec<Step>, Action)>,
    queries: Queries,
}

/// Which queries of web addresses go; of two, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Queries {
    Stay,
    /// `@sas`.
    Credentials,
    /// `@queries`.
    All,
}

impl Redaction {
    /// Reads [`REDACTION_SETTINGS`]; nothing where nothing is to be taken out.
    #[must_use]
    pub fn from_section(section: &Section<'_>) -> Option<Self> {
        let mut redaction = Self { rules: Vec::new(), queries: Queries::Stay };
        for (key, action) in [("DROP_FIELDS", Action::Drop), ("REDACT", Action::Mask)] {
            let Some(text) = section.text(key) else { continue };
            let entries = path::entries(&text);
            if entries.is_empty() {
                section.fault(key, "names no field");
            }
            for (number, entry) in (1..).zip(entries) {
                if let Err(problem) = entry.and_then(|entry| redaction.take(entry, action)) {
                    section.fault(key, &format!("entry {number}: {problem}"));
                }
            }
        }
        (!redaction.rules.is_empty() || redaction.queries != Queries::Stay).then_some(redaction)
    }

    fn take(&mut self, entry: Entry, action: Action) -> Result<(), &'static str> {
        match entry {
            Entry::Path(steps) => self.rules.push((steps, action)),
            Entry::BuiltIn(_) if action == Action::Drop => {
                return Err(
                    "begins with an @; @sas and @queries belong in REDACT, and a key that begins so needs quotes",
                );
            }
            Entry::BuiltIn(name) => {
                let queries = match name.to_ascii_lowercase().as_str() {
                    "sas" => Queries::Credentials,
                    "queries" => Queries::All,
                    _ => {
                        return Err(
                            "begins with an @ and is neither @sas nor @queries; a key that begins so needs quotes",
                        );
                    }
                };
                self.queries = self.queries.max(queries);
            }
        }
        Ok(())
    }

    /// What `look` says of the event without what the destination shall not see.
    pub fn of<T>(&self, event: &Event<'_>, look: impl FnOnce(&Event<'_>) -> T) -> T {
        match self.text(event.raw) {
            Cow::Borrowed(_) => look(event),
            Cow::Owned(text) => look(&event.retold(&text, &Texts::default())),
        }
    }

    /// The record without what is to be taken out. It stays one valid JSON object, and what stays keeps its bytes.
    #[must_use]
    pub fn text<'r>(&self, record: &'r str) -> Cow<'r, str> {
        let trails: Vec<Trail<'_>> =
            self.rules.iter().map(|(steps, action)| Trail { steps, action: *action }).collect();
        let text = if trails.is_empty() { Cow::Borrowed(record) } else { rewrite::rewrite(record, &trails) };
        let redacted = match self.queries {
            Queries::Stay => return text,
            Queries::Credentials => redact::credentials(&text),
            Queries::All => redact::queries(&redact::credentials(&text)),
        };
        if *redacted == *text { text } else { Cow::Owned(redacted) }
    }
}

#[cfg(test)]
mod tests;
