//! Which alert of Defender for Cloud an alert of a Sentinel incident is.
//!
//! Microsoft documents that `systemAlertId` joins Sentinel's own tables; that it is Defender for Cloud's id too is not proven for every plan. So
//! several names are tried, the surest first, and it is noted which one it was. Two alerts with one name are no answer.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::Member;
use super::ids::AlertId;

/// By which name an alert was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// Its `systemAlertId`.
    SystemAlertId,
    /// Its `providerAlertId` or `VendorOriginalId`.
    ProviderAlertId,
    /// The resource id in its link.
    AlertLink,
    /// The key of a ticket.
    CorrelationId,
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SystemAlertId => "systemAlertId",
            Self::ProviderAlertId => "providerAlertId",
            Self::AlertLink => "alertLink",
            Self::CorrelationId => "correlation_id",
        })
    }
}

/// The alerts of the subscriptions, by every name that they have.
#[derive(Debug, Default)]
pub(super) struct Index {
    ids: BTreeMap<String, AlertId>,
    /// The key of the alert of that name; nothing where several have it.
    names: BTreeMap<String, Option<String>>,
}

impl Index {
    /// Adds an alert with its `systemAlertId`.
    pub(super) fn add(&mut self, id: AlertId, system_alert_id: &str) {
        let key = id.key();
        for name in [id.name(), system_alert_id.to_ascii_lowercase()] {
            if !name.is_empty() {
                let owner = self.names.entry(name).or_insert_with(|| Some(key.clone()));
                if owner.as_ref() != Some(&key) {
                    *owner = None;
                }
            }
        }
        self.ids.insert(key, id);
    }

    /// The alert of that key.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&AlertId> {
        self.ids.get(key)
    }

    /// The key of the one alert of that name.
    #[must_use]
    pub(super) fn named(&self, name: &str) -> Option<&str> {
        self.names.get(&name.to_ascii_lowercase())?.as_deref()
    }

    /// The alert that a member of an incident is.
    #[must_use]
    pub(super) fn find(&self, member: &Member) -> Option<(&str, Matched)> {
        let linked = || match member.link.as_deref()? {
            id if id.starts_with('/') => self.ids.get_key_value(id).map(|(key, _)| key.as_str()),
            name => self.named(name),
        };
        let by_alias = || member.aliases.iter().find_map(|alias| self.named(alias));
        let found = self.named(&member.id).map(|key| (key, Matched::SystemAlertId));
        found
            .or_else(|| by_alias().map(|key| (key, Matched::ProviderAlertId)))
            .or_else(|| linked().map(|key| (key, Matched::AlertLink)))
    }
}

/// What a link tells of its alert, in lower case: the id, as it is or percent-encoded; else the name after `alertId`, as the portal's links have
/// it.
#[must_use]
pub(super) fn linked(link: &str) -> Option<String> {
    let decoded = unescape(link).to_ascii_lowercase();
    id_in(&decoded).or_else(|| {
        let (_, rest) = decoded.split_once("/alertid/")?;
        let name = rest.split(['/', '?', '#', '&']).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

fn id_in(decoded: &str) -> Option<String> {
    let start = decoded.find("/subscriptions/")?;
    let rest = &decoded[start..];
    let end = rest.find(['?', '#', '&', '"', ' ']).unwrap_or(rest.len());
    let mut candidate = &rest[..end];
    // A link may go on behind the id.
    loop {
        if let Some(id) = AlertId::parse(candidate) {
            return Some(id.key());
        }
        candidate = &candidate[..candidate.rfind('/').filter(|at| *at > 0)?];
    }
}

/// Percent-decoding, once; what does not decode stays.
fn unescape(text: &str) -> String {
    // A form's plus sign is none in an id, so that both readings agree.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/66666666-6666-4666-8666-666666666666/resourceGroups/rg/providers/Microsoft.Security/locations/westeurope/alerts/2518_a";

    fn member(id: &str, aliases: &[&str], link: Option<&str>) -> Member {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        Member { id: id.into(), aliases, link: link.and_then(linked), ..Member::default() }
    }

    fn index(alerts: &[(&str, &str)]) -> Index {
        let mut index = Index::default();
        for (id, system) in alerts {
            index.add(AlertId::parse(id).unwrap(), system);
        }
        index
    }

    #[test]
    fn names_are_tried_from_the_surest_on() {
        let other = ID.replace("2518_a", "2518_b");
        let index = index(&[(ID, "SYS-A"), (&other, "sys-b")]);
        let (a, b) = (ID.to_ascii_lowercase(), other.to_ascii_lowercase());
        let find = |id: &str, aliases: &[&str], link: Option<&str>| {
            index.find(&member(id, aliases, link)).map(|(key, matched)| (key.to_owned(), matched))
        };
        assert_eq!(find("sys-a", &["sys-b"], Some(&other)), Some((a.clone(), Matched::SystemAlertId)));
        assert_eq!(find("2518_A", &[], None), Some((a, Matched::SystemAlertId)), "the id's last part");
        assert_eq!(find("x", &["y", "SYS-B"], Some(ID)), Some((b.clone(), Matched::ProviderAlertId)));
        assert_eq!(find("x", &[], Some(&format!("https://portal.azure.com/#x{other}"))), Some((b, Matched::AlertLink)));
        assert_eq!(find("x", &["y"], Some("https://portal.azure.com/")), None);
        assert_eq!(find("", &[""], None), None);
    }

    #[test]
    fn two_alerts_of_one_name_are_no_answer() {
        let twin = ID.replace("/rg/", "/other/");
        let index = index(&[(ID, "sys"), (&twin, "sys")]);
        assert_eq!(index.find(&member("sys", &[], None)), None);
        let found = index.find(&member("sys", &[], Some(&twin))).unwrap();
        assert_eq!(found, (twin.to_ascii_lowercase().as_str(), Matched::AlertLink), "the link tells them apart");
    }

    #[test]
    fn an_id_is_found_in_a_link() {
        let escaped: String = url::form_urlencoded::byte_serialize(ID.as_bytes()).collect();
        for link in [
            ID.to_owned(),
            format!("https://portal.azure.com/#view/x/AlertBlade/id/{escaped}/more"),
            format!("https://portal.azure.com/?id={escaped}&x=1"),
            format!("https://portal.azure.com{ID}/overview#x"),
        ] {
            assert_eq!(linked(&link).as_deref(), Some(ID.to_ascii_lowercase().as_str()), "{link}");
        }
        for link in
            ["", "https://portal.azure.com/", "/subscriptions/", "/subscriptions/../x", "%", "%zz/subscriptions/%"]
        {
            assert_eq!(linked(link), None, "{link}");
        }
        let portal = "https://portal.azure.com/#blade/x/AlertBlade/alertId/2518_A/subscriptionId/66/location/centralus";
        assert_eq!(linked(portal).as_deref(), Some("2518_a"));
        let index = index(&[(ID, "")]);
        assert_eq!(index.find(&member("x", &[], Some(portal))).unwrap().1, Matched::AlertLink);
    }
}
