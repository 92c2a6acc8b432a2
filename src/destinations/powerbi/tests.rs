//! Settings, rows, definitions and verdicts of both modes.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::columns::{COLUMNS, kusto_type, of_table};
use super::*;
use crate::batch::Span;
use crate::cloud::{Audience, Service};
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::format::table::{Cell, Column};
use crate::parcel::{Auth, Failure, Gzip};
use crate::settings::Values;

const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");

/// Records of every kind that is no alert, and their table.
const OTHERS: [(&str, &str, &str); 17] = [
    ("recommendation", RECOMMENDATION, "Recommendations"),
    (
        "recommendation_unhealthy",
        include_str!("../../../tests/fixtures/events/recommendation_unhealthy.json"),
        "Recommendations",
    ),
    (
        "recommendation_delete",
        include_str!("../../../tests/fixtures/events/recommendation_delete_healthy.json"),
        "Recommendations",
    ),
    (
        "recommendation_snapshot",
        include_str!("../../../tests/fixtures/events/recommendation_snapshot_aws.json"),
        "Recommendations",
    ),
    ("finding", include_str!("../../../tests/fixtures/events/finding_server.json"), "Findings"),
    ("finding_image", include_str!("../../../tests/fixtures/events/finding_container_image.json"), "Findings"),
    ("secure_score", include_str!("../../../tests/fixtures/events/secure_score_export.json"), "SecureScores"),
    (
        "secure_score_control",
        include_str!("../../../tests/fixtures/events/secure_score_control_export.json"),
        "SecureScores",
    ),
    ("compliance", include_str!("../../../tests/fixtures/events/compliance_assessment.json"), "Compliance"),
    ("attack_path", include_str!("../../../tests/fixtures/events/attack_path_exposure.json"), "AttackPaths"),
    ("attack_path_legacy", include_str!("../../../tests/fixtures/events/attack_path_legacy.json"), "AttackPaths"),
    ("activity_log", include_str!("../../../tests/fixtures/events/activity_log_hub.json"), "Logs"),
    ("entra_log", include_str!("../../../tests/fixtures/events/entra_log_sign_in.json"), "Logs"),
    ("resource_log", include_str!("../../../tests/fixtures/events/resource_log_key_vault.json"), "Logs"),
    ("metric", include_str!("../../../tests/fixtures/events/resource_log_metric.json"), "Logs"),
    ("xdr_log", include_str!("../../../tests/fixtures/events/xdr_log_process.json"), "Logs"),
    ("monitor_alert", include_str!("../../../tests/fixtures/events/monitor_alert_fired.json"), "Logs"),
];

const WORKSPACE: &str = "3d9b93c6-7b6d-4801-a491-1738910904fd";
const DATASET: &str = "a0a9cc52-1a3c-4a6f-8f7e-2b6a5f1d9e10";
const PUSH: [(&str, &str); 2] = [("WORKSPACE", WORKSPACE), ("DATASET", DATASET)];
const EVENTHOUSE: [(&str, &str); 3] = [
    ("MODE", "eventhouse"),
    ("CLUSTER_URL", "https://trd-0123456789.z1.kusto.fabric.microsoft.com"),
    ("DATABASE", "SOC lake"),
];

/// Settings of the section `powerbi`; `AZURE_CLOUD` is none of them. Of two with one key the first counts.
fn values(settings: &[(&str, &str)]) -> Values {
    let name = |key: &str| if key == "AZURE_CLOUD" { key.to_owned() } else { format!("POWERBI__{key}") };
    Values::new(settings.iter().map(|(key, value)| (name(key), (*value).to_owned())))
}

fn with<T>(settings: &[(&str, &str)], read: impl FnOnce(&Section<'_>) -> T) -> T {
    read(&Section::new("powerbi", KIND.settings.to_vec(), &values(settings)))
}

fn open(settings: &[&[(&str, &str)]]) -> Result<PowerBi, SettingsError> {
    with(&settings.concat(), PowerBi::open)
}

/// The settings with faults, and the whole message.
fn faults(settings: &[&[(&str, &str)]]) -> (Vec<String>, String) {
    let error = open(settings).unwrap_err();
    (error.faults.iter().map(|fault| fault.setting.clone()).collect(), error.to_string())
}

fn parcel(parcel: Parcel) -> HttpParcel {
    let Parcel::Http(parcel) = parcel else { panic!("Power BI speaks HTTP") };
    parcel
}

/// The request with the rows of these records.
fn packed(power_bi: &PowerBi, bodies: &[&str]) -> HttpParcel {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    let seen = parse_time("2026-02-06T00:00:00Z").unwrap();
    bodies.iter().for_each(|body| decode(body.as_bytes(), seen, &texts, &mut decoded));
    let (mut out, mut spans) = (Vec::new(), Vec::new());
    for event in &decoded.events {
        let start = out.len();
        power_bi.render(event, &mut out).unwrap();
        spans.push(Span { group: power_bi.group(event), ..Span::of(event, start..out.len()) });
    }
    parcel(power_bi.pack(Records::new(&out.into(), &spans)))
}

fn rows(power_bi: &PowerBi, bodies: &[&str]) -> Vec<Value> {
    let body = packed(power_bi, bodies).body;
    match power_bi.mode {
        Mode::Push => serde_json::from_slice::<Value>(&body).unwrap()["rows"].as_array().unwrap().clone(),
        Mode::Eventhouse => serde_json::Deserializer::from_slice(&body).into_iter().collect::<Result<_, _>>().unwrap(),
    }
}

#[test]
fn rows_are_these() {
    let push = open(&[&PUSH]).unwrap();
    let others = OTHERS.map(|(name, body, _)| (name, body));
    for (name, body) in [("brute_force", BRUTE_FORCE), ("every_entity", EVERY_ENTITY)].into_iter().chain(others) {
        let row = &rows(&push, &[body])[0];
        insta::assert_snapshot!(name, serde_json::to_string_pretty(row).unwrap());
    }
    let one = open(&[&PUSH, &[("TABLES", "one")]]).unwrap();
    insta::assert_snapshot!(
        "recommendation_among_alerts",
        serde_json::to_string_pretty(&rows(&one, &[RECOMMENDATION])[0]).unwrap()
    );
    let eventhouse = open(&[&EVENTHOUSE]).unwrap();
    let row = rows(&eventhouse, &[BRUTE_FORCE]).remove(0);
    assert_eq!(row["Record"], serde_json::from_str::<Value>(BRUTE_FORCE).unwrap());
}

#[test]
fn a_request_of_each_mode() {
    let push = packed(&open(&[&PUSH]).unwrap(), &[BRUTE_FORCE, EVERY_ENTITY]);
    let dataset = format!("https://api.powerbi.com/v1.0/myorg/groups/{WORKSPACE}/datasets/{DATASET}");
    assert_eq!(push.url.as_str(), format!("{dataset}/tables/Alerts/rows"));
    assert!(push.gzip == Gzip::Never && push.body.starts_with(b"{\"rows\":[{") && push.body.ends_with(b"}]}"));
    let probe = parcel(open(&[&PUSH]).unwrap().probe().unwrap());
    assert_eq!((probe.method.as_str(), probe.url.as_str()), ("GET", &*dataset));

    let eventhouse = open(&[&EVENTHOUSE]).unwrap();
    let rows = packed(&eventhouse, &[BRUTE_FORCE]);
    assert_eq!(
        rows.url.as_str(),
        "https://trd-0123456789.z1.kusto.fabric.microsoft.com/v1/rest/ingest/SOC%20lake/Alerts?streamFormat=MultiJSON&mappingName=DefenderRelay"
    );
    assert!(
        rows.gzip == Gzip::Large
            && rows.headers.iter().any(|(name, value)| name == "x-ms-app" && value == "defender-relay")
    );
    let probe = parcel(eventhouse.probe().unwrap());
    assert!(probe.url.as_str().ends_with("/v1/rest/mgmt"));
    let question = r#"{"db":"SOC lake","csl":".show tables | where TableName == 'Alerts' | project TableName"}"#;
    assert_eq!(probe.body, question);
}

#[test]
fn each_mode_wants_its_own_settings_and_no_others() {
    assert_eq!(faults(&[&[]]).0, ["POWERBI__WORKSPACE", "POWERBI__DATASET"]);
    assert_eq!(faults(&[&[("MODE", "Eventhouse")]]).0, ["POWERBI__CLUSTER_URL", "POWERBI__DATABASE"]);
    assert_eq!(faults(&[&[("MODE", "fabric")]]).0, ["POWERBI__MODE"], "who knows what else is needed");
    assert!(open(&[&PUSH]).is_ok() && open(&[&EVENTHOUSE]).is_ok());
    for (key, value) in [
        ("MODE", "stream"),
        ("WORKSPACE", "My workspace"),
        ("DATASET", "a0a9cc52"),
        ("TABLE", "Alerts']"),
        ("TABLE", "findings"),
        ("TABLES", "two"),
        ("COLUMNS", "AlertKey, Secret"),
        ("COLUMNS", "Record"),
        ("COLUMNS", ","),
        ("MAX_ROWS", "10001"),
        ("DATASET", "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/x)"),
        ("API_URL", "http://api.powerbi.com"),
        ("API_URL", "https://api.powerbi.com.evil.example"),
        ("API_URL", "https://api.powerbigov.us"),
        ("API_URL", "https://api.powerbi.com/?x=y"),
    ] {
        let (settings, message) = faults(&[&[(key, value)], &PUSH]);
        assert_eq!(settings, [format!("POWERBI__{key}")], "{message}");
    }
    for (key, value) in [
        ("CLUSTER_URL", "soc.westeurope.kusto.windows.net"),
        ("CLUSTER_URL", "https://ingest-trd-0123456789.z1.kusto.fabric.microsoft.com"),
        ("CLUSTER_URL", "https://soc.westeurope.kusto.windows.net.evil.example"),
        ("CLUSTER_URL", "https://soc.westeurope.kusto.windows.net/SOC"),
        ("CLUSTER_URL", "https://soc.kusto.usgovcloudapi.net"),
        ("DATABASE", ".."),
        ("MAPPING", "a b"),
    ] {
        let (settings, message) = faults(&[&[(key, value)], &EVENTHOUSE]);
        assert_eq!(settings, [format!("POWERBI__{key}")], "{message}");
    }
}

#[test]
fn every_cloud_has_its_own_address_and_audience() {
    for (cloud, host) in [("public", "api.powerbi.com"), ("usgov", "api.powerbigov.us"), ("china", "api.powerbi.cn")] {
        let power_bi = open(&[&PUSH, &[("AZURE_CLOUD", cloud)]]).unwrap();
        let parcel = packed(&power_bi, &[BRUTE_FORCE]);
        assert_eq!(parcel.url.host_str(), Some(host));
        let Auth::Entra(audience) = &parcel.auth else { panic!("by token") };
        let expected = Audience::of(Service::PowerBi, crate::cloud::Cloud::from_text(cloud).unwrap());
        assert_eq!(**audience, expected);
        let message = faults(&[&[("API_URL", "https://elsewhere.example"), ("AZURE_CLOUD", cloud)], &PUSH]).1;
        assert!(message.contains(host) && message.contains(&format!("AZURE_CLOUD={cloud}")), "{message}");
    }
    let gov = [("CLUSTER_URL", "https://soc.kusto.usgovcloudapi.net"), ("AZURE_CLOUD", "usgov")];
    assert!(open(&[&gov, &EVENTHOUSE]).is_ok());
}

#[test]
fn a_base_url_may_have_a_path() {
    for url in ["http://127.0.0.1:9700/powerbi", "http://127.0.0.1:9700/powerbi/"] {
        let power_bi = open(&[&PUSH, &[("API_URL", url)]]).unwrap();
        let path = packed(&power_bi, &[BRUTE_FORCE]).url.path().to_owned();
        assert!(path.starts_with("/powerbi/v1.0/myorg/groups/"), "{path}");
    }
}

#[test]
fn rows_have_the_columns_of_the_definition_and_no_others() {
    for settings in [&PUSH[..], &[PUSH[0], PUSH[1], ("COLUMNS", "status, AlertKey,Shortened")]] {
        let definition: Value = serde_json::from_str(&with(settings, define).unwrap()).unwrap();
        let power_bi = open(&[settings]).unwrap();
        for body in [BRUTE_FORCE, EVERY_ENTITY].into_iter().chain(OTHERS.map(|(_, body, _)| body)) {
            let url = packed(&power_bi, &[body]).url;
            let mut tables = definition["tables"].as_array().unwrap().iter();
            let is_its_own =
                |table: &&Value| url.path().ends_with(&format!("/tables/{}/rows", table["name"].as_str().unwrap()));
            let columns = tables.find(is_its_own).unwrap()["columns"].as_array().unwrap();
            let defined: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
            let row = rows(&power_bi, &[body]).remove(0);
            let row = row.as_object().unwrap();
            assert_eq!(row.keys().map(String::as_str).collect::<BTreeSet<_>>(), defined.iter().copied().collect());
            for column in columns {
                let value = &row[column["name"].as_str().unwrap()];
                let fits = match column["dataType"].as_str().unwrap() {
                    "string" => value.is_string(),
                    "DateTime" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                    "Int64" => value.is_i64(),
                    "Double" => value.is_number(),
                    "bool" => value.is_boolean(),
                    other => panic!("{other}"),
                };
                assert!(fits || value.is_null(), "{column}: {value}");
            }
        }
    }
    assert!(crate::format::table::Table::ALL.into_iter().all(|table| of_table(table).len() <= 75));
}

#[test]
fn the_files_are_the_definitions() {
    assert_eq!(with(&[], define).unwrap(), include_str!("dataset.json"));
    assert_eq!(with(&[("MODE", "eventhouse")], define).unwrap(), include_str!("eventhouse.kql"));
    assert!(
        COLUMNS.iter().all(|column| !column.about.contains(['"', '\\', '\n', '|'])),
        "quoted in KQL and in a table"
    );
}

#[test]
fn the_page_shows_the_columns_and_a_real_request() {
    let page = include_str!("README.md");
    let line = |column: &Column| {
        let kind = power_bi_type(column.cell).unwrap_or(kusto_type(column.cell));
        format!("| `{}` | {kind} | {} |\n", column.name, column.about)
    };
    let table: String = COLUMNS.iter().map(line).collect();
    assert!(page.contains(&table), "it should show\n{table}");
    for table in crate::format::table::Table::ALL {
        let missing: Vec<String> = of_table(table).into_iter().map(line).filter(|line| !page.contains(line)).collect();
        assert!(missing.is_empty(), "{}: it should show\n{}", table.name(), missing.concat());
    }
    let body = packed(&open(&[&PUSH]).unwrap(), &[BRUTE_FORCE]).body;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(page.contains(&format!("```json\n{body}\n```\n")), "it should show {body}");
}

#[test]
fn long_texts_are_shortened_and_named() {
    let long = "🦀".repeat(3_000);
    let alert =
        serde_json::json!({"SystemAlertId": "A", "AlertType": "T", "AlertDisplayName": long, "Description": long});
    for settings in [&PUSH[..], &EVENTHOUSE] {
        let row = rows(&open(&[settings]).unwrap(), &[&alert.to_string()]).remove(0);
        assert_eq!(row["Shortened"], "AlertName, Description");
        let name = row["AlertName"].as_str().unwrap();
        assert!(name.ends_with('…') && name.encode_utf16().count() <= 4_000);
        assert_eq!(row["AlertKey"], "a");
    }
}

#[test]
fn a_giant_record_keeps_to_the_column_of_the_eventhouse() {
    let alert = serde_json::json!({"SystemAlertId": "A", "AlertType": "T", "Entities": ["x".repeat(1_200_000)]});
    let row = rows(&open(&[&EVENTHOUSE]).unwrap(), &[&alert.to_string()]).remove(0);
    assert_eq!((&row["Record"]["SystemAlertId"], &row["Shortened"]), (&"A".into(), &"Record".into()));
    assert!(row["Record"].to_string().len() <= 1_000_000);
}

#[test]
fn times_that_nobody_means_are_left_out() {
    let alert = r#"{"SystemAlertId":"A","AlertType":"T","StartTimeUtc":"9999-12-31T23:59:59Z","EndTimeUtc":"0001-01-01T00:00:00Z",
        "TimeGenerated":"2026-02-03T04:05:06.7891234+02:00"}"#;
    let row = rows(&open(&[&PUSH]).unwrap(), &[alert]).remove(0);
    assert!(row["StartTime"].is_null() && row["EndTime"].is_null());
    assert_eq!(row["TimeGenerated"], "2026-02-03T02:05:06.789Z");
    assert_eq!(row["SeenTime"], "2026-02-06T00:00:00.000Z");
}

#[test]
fn requests_keep_to_the_limits_of_the_service() {
    let power_bi = open(&[&PUSH]).unwrap();
    let limits = power_bi.limits();
    assert_eq!((limits.records, limits.lanes), (10_000, 1));
    let full = vec![b','; limits.bytes];
    assert!(push::body(&full).len() <= 16_000_000);
    assert_eq!(open(&[&[("MAX_ROWS", "7")], &EVENTHOUSE]).unwrap().limits().records, 7);
}

#[test]
fn columns_without_a_key_are_warned_about() {
    assert!(open(&[&PUSH]).unwrap().warnings().is_empty());
    let warnings = open(&[&PUSH, &[("COLUMNS", "AlertName,EventId")]]).unwrap().warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("AlertKey") && !warnings[0].contains("EventId"),
        "{warnings:?}"
    );
}

fn reply(status: u16, body: &str) -> Reply {
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("7"))]);
    Reply::Http {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// The verdict in a word, and its reason.
fn judged(settings: &[(&str, &str)], status: u16, body: &str, records: usize) -> (&'static str, String) {
    let power_bi = open(&[settings]).unwrap();
    match power_bi.judge(&power_bi.probe().unwrap(), &reply(status, body), records) {
        Verdict::Accepted => ("accepted", String::new()),
        Verdict::Retry { reason, after } => {
            assert_eq!(after, Some(std::time::Duration::from_secs(7)));
            ("retry", reason)
        }
        Verdict::Split { reason } => ("split", reason),
        Verdict::Rejected { reason } => ("rejected", reason),
        Verdict::Misconfigured { reason } => ("misconfigured", reason),
        Verdict::Partial { .. } | Verdict::Then(_) => panic!("never here"),
    }
}

#[test]
fn what_power_bi_answers_means() {
    let column =
        r#"{"error":{"code":"ItemNotFound","message":"Column '<pi>UserName</pi>' was not found in specified table"}}"#;
    let value = r#"{"error":{"code":"BadRequest","message":"secret\u0007 value"}}"#;
    for (status, body, records, verdict, told) in [
        (200, "", 3, "accepted", ""),
        (200, r#"{"addRowsAPIEnabled":true}"#, 0, "accepted", ""),
        (200, r#"{"addRowsAPIEnabled":false}"#, 0, "misconfigured", "takes no rows"),
        (400, value, 3, "rejected", "HTTP 400 BadRequest"),
        (400, column, 3, "misconfigured", "COLUMNS"),
        (404, column, 3, "misconfigured", "COLUMNS"),
        (404, r#"{"error":{"code":"PowerBIEntityNotFound"}}"#, 3, "misconfigured", "DATASET"),
        (401, "", 3, "misconfigured", "AZURE_CLOUD"),
        (403, r#"{"error":{"code":"PowerBINotAuthorizedException"}}"#, 3, "misconfigured", "tenant settings"),
        (413, "", 3, "split", "413"),
        (429, "<html>", 3, "retry", "429"),
        (503, "", 3, "retry", "503"),
        (302, "", 3, "misconfigured", "302"),
    ] {
        let (is, reason) = judged(&PUSH, status, body, records);
        assert!(is == verdict && reason.contains(told), "{status} {body}: {is}, {reason}");
        assert!(!reason.contains("secret") && !reason.contains("UserName"), "{reason}");
    }
}

#[test]
fn what_an_eventhouse_answers_means() {
    let error = |code: &str, permanent: bool| {
        format!(r#"{{"error":{{"code":"{code}","message":"secret","@type":"Kusto.E","@permanent":{permanent}}}}}"#)
    };
    for (code, permanent, verdict) in [
        ("General_TransientSchemaMismatch", false, "retry"),
        ("BadRequest_MappingReferenceWasNotFound", true, "misconfigured"),
        ("BadRequest_TableNotExist", true, "misconfigured"),
        ("BadRequest_DatabaseAccessDenied", true, "misconfigured"),
        ("BadRequest_StreamingIngestionPolicyNotEnabled", true, "misconfigured"),
        ("Stream_InputStreamTooLarge", true, "split"),
        ("BadRequest_UnexpectedCharacterInInputStream", true, "rejected"),
        ("General_BadRequest", true, "rejected"),
    ] {
        let (is, reason) = judged(&EVENTHOUSE, 400, &error(code, permanent), 3);
        assert!(is == verdict && reason.contains(code) && !reason.contains("secret"), "{code}: {is}, {reason}");
    }
    let typed = r#"{"error":{"code":"BadRequest","@type":"Kusto.X.StreamingIngestionPolicyNotEnabledException"}}"#;
    for (status, body, records, verdict) in [
        (200, "{}", 3, "accepted"),
        (200, r#"{"Tables":[{"Rows":[["Alerts"]]}]}"#, 0, "accepted"),
        (200, r#"{"Tables":[{"Rows":[]}]}"#, 0, "misconfigured"),
        (400, "", 3, "rejected"),
        (400, typed, 3, "misconfigured"),
        (401, "", 3, "misconfigured"),
        (403, "", 3, "misconfigured"),
        (404, "", 3, "misconfigured"),
        (413, "", 3, "split"),
        (429, "", 3, "retry"),
        (503, "", 3, "retry"),
    ] {
        assert_eq!(judged(&EVENTHOUSE, status, body, records).0, verdict, "{status} {body}");
    }
}

#[test]
fn what_is_ordered() {
    let order = with(&PUSH[..1], order).unwrap().unwrap();
    let datasets = format!("https://api.powerbi.com/v1.0/myorg/groups/{WORKSPACE}/datasets");
    assert_eq!(order.parcel.url.as_str(), format!("{datasets}?defaultRetentionPolicy=basicFIFO"));
    assert_eq!(order.parcel.body, include_str!("dataset.json"));
    assert_eq!(order.sunset.0, "2027-11-01T00:00:00Z".parse().unwrap());
    assert!(with(&EVENTHOUSE, super::order).unwrap().is_none());
    assert!(with(&[], super::order).is_err());

    let told = |reply| (order.outcome)(&reply);
    assert_eq!(told(reply(201, &format!(r#"{{"id":"{DATASET}"}}"#))), Ok(DATASET.to_owned()));
    assert_eq!(told(reply(202, &format!(r#"{{"id":"{DATASET}","name":"x"}}"#))), Ok(DATASET.to_owned()));
    assert!(told(reply(201, r#"{"id":"\u001b[2J"}"#)).is_err());
    assert!(told(reply(403, "")).unwrap_err().contains("tenant settings"));
    let lost = Reply::Failed { failure: Failure::Network, detail: "reset".into() };
    assert!(told(lost).unwrap_err().contains("look into the workspace"));
}

#[test]
fn key_columns_are_texts() {
    for name in ["AlertKey", "EventId", "Shortened"] {
        let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
        assert!(matches!(column.cell, Cell::Text(_) | Cell::Shortened));
    }
    let names: BTreeSet<String> = COLUMNS.iter().map(|column| column.name.to_ascii_lowercase()).collect();
    assert_eq!(names.len(), COLUMNS.len(), "names differ in more than case");
}

#[test]
fn kinds_have_tables_of_their_own_unless_one_is_asked_for() {
    let path =
        |settings: &[(&str, &str)], body| packed(&open(&[settings, &PUSH]).unwrap(), &[body]).url.path().to_owned();
    for (_, body, table) in OTHERS {
        assert!(path(&[], body).ends_with(&format!("/tables/{table}/rows")));
        assert!(path(&[("TABLES", "one")], body).ends_with("/tables/Alerts/rows"));
    }
    let own = path(&[("TABLE", "Mine")], BRUTE_FORCE);
    assert!(
        own.ends_with("/tables/Mine/rows")
            && path(&[("TABLE", "Mine")], RECOMMENDATION).ends_with("/tables/Recommendations/rows")
    );
    let alone: Value = serde_json::from_str(&with(&[("TABLES", "one")], define).unwrap()).unwrap();
    assert_eq!(alone["tables"].as_array().unwrap().len(), 1);
}
