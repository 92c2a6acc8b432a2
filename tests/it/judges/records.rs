//! What lines say of records that are no alerts, read back.

use std::collections::BTreeMap;

use defender_relay::event::Event;
use defender_relay::format::line::said;
use defender_relay::format::record;
use serde_json::{Value, json};

use super::{Speech, Way, assert_says, decoded, one_line, parse_cef, parse_leef, rendered, way};
use crate::support;
use defender_relay::event::decode::Texts;

/// Names of a summary that LEEF has keys of its own for.
const OWN_KEYS: [(&str, &str); 5] =
    [("category", "cat"), ("user", "usrName"), ("role", "role"), ("callerIp", "src"), ("resourceName", "resource")];

/// Holds that what a LEEF line says of the record is what the record says.
pub(super) fn check_leef(header: &[&str], pairs: &BTreeMap<&str, &str>, delimiter: char, event: &Event<'_>) {
    let keeps = |c: char| c == '^' && delimiter != '^';
    let event_id = one_line(&record::signature(event), |c| c == '^').replace('|', "/");
    assert_says(header[4], &event_id);
    let summary = record::summary(event);
    let named = summary.iter().map(|(name, value)| {
        let own = OWN_KEYS.iter().find(|(summary, _)| summary == name);
        (own.map_or(*name, |(_, key)| *key), value.as_ref())
    });
    let (title, properties) = (record::title(event), said::properties(event));
    let fixed = [
        ("cat", record::category(event)),
        ("recordName", &title),
        ("recordId", record::record_id(event)),
        ("azureResourceId", record::resource(event)),
        ("outcome", record::outcome(event)),
        ("url", record::link(event)),
        ("properties", &properties),
    ];
    for (key, meant) in named.chain(fixed) {
        if let Some(said) = pairs.get(key) {
            assert_says(said, &one_line(meant, keeps));
        }
    }
    let allowed = |key: &&str| {
        ["devTime", "sev", "resource", "eventId", "desc", "properties", "src", "usrName", "role"].contains(key)
            || fixed.iter().any(|(fixed, _)| fixed == key)
            || summary.iter().any(|(name, _)| name == key)
    };
    assert_eq!(pairs.keys().find(|key| !allowed(key)), None, "no value may pass for a key");
}

/// Holds that what a CEF line says of the record is what the record says.
pub(super) fn check_cef(extension: &BTreeMap<String, String>, event: &Event<'_>) {
    let caller = |of: fn(&defender_relay::event::Log<'_>) -> Option<String>| event.log().and_then(of);
    let user = caller(|log| log.identity.name.as_deref().map(str::to_owned)).unwrap_or_default();
    let message = said::message(event);
    let third = if event.log().is_some() { said::properties(event) } else { said::techniques(event) };
    for (key, longest, meant) in [
        ("cat", 1023, record::category(event)),
        ("act", 63, said::action(event)),
        ("outcome", 63, record::outcome(event)),
        ("reason", 1023, said::reason(event)),
        ("suser", 1023, &user),
        ("request", 1023, record::link(event)),
        ("dhost", 1023, said::host(event)),
        ("cs1", 4000, record::resource(event)),
        ("cs2", 4000, record::state(event)),
        ("cs4", 4000, record::record_id(event)),
        ("msg", 1023, &message),
        ("cs3", 4000, &third),
    ] {
        if let Some(said) = extension.get(key) {
            assert!(said.chars().count() <= longest, "{key}");
            assert_says(said, &one_line(meant, |c| matches!(c, '\r' | '\n' | '^')));
        }
    }
    for (key, label) in extension.iter().filter(|(key, _)| key.ends_with("Label")) {
        let labels = [
            "AzureResourceId",
            "State",
            "MitreTechniques",
            "RecordId",
            "EventId",
            "AssessmentKey",
            "CorrelationId",
            "DurationMs",
            "Properties",
            "Source IPv6 Address",
        ];
        assert!(labels.contains(&label.as_str()), "{key}={label}");
    }
}

/// Records of every kind but alerts, whose every text is `text`.
pub(crate) fn records_of(text: &str) -> Vec<String> {
    let scope = "/subscriptions/11111111-2222-3333-4444-555555555555";
    let id = |rest: &str| format!("{scope}/providers/Microsoft.Security/{rest}/{text}");
    let details =
        json!({"source": text, "id": text, "resourceName": text, "resourceType": text, "resourceProvider": text});
    let status = json!({"code": text, "cause": text, "description": text, "severity": text});
    let log = json!({
        "time": "2026-02-03T04:05:06.7Z", "category": text, "operationName": text, "resultType": text, "resultSignature": text,
        "resultDescription": text, "level": text, "callerIpAddress": text, "correlationId": text, "tenantId": text,
        "location": text, "durationMs": text, "resourceId": text,
        "identity": {"claims": {"name": text, "appid": text, "upn": text, "oid": text}, "authorization": {"evidence": {"role": text}}},
        "properties": {"message": text, "ActionType": text, "Title": text},
    });
    let records: [Value; 9] = [
        json!({"id": id("assessments"), "type": "Microsoft.Security/assessments", "tenantId": text, "properties": {
            "displayName": text, "status": status, "resourceDetails": details, "links": {"azurePortal": text},
            "metadata": {"severity": text, "description": text, "techniques": [text, text], "categories": [text]},
            "risk": {"level": text, "riskFactors": [text]}}}),
        json!({"id": format!("{}/subAssessments/{text}", id("assessments")), "type": "Microsoft.Security/assessments/subAssessments",
            "properties": {"id": text, "displayName": text, "status": status, "description": text, "impact": text,
                "resourceDetails": details, "category": text,
                "additionalData": {"assessedResourceType": "ServerVulnerability", "cve": [{"title": text}], "threat": text}}}),
        json!({"id": id("secureScores"), "type": "Microsoft.Security/secureScores",
            "properties": {"displayName": text, "score": {"max": 6, "current": 1.5, "percentage": 0.25}}}),
        json!({"id": format!("{}/secureScoreControls/{text}", id("secureScores")),
            "type": "Microsoft.Security/secureScores/secureScoreControls", "properties": {"displayName": text}}),
        json!({"id": format!("{}/regulatoryComplianceControls/{text}/regulatoryComplianceAssessments/{text}",
                id("regulatoryComplianceStandards")),
            "type": "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments",
            "properties": {"description": text, "state": text, "assessmentDetailsLink": text, "failedResources": 3}}),
        json!({"id": id("attackPaths"), "type": "Microsoft.Security/attackPaths", "properties": {
            "displayName": text, "attackPathType": text, "riskLevel": text, "description": text, "riskFactors": [text],
            "entryPoint": {"name": text, "type": text}, "target": {"name": text, "id": text}}}),
        json!({"id": format!("{scope}/providers/Microsoft.SecurityInsights/incidents/{text}"),
            "type": "Microsoft.SecurityInsights/incidents", "properties": {
                "title": text, "description": text, "status": text, "incidentUrl": text, "owner": {"email": text}}}),
        log,
        json!({"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {
            "alertId": text, "alertRule": text, "severity": text, "alertTargetIDs": [text], "monitorCondition": text,
            "monitoringService": text, "description": text, "firedDateTime": "2026-01-01T00:00:00Z"}}}),
    ];
    records.iter().map(Value::to_string).collect()
}

/// Where nothing is short of room, LEEF has every name of the summary, and CEF's message begins with all of them that fit.
#[test]
fn no_line_leaves_out_what_it_has_room_for() {
    let roomy = [
        way("qradar", &[("HEADER", "none"), ("MAX_MESSAGE_BYTES", "900000")], Speech::Leef('^'), 900_000),
        way("arcsight", &[("HEADER", "none"), ("MAX_MESSAGE_BYTES", "900000")], Speech::Cef, 900_000),
    ];
    let mut names = 0;
    for file in std::fs::read_dir(support::root().join("tests/fixtures/events")).unwrap() {
        let (body, texts) = (std::fs::read_to_string(file.unwrap().path()).unwrap(), Texts::default());
        for event in decoded(&body, &texts).events.iter().filter(|event| event.any_alert().is_none()) {
            let [leef, cef]: [String; 2] = roomy.each_ref().map(|way: &Way| rendered(way, event));
            let (_, pairs) = parse_leef(&leef, '^');
            let (_, _, extension) = parse_cef(&cef);
            for (name, value) in record::summary(event) {
                let key = OWN_KEYS.iter().find(|(summary, _)| *summary == name).map_or(name, |(_, key)| *key);
                assert_says(pairs[key], &one_line(&value, |_| false));
                names += 1;
            }
            let message = said::message(event);
            assert_says(
                extension.get("msg").map_or("", String::as_str),
                &one_line(&message, |c| matches!(c, '\r' | '\n' | '^')),
            );
            assert_says(
                pairs.get("desc").unwrap_or(&""),
                &one_line(&said::description(event, &record::summary(event)), |_| false),
            );
        }
    }
    assert!(names > 200, "{names} names");
}
