#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::settings::Values;

fn open(pairs: &[(&str, &str)]) -> Result<Option<Graph>, SettingsError> {
    let values = Values::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let identity = Arc::new(Identity::choose(&values));
    Graph::open(&Section::new("GRAPH", vec![SETTINGS], &values), &identity)
}

fn fault(pairs: &[(&str, &str)]) -> String {
    let mut all = vec![("GRAPH__ENABLED", "true")];
    all.extend(pairs);
    open(&all).unwrap_err().to_string()
}

#[test]
fn it_is_off_until_it_is_wanted() {
    assert!(open(&[]).unwrap().is_none());
    let graph = open(&[("GRAPH__ENABLED", "true")]).unwrap().unwrap();
    assert_eq!(graph.condition().as_deref(), Some("serviceSource eq 'microsoftDefenderForCloud'"));
    assert_eq!((graph.api.to_string().as_str(), graph.twins.is_none()), ("https://graph.microsoft.com/", true));
}

#[test]
fn copies_wait_only_where_both_can_come() {
    let twins = |sources| {
        let pairs = [("GRAPH__ENABLED", "true"), ("GRAPH__PREFER", "graph"), ("GRAPH__SERVICE_SOURCES", sources)];
        open(&pairs).unwrap().unwrap().twins.is_some()
    };
    assert!(twins("*") && twins("microsoftSentinel, MicrosoftDefenderForCloud") && !twins("microsoftSentinel"));
}

#[test]
fn each_cloud_has_its_root() {
    let root = |pairs: &[(&str, &str)]| {
        let mut all = vec![("GRAPH__ENABLED", "true")];
        all.extend(pairs);
        open(&all).unwrap().unwrap().api.to_string()
    };
    let gov = ("AZURE_CLOUD", "usgov");
    assert_eq!(root(&[gov]), "https://graph.microsoft.us/");
    assert_eq!(root(&[gov, ("GRAPH__URL", "https://dod-graph.microsoft.us")]), "https://dod-graph.microsoft.us/");
    assert_eq!(root(&[("GRAPH__URL", "http://127.0.0.1:9/graph")]), "http://127.0.0.1:9/graph");
    assert!(fault(&[("GRAPH__URL", "https://graph.microsoft.com/v1.0/")]).contains("without /v1.0"));
    assert!(fault(&[("AZURE_CLOUD", "china")]).contains("GRAPH__ENABLED"));
    assert!(fault(&[("GRAPH__URL", "https://dod-graph.microsoft.us")]).contains("must lead to graph.microsoft.com"));
    assert!(fault(&[gov, ("GRAPH__URL", "https://graph.microsoft.com")]).contains("must lead to graph.microsoft.us"));
}

#[test]
fn faults_name_their_settings_all_at_once() {
    let told = fault(&[
        ("GRAPH__URL", "https://graph.microsoft.com.evil.example"),
        ("GRAPH__SERVICE_SOURCES", "a' or 1 eq 1"),
        ("GRAPH__PAGE_SIZE", "0"),
        ("GRAPH__LOOKBACK", "181d"),
        ("GRAPH__OVERLAP", "0s"),
        ("GRAPH__PREFER", "both"),
        ("GRAPH__WAIT", "soon"),
        ("GRAPH__TYPO", "x"),
    ]);
    for key in ["URL", "SERVICE_SOURCES", "PAGE_SIZE", "LOOKBACK", "OVERLAP", "PREFER", "WAIT", "TYPO"] {
        assert!(told.contains(&format!("GRAPH__{key}")), "{key}: {told}");
    }
    assert!(open(&[("GRAPH__PAGE_SIZE", "0")]).is_err(), "what is off is checked too");
}

#[test]
fn a_lack_of_rights_names_the_permission() {
    let told = explained(&ApiError::Refused { status: StatusCode::FORBIDDEN, code: "Forbidden".into() });
    assert!(told.starts_with("403 Forbidden: Forbidden; give") && told.contains("SecurityAlert.Read.All"), "{told}");
    let told = explained(&ApiError::Refused { status: StatusCode::UNAUTHORIZED, code: String::new() });
    assert!(told.contains("AZURE_CLOUD") && !told.contains("SecurityAlert.Read.All"), "{told}");
}
