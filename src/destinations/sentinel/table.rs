//! A row of the custom table `DefenderForCloudAlerts_CL`: one observation of an alert, or any other record that has no table of its own.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::columns::{ALERT_COLUMNS, REST, TRUNCATED};
use super::row::{self, Value};
use super::{mended, segment};
use crate::event::{Alert, AlertShape, Event, Severity, Status, members, parse_time, scalar};
use crate::format::alert::{intent_list, is_plausible};
use crate::format::json::Object;
use crate::format::severity::word;

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Appends the row of any event.
pub(super) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    let raw = mended(event.raw);
    let record = event.alert.as_deref().map(|alert| Record::of(&raw, alert));
    let mut values: Vec<(&'static str, Value<'_>)> = Vec::with_capacity(ALERT_COLUMNS.len());
    for &(column, _) in ALERT_COLUMNS {
        let value = match (&record, column) {
            (Some(record), REST) => record.rest(&values),
            (None, REST) => Some(Value::Json((&*raw).into())),
            _ => common(event, column).or_else(|| match &record {
                Some(record) => record.value(event, column),
                None => plain(event, column),
            }),
        };
        values.extend(value.map(|value| (column, value)));
    }
    row::write(out, &values, |row, shortened, _| tell_shortened(row, &shortened));
}

/// Appends the column that names those that lost something.
pub(super) fn tell_shortened(row: &mut Object<'_>, shortened: &[&str]) {
    if !shortened.is_empty() {
        row.text(TRUNCATED, &shortened.join(","));
    }
}

/// What every row has.
fn common<'e>(event: &'e Event<'_>, column: &str) -> Option<Value<'e>> {
    Some(match column {
        "TimeGenerated" => Value::Time(event.taken),
        "RecordKind" => Value::text(event.kind.name()),
        // Without a key of its own a record is nobody else's successor.
        "AlertKey" => match &event.key {
            Some(key) => Value::text(key.to_ascii_lowercase()),
            None => Value::text(event.id.to_string()),
        },
        "ForwarderEventId" => Value::text(event.id.to_string()),
        "ForwarderVersion" => Value::text(env!("CARGO_PKG_VERSION")),
        _ => return None,
    })
}

/// What a row of a record that is no alert has besides the record itself.
fn plain<'e>(event: &'e Event<'_>, column: &str) -> Option<Value<'e>> {
    let resource = event.resource.as_deref();
    match column {
        "AlertDisplayName" => event.title.as_deref().map(Value::text),
        "Severity" => (event.severity != Severity::Unknown).then(|| Value::text(word(event.severity))),
        "AlertTimeGeneratedUtc" => time(event.time),
        "AzureResourceId" => resource.map(Value::text),
        "SubscriptionIdStr" => segment(resource?, "subscriptions").map(Value::text),
        "ResourceGroupName" => segment(resource?, "resourceGroups").map(Value::text),
        _ => None,
    }
}

/// .NET's times for "not set" are none.
fn time<'e>(time: Option<Timestamp>) -> Option<Value<'e>> {
    time.filter(is_plausible).map(Value::Time)
}

/// An alert, and the members of its record.
struct Record<'e, 'a> {
    alert: &'e Alert<'a>,
    top: Members<'e>,
    /// Those of `properties`, in the shapes that have it.
    inner: Members<'e>,
}

impl<'e, 'a> Record<'e, 'a> {
    fn of(raw: &'e str, alert: &'e Alert<'a>) -> Self {
        let top = members(raw);
        let inner = match alert.shape {
            AlertShape::Arm | AlertShape::Sentinel => find(&top, "properties").map(|raw| members(raw.get())),
            _ => None,
        };
        Self { alert, top, inner: inner.unwrap_or_default() }
    }

    /// The alert's own members.
    fn own(&self) -> &Members<'e> {
        if self.inner.is_empty() { &self.top } else { &self.inner }
    }

    fn value(&self, event: &'e Event<'_>, column: &str) -> Option<Value<'e>> {
        let alert = self.alert;
        let text = |text: &'e Option<Cow<'_, str>>| text.as_deref().map(Value::text);
        let json = |json: Option<&'e RawValue>| json.map(|json| Value::Json(json.get().into()));
        match column {
            "AlertArmId" => self.arm_id().map(Value::Text),
            "AlertName" => self.name().map(Value::Text),
            "AlertType" => text(&alert.alert_type),
            "AlertDisplayName" => text(&alert.display_name),
            "AlertDescription" => Some(put(alert.description_filled()?, &alert.description)),
            "Severity" => match event.severity {
                Severity::Unknown => text(&alert.severity_text),
                severity => Some(put(word(severity).into(), &alert.severity_text)),
            },
            "Status" => match alert.status {
                Status::Unknown => text(&alert.status_text),
                // As the ARM shape names it: this table mixes shapes.
                Status::New => Some(put("Active".into(), &alert.status_text)),
                status => Some(put(status.name().into(), &alert.status_text)),
            },
            "Intent" => Some(put(intent_list(alert), &alert.intent)).filter(|_| alert.intent.is_some()),
            "StartTimeUtc" => time(alert.start_time),
            "EndTimeUtc" => time(alert.end_time),
            "AlertTimeGeneratedUtc" => time(alert.time_generated),
            "ProcessingEndTimeUtc" => time(alert.processing_end_time),
            "CompromisedEntity" => text(&alert.compromised_entity),
            "ProductName" => text(&alert.product_name),
            "ProductComponentName" => text(&alert.product_component_name),
            "VendorName" => text(&alert.vendor_name),
            "SubscriptionIdStr" => alert.subscription_id().map(Value::text),
            "ResourceGroupName" => alert.resource_group().map(Value::text),
            "AscLocation" => {
                let location = segment(&self.arm_id()?, "locations")?.to_owned();
                Some(Value::text(location))
            }
            "AzureResourceId" => text(&alert.resource_id),
            "AlertTenantId" => self.tenant().map(Value::Text),
            "IsIncident" => Some(Value::Flag(alert.is_incident)),
            "CorrelationKey" => text(&alert.correlation_key),
            "AlertUri" => text(&alert.alert_uri),
            "Techniques" => json(alert.techniques_raw),
            "SubTechniques" => json(alert.sub_techniques_raw),
            "RemediationSteps" => json(alert.remediation),
            "Entities" => json(alert.entities),
            "ExtendedProperties" => json(alert.extended_properties),
            "ResourceIdentifiers" | "ExtendedLinks" | "SupportingEvidence" => {
                json(find(self.own(), column).filter(|raw| !is_blank(raw)))
            }
            _ => None,
        }
    }

    /// The alert's resource id in Defender for Cloud. Elsewhere `id` is another thing.
    fn arm_id(&self) -> Option<Cow<'e, str>> {
        let is_own = |id: &Cow<'e, str>| id.to_ascii_lowercase().contains("/providers/microsoft.security/");
        scalar(find(&self.top, "id")?).filter(is_own)
    }

    /// The name of the alert's resource; in other shapes what they call its name.
    fn name(&self) -> Option<Cow<'e, str>> {
        scalar(find(&self.top, if self.inner.is_empty() { "AlertName" } else { "name" })?)
    }

    /// The Microsoft Entra tenant. `TenantId` of a row of Log Analytics is another thing: its workspace.
    fn tenant(&self) -> Option<Cow<'e, str>> {
        if matches!(self.alert.shape, AlertShape::GraphV2 | AlertShape::GraphV1) {
            return ["tenantId", "azureTenantId"].iter().find_map(|name| scalar(find(&self.top, name)?));
        }
        let identifiers: Vec<&RawValue> = serde_json::from_str(find(self.own(), "resourceIdentifiers")?.get()).ok()?;
        identifiers.into_iter().find_map(|raw| scalar(find(&members(raw.get()), "aadTenantId")?))
    }

    /// What none of these values carries, where it was.
    fn rest(&self, values: &[(&'static str, Value<'e>)]) -> Option<Value<'e>> {
        let left = |(name, raw): &&(Cow<'e, str>, &'e RawValue)| !is_blank(raw) && !is_carried(name, raw, values);
        let mut json = Vec::new();
        let mut rest = Object::open(&mut json);
        for (name, raw) in self.top.iter().filter(left) {
            if self.inner.is_empty() || !name.eq_ignore_ascii_case("properties") {
                rest.json(name, raw.get());
            }
        }
        rest.group("properties", |properties| {
            self.inner.iter().filter(left).for_each(|(name, raw)| properties.json(name, raw.get()));
        });
        rest.close();
        let json = String::from_utf8(json).ok().filter(|json| json.len() > 2)?;
        Some(Value::Json(json.into()))
    }
}

/// What the record says, in our words where those are not its own.
fn put<'e>(text: Cow<'e, str>, own: &Option<Cow<'_, str>>) -> Value<'e> {
    if own.as_deref() == Some(&*text) { Value::Text(text) } else { Value::Word(text) }
}

/// The last member of that name, in any case.
fn find<'e>(members: &Members<'e>, name: &str) -> Option<&'e RawValue> {
    members.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, raw)| *raw)
}

/// Whether a member says nothing: `null`, an empty text.
fn is_blank(raw: &RawValue) -> bool {
    !raw.get().starts_with(['{', '[']) && scalar(raw).is_none()
}

/// Whether a column that is made from members of that name holds what this one says.
fn is_carried(name: &str, raw: &RawValue, values: &[(&'static str, Value<'_>)]) -> bool {
    let named =
        ALERT_COLUMNS.iter().filter(|(_, members)| members.iter().any(|member| member.eq_ignore_ascii_case(name)));
    let mut made = named.filter_map(|(column, _)| values.iter().find(|(own, _)| own == column));
    made.any(|(_, value)| match value {
        Value::Text(text) => scalar(raw).is_some_and(|own| own == *text),
        Value::Time(time) => scalar(raw).is_some_and(|own| parse_time(&own) == Some(*time)),
        // A bag may come as JSON inside a text.
        Value::Json(json) => raw.get() == json || scalar(raw).is_some_and(|own| own.trim() == json),
        Value::Word(_) | Value::Flag(_) | Value::Number(_) | Value::Real(_) => true,
    })
}
