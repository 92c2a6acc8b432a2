//! `host.json` and `function.json`, as far as the local run reads them.

use std::time::Duration;

use serde::Deserialize;

/// A .NET `TimeSpan` as the host's files write it: `[d.]hh:mm:ss[.fraction]`.
pub(in crate::local) fn time_span(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse::<u64>().ok()?, clock),
        _ => (0, text),
    };
    let mut parts = clock.split(':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    if parts.next().is_some() || minutes > 59 {
        return None;
    }
    Duration::from_secs(days * 86_400 + hours * 3600 + minutes * 60)
        .checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostFile {
    pub(super) function_timeout: Option<String>,
    pub(super) functions: Option<Vec<String>>,
    pub(super) custom_handler: Option<CustomHandler>,
    pub(super) extensions: Option<Extensions>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomHandler {
    pub(super) description: Option<Description>,
    pub(super) initialization_timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    pub(super) default_executable_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extensions {
    pub(super) event_hubs: Option<EventHubs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventHubs {
    pub(super) max_event_batch_size: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct FunctionFile {
    pub(super) bindings: Vec<Binding>,
    pub(super) retry: Option<crate::local::retry::RetryFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Binding {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) cardinality: Option<String>,
    pub(super) data_type: Option<String>,
    pub(super) event_hub_name: Option<String>,
    pub(super) consumer_group: Option<String>,
    pub(super) schedule: Option<String>,
    pub(super) route: Option<String>,
    #[serde(default)]
    pub(super) methods: Vec<String>,
}
