//! A record of Azure Monitor: activity log, Microsoft Entra, resource logs and metrics, Defender XDR streaming, monitor alerts.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::RecordKind;
use super::bag::Bag;
use super::facts;
use super::identity::Identity;

/// A log record, in the words that all logs share. What a record does not say is absent.
///
/// Shapes: the common one of event hubs (`time`, `resourceId`, `operationName`, `category`, `resultType`, `properties{}`), the one of REST
/// (`eventTimestamp`, `operationName{value,localizedValue}`, `status{}`, `caller`, `claims{}`), sign-ins of Microsoft Graph, rows of
/// Defender XDR, and Azure Monitor's common alert schema, where the target is the resource, the rule the operation and the condition the
/// result.
#[derive(Debug)]
pub struct Log<'a> {
    /// When it happened or was logged, as the record says.
    pub time: Option<Timestamp>,
    /// The category: `Administrative`, `SignInLogs`, `AdvancedHunting-AlertInfo`, ... Metrics have none of their own and get the one they
    /// are exported by, `AllMetrics`; monitor alerts have the monitoring service, sign-ins of Graph `SignInLogs`.
    pub category: Option<Cow<'a, str>>,
    /// What was done, as the service names it (`operationName`); of a metric its name. Rows of Defender XDR all say `Publish`: see `action`.
    pub operation: Option<Cow<'a, str>>,
    /// The same for people, where the record has it; of a row of Defender XDR its `Title`.
    pub operation_display: Option<Cow<'a, str>>,
    /// What a row of Defender XDR is about (`ActionType`), as `ProcessCreated`.
    pub action: Option<Cow<'a, str>>,
    /// The resource it was done to, as written.
    pub resource_id: Option<Cow<'a, str>>,
    /// How it ended.
    pub result: LogResult,
    /// The result as it came: `resultType`, `status.value`, `properties.result`, an error code.
    pub result_type: Option<Cow<'a, str>>,
    /// `resultSignature`, or the sub-status: often an HTTP status.
    pub result_signature: Option<Cow<'a, str>>,
    /// `resultDescription`, or the reason of a failure.
    pub result_description: Option<Cow<'a, str>>,
    /// `level` as it came: a word or a number.
    pub level: Option<Cow<'a, str>>,
    /// The caller's address, without its port; never one that is no address.
    pub caller_ip: Option<Cow<'a, str>>,
    /// Who did it.
    pub identity: Identity<'a>,
    /// `correlationId`: what belongs together.
    pub correlation_id: Option<Cow<'a, str>>,
    /// `tenantId`.
    pub tenant_id: Option<Cow<'a, str>>,
    /// `location`: a region, or the country of a sign-in.
    pub location: Option<Cow<'a, str>>,
    /// `durationMs`, whether it came as number or text.
    pub duration_ms: Option<u64>,
    /// A description for people.
    pub description: Option<Cow<'a, str>>,
    /// The metric, of a metrics record.
    pub metric: Option<Metric<'a>>,
    /// `properties`, opened where they are JSON inside a string.
    pub properties: Option<&'a RawValue>,
}

/// How an operation ended, as far as the record says so in a word that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogResult {
    /// It does not say, or in a word of its own.
    #[default]
    Unknown,
    /// It began, or goes on.
    Started,
    /// It went well.
    Succeeded,
    /// It failed or was refused.
    Failed,
}

impl LogResult {
    /// The result that a record's word or code means, without regard to case. Codes: `0` is success, 200 to 399 is success as in HTTP, anything else failure.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        // Signatures say more after a point: `Failed.Forbidden`, `Started.`
        let word = text.trim().split('.').next().unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "start" | "started" | "accept" | "accepted" | "inprogress" | "in progress" | "running" | "pending" => {
                Self::Started
            }
            "success" | "succeeded" | "successful" | "succeed" | "ok" | "true" | "created" => Self::Succeeded,
            "failure" | "failed" | "fail" | "error" | "denied" | "deny" | "forbidden" | "unauthorized" | "timeout"
            | "canceled" | "cancelled" | "false" | "clienterror" | "servererror" => Self::Failed,
            code => match code.parse() {
                Ok(0 | 200..=399) => Self::Succeeded,
                Ok(1..) => Self::Failed,
                Ok(i64::MIN..0) | Err(_) => Self::Unknown,
            },
        }
    }

    /// Its name, as `succeeded`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// The values of a metrics record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric<'a> {
    /// `metricName`.
    pub name: Option<Cow<'a, str>>,
    /// `timeGrain`: how long it was measured, as `PT1M`.
    pub time_grain: Option<Cow<'a, str>>,
    /// `count`.
    pub count: Option<f64>,
    /// `total`.
    pub total: Option<f64>,
    /// `minimum`.
    pub minimum: Option<f64>,
    /// `maximum`.
    pub maximum: Option<f64>,
    /// `average`.
    pub average: Option<f64>,
}

impl<'a> Log<'a> {
    /// The typed view of a record; none of a kind that is no log. `time` is the event's own.
    pub(super) fn read(kind: RecordKind, top: &Bag<'a>, time: Option<Timestamp>) -> Option<Self> {
        match kind {
            RecordKind::MonitorAlert => Some(Self::monitor_alert(top, time)),
            RecordKind::ActivityLog | RecordKind::EntraLog | RecordKind::ResourceLog | RecordKind::XdrLog => {
                Some(Self::record(kind, top, time))
            }
            _ => None,
        }
    }

    fn record(kind: RecordKind, top: &Bag<'a>, time: Option<Timestamp>) -> Self {
        let properties = top.container("properties");
        let own = top.opened(properties);
        let identity = top.inner("identity");
        let claims = [identity.inner("claims"), identity.inner("claim"), top.inner("claims")];
        let [status, own_status] = [top, &own].map(|bag| bag.inner("status"));
        // A sign-in of Microsoft Graph keeps at the top what the export keeps in `properties`.
        let is_graph = kind == RecordKind::EntraLog && own.is_empty();
        let metric = top.text("metricName").map(|name| Metric::read(name, top));
        let operation = top.text("operationName").or_else(|| metric.as_ref()?.name.clone());
        let is_row = kind == RecordKind::XdrLog;
        let display = top
            .inner("operationName")
            .text("localizedValue")
            .or_else(|| own.text(if is_row { "title" } else { "activityDisplayName" }));
        let result_type = top
            .text("resultType")
            .or_else(|| top.first(&["status", "statusText"]))
            .or_else(|| own.first(&["result", "status", "succeeded"]))
            .or_else(|| status.text("errorCode").or_else(|| own_status.text("errorCode")));
        let result_signature =
            top.first(&["resultSignature", "subStatus"]).filter(|text| !text.eq_ignore_ascii_case("None"));
        let code =
            own.first(&["statusCode", "httpStatusCode", "responseStatusCode"]).or_else(|| top.text("statusCode"));
        let results = [&result_type, &result_signature, &code].into_iter().flatten();
        let result = results.map(|text| LogResult::from_text(text)).find(|result| *result != LogResult::Unknown);
        Self {
            time,
            category: top.text("category").or_else(|| match (&metric, is_graph) {
                (Some(_), _) => Some("AllMetrics".into()),
                (None, true) => Some("SignInLogs".into()),
                (None, false) => None,
            }),
            operation_display: display.filter(|display| Some(display) != operation.as_ref()),
            action: if is_row { own.text("actionType") } else { None },
            operation: operation.or_else(|| is_graph.then(|| "Sign-in activity".into())),
            resource_id: top
                .first(&["resourceId", "resourceUri"])
                .or_else(|| own.first(&["azureResourceId", "resourceId", "resourceUri"])),
            result: result.unwrap_or_default(),
            result_type,
            result_signature,
            result_description: top
                .text("resultDescription")
                .or_else(|| own.first(&["resultReason", "statusMessage"]))
                .or_else(|| own_status.first(&["failureReason", "additionalDetails"]))
                .or_else(|| status.first(&["failureReason", "additionalDetails"])),
            level: top.text("level"),
            caller_ip: caller_ip(top, &own, &claims),
            identity: Identity::read(top, &own, &identity, &claims),
            correlation_id: top.text("correlationId").or_else(|| own.text("correlationId")),
            tenant_id: top.text("tenantId").or_else(|| own.text("tenantId")),
            location: top.text("location").or_else(|| {
                [&own, top].into_iter().find_map(|bag| bag.inner("location").first(&["countryOrRegion", "city"]))
            }),
            duration_ms: top.count("durationMs"),
            description: top.text("description").or_else(|| own.first(&["title", "description"])),
            metric,
            properties,
        }
    }

    /// Azure Monitor's common alert schema.
    fn monitor_alert(top: &Bag<'a>, time: Option<Timestamp>) -> Self {
        let data = top.inner("data");
        let essentials = data.inner("essentials");
        Self {
            time,
            category: essentials.first(&["monitoringService", "signalType"]),
            operation: essentials.text("alertRule"),
            operation_display: None,
            action: None,
            resource_id: essentials.list("alertTargetIDs").into_iter().next(),
            result: LogResult::Unknown,
            result_type: essentials.text("monitorCondition"),
            result_signature: None,
            result_description: None,
            level: essentials.text("severity"),
            caller_ip: None,
            identity: Identity::default(),
            correlation_id: essentials.first(&["originAlertId", "alertId"]),
            tenant_id: None,
            location: None,
            duration_ms: None,
            description: essentials.text("description"),
            metric: None,
            properties: data.container("alertContext"),
        }
    }
}

impl<'a> Metric<'a> {
    fn read(name: Cow<'a, str>, top: &Bag<'a>) -> Self {
        let [count, total, minimum, maximum, average] =
            ["count", "total", "minimum", "maximum", "average"].map(|name| top.number(name));
        Self { name: Some(name), time_grain: top.text("timeGrain"), count, total, minimum, maximum, average }
    }
}

/// The caller's address, from the first of the places that hold one.
fn caller_ip<'a>(top: &Bag<'a>, own: &Bag<'a>, claims: &[Bag<'a>]) -> Option<Cow<'a, str>> {
    let texts = [
        top.text("callerIpAddress"),
        top.inner("httpRequest").text("clientIpAddress"),
        own.first(&["ipAddress", "callerIpAddress", "clientIp", "clientIpAddress", "client_ip", "remoteIP"]),
        top.first(&["ipAddress", "clientIp"]),
        claims.iter().find_map(|claims| claims.text("ipaddr")),
    ];
    texts.into_iter().flatten().find_map(facts::address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_of_results() {
        for (texts, result) in [
            (&["Start", "Started.", "Accepted", "InProgress"][..], LogResult::Started),
            (&["Success", "Succeeded", "succeeded.Created", "0", "200", "304", "True", " OK "], LogResult::Succeeded),
            (
                &["Failure", "FAILED", "Failed.Forbidden", "50126", "404", "500", "timeout", "denied", "1"],
                LogResult::Failed,
            ),
            (&["", "Active", "None", "-1", "Resolved", "99999999999999999999999"], LogResult::Unknown),
        ] {
            for text in texts {
                assert_eq!(LogResult::from_text(text), result, "{text}");
            }
        }
    }
}
