//! Records that are no alert: typed views, what they mean for a ticket, and what every renderer wants of them.

use std::fs;

use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::{
    Action, Assessed, AttackPath, Compliance, ComplianceLevel, ComplianceState, Event, Finding, Health, Log, LogResult,
    Outcome, Posture, Recommendation, RecordKind, SecureScoreControl, Severity, Status,
};
use defender_relay::format::record;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support;

const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-3333-4444-555555555555";
const VM: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-demo/providers/Microsoft.Compute/virtualMachines/vm-demo";
const TENANT: &str = "99999999-8888-4777-8666-555544443333";

fn decoded<T>(body: impl AsRef<[u8]>, look: impl FnOnce(&[Event<'_>]) -> T) -> T {
    let (texts, mut out) = (Texts::default(), Decoded::default());
    decode(body.as_ref(), Timestamp::UNIX_EPOCH, &texts, &mut out);
    assert!(out.undecodable.is_empty(), "{:?}", out.undecodable);
    look(&out.events)
}

fn event<T>(name: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let path = support::root().join("tests/fixtures/events").join(name).with_extension("json");
    decoded(fs::read(path).unwrap(), |events| {
        assert_eq!(events.len(), 1, "{name}");
        look(&events[0])
    })
}

fn of<T>(record: &Value, look: impl FnOnce(&Event<'_>) -> T) -> T {
    decoded(record.to_string(), |events| look(&events[0]))
}

fn recommendation<T>(name: &str, look: impl FnOnce(&Recommendation<'_>) -> T) -> T {
    event(name, |event| match event.posture() {
        Some(Posture::Recommendation(recommendation)) => look(recommendation),
        other => panic!("{name}: {other:?}"),
    })
}

fn finding<T>(name: &str, look: impl FnOnce(&Finding<'_>) -> T) -> T {
    event(name, |event| match event.posture() {
        Some(Posture::Finding(finding)) => look(finding),
        other => panic!("{name}: {other:?}"),
    })
}

fn compliance<T>(name: &str, look: impl FnOnce(&Compliance<'_>) -> T) -> T {
    event(name, |event| match event.posture() {
        Some(Posture::Compliance(compliance)) => look(compliance),
        other => panic!("{name}: {other:?}"),
    })
}

fn attack_path<T>(name: &str, look: impl FnOnce(&AttackPath<'_>) -> T) -> T {
    event(name, |event| match event.posture() {
        Some(Posture::AttackPath(path)) => look(path),
        other => panic!("{name}: {other:?}"),
    })
}

fn log<T>(name: &str, look: impl FnOnce(&Log<'_>) -> T) -> T {
    event(name, |event| look(event.log().unwrap_or_else(|| panic!("{name} is no log"))))
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn a_recommendation_with_everything() {
    recommendation("recommendation_unhealthy", |it| {
        assert_eq!(it.assessment_key.as_deref(), Some("0f1e2d3c-4b5a-4697-8877-665544332211"));
        assert_eq!((it.status, it.cause.as_deref()), (Health::Unhealthy, Some("ManagementPortsOpen")));
        assert_eq!(it.status_changed, time("2026-03-01T08:00:00.1234567Z"));
        assert_eq!(it.first_evaluated, time("2026-02-01T08:00:00Z"));
        assert_eq!((it.resource.id.as_deref(), it.resource.source.as_deref()), (Some(VM), Some("Azure")));
        assert_eq!(it.resource.full_type().as_deref(), Some("Microsoft.Compute/virtualMachines"));
        assert_eq!((it.severity_text.as_deref(), it.risk_level.as_deref()), (Some("High"), Some("Medium")));
        assert_eq!(
            (&it.categories[..], &it.threats[..]),
            (&["Networking".into(), "Compute".into()][..], &["DataExfiltration".into(), "AccountBreach".into()][..])
        );
        assert_eq!((it.user_impact.as_deref(), it.implementation_effort.as_deref()), (Some("Moderate"), Some("Low")));
        assert_eq!(it.tactics().iter().map(|tactic| tactic.id).collect::<Vec<_>>(), ["TA0001", "TA0008"]);
        assert_eq!((&it.techniques[..], it.is_preview), (&["T1133".into(), "T1021.001".into()][..], true));
        assert_eq!((it.risk_factors.len(), it.attack_paths.len()), (1, 1));
        assert!(it.link.as_deref().unwrap().starts_with("https://portal.azure.com/#blade"), "{:?}", it.link);
        assert_eq!(
            it.remediation_steps(),
            [
                "To close the ports:",
                "1. Open the network security group",
                "2. See the guide (https://example.com/ports)",
                "3. Set \"source\" to your own range"
            ]
        );
        let (name, rules) = &it.additional_data[2];
        assert_eq!(
            (name.as_ref(), rules.get()),
            ("Rules", r#"[{"name":"allow-all","priority":100}]"#),
            "JSON in a text is opened"
        );
        assert_eq!(it.tenant_id.as_deref(), Some(TENANT));
    });
}

#[test]
fn recommendations_of_the_other_shapes() {
    recommendation("recommendation_rest", |it| {
        assert_eq!(it.status, Health::Unhealthy);
        assert_eq!(
            (it.resource.name.as_deref(), it.resource.id.as_deref()),
            (Some("vm-demo"), Some(VM)),
            "PascalCase inside camelCase"
        );
        assert_eq!((it.severity_text.as_deref(), it.link.as_deref(), it.description.as_deref()), (None, None, None));
    });
    event("recommendation_rest", |event| {
        assert_eq!(event.severity, Severity::Unknown, "REST lists have no metadata");
        assert_eq!((event.outcome(), event.enrichment()), (Outcome::Open, None));
        assert_eq!(record::description(event), "No scanner was found.");
    });
    recommendation("recommendation_snapshot_aws", |it| {
        assert_eq!(it.status, Health::Unhealthy);
        assert_eq!(
            (it.resource.source.as_deref(), it.resource.native_id.as_deref()),
            (Some("Aws"), Some("arn:aws:s3:::bucket-demo"))
        );
        assert!(
            it.resource.id.as_deref().unwrap().ends_with("/securityentitydata/aws-s3-bucket-*-demo"),
            "the record's own scope"
        );
        assert_eq!(
            (it.risk_level.as_deref(), &it.risk_factors[..]),
            (Some("Critical"), &["Sensitive data".into(), "Exposure".into()][..])
        );
        assert_eq!((it.severity_text.as_deref(), it.status_changed), (Some("Critical"), time("2026-03-02T00:00:00Z")));
    });
    event("recommendation_snapshot_aws", |event| {
        let enrichment = event.enrichment().unwrap();
        assert!(event.is_snapshot() && enrichment.is_snapshot);
        assert_eq!((enrichment.action, enrichment.api_version.as_deref()), (Action::Insert, Some("2025-05-04")));
        assert_eq!(record::resource_name(event), "bucket-demo");
    });
    event("recommendation_subscription", |event| {
        assert_eq!((event.outcome(), event.severity), (Outcome::Closed, Severity::Unknown));
        assert_eq!(
            (record::resource(event), record::resource_name(event)),
            (SUBSCRIPTION, &SUBSCRIPTION["/subscriptions/".len()..])
        );
        assert_eq!(record::state(event), "NotApplicable");
    });
}

#[test]
fn a_deletion_closes_whatever_the_last_state_was() {
    event("recommendation_delete_healthy", |event| {
        assert_eq!((event.outcome(), record::state(event)), (Outcome::Closed, "Deleted"));
        assert_eq!(event.enrichment().unwrap().action, Action::Delete);
        assert!(!event.is_snapshot());
    });
    event("finding_general", |event| {
        assert_eq!((event.posture().unwrap().state(), event.outcome()), (Outcome::Open, Outcome::Closed));
    });
    event("attack_path_exposure", |event| {
        assert_eq!((event.outcome(), record::outcome(event)), (Outcome::Closed, "closed"))
    });
    for (action, expected) in
        [("Insert", Outcome::Open), ("Update", Outcome::Open), ("DELETE", Outcome::Closed), ("Else", Outcome::Open)]
    {
        // The older block alone means the same.
        for block in
            ["securityEventDataEnrichment", "assessmentEventDataEnrichment", "SubAssessmentEventDataEnrichment"]
        {
            let record = json!({"type": "Microsoft.Security/assessments", "id": "x", "properties": {"status": {"code": "Unhealthy"}},
                block: {"action": action, "isSnapshot": "True"}});
            of(&record, |event| {
                assert_eq!((event.outcome(), event.is_snapshot()), (expected, true), "{action} {block}")
            });
        }
    }
}

#[test]
fn states_say_what_is_open_and_what_is_closed() {
    let record = |kind: &str, properties: Value| json!({"type": format!("Microsoft.Security/{kind}"), "id": "x", "properties": properties});
    for (code, expected) in [
        ("Unhealthy", Outcome::Open),
        ("unhealthy", Outcome::Open),
        ("Healthy", Outcome::Closed),
        ("NotApplicable", Outcome::Closed),
        ("Other", Outcome::Informational),
        ("", Outcome::Informational),
    ] {
        for kind in ["assessments", "assessments/subAssessments"] {
            of(&record(kind, json!({"status": {"code": code}})), |event| {
                assert_eq!(event.outcome(), expected, "{kind} {code}")
            });
        }
    }
    for (state, expected) in [
        ("Failed", Outcome::Open),
        ("Passed", Outcome::Closed),
        ("Skipped", Outcome::Closed),
        ("Unsupported", Outcome::Closed),
        ("?", Outcome::Informational),
    ] {
        of(&record("regulatoryComplianceAssessment", json!({"state": state})), |event| {
            assert_eq!(event.outcome(), expected, "{state}")
        });
    }
    of(&record("secureScores", json!({})), |event| assert_eq!(event.outcome(), Outcome::Informational));
    of(&record("attackPaths", json!({})), |event| assert_eq!(event.outcome(), Outcome::Open));
    for (status, expected) in [
        ("New", Outcome::Open),
        ("InProgress", Outcome::Open),
        ("Dismissed", Outcome::Closed),
        ("Resolved", Outcome::Closed),
    ] {
        let alert = json!({"SystemAlertId": "x", "AlertType": "T", "Status": status});
        of(&alert, |event| assert_eq!(event.outcome(), expected, "{status}"));
    }
}

#[test]
fn findings_of_every_scanner() {
    finding("finding_sql", |it| {
        assert_eq!((it.rule_id.as_deref(), it.vulnerability.assessed), (Some("VA9999"), Assessed::SqlServer));
        assert_eq!(it.vulnerability.query.as_deref(), Some("SELECT name\nFROM sys.database_firewall_rules"));
        assert_eq!((&it.vulnerability.benchmarks[..], it.vulnerability.cves.len()), (&["FedRAMP".into()][..], 0));
        assert_eq!(it.remediation_steps(), ["Remove rules.", "Set the rest as a baseline."]);
        assert_eq!(it.resource.name.as_deref(), Some("db1"));
        assert_eq!(it.category.as_deref(), Some("SurfaceAreaReduction"));
    });
    finding("finding_server", |it| {
        let vulnerability = &it.vulnerability;
        assert_eq!(
            (vulnerability.assessed, &vulnerability.cves[..]),
            (Assessed::Server, &["CVE-2026-0001".into(), "CVE-2026-0002".into()][..])
        );
        let cvss = vulnerability.cvss.as_ref().unwrap();
        assert_eq!((cvss.base, cvss.version.as_deref()), (7.8, Some("3.0")), "the newer version, not the higher score");
        assert_eq!((vulnerability.patchable, vulnerability.published), (Some(true), time("2026-01-15T00:00:00Z")));
        assert_eq!(
            (vulnerability.threat.as_deref(), &vulnerability.references[..]),
            (Some("Code may run."), &["https://example.com/usn-1".into()][..])
        );
        assert_eq!(it.remediation_steps(), ["Update it: here (https://example.com/u)."]);
    });
    finding("finding_container_registry", |it| {
        let vulnerability = &it.vulnerability;
        assert_eq!((vulnerability.assessed, vulnerability.patchable), (Assessed::ContainerRegistry, Some(false)));
        assert_eq!((vulnerability.repository.as_deref(), vulnerability.cvss.as_ref()), (Some("shop/web"), None));
        assert_eq!(vulnerability.image_digest.as_deref().map(str::len), Some(71));
        assert_eq!(vulnerability.cves, ["CVE-2026-0100"]);
    });
    finding("finding_container_image", |it| {
        let vulnerability = &it.vulnerability;
        assert_eq!(
            (vulnerability.assessed, &vulnerability.cves[..]),
            (Assessed::ContainerRegistry, &["CVE-2026-0200".into()][..])
        );
        assert_eq!(vulnerability.repository.as_deref(), Some("acrdemo.azurecr.io/shop/api"));
        assert_eq!(
            (vulnerability.software.as_deref(), vulnerability.fixed_version.as_deref()),
            (Some("openssl"), Some("1.1"))
        );
        let cvss = vulnerability.cvss.as_ref().unwrap();
        assert_eq!((cvss.base, cvss.version.as_deref()), (9.8, Some("3.1")));
        assert!(cvss.vector.as_deref().unwrap().starts_with("CVSS:3.1/AV:N"));
        assert_eq!((it.category.as_deref(), it.description.as_deref()), (None, None), "N/A stands for nothing");
    });
    event("finding_container_image", |event| assert_eq!(event.severity, Severity::Critical));
    finding("finding_managed_cluster", |it| {
        let vulnerability = &it.vulnerability;
        assert_eq!(
            (vulnerability.assessed, &vulnerability.cves[..]),
            (Assessed::ManagedCluster, &["CVE-2026-0300".into()][..])
        );
        assert_eq!((vulnerability.has_exploit, vulnerability.affected_nodes.len()), (Some(true), 2));
        assert_eq!((vulnerability.cvss.as_ref().unwrap().base, vulnerability.fixed_version.as_deref()), (5.5, None));
    });
    let listed = json!({"type": "Microsoft.Security/assessments/subAssessments", "id": "x", "properties": {"displayName": "CVE-2026-0009",
        "additionalData": {"cve": ["CVE-2026-0007", "no CVE", "CVE-2026-0008"]}}});
    let named = json!({"type": "Microsoft.Security/assessments/subAssessments", "id": "x", "properties": {"displayName": "CVE-2026-0009"}});
    for (record, expected) in [(listed, &["CVE-2026-0007", "CVE-2026-0008"][..]), (named, &["CVE-2026-0009"])] {
        of(&record, |event| match event.posture() {
            Some(Posture::Finding(finding)) => assert_eq!(finding.vulnerability.cves, expected),
            other => panic!("{other:?}"),
        });
    }
    finding("finding_general", |it| {
        assert_eq!(
            (it.vulnerability.assessed, it.status, it.severity_text.as_deref()),
            (Assessed::General, Health::Unhealthy, Some("Low"))
        );
        assert_eq!(it.assessment_key.as_deref(), Some("eeee1111-2222-4333-8444-555566667777"));
        assert_eq!(it.finding_id, it.rule_id);
        assert_eq!(it.remediation_steps(), ["Add `install demo /bin/true` to a file in \\etc\\modprobe.d"]);
        assert_eq!(it.time_generated, time("2026-05-12T09:58:32.2607101Z"));
    });
}

#[test]
fn scores_and_their_controls() {
    event("secure_score_export", |event| {
        let Some(Posture::SecureScore(it)) = event.posture() else { panic!("no score") };
        assert_eq!(
            (it.score.current, it.score.max, it.score.percentage, it.weight),
            (Some(14.51), Some(58.0), Some(0.2502), Some(199))
        );
        assert_eq!((event.outcome(), record::outcome(event), record::state(event)), (Outcome::Informational, "", ""));
        assert_eq!((record::signature(event).as_ref(), event.severity), ("secure_score", Severity::Unknown));
    });
    event("secure_score_control_export", |event| {
        let Some(Posture::SecureScoreControl(SecureScoreControl {
            score,
            healthy,
            unhealthy,
            not_applicable,
            assessment_keys,
            score_name,
            ..
        })) = event.posture()
        else {
            panic!("no control")
        };
        assert_eq!((*healthy, *unhealthy, *not_applicable), (Some(0), Some(3), Some(1)), "numbers may be texts");
        assert_eq!(
            (score.percentage, score_name.as_deref()),
            (Some(0.25), Some("ascScore")),
            "a share that is not there is computed"
        );
        assert_eq!(assessment_keys, &["0f1e2d3c-4b5a-4697-8877-665544332211", "aaaa1111-2222-4333-8444-555566667777"]);
    });
    // No division by nought.
    let empty = json!({"type": "Microsoft.Security/secureScores", "id": "x", "properties": {"score": {"max": 0, "current": 0}}});
    of(&empty, |event| assert!(!record::summary(event).iter().any(|(name, _)| *name == "percentage")));
}

#[test]
fn compliance_at_its_three_levels() {
    compliance("compliance_assessment", |it| {
        assert_eq!((it.level, it.state), (ComplianceLevel::Assessment, ComplianceState::Failed));
        assert_eq!(
            (it.standard.as_deref(), it.control.as_deref()),
            (Some("Demo-Benchmark"), Some("LT.5")),
            "in the id only"
        );
        assert_eq!((it.passed, it.failed, it.skipped, it.unsupported), (Some(7), Some(4), Some(0), None));
        assert!(it.link.as_deref().unwrap().starts_with("https://portal.azure.com/"));
    });
    event("compliance_assessment", |event| {
        assert_eq!(event.enrichment().unwrap().interval.as_deref(), Some("00:00:00"));
        assert_eq!((event.outcome(), event.severity), (Outcome::Open, Severity::Unknown));
        assert_eq!(record::signature(event), "compliance:Demo-Benchmark/LT.5/0f1e2d3c-4b5a-4697-8877-665544332211");
        assert_eq!(record::resource(event), SUBSCRIPTION);
    });
    compliance("compliance_control", |it| {
        assert_eq!(
            (it.level, it.state, it.control.as_deref()),
            (ComplianceLevel::Control, ComplianceState::Passed, Some("1.1"))
        );
        assert_eq!((it.passed, it.failed, it.assessment_key.as_deref()), (Some(7), Some(0), None));
    });
    compliance("compliance_standard", |it| {
        assert_eq!(
            (it.level, it.state, it.control.as_deref()),
            (ComplianceLevel::Standard, ComplianceState::Unsupported, None)
        );
        assert_eq!((it.unsupported, it.description.as_deref()), (Some(21), None));
    });
    event("compliance_standard", |event| {
        assert_eq!(
            (record::title(event).as_ref(), record::signature(event).as_ref()),
            ("Demo-Benchmark", "compliance:Demo-Benchmark")
        );
    });
}

#[test]
fn attack_paths_of_both_shapes() {
    let vault = format!("{SUBSCRIPTION}/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo");
    attack_path("attack_path_legacy", |it| {
        assert_eq!(
            (it.path_id.as_deref(), it.path_type.as_deref()),
            (Some("7777-1"), Some("InternetExposedVmToKeyVault"))
        );
        assert_eq!((it.risk_level.as_deref(), it.potential_impact.as_deref()), (None, Some("High")));
        assert_eq!(it.risk_factors, ["CredentialExposure", "DataExposure"]);
        let (entry, target) = (it.entry_point.as_ref().unwrap(), it.target.as_ref().unwrap());
        assert_eq!(
            (entry.id.as_deref(), entry.label(), entry.kind.as_deref()),
            (Some(VM), Some("vm-demo"), Some("Microsoft.Compute/virtualMachines"))
        );
        assert_eq!(
            (target.id.as_deref(), target.label()),
            (Some(vault.as_str()), Some("kv-demo")),
            "found by its internal id"
        );
        assert_eq!((it.steps, &it.resources[..]), (Some(1), &[VM.into(), vault.as_str().into()][..]));
        assert_eq!(it.remediation_steps(), ["Close the ports.", "Take the rights away."]);
    });
    event("attack_path_legacy", |event| {
        assert_eq!((event.severity, event.outcome()), (Severity::High, Outcome::Open));
        assert_eq!(record::signature(event), "attack_path:InternetExposedVmToKeyVault");
    });
    attack_path("attack_path_exposure", |it| {
        assert_eq!(
            (it.risk_level.as_deref(), it.risk_factors.len(), it.is_partial),
            (Some("Critical"), 2, Some(false))
        );
        assert_eq!((it.steps, it.resources.len()), (Some(3), 3));
        assert_eq!(it.target.as_ref().unwrap().label(), Some("stdemo"));
        assert_eq!(it.description.as_deref(), Some("An attacker can reach the storage account."));
        assert_eq!(it.tactics().iter().map(|tactic| tactic.id).collect::<Vec<_>>(), ["TA0001", "TA0006"]);
    });
    event("attack_path_exposure", |event| assert_eq!(event.severity, Severity::Critical));
}

#[test]
fn the_activity_log_in_both_shapes() {
    log("activity_log_hub", |it| {
        assert_eq!((it.time, it.category.as_deref()), (time("2026-03-07T14:23:51.991Z"), Some("Administrative")));
        assert_eq!(it.operation.as_deref(), Some("MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE"));
        assert_eq!(it.resource_id.as_deref(), Some(VM.to_uppercase().as_str()));
        assert_eq!((it.result, it.result_type.as_deref()), (LogResult::Failed, Some("Failure")));
        assert_eq!((it.result_signature.as_deref(), it.level.as_deref()), (Some("Failed.Forbidden"), Some("Error")));
        assert_eq!(
            (it.identity.name.as_deref(), it.identity.id.as_deref()),
            (Some("ada@contoso.example"), Some("oid-1"))
        );
        assert_eq!((it.identity.app.as_deref(), it.identity.role.as_deref()), (Some("app-1"), Some("Owner")));
        assert_eq!(
            (it.caller_ip.as_deref(), it.duration_ms),
            (Some("203.0.113.20"), Some(12)),
            "a number may be a text"
        );
        assert!(it.properties.unwrap().get().starts_with("{\"statusCode\""), "JSON in a text is opened");
    });
    event("activity_log_hub", |event| {
        assert_eq!(
            (event.severity, record::outcome(event), record::state(event)),
            (Severity::High, "failed", "Failure")
        );
        assert_eq!(record::signature(event), "Administrative:MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE");
    });
    log("activity_log_rest", |it| {
        assert_eq!((it.time, it.category.as_deref()), (time("2026-03-08T20:42:31.3810679Z"), Some("Administrative")));
        assert_eq!(it.operation.as_deref(), Some("Microsoft.Network/networkSecurityGroups/write"));
        assert_eq!(it.operation_display.as_deref(), Some("Create or update a network security group"));
        assert_eq!(
            (it.result, it.result_type.as_deref(), it.result_signature.as_deref()),
            (LogResult::Succeeded, Some("Succeeded"), Some("Created"))
        );
        assert_eq!(
            (it.identity.name.as_deref(), it.identity.id.as_deref()),
            (Some("bob@contoso.example"), Some("oid-2"))
        );
        assert_eq!((it.caller_ip.as_deref(), it.correlation_id.as_deref()), (Some("198.51.100.4"), Some("corr-2")));
    });
    event("activity_log_rest", |event| {
        assert_eq!(
            (event.severity, record::title(event).as_ref()),
            (Severity::Medium, "Create or update a network security group")
        );
        assert_eq!((event.outcome(), record::category(event)), (Outcome::Informational, "Administrative"));
    });
}

#[test]
fn logs_of_microsoft_entra() {
    log("entra_log_sign_in", |it| {
        assert_eq!((it.result, it.result_type.as_deref()), (LogResult::Failed, Some("50126")));
        assert_eq!(it.result_description.as_deref(), Some("Invalid username or password."));
        assert_eq!(
            (it.identity.name.as_deref(), it.identity.app.as_deref()),
            (Some("cleo@contoso.example"), Some("Demo Portal"))
        );
        assert_eq!(
            (it.caller_ip.as_deref(), it.location.as_deref(), it.level.as_deref()),
            (Some("2001:db8::5"), Some("DE"), Some("4"))
        );
        assert_eq!((it.result_signature.as_deref(), it.tenant_id.as_deref()), (None, Some(TENANT)));
    });
    log("entra_log_audit", |it| {
        assert_eq!((it.result, it.result_type.as_deref()), (LogResult::Failed, Some("failure")));
        assert_eq!(
            (it.identity.name.as_deref(), it.identity.id.as_deref()),
            (Some("dora@contoso.example"), Some("oid-4"))
        );
        assert_eq!(
            (it.caller_ip.as_deref(), it.result_description.as_deref()),
            (None, Some("Not allowed")),
            "<null> is no address"
        );
    });
    log("entra_log_risk", |it| {
        assert_eq!((it.time, it.category.as_deref()), (time("2026-03-24T14:42:35Z"), Some("UserRiskEvents")));
        assert_eq!(it.identity.name.as_deref(), Some("emil@contoso.example"));
    });
    event("entra_log_risk", |event| assert_eq!(event.severity, Severity::High, "the risk, not the level of the log"));
    log("entra_log_graph_sign_in", |it| {
        assert_eq!((it.category.as_deref(), it.operation.as_deref()), (Some("SignInLogs"), Some("Sign-in activity")));
        assert_eq!(
            (it.result, it.result_type.as_deref(), it.location.as_deref()),
            (LogResult::Succeeded, Some("0"), Some("DE"))
        );
        assert_eq!(
            (it.identity.name.as_deref(), it.caller_ip.as_deref()),
            (Some("fay@contoso.example"), Some("192.0.2.10"))
        );
    });
}

#[test]
fn resource_logs_metrics_and_rows_of_defender_xdr() {
    log("resource_log_key_vault", |it| {
        assert_eq!((it.category.as_deref(), it.operation.as_deref()), (Some("AuditEvent"), Some("SecretGet")));
        assert_eq!(
            (it.result, it.duration_ms, it.result_description.as_deref()),
            (LogResult::Succeeded, Some(183), None)
        );
        assert_eq!(
            (it.identity.name.as_deref(), it.identity.id.as_deref()),
            (Some("gus@contoso.example"), Some("oid-7"))
        );
    });
    log("resource_log_storage", |it| {
        assert_eq!(
            (it.result, it.result_type.as_deref()),
            (LogResult::Failed, Some("AuthorizationFailure")),
            "the code says it"
        );
        assert_eq!(
            (it.caller_ip.as_deref(), it.identity.name.as_deref()),
            (Some("10.0.0.7"), Some("hal@contoso.example"))
        );
    });
    log("resource_log_metric", |it| {
        let metric = it.metric.as_ref().unwrap();
        assert_eq!((it.category.as_deref(), it.operation.as_deref()), (Some("AllMetrics"), Some("Percentage CPU")));
        assert_eq!(
            (metric.count, metric.total, metric.maximum, metric.average),
            (Some(5.0), Some(12.5), Some(7.25), Some(2.5))
        );
        assert_eq!(metric.time_grain.as_deref(), Some("PT1M"));
    });
    log("xdr_log_process", |it| {
        assert_eq!((it.operation.as_deref(), it.action.as_deref()), (Some("Publish"), Some("ProcessCreated")));
        assert!(it.resource_id.as_deref().unwrap().ends_with("/managedClusters/aks-demo"));
        assert_eq!((it.identity.name.as_deref(), it.result), (Some("root"), LogResult::Unknown));
    });
    event("xdr_log_process", |event| {
        assert_eq!(record::signature(event), "AdvancedHunting-CloudProcessEvents:ProcessCreated");
        assert_eq!((record::title(event).as_ref(), record::outcome(event)), ("ProcessCreated", ""));
    });
    event("xdr_log_alert_evidence", |event| {
        assert_eq!(record::title(event), "AdvancedHunting-AlertEvidence", "not Publish");
        assert_eq!(event.log().unwrap().caller_ip.as_deref(), Some("203.0.113.44"));
    });
    event("xdr_log", |event| assert_eq!((record::title(event).as_ref(), event.severity), ("T", Severity::Medium)));
    let claimed = json!({"time": "2026-01-01T00:00:00Z", "category": "C", "operationName": "O", "callerIpAddress": "not known",
        "identity": json!({"claims": {"upn": "lea@contoso.example", "ipaddr": "192.0.2.77:443"}}).to_string()});
    of(&claimed, |event| {
        let log = event.log().unwrap();
        assert_eq!(log.identity.name.as_deref(), Some("lea@contoso.example"), "an identity may be JSON in a text");
        assert_eq!(log.caller_ip.as_deref(), Some("192.0.2.77"), "what is no address is passed over");
    });
    let nameless =
        json!({"time": "2026-01-01T00:00:00Z", "category": "C", "operationName": "O", "identity": "{\"a\":1}"});
    of(&nameless, |event| assert_eq!(event.log().unwrap().identity.name, None, "JSON is no name"));
    // Some services leave the category out, and the directory has more categories than any list.
    of(&json!({"time": "2026-01-01T00:00:00Z", "resourceId": "/x", "operationName": "Do"}), |event| {
        assert_eq!((event.kind, record::signature(event).as_ref()), (RecordKind::ResourceLog, "resource_log:Do"));
    });
    let new = json!({"time": "2026-01-01T00:00:00Z", "resourceId": "/tenants/t/providers/Microsoft.AADIAM", "operationName": "Do", "category": "NewLogs"});
    of(&new, |event| assert_eq!(event.kind, RecordKind::EntraLog));
}

#[test]
fn monitor_alerts_incidents_and_alerts_of_devices() {
    event("monitor_alert_fired", |event| {
        let log = event.log().unwrap();
        assert_eq!(
            (log.category.as_deref(), log.operation.as_deref()),
            (Some("Log Alerts V2"), Some("Many refused requests"))
        );
        assert_eq!((log.result_type.as_deref(), log.correlation_id.as_deref()), (Some("Fired"), Some("origin-1")));
        assert_eq!((event.outcome(), event.severity, record::state(event)), (Outcome::Open, Severity::Medium, "Fired"));
        assert!(record::resource(event).ends_with("/vaults/kv-demo"));
    });
    event("monitor_alert_resolved", |event| {
        assert_eq!((event.outcome(), record::outcome(event)), (Outcome::Closed, "closed"))
    });
    event("incident_sentinel", |event| {
        let incident = event.incident().unwrap();
        assert_eq!(
            (incident.status, incident.alerts, incident.number.as_deref()),
            (Status::Resolved, Some(2), Some("7"))
        );
        assert_eq!((incident.owner.as_deref(), incident.tactics().len()), (Some("jo@contoso.example"), 2));
        assert_eq!((event.outcome(), record::link(event)), (Outcome::Closed, "https://portal.azure.com/#i"));
    });
    event("incident_graph", |event| {
        let incident = event.incident().unwrap();
        assert_eq!(
            (incident.status, incident.owner.as_deref(), incident.updated),
            (Status::New, Some("kim@contoso.example"), time("2026-07-04T00:00:00Z"))
        );
        assert_eq!((event.outcome(), event.severity), (Outcome::Open, Severity::High));
    });
    event("iot_alert_resolved", |event| {
        assert!(event.alert.is_none());
        assert_eq!(
            (event.any_alert().unwrap().facts().command_line.as_deref(), event.outcome()),
            (Some("docker run --privileged"), Outcome::Closed)
        );
        assert_eq!((record::signature(event).as_ref(), record::resource_name(event)), ("IoT_Demo", "device-1"));
    });
}

#[test]
fn thousands_of_records_in_nested_envelopes_are_each_their_own_event() {
    let record = |number: usize| {
        json!({"time": "2026-01-01T00:00:00Z", "resourceId": format!("/r/{number}"), "category": "AuditEvent", "operationName": "Op",
        "resultType": if number.is_multiple_of(2) { "Success" } else { "Failed" }, "level": "Warning"})
    };
    let half = |start: usize| json!({"records": (start..start + 2500).map(record).collect::<Vec<_>>()});
    let body = json!([half(0).to_string(), {"records": [half(2500)]}]);
    decoded(body.to_string(), |events| {
        assert_eq!(events.len(), 5000);
        for (number, event) in events.iter().enumerate() {
            let log = event.log().unwrap();
            assert_eq!(log.resource_id.as_deref(), Some(format!("/r/{number}").as_str()));
            assert_eq!(log.result, if number.is_multiple_of(2) { LogResult::Succeeded } else { LogResult::Failed });
            assert_eq!((event.severity, event.time), (Severity::Medium, time("2026-01-01T00:00:00Z")));
        }
    });
}

#[test]
fn where_the_resource_is() {
    event("recommendation_unhealthy", |event| {
        assert_eq!(record::subscription(event), Some("11111111-2222-3333-4444-555555555555"));
        assert_eq!((record::resource_group(event), record::resource_name(event)), (Some("rg-demo"), "vm-demo"));
        assert_eq!(record::resource_type(event).as_deref(), Some("Microsoft.Compute/virtualMachines"));
        assert_eq!(record::key(event), Some(event.key.as_deref().unwrap().to_lowercase()));
    });
    event("recommendation_subscription", |event| {
        assert_eq!(record::subscription(event), Some("11111111-2222-3333-4444-555555555555"));
        assert_eq!((record::resource_group(event), record::resource_type(event)), (None, None));
    });
    event("activity_log_hub", |event| {
        assert_eq!(record::resource_group(event), Some("RG-DEMO"), "as written");
        assert_eq!(record::resource_type(event).as_deref(), Some("MICROSOFT.COMPUTE/VIRTUALMACHINES"));
    });
}

#[test]
fn views_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    event("recommendation_unhealthy", |event| {
        shared(event);
        let first = || event.posture().map(std::ptr::from_ref).map(<*const _>::addr);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(first)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), first(), "read once");
            }
        });
    });
}

#[test]
fn what_a_renderer_gets_is_named_ordered_and_never_empty() {
    for kind in RecordKind::ALL {
        let names = record::summary::names(kind);
        for (place, name) in names.iter().enumerate() {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_alphabetic())
                    && name.starts_with(|c: char| c.is_ascii_lowercase()),
                "{name}"
            );
            assert!(!names[..place].contains(name), "{} names {name} twice", kind.name());
        }
    }
    let mut kinds = std::collections::BTreeSet::new();
    for entry in fs::read_dir(support::root().join("tests/fixtures/events")).unwrap() {
        let path = entry.unwrap().path();
        decoded(fs::read(&path).unwrap(), |events| {
            for event in events {
                kinds.insert(event.kind);
                check(event, &path.display().to_string());
                assert!(record::link(event).is_empty() || record::link(event).contains("://"), "{}", path.display());
            }
        });
    }
    assert_eq!(kinds.len(), RecordKind::ALL.len(), "a kind has no fixture");
}

/// What holds for every record.
fn check(event: &Event<'_>, name: &str) {
    let names = record::summary::names(event.kind);
    let mut last = None;
    for (own, value) in record::summary(event) {
        let place = names.iter().position(|name| *name == own);
        assert!(place > last, "{name}: {own} is out of order");
        assert!(!value.trim().is_empty(), "{name}: {own} is empty");
        last = place;
    }
    assert!(!record::title(event).trim().is_empty(), "{name}");
    assert!(!record::signature(event).trim().is_empty() && !record::category(event).trim().is_empty(), "{name}");
    assert!(record::remediation(event).iter().all(|step| !step.trim().is_empty() && !step.contains('\n')), "{name}");
    assert!(record::key(event).is_none_or(|key| key == key.to_lowercase() && !key.is_empty()), "{name}");
    assert_eq!(event.posture().is_some(), record::is_posture(event.kind), "{name}");
    assert_eq!(event.log().is_some(), record::is_log(event.kind) || event.kind == RecordKind::MonitorAlert, "{name}");
}

#[test]
fn a_summary_reads_like_this() {
    let summary = |name: &str| {
        event(name, |event| {
            let pairs: Vec<String> =
                record::summary(event).iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("; ")
        })
    };
    assert_eq!(
        summary("compliance_assessment"),
        "state=Failed; standard=Demo-Benchmark; control=LT.5; assessmentKey=0f1e2d3c-4b5a-4697-8877-665544332211; \
         complianceLevel=assessment; passed=7; failed=4; skipped=0; assessmentType=AssessmentResult; action=Write"
    );
    assert_eq!(
        summary("secure_score_control_export"),
        "score=1.5; maxScore=6; percentage=0.25; weight=3; healthyResources=0; unhealthyResources=3; notApplicableResources=1; \
         controlName=12121212-3434-4565-8787-909090909090; scoreName=ascScore; action=Insert"
    );
    assert_eq!(
        summary("resource_log_metric"),
        "category=AllMetrics; operation=Percentage CPU; timeGrain=PT1M; count=5; total=12.5; minimum=0; maximum=7.25; average=2.5"
    );
    assert!(summary("recommendation_snapshot_aws").ends_with("action=Insert; snapshot=true"));
}

#[test]
fn records_that_lack_everything_or_have_it_in_the_wrong_type_break_nothing() {
    let wrong = [
        json!(null),
        json!(1),
        json!("x"),
        json!("{\"a\":[1]}"),
        json!([1, null, "x", {"a": 1}]),
        json!({"value": []}),
        json!(true),
    ];
    let kinds = [
        "assessments",
        "assessments/subAssessments",
        "secureScores",
        "secureScores/secureScoreControls",
        "regulatoryComplianceStandards",
        "attackPaths",
        "iotAlerts",
    ];
    let members = [
        "resourceDetails",
        "status",
        "metadata",
        "links",
        "risk",
        "additionalData",
        "score",
        "definition",
        "graphComponent",
        "entryPoint",
        "attackPathSteps",
        "displayName",
        "state",
        "id",
    ];
    for value in &wrong {
        let properties: serde_json::Map<String, Value> =
            members.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
        for properties in [json!(properties), value.clone()] {
            for kind in kinds {
                let record = json!({"type": format!("Microsoft.Security/{kind}"), "properties": properties, "securityEventDataEnrichment": value});
                of(&record, |event| check(event, &record.to_string()));
            }
            let log = json!({"time": "2026-01-01T00:00:00Z", "category": "C", "operationName": "O", "properties": properties, "identity": value,
                "claims": value, "status": value, "location": value, "durationMs": value, "callerIpAddress": value, "level": value});
            of(&log, |event| check(event, &log.to_string()));
        }
    }
}

#[test]
fn shared_samples_yield_the_views_that_their_index_promises() {
    let Some(folder) = support::shared("samples") else { return };
    let mut seen = std::collections::BTreeMap::<RecordKind, usize>::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".json") || name.contains("schema") || name.starts_with("sentinel_rest_entities_by_kind") {
            continue;
        }
        decoded(fs::read(&path).unwrap(), |events| {
            for event in events {
                *seen.entry(event.kind).or_default() += 1;
                check(event, &name);
                promised(event, &name);
            }
        });
    }
    let count = |kind| seen.get(&kind).copied().unwrap_or_default();
    assert_eq!((count(RecordKind::Recommendation), count(RecordKind::Finding)), (7, 3));
    assert_eq!((count(RecordKind::SecureScore), count(RecordKind::SecureScoreControl)), (2, 13));
    assert_eq!((count(RecordKind::Compliance), count(RecordKind::AttackPath)), (10, 1));
    assert_eq!((count(RecordKind::ActivityLog), count(RecordKind::EntraLog), count(RecordKind::XdrLog)), (5, 5, 2));
}

/// What a record of the samples says in its typed view, whatever its shape.
fn promised(event: &Event<'_>, name: &str) {
    let is = |file: &str| name == format!("{file}.json");
    assert_eq!(event.enrichment().is_some(), name.starts_with("eh_") && event.alert.is_none(), "{name}");
    assert!(!event.is_snapshot(), "{name}");
    match event.posture() {
        Some(Posture::Recommendation(it)) => {
            assert!(it.assessment_key.is_some() && it.display_name.is_some(), "{name}");
            assert!(it.status != Health::Unknown && it.resource.source.as_deref() == Some("Azure"), "{name}");
            assert!(it.resource.id.as_deref().unwrap().starts_with("/subscriptions/"), "{name}");
            assert_eq!(
                it.link.is_some(),
                is("eh_assessment_delete_healthy") || is("rest2020_assessment_expanded"),
                "{name}"
            );
            if is("eh_assessment_delete_healthy") {
                assert_eq!((event.outcome(), it.severity_text.as_deref()), (Outcome::Closed, Some("Low")));
                assert_eq!(it.remediation_steps().len(), 4);
                assert!(it.link.as_deref().unwrap().starts_with("https://portal.azure.com/#blade"));
            }
        }
        Some(Posture::Finding(it)) => {
            assert!(it.assessment_key.is_some() && it.finding_id.is_some() && it.rule_id.is_some(), "{name}");
            assert!(
                it.status != Health::Unknown && it.severity_text.is_some() && it.time_generated.is_some(),
                "{name}"
            );
            assert!(it.vulnerability.assessed != Assessed::Other, "{name}");
            if is("arm_subassessment_cve_tvm") {
                assert_eq!(
                    (&it.vulnerability.cves[..], it.vulnerability.affected_nodes.len()),
                    (&["CVE-2025-38166".into()][..], 2)
                );
                assert_eq!(
                    (it.vulnerability.cvss.as_ref().unwrap().base, it.vulnerability.has_exploit),
                    (5.5, Some(false))
                );
            }
            if is("eh_subassessment_pascal_dollartype") {
                assert_eq!((event.outcome(), it.category.as_deref()), (Outcome::Closed, None));
            }
        }
        Some(Posture::SecureScore(it)) => {
            assert!(it.score.current.is_some() && it.score.max.is_some() && it.score.percentage.is_some(), "{name}");
            assert!(it.weight.is_some() && it.display_name.as_deref() == Some("ASC score"), "{name}");
        }
        Some(Posture::SecureScoreControl(it)) => {
            assert!(
                it.display_name.is_some() && it.name.is_some() && it.score_name.as_deref() == Some("ascScore"),
                "{name}"
            );
            assert!(
                it.healthy.is_some() && it.unhealthy.is_some() && it.not_applicable.is_some() && it.score.max.is_some(),
                "{name}"
            );
            assert_eq!(it.assessment_keys.len(), if is("eh_securescore_control") { 12 } else { 0 }, "{name}");
        }
        Some(Posture::Compliance(it)) => {
            assert!(it.standard.is_some() && it.state != ComplianceState::Unknown, "{name}");
            assert!(it.passed.is_some() && it.failed.is_some() && it.skipped.is_some(), "{name}");
            let level = if name.contains("standards") {
                ComplianceLevel::Standard
            } else if name.contains("control") {
                ComplianceLevel::Control
            } else {
                ComplianceLevel::Assessment
            };
            assert_eq!(it.level, level, "{name}");
            assert_eq!(it.assessment_key.is_some(), level == ComplianceLevel::Assessment, "{name}");
        }
        Some(Posture::AttackPath(it)) => {
            assert_eq!(
                (it.path_type.as_deref(), it.potential_impact.as_deref()),
                (Some("InternetExposed"), Some("DataExposure"))
            );
            assert_eq!(
                (it.risk_factors.len(), it.steps, it.target.as_ref().unwrap().label()),
                (2, Some(1), Some("t1"))
            );
        }
        None => {}
    }
    let Some(log) = event.log() else { return };
    assert!(log.time.is_some() && log.category.is_some() && log.operation.is_some(), "{name}");
    assert_eq!(log.resource_id.is_some(), !is("xdr_streaming_alert_evidence"), "{name}");
    assert_eq!(log.time, event.time, "{name}");
    let expected = match name.trim_end_matches(".json") {
        "activitylog_administrative_nsg" => (LogResult::Succeeded, Some("Informational"), Some("1.2.3.4")),
        "activitylog_alert" => (LogResult::Unknown, Some("Informational"), None),
        "activitylog_eh_listkeys" => (LogResult::Started, Some("Information"), Some("81.2.69.144")),
        "activitylog_security_alert_aks_doc" => (LogResult::Unknown, Some("Informational"), None),
        "entra_audit_add_member_to_group" => (LogResult::Succeeded, Some("Informational"), None),
        "entra_audit_add_user" => (LogResult::Succeeded, Some("Informational"), None),
        "entra_signin_1" => (LogResult::Succeeded, Some("4"), Some("1.2.3.4")),
        "entra_user_risk_detection" => (LogResult::Unknown, Some("4"), Some("1.2.3.4")),
        "eventhub_envelope_activity_sumo" => (LogResult::Started, Some("Information"), Some("111.93.54.106")),
        "graph_signin" => (LogResult::Succeeded, None, Some("192.0.2.1")),
        "keyvault_secret_get" => (LogResult::Succeeded, None, Some("147.161.0.0")),
        "xdr_streaming_alert_evidence" | "xdr_streaming_cloud_process" => (LogResult::Unknown, None, None),
        other => panic!("{other} is a log that nobody expected"),
    };
    assert_eq!((log.result, log.level.as_deref(), log.caller_ip.as_deref()), expected, "{name}");
    let nobody = ["xdr_streaming_alert_evidence", "activitylog_security_alert_aks_doc"];
    assert_eq!(log.identity.name.is_none(), nobody.iter().any(|file| is(file)), "{name}: {:?}", log.identity);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_may_stand_in_any_member(texts in prop::collection::vec("\\PC{0,12}|[<>a-z/&;'\"= \\n\u{e9}]{0,40}|/subscriptions/[A-Za-z/\u{130}]{0,20}", 12)) {
        let text = |place: usize| json!(texts[place % texts.len()]);
        let properties = json!({"displayName": text(0), "description": text(1), "remediation": text(2), "manualRemediationSteps": [text(2), text(3)],
            "status": {"code": text(4), "cause": text(5), "severity": text(6)}, "state": text(4), "id": text(7),
            "metadata": {"remediationDescription": text(2), "categories": [text(8)], "tactics": text(9)}, "links": {"azurePortal": text(10)},
            "resourceDetails": {"Id": text(11), "ResourceType": text(0)}, "attackPathType": text(1), "entryPoint": {"id": text(11), "name": text(2)},
            "additionalData": {"cve": [{"title": text(3)}], "repositoryName": text(4)}, "score": {"current": text(5), "max": text(6)},
            "incidentUrl": text(10), "result": text(7), "ipAddress": text(8)});
        for kind in ["assessments", "assessments/subAssessments", "secureScores", "secureScores/secureScoreControls", "regulatoryComplianceControl",
            "attackPaths", "iotAlerts"] {
            let record = json!({"type": format!("Microsoft.Security/{kind}"), "id": text(11), "name": text(0), "properties": properties,
                "securityEventDataEnrichment": {"action": text(1)}});
            of(&record, |event| check(event, &record.to_string()));
        }
        let log = json!({"time": "2026-01-01T00:00:00Z", "category": "C", "operationName": text(0), "resultType": text(1), "resourceId": text(11),
            "identity": text(2), "callerIpAddress": text(3), "durationMs": text(4), "properties": properties});
        of(&log, |event| check(event, &log.to_string()));
    }
}
