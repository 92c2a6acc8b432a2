//! What is indexed beside an event: for alerts the fields of Splunk's CIM data model "Alerts", for other records how they stand and what
//! they are about, and the fields of the model that their kind belongs to where those are exact.
//!
//! No field has the name of a member that records have, such as `category`: Splunk would show both values in one field.

use std::borrow::Cow;

use crate::event::{Alert, Event, Finding, Log, Posture, RecordKind, Severity};
use crate::format::json::Object;
use crate::format::record::{self, is_posture};

/// Most bytes of one indexed field: they are stored for every event, beside the event that holds the whole text.
const FIELD_BYTES: usize = 1024;

/// Appends the fields as a flat object. Absent values have no field.
pub(super) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut fields = Object::open(out);
    let id = event.id.hex();
    fields.text("event_id", std::str::from_utf8(&id).unwrap_or_default());
    match event.any_alert() {
        Some(alert) => write_alert(&mut fields, event, alert),
        None => write_record(&mut fields, event),
    }
    fields.close();
}

/// The CIM data model "Alerts".
fn write_alert(fields: &mut Object<'_>, event: &Event<'_>, alert: &Alert<'_>) {
    let facts = alert.facts();
    let target = alert.compromised_entity.as_deref().or(alert.resource_name()).or(facts.host.as_deref());
    fields.optional("alert_id", alert.system_alert_id.as_deref().or(event.key.as_deref()).map(short));
    fields.text("severity", event.severity.name());
    fields.optional("signature_id", alert.alert_type.as_deref().map(short));
    fields.optional("signature", alert.display_name.as_deref().map(short));
    fields.optional("dest", target.map(short));
    fields.optional("src", facts.source_ip.as_deref().map(short));
    fields.optional("user", facts.user.as_deref().map(short));
    fields.text("type", "alert");
    fields.optional("app", alert.product_name.as_deref().map(short));
    list(fields, "mitre_technique_id", &alert.techniques());
    fields.optional("vendor_account", alert.subscription_id().map(short));
}

/// How any other record stands and what it is about.
fn write_record(fields: &mut Object<'_>, event: &Event<'_>) {
    if event.severity != Severity::Unknown {
        fields.text("severity", event.severity.name());
    }
    if event.kind == RecordKind::Unknown {
        return;
    }
    // Of a log that would be what belongs together, not one thing that has a latest state.
    if is_posture(event.kind) || matches!(event.kind, RecordKind::Incident | RecordKind::MonitorAlert) {
        fields.optional("record_id", record::key(event).as_deref().map(short));
    }
    filled(fields, "signature_id", &record::signature(event));
    filled(fields, "signature", &record::title(event));
    filled(fields, "outcome", record::outcome(event));
    filled(fields, "state", record::state(event));
    filled(fields, "resource", record::resource(event));
    filled(fields, "dest", record::resource_name(event));
    fields.optional("vendor_account", record::subscription(event).map(short));
    if let Some(Posture::Finding(finding)) = event.posture() {
        write_finding(fields, finding);
    }
    if let Some(log) = event.log() {
        write_log(fields, log);
    }
}

/// The rest of the CIM data model "Vulnerabilities".
fn write_finding(fields: &mut Object<'_>, finding: &Finding<'_>) {
    list(fields, "cve", &finding.vulnerability.cves);
    let score = finding.vulnerability.cvss.as_ref().map(|cvss| cvss.base.to_string());
    fields.optional("cvss", score.as_deref());
}

/// Who did what a log says: of the CIM data models "Authentication" and "Change".
fn write_log(fields: &mut Object<'_>, log: &Log<'_>) {
    fields.optional("user", log.identity.name.as_deref().map(short));
    fields.optional("src", log.caller_ip.as_deref().map(short));
    fields.optional("app", log.identity.app.as_deref().map(short));
}

fn filled(fields: &mut Object<'_>, name: &str, value: &str) {
    fields.optional(name, (!value.is_empty()).then(|| short(value)));
}

/// A field that is one text, or a list where there are several.
fn list(fields: &mut Object<'_>, name: &str, values: &[Cow<'_, str>]) {
    match values {
        [] => {}
        [one] => fields.text(name, short(one)),
        several => {
            let several: Vec<&str> = several.iter().map(|value| short(value)).collect();
            fields.texts(name, &several);
        }
    }
}

/// The beginning of a text, cut between characters.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(FIELD_BYTES)]
}
