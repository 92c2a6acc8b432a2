//! Stub, replaced soon.

use super::{Kind, Rehearsal};
use crate::settings::SettingsError;

/// Stub.
pub const KIND: Kind = Kind {
    name: "syslog",
    title: "syslog",
    arrives: "",
    settings: &[],
    open: |_| Err(SettingsError::default()),
    rehearsal: Rehearsal { settings: &[], replies: &[] },
};
