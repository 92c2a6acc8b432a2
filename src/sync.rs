//! Two-way status: Sentinel's incidents and Defender for Cloud's alerts, each told what became of the other.

use std::sync::Arc;

use crate::deliver::token::Identity;
use crate::settings::{Section, Setting, SettingsError};

/// Settings of the synchronisation, read as `SYNC__…`.
pub const SETTINGS: &[Setting] =
    &[Setting::default("MODE", "off", "off, dry_run (only tells what it would change), or on.")];

/// The opened synchronisation.
#[derive(Debug)]
pub struct Sync {}

impl Sync {
    /// Reads the settings; none when it is off. Contacts nobody.
    ///
    /// # Errors
    /// Every faulty setting.
    pub fn open(section: &Section<'_>, _identity: &Arc<Identity>) -> Result<Option<Self>, SettingsError> {
        let on = section.choice("MODE", &[("off", false), ("dry_run", true), ("on", true)]);
        section.finish(on.then_some(Self {}))
    }
}
