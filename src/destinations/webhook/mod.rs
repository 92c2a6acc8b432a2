//! Stub, replaced soon.

use super::{Kind, Rehearsal};
use crate::settings::SettingsError;

/// Stub.
pub const KIND: Kind = Kind {
    name: "webhook",
    title: "webhook",
    arrives: "",
    settings: &[],
    open: |_| Err(SettingsError::default()),
    rehearsal: Rehearsal { settings: &[], replies: &[] },
};
