//! Severities as numbers: each format has its scale, each site may have its own opinion.

use std::ops::RangeInclusive;

use crate::event::Severity;
use crate::settings::Section;

/// A number for each severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityMap([u8; Severity::ALL.len()]);

impl SeverityMap {
    /// CEF: 0 (lowest) to 10. Bands of CEF: 0-3 low, 4-6 medium, 7-8 high, 9-10 very high.
    pub const CEF: Self = Self([0, 1, 3, 6, 8, 10]);
    /// LEEF `sev`: 1 (lowest) to 10.
    pub const LEEF: Self = Self([1, 1, 3, 6, 9, 10]);
    /// Syslog: 7 debug to 0 emergency; critical and high are 2 (critical), medium 4 (warning), low 5 (notice), the rest 6
    /// (informational).
    pub const SYSLOG: Self = Self([6, 6, 5, 4, 2, 2]);

    /// ServiceNow's events: 1 critical, 2 major, 3 minor, 4 warning, 5 OK; 0, which clears an alert, is no severity of one.
    pub const EM_EVENT: Self = Self([5, 5, 4, 3, 2, 1]);

    /// The number for a severity.
    #[must_use]
    pub const fn number(&self, severity: Severity) -> u8 {
        self.0[severity as usize]
    }

    /// Reads the setting `SEVERITY_MAP`, such as `high=9,medium=6`; what it does not name stays as it is here.
    #[must_use]
    pub fn from_section(self, section: &Section<'_>, range: &RangeInclusive<u8>) -> Self {
        let mut map = self;
        let text = section.text("SEVERITY_MAP").unwrap_or_default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let parsed = pair.split_once('=').and_then(|(name, number)| {
                let name = name.trim();
                let severity = Severity::ALL.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(name))?;
                let number = number.trim().parse().ok().filter(|number| range.contains(number))?;
                Some((severity, number))
            });
            match parsed {
                Some((severity, number)) => map.0[severity as usize] = number,
                None => section.fault(
                    "SEVERITY_MAP",
                    &format!(
                        "must be pairs such as high={} with {} and numbers between {} and {}",
                        map.number(Severity::High),
                        Severity::ALL.map(Severity::name).join(", "),
                        range.start(),
                        range.end()
                    ),
                ),
            }
        }
        map
    }
}

/// The severity as Defender for Cloud writes it.
#[must_use]
pub const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Setting, Values};

    const DECLARED: &[Setting] = &[Setting::optional("SEVERITY_MAP", "")];

    fn read(text: &str) -> Result<SeverityMap, crate::settings::SettingsError> {
        let values = Values::new([("X__SEVERITY_MAP".to_owned(), text.to_owned())]);
        let section = Section::new("x", vec![DECLARED], &values);
        let map = SeverityMap::CEF.from_section(&section, &(0..=10));
        section.finish(map)
    }

    #[test]
    fn named_severities_change_and_the_others_stay() {
        let map = read(" High=10 , medium = 5").unwrap();
        assert_eq!(Severity::ALL.map(|severity| map.number(severity)), [0, 1, 3, 5, 10, 10]);
        assert_eq!(read("").unwrap(), SeverityMap::CEF);
    }

    #[test]
    fn anything_else_is_a_fault() {
        for bad in ["high", "severe=3", "high=11", "high=-1", "high=x", "=1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
