use std::collections::BTreeSet;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::batch::Span;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{EventId, parse_time};
use crate::parcel::Failure;
use crate::settings::Values;

const RULE: &str = "dcr-0123456789abcdef0123456789abcdef";
const ENDPOINT: &str = "https://soc-x1y2.westeurope-1.ingest.monitor.azure.com";

const FLAT: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const ARM: &str = include_str!("../../../tests/fixtures/events/alert_arm_2022.json");
const GRAPH_V2: &str = include_str!("../../../tests/fixtures/events/alert_graph_v2.json");
const GRAPH_V1: &str = include_str!("../../../tests/fixtures/events/alert_graph_v1.json");
const LOG_ANALYTICS: &str = include_str!("../../../tests/fixtures/events/alert_log_analytics.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");
/// Records of every kind that is no alert, and their stream.
const OTHERS: [(&str, &str, &str); 17] = [
    ("recommendation", RECOMMENDATION, "DefenderForCloudRecommendations"),
    (
        "recommendation_unhealthy",
        include_str!("../../../tests/fixtures/events/recommendation_unhealthy.json"),
        "DefenderForCloudRecommendations",
    ),
    (
        "recommendation_delete",
        include_str!("../../../tests/fixtures/events/recommendation_delete_healthy.json"),
        "DefenderForCloudRecommendations",
    ),
    (
        "recommendation_snapshot",
        include_str!("../../../tests/fixtures/events/recommendation_snapshot_aws.json"),
        "DefenderForCloudRecommendations",
    ),
    ("finding", include_str!("../../../tests/fixtures/events/finding_server.json"), "DefenderForCloudFindings"),
    (
        "finding_image",
        include_str!("../../../tests/fixtures/events/finding_container_image.json"),
        "DefenderForCloudFindings",
    ),
    (
        "secure_score",
        include_str!("../../../tests/fixtures/events/secure_score_export.json"),
        "DefenderForCloudSecureScores",
    ),
    (
        "secure_score_control",
        include_str!("../../../tests/fixtures/events/secure_score_control_export.json"),
        "DefenderForCloudSecureScores",
    ),
    (
        "compliance",
        include_str!("../../../tests/fixtures/events/compliance_assessment.json"),
        "DefenderForCloudCompliance",
    ),
    (
        "attack_path",
        include_str!("../../../tests/fixtures/events/attack_path_exposure.json"),
        "DefenderForCloudAttackPaths",
    ),
    (
        "attack_path_legacy",
        include_str!("../../../tests/fixtures/events/attack_path_legacy.json"),
        "DefenderForCloudAttackPaths",
    ),
    ("activity_log", include_str!("../../../tests/fixtures/events/activity_log_hub.json"), "AzureLogs"),
    ("entra_log", include_str!("../../../tests/fixtures/events/entra_log_sign_in.json"), "AzureLogs"),
    ("resource_log", include_str!("../../../tests/fixtures/events/resource_log_key_vault.json"), "AzureLogs"),
    ("metric", include_str!("../../../tests/fixtures/events/resource_log_metric.json"), "AzureLogs"),
    ("xdr_log", include_str!("../../../tests/fixtures/events/xdr_log_process.json"), "AzureLogs"),
    ("monitor_alert", include_str!("../../../tests/fixtures/events/monitor_alert_fired.json"), "AzureLogs"),
];
const UNKNOWN: &str = include_str!("../../../tests/fixtures/events/unknown.json");

fn open(pairs: &[(&str, &str)]) -> Result<Sentinel, SettingsError> {
    let settings = pairs.iter().chain(&[("ENDPOINT", ENDPOINT), ("RULE_ID", RULE)]);
    let settings = settings.map(|(key, value)| match *key {
        "AZURE_CLOUD" => ((*key).to_owned(), (*value).to_owned()),
        key => (format!("SENTINEL__{key}"), (*value).to_owned()),
    });
    let values = Values::new(settings);
    Sentinel::open(&Section::new("sentinel", KIND.settings.to_vec(), &values))
}

/// The row of the first record in `body`, without its comma.
fn render(settings: &[(&str, &str)], body: &str) -> String {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00.123Z").unwrap(), &texts, &mut decoded);
    let mut out = Vec::new();
    open(settings).unwrap().render(&decoded.events[0], &mut out).unwrap();
    String::from_utf8(out).unwrap().strip_suffix(',').unwrap().to_owned()
}

fn row(body: &str) -> Value {
    serde_json::from_str(&render(&[], body)).unwrap()
}

fn asim(body: &str) -> Value {
    serde_json::from_str(&render(&[("SCHEMA", "asim")], body)).unwrap()
}

#[test]
fn rows_are_these() {
    insta::assert_snapshot!("flat", render(&[], FLAT));
    insta::assert_snapshot!("arm", render(&[], ARM));
    insta::assert_snapshot!("graph_v2", render(&[], GRAPH_V2));
    insta::assert_snapshot!("graph_v1", render(&[], GRAPH_V1));
    insta::assert_snapshot!("log_analytics", render(&[], LOG_ANALYTICS));
    for (name, body, _) in OTHERS {
        insta::assert_snapshot!(name, render(&[], body));
    }
    insta::assert_snapshot!("recommendation_among_alerts", render(&[("TABLES", "one")], RECOMMENDATION));
    insta::assert_snapshot!("unknown", render(&[], UNKNOWN));
    insta::assert_snapshot!("asim", render(&[("SCHEMA", "asim")], FLAT));
    insta::assert_snapshot!("asim_every_entity", render(&[("SCHEMA", "asim")], EVERY_ENTITY));
}

#[test]
fn the_readme_shows_real_rows() {
    let readme = include_str!("README.md");
    for (settings, body) in [(&[][..], FLAT), (&[], RECOMMENDATION), (&[("SCHEMA", "asim")], FLAT)] {
        let row = render(settings, body);
        assert!(readme.contains(&format!("```json\n{row}\n```\n")), "it should show {row}");
    }
}

/// Every text, number and truth in a value, with the texts in JSON texts.
fn leaves(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| leaves(value, into)),
        Value::Array(items) => items.iter().for_each(|value| leaves(value, into)),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => leaves(&inner, into),
            _ if text.trim().is_empty() || text == "<null>" => {}
            _ => drop(into.insert(parse_time(text).map_or_else(|| text.clone(), |time| time.to_string()))),
        },
        Value::Null => {}
        scalar => drop(into.insert(scalar.to_string())),
    }
}

#[test]
fn whatever_a_record_says_is_somewhere_in_its_row() {
    let others = OTHERS.map(|(_, body, _)| body);
    for body in [FLAT, EVERY_ENTITY, ARM, GRAPH_V2, GRAPH_V1, LOG_ANALYTICS, UNKNOWN].into_iter().chain(others) {
        let (mut said, mut told) = (BTreeSet::new(), BTreeSet::new());
        leaves(&serde_json::from_str(body).unwrap(), &mut said);
        leaves(&row(body), &mut told);
        // Some are told in the table's own words: severity, status, tactics, the truth about an incident, filled descriptions.
        let own_words =
            ["New", "newAlert", "inProgress", "high", "medium", "informational", "False", "InitialAccess,Discovery"];
        let lost: Vec<_> =
            said.difference(&told).filter(|text| !own_words.contains(&text.as_str()) && !text.contains("%{")).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn a_member_that_its_column_does_not_carry_stays_in_the_rest() {
    let alert = json!({
        "SystemAlertId": "A-1", "AlertType": "T", "AlertDisplayName": "d", "StartTimeUtc": "yesterday",
        "EndTimeUtc": "9999-12-31T23:59:59Z", "AlertName": "other", "ProductName": "p", "ProviderName": "q", "Severity": "Severe",
        "AlertSeverity": "Low", "New in 2027": {"a": [1.50]}, "Nothing": null, "Blank": " ",
    });
    let row = row(&alert.to_string());
    assert_eq!(row["AlertKey"], "a-1");
    assert_eq!(row["AlertName"], "other");
    let rest = json!({
        "SystemAlertId": "A-1", "StartTimeUtc": "yesterday", "EndTimeUtc": "9999-12-31T23:59:59Z", "ProviderName": "q",
        "AlertSeverity": "Low", "New in 2027": {"a": [1.5]},
    });
    assert_eq!(row["AdditionalFields"], rest);
    assert_eq!((&row["StartTimeUtc"], &row["Severity"]), (&Value::Null, &json!("Severe")));
}

#[test]
fn only_defender_for_clouds_own_id_leads_to_the_alert() {
    assert!(row(ARM)["AlertArmId"].as_str().unwrap().ends_with("/alerts/other-name"));
    let of_sentinel = row(include_str!("../../../tests/fixtures/events/alert_sentinel.json"));
    assert_eq!((&of_sentinel["RecordKind"], &of_sentinel["AlertArmId"]), (&json!("alert"), &Value::Null));
    assert!(of_sentinel["AdditionalFields"]["id"].is_string());
}

#[test]
fn records_without_a_key_are_nobodys_successor() {
    let [a, b] = [r#"{"hello":1}"#, r#"{"hello":2}"#].map(row);
    assert_eq!(a["AlertKey"], a["ForwarderEventId"]);
    assert_ne!(a["AlertKey"], b["AlertKey"]);
}

fn alert(more: &Value) -> String {
    let mut alert = json!({"SystemAlertId": "a", "AlertType": "T", "AlertDisplayName": "d", "Severity": "High"});
    alert.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    alert.to_string()
}

#[test]
fn a_field_is_shortened_at_64_kilobytes_and_the_row_says_so() {
    let fits = row(&alert(&json!({"Description": "é".repeat(32_768)})));
    assert_eq!(fits["AlertDescription"].as_str().unwrap().len(), 65_536);
    assert_eq!(fits["TruncatedFields"], Value::Null);

    let entities: Vec<Value> =
        (0..2_000).map(|n| json!({"$id": n.to_string(), "Type": "ip", "Address": format!("203.0.113.{n}")})).collect();
    let cut = row(&alert(&json!({
        "Description": format!("{}é", "x".repeat(65_535)), "Entities": entities,
        "ExtendedProperties": {"long": "y".repeat(70_000), "short": "kept"}, "RemediationSteps": "z".repeat(70_000),
        "Unheard of": ["w".repeat(70_000)],
    })));
    let description = cut["AlertDescription"].as_str().unwrap();
    assert!(description.len() <= 65_536 && description.ends_with("x…"));
    let kept = cut["Entities"].as_array().unwrap();
    assert!(kept.len() > 1_000 && kept[..] == entities[..kept.len()]);
    assert_eq!(cut["ExtendedProperties"]["short"], "kept");
    assert!(cut["RemediationSteps"].as_str().unwrap().ends_with('…'));
    assert!(cut["AdditionalFields"]["Unheard of"][0].as_str().unwrap().ends_with('…'));
    for column in ["Entities", "ExtendedProperties", "RemediationSteps", "AdditionalFields"] {
        let size = cut[column].to_string().len();
        assert!((60_000..=65_536).contains(&size), "{column}: {size}");
    }
    assert_eq!(
        cut["TruncatedFields"],
        "AlertDescription,RemediationSteps,Entities,ExtendedProperties,AdditionalFields"
    );
}

#[test]
fn half_a_character_spoils_no_request() {
    let raw = r#"{"SystemAlertId":"a","AlertType":"T","Description":"x\ud800","Other":{"\udc00":"\ud83d\ude00 \ud83d"},"Entities":["\ud800"]}"#;
    for (row, rest) in [(row(raw), &["Other"][..]), (asim(raw), &["Record", "Other"])] {
        let rest = rest.iter().fold(&row["AdditionalFields"], |value, name| &value[name]);
        assert_eq!(rest["\u{fffd}"], "😀 \u{fffd}");
    }
    assert_eq!(row(r#"{"hello":"\ud800"}"#)["AdditionalFields"]["hello"], "\u{fffd}");
}

#[test]
fn what_was_parsed_is_copied_and_not_written_anew() {
    let raw = r#"{"SystemAlertId":"a","AlertType":"T","ExtendedProperties":{ "n" : 1.500, "u":"\u00e9" },"Entities":[ {"a":1E2} ]}"#;
    let row = render(&[], raw);
    assert!(row.contains(r#""ExtendedProperties":{ "n" : 1.500, "u":"\u00e9" }"#), "{row}");
    assert!(row.contains(r#""Entities":[ {"a":1E2} ]"#), "{row}");
}

#[test]
fn a_row_fits_a_request_whatever_the_record() {
    // Each field is within its limit, all together are not; control characters take six times their size.
    let long = "\u{1}".repeat(20_000);
    let list = json!([long, long]);
    let names = ["AlertDisplayName", "Description", "CompromisedEntity", "AlertUri", "CorrelationKey", "VendorName"];
    let mut more = json!({
        "Entities": [{"Type": "ip", "Address": "203.0.113.9"}, {"Type": long}], "SupportingEvidence": list, "ExtendedLinks": list,
        "ExtendedProperties": {"a": long}, "RemediationSteps": list, "ResourceIdentifiers": list, "other": list,
    });
    for name in names {
        more[name] = long.clone().into();
    }
    let large = alert(&more);
    for settings in [&[][..], &[("SCHEMA", "asim")]] {
        let text = render(settings, &large);
        assert!(text.len() <= 950_000 - 2, "{}", text.len());
        assert!(text.len() > 100_000, "more was dropped than needed: {}", text.len());
        let row: Value = serde_json::from_str(&text).unwrap();
        let names = match settings {
            [] => row["TruncatedFields"].as_str().unwrap(),
            _ => row["AdditionalFields"]["TruncatedFields"].as_str().unwrap(),
        };
        assert!(names.contains("AdditionalFields"), "{names}");
    }
    let shrunk = row(&large);
    assert_eq!(shrunk["SupportingEvidence"], Value::Null);
    assert!(shrunk["TruncatedFields"].as_str().unwrap().contains("SupportingEvidence"));
    assert_eq!(shrunk["Entities"][0]["Address"], "203.0.113.9");

    // The evidence goes before anything else does, then the tail of the entities.
    let plain = "x".repeat(60_000);
    let long = "\u{1}".repeat(60_000);
    let mut more = json!({"Description": long, "CompromisedEntity": long, "SupportingEvidence": [plain], "RemediationSteps": [plain],
        "ExtendedProperties": {"a": plain}, "Entities": [{"Type": "ip"}, {"Type": plain}]});
    let shrunk = row(&alert(&more));
    assert_eq!(shrunk["TruncatedFields"], "SupportingEvidence");
    more["ExtendedLinks"] = json!([plain]);
    let shrunk = row(&alert(&more));
    assert_eq!(shrunk["TruncatedFields"], "Entities,SupportingEvidence");
    assert_eq!(shrunk["Entities"][0]["Type"], "ip");
}

#[test]
fn a_whole_record_over_the_limits_keeps_its_shape() {
    let record = json!({"type": "Microsoft.Security/assessments", "id": "/x/providers/Microsoft.Security/assessments/y",
        "properties": {"status": {"code": "Unhealthy"}, "metadata": {"description": "m".repeat(2_000_000)}}});
    let row = row(&record.to_string());
    assert_eq!(row["AdditionalFields"]["properties"]["status"]["code"], "Unhealthy");
    assert_eq!(
        (&row["RecordKind"], &row["TruncatedFields"]),
        (&json!("recommendation"), &json!("Description,AdditionalFields"))
    );
}

#[test]
fn asim_rows_have_all_that_is_mandatory_in_words_that_are_legal() {
    let bare = json!({"ProductName": "Azure Security Center", "Severity": "odd", "Status": "Dismissed"});
    for body in [FLAT, EVERY_ENTITY, ARM, GRAPH_V2, GRAPH_V1, LOG_ANALYTICS, &bare.to_string()] {
        let row = asim(body);
        assert_eq!((&row["EventVendor"], &row["EventProduct"]), (&json!("Microsoft"), &json!("Defender for Cloud")));
        for mandatory in [
            "EventCount",
            "EventStartTime",
            "EventEndTime",
            "EventType",
            "EventUid",
            "EventProduct",
            "EventVendor",
            "EventSchema",
            "EventSchemaVersion",
        ] {
            assert!(!row[mandatory].is_null() && row[mandatory] != "", "{mandatory} of {row}");
        }
        for (column, legal) in [
            ("EventType", &["Alert"][..]),
            ("EventSchema", &["AlertEvent"]),
            ("EventSchemaVersion", &["0.1"]),
            ("EventSeverity", &["Informational", "Low", "Medium", "High"]),
            ("EventSubType", &["Threat", "Suspicious Activity", "Anomaly", "Compliance Violation"]),
            ("AlertStatus", &["Active", "Closed"]),
            ("AlertVerdict", &["True Positive", "False Positive", "Benign Positive", "Unknown"]),
        ] {
            assert!(legal.contains(&row[column].as_str().unwrap()), "{column} of {row}");
        }
        let raw: Value = serde_json::from_str(body).unwrap();
        assert_eq!(row["AdditionalFields"]["Record"], raw, "the record comes along");
    }
    let row = asim(&bare.to_string());
    assert_eq!((&row["AlertStatus"], &row["AlertVerdict"]), (&json!("Closed"), &json!("False Positive")));
    assert_eq!((&row["EventSeverity"], &row["EventOriginalSeverity"]), (&json!("Informational"), &json!("odd")));
    assert_eq!(row["EventUid"], row["AdditionalFields"]["ForwarderEventId"]);
}

#[test]
fn asim_takes_alerts_only() {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(RECOMMENDATION.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let event = &decoded.events[0];
    assert!(open(&[]).unwrap().takes(event));
    let asim = open(&[("SCHEMA", "asim")]).unwrap();
    assert!(!asim.takes(event) && asim.render(event, &mut Vec::new()).is_err());
}

#[test]
fn requests_go_to_the_stream_of_the_rule() {
    let parcel = |settings: &[(&str, &str)]| match open(settings).unwrap().probe() {
        Some(Parcel::Http(parcel)) => parcel,
        other => panic!("{other:?}"),
    };
    let probe = parcel(&[]);
    let stream = format!("dataCollectionRules/{RULE}/streams/Custom-DefenderForCloudAlerts?api-version=2023-01-01");
    assert_eq!(probe.url.as_str(), format!("{ENDPOINT}/{stream}"));
    assert_eq!((&probe.body[..], probe.gzip), (&b"[]"[..], Gzip::Large));
    assert!(matches!(&probe.auth, Auth::Entra(audience) if audience.scope == "https://monitor.azure.com/.default"));
    assert!(parcel(&[("SCHEMA", "asim")]).url.path().ends_with("/streams/Custom-DefenderForCloudAsim"));
    let own = parcel(&[("STREAM", "Custom-My_Stream-2"), ("ENDPOINT", "http://127.0.0.1:9/sim/"), ("GZIP", "no")]);
    assert_eq!(own.url.path(), format!("/sim/dataCollectionRules/{RULE}/streams/Custom-My_Stream-2"));
    assert_eq!(own.gzip, Gzip::Never);
    for (cloud, host) in [("usgov", "azure.us"), ("AzureChinaCloud", "azure.cn")] {
        let endpoint = format!("https://soc.usgovvirginia-1.ingest.monitor.{host}");
        let own = parcel(&[("AZURE_CLOUD", cloud), ("ENDPOINT", &endpoint)]);
        let scope = format!("https://monitor.{host}/.default");
        assert!(matches!(&own.auth, Auth::Entra(audience) if audience.scope == scope));
    }
}

#[test]
fn each_kind_goes_to_the_stream_of_its_table() {
    let url = |settings: &[(&str, &str)], body: &str| {
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
        let sentinel = open(settings).unwrap();
        let Parcel::Http(parcel) = sentinel.post(sentinel.group(&decoded.events[0]), Bytes::new()) else { panic!() };
        parcel.url
    };
    for (_, body, stream) in OTHERS {
        let path = format!("{ENDPOINT}/dataCollectionRules/{RULE}/streams/Custom-{stream}?api-version=2023-01-01");
        assert_eq!(url(&[("STREAM", "Custom-Mine")], body).as_str(), path);
        assert_eq!(url(&[("TABLES", "one")], body), url(&[], FLAT));
        assert_eq!(url(&[("SCHEMA", "asim")], body), url(&[("SCHEMA", "asim")], FLAT));
    }
    assert_eq!(url(&[], UNKNOWN), url(&[], FLAT));
}

#[test]
fn a_stream_that_the_rule_lacks_is_named() {
    let sentinel = open(&[]).unwrap();
    let not_found = |code: &str| Reply::Http {
        status: StatusCode::from_u16(404).unwrap(),
        headers: HeaderMap::new(),
        body: format!(r#"{{"error":{{"code":"{code}"}}}}"#).into(),
    };
    let sent = sentinel.post(Table::Findings.group(), Bytes::new());
    let Verdict::Misconfigured { reason } = sentinel.judge(&sent, &not_found("InvalidStream"), 3) else { panic!() };
    assert!(reason.contains("no stream Custom-DefenderForCloudFindings") && reason.contains("TABLES=one"), "{reason}");
    let Verdict::Misconfigured { reason } = sentinel.judge(&sentinel.post(0, Bytes::new()), &not_found("NotFound"), 3)
    else {
        panic!()
    };
    assert!(reason.contains("RULE_ID"), "{reason}");
}

#[test]
fn faults_name_the_setting_and_what_is_right() {
    for (settings, fault) in [
        (
            &[("ENDPOINT", "https://evil.example")][..],
            "SENTINEL__ENDPOINT: must be at *.ingest.monitor.azure.com for AZURE_CLOUD=public",
        ),
        (&[("AZURE_CLOUD", "usgov")], "SENTINEL__ENDPOINT: must be at *.ingest.monitor.azure.us for AZURE_CLOUD=usgov"),
        (
            &[("ENDPOINT", "https://soc.westeurope-1.ingest.monitor.azure.com/dataCollectionRules/x")],
            "must end at the host",
        ),
        (&[("ENDPOINT", "https://soc.westeurope-1.ingest.monitor.azure.com/?api-version=1")], "must end at the host"),
        (&[("RULE_ID", "my-rule")], "SENTINEL__RULE_ID: must be dcr- and 32 hexadecimal digits"),
        (&[("RULE_ID", "dcr-0123456789abcdef0123456789abcdeg")], "SENTINEL__RULE_ID"),
        (&[("STREAM", "DefenderForCloudAlerts_CL")], "SENTINEL__STREAM: must be Custom- or Microsoft-"),
        (&[("STREAM", "Custom-")], "SENTINEL__STREAM"),
        (&[("STREAM", "Custom-../x")], "SENTINEL__STREAM"),
        (&[("TABLES", "two")], "SENTINEL__TABLES: must be one of per_type, one"),
        (&[("SCHEMA", "ecs")], "SENTINEL__SCHEMA: must be one of alerts, asim"),
    ] {
        let error = open(settings).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
    let values = Values::default();
    let error = Sentinel::open(&Section::new("sentinel", KIND.settings.to_vec(), &values)).unwrap_err();
    assert_eq!(error.faults.len(), 2, "what is missing is said once: {error}");
}

#[test]
fn a_request_is_an_array_of_rows_within_the_limit() {
    let sentinel = open(&[]).unwrap();
    let rows: Bytes = Bytes::from_static(b"{\"a\":1},{\"a\":2},");
    let spans = [0..8, 8..16].map(|place| Span {
        start: place.start,
        end: place.end,
        id: EventId::of(b""),
        subject: 0,
        group: 0,
    });
    let Parcel::Http(parcel) = sentinel.pack(Records::new(&rows, &spans)) else { panic!() };
    assert_eq!(parcel.body, "[{\"a\":1},{\"a\":2}]");
    assert_eq!(parcel.body.len(), rows.len() + 1, "so that a full run takes no more than a request may");
    assert_eq!(sentinel.limits().bytes + 1, row::REQUEST_BYTES);
}

fn judged(status: u16, body: &'static str, sent: usize, records: usize) -> Verdict {
    let sentinel = open(&[]).unwrap();
    let sent = sentinel.post(0, vec![b' '; sent].into());
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "37".parse().unwrap());
    let reply = Reply::Http { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() };
    sentinel.judge(&sent, &reply, records)
}

#[test]
fn replies_mean_this() {
    assert!(matches!(judged(204, "", 10, 1), Verdict::Accepted));
    let Verdict::Misconfigured { reason } = judged(200, "<html>welcome</html>", 10, 1) else {
        panic!("a proxy's page")
    };
    assert!(reason.contains("check ENDPOINT"), "{reason}");
    let denied = r#"{"error":{"code":"Operation Failed\n","message":"token of somebody@contoso.example"}}"#;
    let Verdict::Misconfigured { reason } = judged(403, denied, 10, 1) else { panic!("the role is missing") };
    assert!(reason.starts_with("HTTP 403 OperationFailed: give") && reason.contains("30 minutes"), "{reason}");
    assert!(!reason.contains("contoso"), "a message can hold anything");
    assert!(matches!(judged(401, "", 10, 1), Verdict::Misconfigured { .. }));
    assert!(matches!(judged(413, "", 900_000, 9), Verdict::Split { .. }));
    let Verdict::Retry { after, .. } = judged(429, "", 10, 1) else { panic!("throttled") };
    assert_eq!(after.unwrap().as_secs(), 37);
    assert!(matches!(judged(503, "", 10, 1), Verdict::Retry { .. }));
    assert!(matches!(judged(400, r#"{"error":{"code":"InvalidRequest"}}"#, 10, 1), Verdict::Rejected { .. }));
    for code in ["InvalidStream", "InvalidDcrImmutableId", "InvalidApiVersionParameter"] {
        let body: &'static str = format!(r#"{{"error":{{"code":"{code}"}}}}"#).leak();
        assert!(matches!(judged(400, body, 10, 1), Verdict::Misconfigured { .. }), "{code}");
    }
    let sentinel = open(&[]).unwrap();
    let reply = Reply::Failed { failure: Failure::Credential, detail: "no token".to_owned() };
    assert!(matches!(sentinel.judge(&sentinel.probe().unwrap(), &reply, 0), Verdict::Misconfigured { .. }));
}

#[test]
fn not_found_may_mean_too_large_but_never_costs_a_record() {
    assert!(matches!(judged(404, "", 900_000, 9), Verdict::Split { .. }), "smaller ones will tell");
    assert!(matches!(judged(404, "", 900_000, 1), Verdict::Misconfigured { .. }), "one record cannot be halved");
    assert!(matches!(judged(404, "", 10_000, 9), Verdict::Misconfigured { .. }), "that was not its size");
}
