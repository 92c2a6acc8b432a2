//! Invocations, in the exact shape in which the Functions host posts them to a custom handler.
//!
//! Source: `ScriptInvocationContextExtensions` of the host. Arrays travel as one JSON string that holds the JSON array, objects as
//! objects, and `dataType` decides how an event's body is written into that array.

use std::collections::BTreeMap;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::retry::RetryPolicy;
use super::script_root::DataType;

/// Version that the stand-in gives itself in `X-Azure-Functions-HostVersion`; the first digits are those of a current host.
pub const HOST_VERSION: &str = "4.1052.200.local";

/// One event of a hub's partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubEvent {
    /// Its body, as it was published.
    pub body: Vec<u8>,
    /// Its number within the partition.
    pub sequence_number: u64,
    /// When the hub took it.
    pub enqueued: Timestamp,
}

impl HubEvent {
    /// Where it lies in the partition; a real hub counts bytes, this one 512 per event.
    fn offset(&self) -> u64 {
        self.sequence_number * 512
    }
}

/// Which partition of which hub.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Name of the hub.
    pub hub: String,
    /// Name of the consumer group.
    pub consumer_group: String,
}

/// What `RetryContext` tells the handler.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The function's policy.
    pub policy: RetryPolicy,
    /// 0 for the first attempt.
    pub retry: u32,
    /// Why the attempt before failed.
    pub failure: Option<String>,
}

#[derive(Serialize)]
struct Body<D, M> {
    #[serde(rename = "Data")]
    data: BTreeMap<String, D>,
    #[serde(rename = "Metadata")]
    metadata: M,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HubMetadata<'a> {
    trigger_partition_context: PartitionContext<'a>,
    partition_context: PartitionContext<'a>,
    partition_key_array: String,
    offset_array: String,
    offset_string_array: String,
    sequence_number_array: String,
    enqueued_time_utc_array: String,
    properties_array: String,
    system_properties_array: String,
    #[serde(rename = "sys")]
    sys: Sys<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_context: Option<RetryContext>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionContext<'a> {
    is_checkpointing_after_invocation: bool,
    fully_qualified_namespace: &'a str,
    event_hub_name: &'a str,
    consumer_group: &'a str,
    partition_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sys<'a> {
    method_name: &'a str,
    utc_now: String,
    rand_guid: String,
}

impl<'a> Sys<'a> {
    fn new(function: &'a str, now: Timestamp) -> Self {
        Self { method_name: function, utc_now: format!("{now:.7}"), rand_guid: guid() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetryContext {
    retry_count: u32,
    max_retry_count: i64,
    exception: Option<Value>,
    instance: Option<()>,
    state: Map<String, Value>,
}

#[derive(Serialize)]
struct SystemProperties {
    #[serde(rename = "x-opt-sequence-number")]
    x_sequence_number: u64,
    #[serde(rename = "x-opt-offset")]
    x_offset: String,
    #[serde(rename = "x-opt-enqueued-time")]
    x_enqueued: String,
    #[serde(rename = "SequenceNumber")]
    sequence_number: u64,
    #[serde(rename = "Offset")]
    offset: u64,
    #[serde(rename = "OffsetString")]
    offset_string: String,
    #[serde(rename = "PartitionKey")]
    partition_key: Option<()>,
    #[serde(rename = "EnqueuedTimeUtc")]
    enqueued: String,
}

/// The body of one event hub invocation.
///
/// # Errors
/// With no `dataType`, when a body is not JSON: the host then fails the batch before the handler sees it.
pub fn event_hub(
    function: &str,
    binding: &str,
    data_type: DataType,
    partition: &Partition,
    events: &[HubEvent],
    attempt: Option<&Attempt>,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let context = PartitionContext {
        is_checkpointing_after_invocation: true,
        fully_qualified_namespace: "local.servicebus.windows.net",
        event_hub_name: &partition.hub,
        consumer_group: &partition.consumer_group,
        partition_id: "0",
    };
    let offsets = array(events, |event| event.offset().to_string())?;
    let metadata = HubMetadata {
        trigger_partition_context: context.clone(),
        partition_context: context,
        partition_key_array: array(events, |_| None::<()>)?,
        offset_array: offsets.clone(),
        offset_string_array: offsets,
        sequence_number_array: array(events, |event| event.sequence_number)?,
        enqueued_time_utc_array: array(events, |event| without_zone(event.enqueued))?,
        properties_array: array(events, |_| Map::new())?,
        system_properties_array: array(events, |event| SystemProperties {
            x_sequence_number: event.sequence_number,
            x_offset: event.offset().to_string(),
            x_enqueued: format!("{}+00:00", without_zone(event.enqueued)),
            sequence_number: event.sequence_number,
            offset: event.offset(),
            offset_string: event.offset().to_string(),
            partition_key: None,
            enqueued: without_zone(event.enqueued),
        })?,
        sys: Sys::new(function, now),
        retry_context: attempt.map(|attempt| retry_context(attempt, function)),
    };
    let data = match data_type {
        DataType::Binary => array(events, |event| STANDARD.encode(&event.body))?,
        DataType::String => array(events, |event| String::from_utf8_lossy(&event.body).into_owned())?,
        DataType::Json => {
            let parsed: Result<Vec<&RawValue>, _> =
                events.iter().map(|event| serde_json::from_slice(&event.body)).collect();
            serde_json::to_string(&parsed.context("an event is not JSON, and the binding has no dataType")?)?
        }
    };
    Ok(serde_json::to_vec(&Body { data: BTreeMap::from([(binding.to_owned(), data)]), metadata })?)
}

/// The body of one timer invocation, without a monitor: there is no schedule status.
///
/// # Errors
/// Never in practice; what is written here is always JSON.
pub fn timer(function: &str, binding: &str, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let data = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false});
    envelope(function, binding, data, Map::new(), now)
}

/// An HTTP request, as an HTTP trigger sees it.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// Method, in upper case.
    pub method: String,
    /// Full URL.
    pub url: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body; empty means absent.
    pub body: Vec<u8>,
}

/// The body of one HTTP invocation that is not forwarded.
///
/// # Errors
/// Never in practice; what is written here is always JSON.
pub fn http(function: &str, binding: &str, request: &HttpRequest, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let texts = |pairs: &[(String, String)]| -> Value {
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
    };
    let query = texts(&request.query);
    let mut headers = Map::new();
    for (name, value) in &request.headers {
        if let Value::Array(values) = headers.entry(name.clone()).or_insert_with(|| json!([])) {
            values.push(value.as_str().into());
        }
    }
    let mut data = json!({
        "Url": request.url,
        "Method": request.method,
        "Query": query,
        "Headers": headers,
        "Params": {},
        "Identities": [],
    });
    if !request.body.is_empty() {
        let octets = request.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type")
                && (value.starts_with("application/octet-stream") || value.starts_with("multipart/"))
        });
        data["Body"] = match octets {
            true => STANDARD.encode(&request.body).into(),
            false => String::from_utf8_lossy(&request.body).into(),
        };
    }
    let metadata = Map::from_iter([("Query".to_owned(), query), ("Headers".to_owned(), texts(&request.headers))]);
    envelope(function, binding, data, metadata, now)
}

fn envelope(
    function: &str,
    binding: &str,
    data: Value,
    mut metadata: Map<String, Value>,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    metadata.insert("sys".to_owned(), serde_json::to_value(Sys::new(function, now))?);
    Ok(serde_json::to_vec(&Body { data: BTreeMap::from([(binding.to_owned(), data)]), metadata })?)
}

/// One JSON string's worth of JSON array.
fn array<T: Serialize>(events: &[HubEvent], value: impl Fn(&HubEvent) -> T) -> anyhow::Result<String> {
    let values: Vec<T> = events.iter().map(value).collect();
    Ok(serde_json::to_string(&values)?)
}

fn retry_context(attempt: &Attempt, function: &str) -> RetryContext {
    let exception = attempt.failure.as_ref().map(|failure| {
        json!({
            "ClassName": "Microsoft.Azure.WebJobs.Host.FunctionInvocationException",
            "Message": format!("Exception while executing function: Functions.{function}"),
            "Data": null,
            "InnerException": {
                "ClassName": "System.Net.Http.HttpRequestException",
                "Message": failure,
                "Data": null,
                "InnerException": null,
                "HResult": -2_146_233_088,
                "Source": "System.Net.Http",
            },
            "HResult": -2_146_233_088,
            "Source": "Microsoft.Azure.WebJobs.Host",
        })
    });
    RetryContext {
        retry_count: attempt.retry,
        max_retry_count: attempt.policy.max_retry_count(),
        exception,
        instance: None,
        state: Map::new(),
    }
}

/// `2026-08-21T09:15:30.480`: milliseconds, and no zone, as the trigger writes times in arrays.
fn without_zone(time: Timestamp) -> String {
    format!("{time:.3}").trim_end_matches('Z').to_owned()
}

/// A random GUID.
#[must_use]
pub fn guid() -> String {
    let bits = fastrand::u128(..);
    let version_4 = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{version_4:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_of_version_4() {
        let guid = guid();
        assert_eq!(guid.len(), 36);
        assert_eq!(&guid[14..15], "4");
        assert!("89ab".contains(&guid[19..20]));
    }

    #[test]
    fn times_have_milliseconds_and_no_zone() {
        assert_eq!(without_zone("2026-08-21T09:15:30.4809Z".parse().unwrap()), "2026-08-21T09:15:30.480");
    }

    #[test]
    fn octets_travel_as_base64_and_an_empty_body_is_absent() {
        let mut request = HttpRequest { method: "POST".into(), body: vec![0xff], ..HttpRequest::default() };
        request.headers.push(("Content-Type".into(), "application/octet-stream".into()));
        let body = |request: &HttpRequest| -> Value {
            serde_json::from_slice(&http("replay", "req", request, Timestamp::UNIX_EPOCH).unwrap()).unwrap()
        };
        assert_eq!(body(&request)["Data"]["req"]["Body"], "/w==");
        request.body.clear();
        assert_eq!(body(&request)["Data"]["req"].get("Body"), None);
    }
}
