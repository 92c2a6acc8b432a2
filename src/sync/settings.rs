//! What the settings `SYNC__…` ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::ids::{WorkspaceId, is_guid};
use super::status::{Classification, Direction};
use crate::cloud::Cloud;
use crate::settings::{Section, Setting};

/// Settings of the synchronisation, read as `SYNC__…`.
pub const SETTINGS: &[Setting] = &[
    Setting::default(
        "MODE",
        "off",
        "Two-way status between Sentinel and Defender for Cloud: off, dry_run (only logs what it would change) or on. Begin with dry_run.",
    ),
    Setting::optional(
        "WORKSPACES",
        "Comma-separated resource ids of the Sentinel workspaces whose incidents are read and may be changed: \
         `/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.OperationalInsights/workspaces/<name>`. No other is touched.",
    ),
    Setting::optional(
        "SUBSCRIPTIONS",
        "Comma-separated ids of the subscriptions whose alerts are read and may be changed. No other is touched.",
    ),
    Setting::default(
        "DIRECTION",
        "both",
        "Which side follows the other: both, to_defender (alerts follow incidents and tickets) or to_sentinel (incidents follow alerts).",
    ),
    Setting::default(
        "MAX_CHANGES_PER_HOUR",
        "60",
        "Most changes within any hour, by all instances together, between 1 and 1000. What is over it waits.",
    ),
    Setting::default(
        "CLASSIFICATION",
        "undetermined",
        "Classification of an incident that is closed because its alerts are: undetermined, true_positive or benign_positive. Where all \
         alerts were dismissed, it is FalsePositive (InaccurateData).",
    ),
    Setting::default(
        "LOOKBACK",
        "24h",
        "How far back incidents and tickets are read in the very first run, between 1m and 30d.",
    ),
    Setting::default(
        "OVERLAP",
        "5m",
        "How much of what was read already is read again in each run, for what appears late, between 0s and 1h.",
    ),
    Setting::optional("URL", "Root of Azure Resource Manager. Default: that of AZURE_CLOUD."),
    Setting::optional(
        "SERVICENOW",
        "Comma-separated names of `servicenow` destinations whose closed tickets close their alert. None by default.",
    ),
    Setting::optional(
        "SERVICENOW_DISMISS",
        "Comma-separated values of close_code that mean a false positive: such a ticket dismisses its alert. All others resolve it.",
    ),
];

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing, unless a person asks on the command line what would be done.
    Off,
    /// Reading and telling.
    DryRun,
    /// Changing.
    On,
}

impl Mode {
    /// The setting's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DryRun => "dry_run",
            Self::On => "on",
        }
    }
}

/// The settings, read.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    /// What may be done.
    pub(super) mode: Mode,
    /// The workspaces that are read and may be changed.
    pub(super) workspaces: Vec<WorkspaceId>,
    /// The subscriptions whose alerts are read and may be changed, in lower case.
    pub(super) subscriptions: BTreeSet<String>,
    /// Which side follows.
    pub(super) direction: Direction,
    /// Most changes within an hour.
    pub(super) cap: usize,
    /// How incidents are closed whose alerts were not all dismissed.
    pub(super) classification: Classification,
    /// How far back the first run reads.
    pub(super) lookback: Duration,
    /// How much is read again.
    pub(super) overlap: Duration,
    /// Root of Resource Manager.
    pub(super) root: Url,
    /// Names of the destinations whose tickets close alerts.
    pub(super) desks: Vec<String>,
    /// Values of `close_code` that dismiss, in lower case.
    pub(super) dismissing: BTreeSet<String>,
}

impl Wishes {
    /// Reads the section, and notes every fault there.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mode = section.choice("MODE", &[("off", Mode::Off), ("dry_run", Mode::DryRun), ("on", Mode::On)]);
        let minute = Duration::from_secs(60);
        let wishes = Self {
            mode,
            workspaces: workspaces(section),
            subscriptions: subscriptions(section),
            direction: section.choice(
                "DIRECTION",
                &[
                    ("both", Direction::Both),
                    ("to_defender", Direction::ToDefender),
                    ("to_sentinel", Direction::ToSentinel),
                ],
            ),
            cap: section.number("MAX_CHANGES_PER_HOUR", 1..=1000),
            classification: section.choice(
                "CLASSIFICATION",
                &[
                    ("undetermined", Classification::Undetermined),
                    ("true_positive", Classification::TruePositive),
                    ("benign_positive", Classification::BenignPositive),
                ],
            ),
            lookback: section.duration("LOOKBACK", minute..=minute * 60 * 24 * 30),
            overlap: section.duration("OVERLAP", Duration::ZERO..=minute * 60),
            root: root(section),
            desks: list(section, "SERVICENOW").collect(),
            dismissing: list(section, "SERVICENOW_DISMISS").map(|code| code.to_lowercase()).collect(),
        };
        wishes.check(section);
        wishes
    }

    /// Whether anybody wants a synchronisation, if only to see on the command line what it would do.
    pub(super) fn is_wanted(&self) -> bool {
        self.mode != Mode::Off || !self.workspaces.is_empty() || !self.desks.is_empty()
    }

    /// Notes what does not go together.
    fn check(&self, section: &Section<'_>) {
        let nothing = self.workspaces.is_empty() && self.desks.is_empty();
        if self.mode != Mode::Off && nothing && !section.is_faulty("WORKSPACES") {
            section.fault("WORKSPACES", "names no workspace, so there is nothing to synchronise");
        }
        if !nothing && self.subscriptions.is_empty() && !section.is_faulty("SUBSCRIPTIONS") {
            section.fault("SUBSCRIPTIONS", "names no subscription, so no alert could be found");
        }
        if !self.desks.is_empty() && !self.direction.changes_alerts() {
            section.fault("SERVICENOW", "tickets close alerts, which SYNC__DIRECTION to_sentinel does not allow");
        }
        if !self.dismissing.is_empty() && self.desks.is_empty() {
            section.fault("SERVICENOW_DISMISS", "is of use only with SYNC__SERVICENOW");
        }
    }
}

/// The parts of a comma-separated setting.
fn list(section: &Section<'_>, key: &str) -> impl Iterator<Item = String> + use<> {
    let parts: Vec<String> = section.string(key).split(',').map(|part| part.trim().to_owned()).collect();
    parts.into_iter().filter(|part| !part.is_empty())
}

fn workspaces(section: &Section<'_>) -> Vec<WorkspaceId> {
    let mut found: Vec<WorkspaceId> = Vec::new();
    for (number, entry) in (1..).zip(list(section, "WORKSPACES")) {
        match WorkspaceId::parse(&entry) {
            Some(id) if found.iter().any(|known| known.key() == id.key()) => {
                section.fault("WORKSPACES", &format!("entry {number}: is there twice"));
            }
            Some(id) => found.push(id),
            None => section.fault(
                "WORKSPACES",
                &format!(
                    "entry {number}: must be the resource id of a Log Analytics workspace: /subscriptions/<id>/resourceGroups/<group>\
                     /providers/Microsoft.OperationalInsights/workspaces/<name>"
                ),
            ),
        }
    }
    found
}

fn subscriptions(section: &Section<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (number, entry) in (1..).zip(list(section, "SUBSCRIPTIONS")) {
        if is_guid(&entry) {
            found.insert(entry.to_ascii_lowercase());
        } else {
            section.fault("SUBSCRIPTIONS", &format!("entry {number}: must be the id of a subscription, a GUID"));
        }
    }
    found
}

/// Root of Resource Manager: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>.
fn root(section: &Section<'_>) -> Url {
    let default = match section.cloud() {
        Cloud::Public => "https://management.azure.com",
        Cloud::UsGovernment => "https://management.usgovcloudapi.net",
        Cloud::China => "https://management.chinacloudapi.cn",
    };
    match (section.text("URL"), Url::parse(default)) {
        (None, Ok(root)) => root,
        _ => section.url("URL"),
    }
}
