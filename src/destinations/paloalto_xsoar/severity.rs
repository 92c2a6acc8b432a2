//! XSOAR's severities: numbers with a half among them.

use crate::event::Severity;
use crate::settings::Section;

/// XSOAR's severities as JSON numbers: unknown, informational, low, medium, high, critical.
const LEVELS: [&str; Severity::ALL.len()] = ["0", "0.5", "1", "2", "3", "4"];

/// An XSOAR severity for each of ours.
#[derive(Debug)]
pub(super) struct Levels([&'static str; Severity::ALL.len()]);

impl Levels {
    /// The JSON number for a severity.
    pub(super) fn number(&self, severity: Severity) -> &'static str {
        self.0[severity as usize]
    }

    /// Reads `SEVERITY_MAP`, such as `high=4,unknown=1`; what it does not name has the number of its own name.
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let mut levels = Self(LEVELS);
        let text = section.text("SEVERITY_MAP").unwrap_or_default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let parsed = pair.split_once('=').and_then(|(name, number)| {
                let severity = Severity::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name.trim()))?;
                Some((severity, LEVELS.into_iter().find(|level| *level == number.trim())?))
            });
            match parsed {
                Some((severity, level)) => levels.0[severity as usize] = level,
                None => {
                    let names = Severity::ALL.map(Severity::name).join(", ");
                    let problem = format!("must be pairs such as high=4 with {names} and {}", LEVELS.join(", "));
                    section.fault("SEVERITY_MAP", &problem);
                }
            }
        }
        levels
    }
}
