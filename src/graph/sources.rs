//! Which products' alerts are wanted.

use super::page::Item;
use crate::event::{is_defender_for_cloud, says};
use crate::settings::Section;

/// Graph's words for products. Graph may have learnt more since.
const KNOWN: [&str; 13] = [
    "microsoftDefenderForEndpoint",
    "microsoftDefenderForIdentity",
    "microsoftDefenderForCloudApps",
    "microsoftDefenderForOffice365",
    "microsoft365Defender",
    "azureAdIdentityProtection",
    "microsoftAppGovernance",
    "dataLossPrevention",
    "microsoftDefenderForCloud",
    "microsoftSentinel",
    "microsoftInsiderRiskManagement",
    "microsoftThreatIntelligence",
    "microsoftSecurityForAI",
];

/// The products that are wanted, by Graph's words for `serviceSource`; every product where there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sources(Vec<String>);

impl Sources {
    /// Reads `SERVICE_SOURCES`. A word goes into a filter, so it holds only letters and digits.
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        const KEY: &str = "SERVICE_SOURCES";
        let text = section.string(KEY);
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words == ["*"] {
            return Self(Vec::new());
        }
        let legal = |word: &&str| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if words.is_empty() || !words.iter().all(legal) {
            section.fault(
                KEY,
                "must be Graph's words, such as microsoftDefenderForCloud, separated by commas; or * alone",
            );
        }
        // A filter tells upper case from lower case, and finds nothing rather than complain.
        let known = |word: &str| KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(word));
        Self(words.into_iter().map(|word| known(word).unwrap_or(word).to_owned()).collect())
    }

    /// The condition of a filter that lets them pass; none where everything may.
    pub(super) fn condition(&self) -> Option<String> {
        let each: Vec<String> = self.0.iter().map(|word| format!("serviceSource eq '{word}'")).collect();
        match each.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("({})", several.join(" or "))),
        }
    }

    /// The words that may be misspelt: a filter on them finds nothing, and says nothing.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|word| !KNOWN.contains(word))
    }

    /// Whether alerts of Defender for Cloud are among them.
    pub(super) fn want_defender_for_cloud(&self) -> bool {
        self.0.is_empty() || self.want("microsoftDefenderForCloud")
    }

    fn want(&self, word: &str) -> bool {
        self.0.iter().any(|wanted| wanted.eq_ignore_ascii_case(word))
    }

    /// Whether the alert is wanted, where Graph could not be asked. What does not say its source passes: rather too much than too little.
    pub(super) fn admit(&self, item: &Item<'_>) -> bool {
        let [source, component, product] = [&item.source, &item.component, &item.product].map(|text| text.as_deref());
        if self.0.is_empty() || is_defender_for_cloud(source, component, product) && self.want_defender_for_cloud() {
            return true;
        }
        // Graph's words are the products' names without spaces: `Microsoft Sentinel`, `microsoftSentinel`.
        let named = says(product).map(|name| name.split_whitespace().collect::<String>());
        match (says(source), named) {
            (Some(source), _) => self.want(source),
            (None, Some(name)) => self.want(&name),
            (None, None) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::SETTINGS;
    use super::*;
    use crate::settings::Values;

    fn sources(text: &str) -> Result<Sources, crate::settings::SettingsError> {
        let values = Values::new([("GRAPH__SERVICE_SOURCES".to_owned(), text.to_owned())]);
        let section = Section::new("graph", vec![SETTINGS], &values);
        let sources = Sources::from_section(&section);
        section.finish(sources)
    }

    #[test]
    fn filters_name_each_source() {
        let condition = |text| sources(text).unwrap().condition();
        assert_eq!(condition("*"), None);
        assert_eq!(condition(" a1 ").as_deref(), Some("serviceSource eq 'a1'"));
        assert_eq!(condition("a,b").as_deref(), Some("(serviceSource eq 'a' or serviceSource eq 'b')"));
        let words = sources("MICROSOFTDefenderForCloud, microsoftDefenderForClod").unwrap();
        assert!(words.condition().unwrap().contains("'microsoftDefenderForCloud'"));
        assert_eq!(words.unknown().collect::<Vec<_>>(), ["microsoftDefenderForClod"]);
        for bad in ["a' or 1 eq 1", "*,a", ",", "a b", "ä"] {
            assert!(sources(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn alerts_are_told_apart_here_where_graph_does_not() {
        let admits = |wanted: &str, source: &str, component: &str, product: &str| {
            let alert =
                json!({"serviceSource": source, "detectionSource": component, "productName": product}).to_string();
            let raw = serde_json::from_str(&alert).unwrap();
            sources(wanted).unwrap().admit(&Item::of(raw))
        };
        const CLOUD: &str = "microsoftDefenderForCloud";
        assert!(admits(CLOUD, CLOUD, "", ""));
        assert!(admits(CLOUD, "unknownFutureValue", "unknownFutureValue", "Microsoft Defender for Cloud"));
        assert!(admits(CLOUD, "unknownFutureValue", "microsoftDefenderForServers", ""));
        assert!(admits(CLOUD, "unknownFutureValue", "unknownFutureValue", ""), "it may be one");
        assert!(!admits(CLOUD, "unknownFutureValue", "scheduledAlerts", "Microsoft Sentinel"));
        assert!(!admits(CLOUD, "microsoftDefenderForEndpoint", "", "Microsoft Defender for Cloud"));
        assert!(admits("microsoftSentinel", "unknownFutureValue", "", "Microsoft Sentinel"));
        assert!(!admits(
            "microsoftSentinel",
            "unknownFutureValue",
            "microsoftDefenderForDNS",
            "Microsoft Defender for Cloud"
        ));
        assert!(admits("*", "anything", "", ""));
    }
}
