//! Microsoft Graph as a source: alerts of the whole tenant, from the security API's `alerts_v2`.

use std::sync::Arc;

use crate::deliver::token::Identity;
use crate::settings::{Section, Setting, SettingsError};

/// Settings of the poller, read as `GRAPH__…`.
pub const SETTINGS: &[Setting] =
    &[Setting::default("ENABLED", "false", "Whether alerts are read from Microsoft Graph.")];

/// The opened poller.
#[derive(Debug)]
pub struct Graph {}

impl Graph {
    /// Reads the settings; none when the poller is off. Contacts nobody.
    ///
    /// # Errors
    /// Every faulty setting.
    pub fn open(section: &Section<'_>, _identity: &Arc<Identity>) -> Result<Option<Self>, SettingsError> {
        let enabled = section.flag("ENABLED");
        section.finish(enabled.then_some(Self {}))
    }
}
