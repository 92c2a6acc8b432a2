//! Names of resources in Azure Resource Manager, checked before an address is made of them: an id that holds anything else could lead a
//! request, with our token, to another resource or another action.

use std::fmt;

/// The longest id that is believed.
const LONGEST: usize = 600;

/// A Log Analytics workspace with Sentinel: `/subscriptions/…/resourceGroups/…/providers/Microsoft.OperationalInsights/workspaces/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkspaceId {
    path: String,
}

impl WorkspaceId {
    /// The workspace of that id; nothing where it is none.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('/');
        let mut parts = Parts::of(text)?;
        let legal = parts.fixed("subscriptions")
            && parts.next().is_some_and(is_guid)
            && parts.fixed("resourceGroups")
            && parts.next().is_some_and(is_group)
            && parts.fixed("providers")
            && parts.fixed("Microsoft.OperationalInsights")
            && parts.fixed("workspaces")
            && parts.next().is_some_and(is_workspace)
            && parts.next().is_none();
        legal.then(|| Self { path: text.to_owned() })
    }

    /// What tells it from others: Resource Manager compares without regard to case.
    #[must_use]
    pub(super) fn key(&self) -> String {
        self.path.to_ascii_lowercase()
    }

    /// Its last part.
    #[must_use]
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path of its incidents.
    #[must_use]
    pub(super) fn incidents(&self) -> String {
        format!("{}/providers/Microsoft.SecurityInsights/incidents", self.path)
    }

    /// The path of one incident.
    #[must_use]
    pub(super) fn incident(&self, name: &IncidentName) -> String {
        format!("{}/{name}", self.incidents())
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The name of a Sentinel incident, most often a GUID: letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IncidentName(String);

impl IncidentName {
    /// The incident of that name; nothing where it could be no part of a path.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        (text.len() <= 128 && is_segment(text)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for IncidentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A Defender for Cloud alert: `/subscriptions/…[/resourceGroups/…]/providers/Microsoft.Security/locations/…/alerts/…`. Whether it lies in a
/// subscription or in a group only its own id tells, so its address is never put together from parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AlertId {
    path: String,
    subscription: String,
}

impl AlertId {
    /// The alert of that id; nothing where it is none.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Parts::of(text)?;
        let subscription = match parts.fixed("subscriptions") {
            true => parts.next().filter(|part| is_guid(part))?.to_ascii_lowercase(),
            false => return None,
        };
        let mut next = parts.next()?;
        if next.eq_ignore_ascii_case("resourceGroups") {
            parts.next().filter(|part| is_group(part))?;
            next = parts.next()?;
        }
        let legal = next.eq_ignore_ascii_case("providers")
            && parts.fixed("Microsoft.Security")
            && parts.fixed("locations")
            && parts.next().is_some_and(is_location)
            && parts.fixed("alerts")
            && parts.next().is_some_and(is_segment)
            && parts.next().is_none();
        legal.then(|| Self { path: text.to_owned(), subscription })
    }

    /// What tells it from others.
    #[must_use]
    pub(super) fn key(&self) -> String {
        self.path.to_ascii_lowercase()
    }

    /// The subscription, in lower case.
    #[must_use]
    pub(super) fn subscription(&self) -> &str {
        &self.subscription
    }

    /// Its last part, in lower case: most often the `systemAlertId` too.
    #[must_use]
    pub(super) fn name(&self) -> String {
        self.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The parts of a path that begins with a slash.
struct Parts<'a>(std::str::Split<'a, char>);

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        Some(Self(text.strip_prefix('/')?.split('/')))
    }

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn fixed(&mut self, word: &str) -> bool {
        self.next().is_some_and(|part| part.eq_ignore_ascii_case(word))
    }
}

/// `66666666-6666-4666-8666-666666666666`, in any case.
#[must_use]
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Name of a resource group: letters and digits of any script, `-`, `_`, `.`, parentheses; no dot at its end.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources>
fn is_group(text: &str) -> bool {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')');
    (1..=90).contains(&text.chars().count()) && text.chars().all(legal) && !text.ends_with('.')
}

fn is_workspace(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_location(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A part of a path that means nothing but itself: `.` and `..` would be taken for steps.
fn is_segment(text: &str) -> bool {
    text.len() <= 260
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/66666666-6666-4666-8666-666666666666";

    #[test]
    fn an_alert_lies_in_a_subscription_or_in_a_group() {
        for middle in ["", "/resourceGroups/Soc-rg_(1).x", "/RESOURCEGROUPS/größe"] {
            let text = format!(
                "{SUBSCRIPTION}{middle}/providers/Microsoft.Security/locations/westeurope/alerts/2518_3F6c-1.a"
            );
            let id = AlertId::parse(&text).unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!((id.subscription(), id.name().as_str()), (&SUBSCRIPTION[15..], "2518_3f6c-1.a"));
            assert_eq!(AlertId::parse(&text.to_ascii_uppercase()).unwrap().key(), id.key());
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_alert() {
        let good = format!("{SUBSCRIPTION}/providers/Microsoft.Security/locations/westeurope/alerts/a");
        assert!(AlertId::parse(&good).is_some());
        for (part, bad) in [
            ("alerts/a", "alerts/a/dismiss"),
            ("alerts/a", "alerts/.."),
            ("alerts/a", "alerts/."),
            ("alerts/a", "alerts/"),
            ("alerts/a", "alerts/a?x=1"),
            ("alerts/a", "alerts/a#x"),
            ("alerts/a", "alerts/a%2fb"),
            ("alerts/a", "alerts/a b"),
            ("alerts/a", "alerts/ä"),
            ("westeurope", "west-europe"),
            ("westeurope", ".."),
            ("/subscriptions", "https://evil.example/subscriptions"),
            ("/subscriptions", "//evil.example/subscriptions"),
            ("/subscriptions", "subscriptions"),
            ("66666666-6666", "66666666-666"),
            ("66666666-6666", "..666666-6666"),
            ("/providers", "/resourceGroups/../providers"),
            ("/providers", "/resourceGroups/a%2e/providers"),
            ("/providers", "/resourceGroups/a\\b/providers"),
            ("/providers", "/resourceGroups//providers"),
            ("/providers", "/resourceGroups/a\n/providers"),
            ("Microsoft.Security", "Microsoft.Compute"),
        ] {
            let text = good.replacen(part, bad, 1);
            assert_ne!(text, good);
            assert_eq!(AlertId::parse(&text), None, "{text}");
        }
        assert_eq!(AlertId::parse(&format!("{good}{}", "a".repeat(600))), None);
    }

    #[test]
    fn a_workspace_is_one_alone() {
        let text =
            format!("{SUBSCRIPTION}/resourceGroups/soc-rg/providers/Microsoft.OperationalInsights/workspaces/soc");
        let id = WorkspaceId::parse(&format!(" {text}/ ")).unwrap();
        assert_eq!((id.to_string(), id.name()), (text.clone(), "soc"));
        assert_eq!(WorkspaceId::parse(&text.to_ascii_uppercase()).unwrap().key(), id.key());
        for bad in [
            text.replace("workspaces/soc", "workspaces/so.c"),
            text.replace("workspaces/soc", "workspaces/soc/providers/x"),
            text.replace("soc-rg", ".."),
            text.replace("/resourceGroups/soc-rg", ""),
            text.replace("6666-", "666-"),
            "soc".to_owned(),
            String::new(),
        ] {
            assert_eq!(WorkspaceId::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn an_incident_is_one_part_of_a_path() {
        for good in ["73e01a99-5cd7-4139-a149-9f2736ff2ab5", "7", "a_b.c"] {
            assert_eq!(IncidentName::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", ".", "..", "a/b", "a?b", "a%2f", "-a", "a b", "ä", &"a".repeat(129)] {
            assert_eq!(IncidentName::parse(bad), None, "{bad}");
        }
    }
}
