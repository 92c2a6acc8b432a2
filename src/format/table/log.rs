//! The columns of logs.

use super::Cell::{Number, Real, Text};
use super::Column;
use super::columns::{borrowed, count};
use crate::event::{Event, Identity, Metric};

/// Of logs, metrics and Azure Monitor's alerts.
pub(super) const LOGS: &[Column] = &[
    Column::new(
        "Category",
        Text(|event| borrowed(&event.log()?.category)),
        "`Administrative`, `SignInLogs`, `AdvancedHunting-AlertInfo`, ...",
    ),
    Column::new(
        "Operation",
        Text(|event| borrowed(&event.log()?.operation)),
        "what was done, as the service names it; of a metric its name",
    ),
    Column::new("OperationDisplayName", Text(|event| borrowed(&event.log()?.operation_display)), "the same for people"),
    Column::new(
        "ActionType",
        Text(|event| borrowed(&event.log()?.action)),
        "what a row of Defender XDR is about, as `ProcessCreated`",
    ),
    Column::new(
        "ResultSignature",
        Text(|event| borrowed(&event.log()?.result_signature)),
        "sub-status, often an HTTP status",
    ),
    Column::new(
        "ResultDescription",
        Text(|event| borrowed(&event.log()?.result_description)),
        "the reason of a failure",
    ),
    Column::new("Level", Text(|event| borrowed(&event.log()?.level)), "a word or a number, as it came"),
    Column::new("CallerIp", Text(|event| borrowed(&event.log()?.caller_ip)), "the caller's address"),
    Column::new("UserName", Text(|event| borrowed(&identity(event)?.name)), "who did it"),
    Column::new("UserId", Text(|event| borrowed(&identity(event)?.id)), "the object id in Microsoft Entra"),
    Column::new("Application", Text(|event| borrowed(&identity(event)?.app)), "the application that was used"),
    Column::new("Role", Text(|event| borrowed(&identity(event)?.role)), "the role that allowed it"),
    Column::new("CorrelationId", Text(|event| borrowed(&event.log()?.correlation_id)), "what belongs together"),
    Column::new("EntraTenantId", Text(|event| borrowed(&event.log()?.tenant_id)), "the Microsoft Entra tenant"),
    Column::new("Location", Text(|event| borrowed(&event.log()?.location)), "a region, or the country of a sign-in"),
    Column::new("DurationMs", Number(|event| count(event.log()?.duration_ms)), "how long it took, in milliseconds"),
    Column::new(
        "TimeGrain",
        Text(|event| borrowed(&metric(event)?.time_grain)),
        "of a metric: how long it was measured, as `PT1M`",
    ),
    Column::new("MetricCount", Real(|event| metric(event)?.count), "of a metric"),
    Column::new("MetricTotal", Real(|event| metric(event)?.total), "of a metric"),
    Column::new("MetricMinimum", Real(|event| metric(event)?.minimum), "of a metric"),
    Column::new("MetricMaximum", Real(|event| metric(event)?.maximum), "of a metric"),
    Column::new("MetricAverage", Real(|event| metric(event)?.average), "of a metric"),
];

fn identity<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Identity<'a>> {
    event.log().map(|log| &log.identity)
}

fn metric<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Metric<'a>> {
    event.log()?.metric.as_ref()
}
