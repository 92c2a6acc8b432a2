//! The worked examples that the line formats are held to: two alerts, and each as every format must write it.

use crate::event::{Alert, Event, EventId, Facts, RecordKind, Severity, Status, parse_time};

/// A worked example.
pub(crate) struct Example {
    pub(crate) event: Event<'static>,
    pub(crate) cef_0: &'static str,
    pub(crate) cef_1: &'static str,
    pub(crate) leef_1: &'static str,
    pub(crate) leef_2: &'static str,
    pub(crate) syslog_json: &'static str,
    pub(crate) syslog_cef: &'static str,
}

/// Both examples.
pub(crate) fn examples() -> [Example; 2] {
    [
        Example {
            event: event_a(),
            cef_0: include_str!("examples/a.s3164_cef").trim_end(),
            cef_1: include_str!("examples/a.cef1").trim_end(),
            leef_1: include_str!("examples/a.s3164_leef").trim_end(),
            leef_2: include_str!("examples/a.leef2").trim_end(),
            syslog_json: include_str!("examples/a.s5424_json").trim_end(),
            syslog_cef: include_str!("examples/a.s5424_cef").trim_end(),
        },
        Example {
            event: event_b(),
            cef_0: include_str!("examples/b.s3164_cef").trim_end(),
            cef_1: include_str!("examples/b.cef1").trim_end(),
            leef_1: include_str!("examples/b.s3164_leef").trim_end(),
            leef_2: include_str!("examples/b.leef2").trim_end(),
            syslog_json: include_str!("examples/b.s5424_json").trim_end(),
            syslog_cef: include_str!("examples/b.s5424_cef").trim_end(),
        },
    ]
}

/// An event with nothing but its bytes.
pub(crate) fn bare(kind: RecordKind, raw: &str) -> Event<'_> {
    Event {
        id: EventId::of(raw.as_bytes()),
        kind,
        raw,
        key: None,
        title: None,
        resource: None,
        time: None,
        seen: parse_time("2026-02-05T00:00:00Z").unwrap(),
        severity: Severity::Unknown,
        alert: None,
    }
}

/// A recommendation.
pub(crate) fn recommendation() -> Event<'static> {
    let raw = "{\"id\":\"/subscriptions/7d3c0a1e-1111-4222-8333-444455556666/providers/Microsoft.Security/assessments/x\",\r\n\t\"type\":\"Microsoft.Security/assessments\"}";
    Event {
        key: Some("/subscriptions/7d3c0a1e-1111-4222-8333-444455556666/providers/Microsoft.Security/assessments/x".into()),
        title: Some("Machines should be | patched".into()),
        resource: Some("/subscriptions/7d3c0a1e-1111-4222-8333-444455556666".into()),
        time: parse_time("2026-02-03T04:09:10Z"),
        severity: Severity::High,
        ..bare(RecordKind::Recommendation, raw)
    }
}

fn event_a() -> Event<'static> {
    let alert = Alert {
        system_alert_id: Some("2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b".into()),
        alert_type: Some("VM_LoginBruteForceSuccess".into()),
        display_name: Some("Successful brute force | SSH".into()),
        description: Some("User CONTOSO\\svc=batch logged on after 512 failures.\nReview a=b rules.".into()),
        status: Status::New,
        intent: Some("InitialAccess".into()),
        start_time: parse_time("2026-02-03T04:05:06.7891234Z"),
        end_time: parse_time("2026-02-03T04:07:00.0000000Z"),
        compromised_entity: Some("web01".into()),
        resource_id: Some("/subscriptions/7d3c0a1e-1111-4222-8333-444455556666/resourceGroups/prod-rg/providers/Microsoft.Compute/virtualMachines/web01".into()),
        alert_uri: Some("https://portal.azure.com/#blade/x/alertId/2517200000000000001_3f6c1a52?a=1&b=2".into()),
        extended_properties: serde_json::from_str(r#"{"resourceType":"Virtual Machine","Techniques":"T1110"}"#).ok(),
        ..Alert::blank()
    };
    let facts = Facts {
        source_ip: Some("203.0.113.45".into()),
        user: Some("CONTOSO\\svc=batch".into()),
        host: Some("web01".into()),
        ..Facts::default()
    };
    Event {
        time: parse_time("2026-02-03T04:09:10.1234567Z"),
        severity: Severity::High,
        alert: Some(Box::new(alert.with_facts(facts))),
        ..bare(RecordKind::Alert, include_str!("examples/a.json").trim_end())
    }
}

fn event_b() -> Event<'static> {
    let alert = Alert {
        system_alert_id: Some("2517200000000000002_9a8b7c6d-0000-4111-9222-333344445555".into()),
        alert_type: Some("Storage.Blob_AM.MalwareFound".into()),
        display_name: Some("Malicious blob uploaded".into()),
        description: Some("Blob “rapport ü.docx” ] matched a signature.".into()),
        status: Status::InProgress,
        intent: Some("LateralMovement".into()),
        start_time: parse_time("2026-02-04T10:00:00Z"),
        end_time: parse_time("2026-02-04T10:00:00Z"),
        compromised_entity: Some("stprod".into()),
        resource_id: Some("/subscriptions/7d3c0a1e-1111-4222-8333-444455556666/resourceGroups/data-rg/providers/Microsoft.Storage/storageAccounts/stprod".into()),
        alert_uri: Some("https://portal.azure.com/#blade/x/alertId/2517200000000000002_9a8b7c6d".into()),
        extended_properties: serde_json::from_str(r#"{"resourceType":"Storage","Techniques":"T1570"}"#).ok(),
        ..Alert::blank()
    };
    let facts = Facts {
        source_ip: Some("2001:db8::5".into()),
        file_name: Some("rapport ü.docx".into()),
        file_path: Some("https://stprod.blob.core.windows.net/in".into()),
        file_hash: Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into()),
        ..Facts::default()
    };
    Event {
        time: parse_time("2026-02-04T10:00:02.5Z"),
        severity: Severity::Medium,
        alert: Some(Box::new(alert.with_facts(facts))),
        ..bare(RecordKind::Alert, include_str!("examples/b.json").trim_end())
    }
}
