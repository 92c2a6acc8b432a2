//! The worked examples that the line formats are held to: two alerts, and each as every format must write it.

use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{Event, parse_time};

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
            event: event(include_str!("examples/a.json")),
            cef_0: include_str!("examples/a.s3164_cef").trim_end(),
            cef_1: include_str!("examples/a.cef1").trim_end(),
            leef_1: include_str!("examples/a.s3164_leef").trim_end(),
            leef_2: include_str!("examples/a.leef2").trim_end(),
            syslog_json: include_str!("examples/a.s5424_json").trim_end(),
            syslog_cef: include_str!("examples/a.s5424_cef").trim_end(),
        },
        Example {
            event: event(include_str!("examples/b.json")),
            cef_0: include_str!("examples/b.s3164_cef").trim_end(),
            cef_1: include_str!("examples/b.cef1").trim_end(),
            leef_1: include_str!("examples/b.s3164_leef").trim_end(),
            leef_2: include_str!("examples/b.leef2").trim_end(),
            syslog_json: include_str!("examples/b.s5424_json").trim_end(),
            syslog_cef: include_str!("examples/b.s5424_cef").trim_end(),
        },
    ]
}

/// A recommendation, with line breaks between its tokens.
pub(crate) fn recommendation() -> Event<'static> {
    event(include_str!("examples/recommendation.json"))
}

/// Names and records of every kind but alerts, in each of the shapes that are known.
pub(crate) fn of_every_kind() -> Vec<(&'static str, Event<'static>)> {
    macro_rules! fixtures {
        ($($name:literal),* $(,)?) => {
            vec![$(($name, event(include_str!(concat!("../../tests/fixtures/events/", $name, ".json"))))),*]
        };
    }
    fixtures![
        "recommendation_unhealthy",
        "recommendation_delete_healthy",
        "finding_server",
        "finding_sql",
        "secure_score_export",
        "secure_score_control_export",
        "compliance_assessment",
        "attack_path_legacy",
        "attack_path_exposure",
        "iot_alert_resolved",
        "incident_sentinel",
        "activity_log_hub",
        "activity_log_rest",
        "entra_log_sign_in",
        "entra_log_audit",
        "resource_log_key_vault",
        "resource_log_metric",
        "xdr_log_process",
        "monitor_alert_fired",
        "unknown",
    ]
}

/// What `write` makes of each of [`of_every_kind`], under its name, for one snapshot.
pub(crate) fn every_kind_as(write: impl Fn(&Event<'static>) -> String) -> String {
    let lines = of_every_kind().into_iter().map(|(name, event)| format!("{name}\n{}\n", write(&event).trim_end()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The one event in `json`.
fn event(json: &'static str) -> Event<'static> {
    let texts: &'static Texts = Box::leak(Box::default());
    let mut decoded = Decoded::default();
    decode(json.as_bytes(), parse_time("2026-02-05T00:00:00Z").unwrap(), texts, &mut decoded);
    decoded.events.pop().unwrap()
}
