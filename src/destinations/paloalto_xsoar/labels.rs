//! Labels of an incident: pairs of texts, which every version of XSOAR keeps without any setup.

use super::incident::{FACT_BYTES, line};
use crate::format::json::write_text;

/// A list of labels under construction.
pub(super) struct Labels<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Labels<'o> {
    /// Opens a list at the end of `out`.
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Adds a label, unless its value is empty.
    pub(super) fn push(&mut self, kind: &str, value: &str) {
        let value = line(value, FACT_BYTES);
        if value.is_empty() {
            return;
        }
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.extend_from_slice(b"{\"type\":");
        write_text(self.out, kind);
        self.out.extend_from_slice(b",\"value\":");
        write_text(self.out, &value);
        self.out.push(b'}');
    }

    /// Closes the list.
    pub(super) fn close(self) {
        self.out.push(b']');
    }
}
