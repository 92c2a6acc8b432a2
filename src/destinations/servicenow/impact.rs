//! Impact and urgency, from which ServiceNow computes the priority; the priority itself is never written.

use crate::event::Severity;
use crate::settings::Section;

/// Impact and urgency for each severity: 1 (high) to 3 (low).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImpactMap([(u8, u8); Severity::ALL.len()]);

impl ImpactMap {
    const DEFAULT: Self = Self([(3, 3), (3, 3), (3, 2), (2, 2), (2, 1), (1, 1)]);

    /// Impact and urgency as the columns take them.
    pub(super) fn of(&self, severity: Severity) -> (String, String) {
        let (impact, urgency) = self.0[severity as usize];
        (impact.to_string(), urgency.to_string())
    }

    /// Reads the setting `IMPACT_URGENCY`.
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let mut map = Self::DEFAULT;
        let text = section.string("IMPACT_URGENCY");
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match parse(pair) {
                Some((severity, grades)) => map.0[severity as usize] = grades,
                None => section.fault(
                    "IMPACT_URGENCY",
                    &format!(
                        "must be pairs such as high=2/1 with {} and two numbers between 1 and 3",
                        Severity::ALL.map(Severity::name).join(", ")
                    ),
                ),
            }
        }
        map
    }
}

fn parse(pair: &str) -> Option<(Severity, (u8, u8))> {
    let (name, grades) = pair.split_once('=')?;
    let severity = Severity::ALL.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(name.trim()))?;
    let (impact, urgency) = grades.split_once('/')?;
    let grade = |text: &str| text.trim().parse().ok().filter(|grade| (1..=3).contains(grade));
    Some((severity, (grade(impact)?, grade(urgency)?)))
}

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;
    use crate::settings::Values;

    fn read(text: &str) -> Result<ImpactMap, crate::settings::SettingsError> {
        let values = Values::new([("X__IMPACT_URGENCY".to_owned(), text.to_owned())]);
        let section = Section::new("x", vec![SETTINGS], &values);
        let map = ImpactMap::from_section(&section);
        section.finish(map)
    }

    #[test]
    fn the_declared_default_is_the_built_in_one() {
        assert_eq!(read("").unwrap(), ImpactMap::DEFAULT);
    }

    #[test]
    fn named_severities_change_and_the_others_stay() {
        let map = read("High = 1/1 , critical=1/2").unwrap();
        let grades = Severity::ALL.map(|severity| map.of(severity).0 + "/" + &map.of(severity).1);
        assert_eq!(grades, ["3/3", "3/3", "3/2", "2/2", "1/1", "1/2"]);
    }

    #[test]
    fn anything_else_is_a_fault() {
        for bad in ["high", "high=1", "severe=1/1", "high=0/1", "high=1/4", "high=1/1/1", "high=a/b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
