//! The Functions host's wire: invocations in, replies out.
//!
//! Source: the Functions host's custom-handler protocol (`DefaultHttpWorkerService`, `ScriptInvocationContextExtensions`). The host
//! posts `{"Data":{binding: value},"Metadata":{…}}` to `/<function name>`. An array value, which is what an Event Hub trigger with
//! `cardinality: many` gives, travels as one JSON *string* that holds a JSON array; a string travels as a JSON string that holds a
//! JSON string literal. We ask for `dataType: binary`, which gives base64 elements; every other form is taken too.

mod bodies;
mod reply;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::parse_time;

pub use bodies::{Bodies, Body};
pub use reply::{HttpAnswer, InvocationReply};

/// One invocation, as the host posted it.
#[derive(Debug)]
pub struct Invocation<'a> {
    data: BTreeMap<Cow<'a, str>, &'a RawValue>,
    metadata: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// The body is no invocation.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Not UTF-8.
    #[error("the invocation is not UTF-8")]
    NotUtf8,
    /// Not the JSON that the host sends. The text names a position, never content.
    #[error("the invocation is not the JSON object that the host sends (line {line}, column {column})")]
    NotAnInvocation {
        /// Line of the first fault.
        line: usize,
        /// Column of the first fault.
        column: usize,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Data", alias = "data", borrow)]
    data: BTreeMap<Cow<'a, str>, &'a RawValue>,
    /// Only ever helps, so nothing about it may fail the invocation.
    #[serde(rename = "Metadata", alias = "metadata", borrow, default)]
    metadata: Option<&'a RawValue>,
}

impl<'a> Invocation<'a> {
    /// Parses the outermost layer; values stay as they are.
    ///
    /// # Errors
    /// When the body is no JSON object with a `Data` object.
    pub fn parse(body: &'a [u8]) -> Result<Self, HostError> {
        let text = simdutf8::basic::from_utf8(body).map_err(|_| HostError::NotUtf8)?;
        let Envelope { data, metadata } = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| HostError::NotAnInvocation { line: error.line(), column: error.column() })?;
        let metadata = metadata.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        Ok(Self { data, metadata })
    }

    /// The event bodies of every binding in `Data`, decoded into one buffer.
    #[must_use]
    pub fn bodies(&self) -> Bodies {
        let mut bodies = Bodies::default();
        for value in self.data.values() {
            bodies.push_binding(value.get());
        }
        bodies.set_enqueued(&self.enqueued_times());
        bodies
    }

    /// `EnqueuedTimeUtcArray`, index-aligned with the events; cardinality one has `EnqueuedTimeUtc`. Times carry no zone: they are UTC.
    fn enqueued_times(&self) -> Vec<Option<Timestamp>> {
        if let Some(raw) = self.metadata.get("EnqueuedTimeUtcArray") {
            let text = layered_text(raw.get());
            let times: Vec<Option<Cow<'_, str>>> = serde_json::from_str(&text).unwrap_or_default();
            return times.iter().map(|time| time.as_deref().and_then(parse_time)).collect();
        }
        let single = self.metadata.get("EnqueuedTimeUtc").and_then(|raw| parse_time(&layered_text(raw.get())));
        single.map(|time| vec![Some(time)]).unwrap_or_default()
    }

    /// How often the host tried this batch before; 0 on the first attempt or without a retry policy.
    #[must_use]
    pub fn retry_count(&self) -> u64 {
        #[derive(Deserialize)]
        struct RetryContext {
            #[serde(rename = "RetryCount", default)]
            retry_count: u64,
        }
        self.metadata
            .get("RetryContext")
            .and_then(|raw| serde_json::from_str::<RetryContext>(raw.get()).ok())
            .map_or(0, |context| context.retry_count)
    }

    /// The partition the batch came from, for logs.
    #[must_use]
    pub fn partition(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct PartitionContext {
            #[serde(rename = "PartitionId")]
            partition_id: String,
        }
        let raw = self.metadata.get("PartitionContext").or_else(|| self.metadata.get("TriggerPartitionContext"))?;
        serde_json::from_str::<PartitionContext>(raw.get()).ok().map(|context| context.partition_id)
    }

    /// The HTTP request of an `httpTrigger`, from the binding that has one.
    #[must_use]
    pub fn http_request(&self) -> Option<HttpRequest> {
        self.data.values().find_map(|raw| serde_json::from_str::<HttpRequest>(raw.get()).ok())
    }
}

/// What an `httpTrigger` hands over when the host does not forward the request.
#[derive(Debug, Default, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `POST`, ...
    #[serde(rename = "Method")]
    pub method: String,
    /// Query parameters; an object in the host's code, a string in its documentation, so anything else reads as none.
    #[serde(rename = "Query", default, deserialize_with = "lenient_map")]
    pub query: BTreeMap<String, String>,
    /// The raw body text; absent when it was empty or its length unknown.
    #[serde(rename = "Body", default, deserialize_with = "lenient_text")]
    pub body: Option<String>,
}

fn lenient_map<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(match value {
        serde_json::Value::Object(map) => map.into_iter().map(|(key, value)| (key, text(value))).collect(),
        _ => BTreeMap::new(),
    })
}

fn lenient_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// The text of a value that may be wrapped in up to two layers of JSON string.
fn layered_text(raw: &str) -> String {
    let mut text = raw.to_owned();
    for _ in 0..2 {
        match serde_json::from_str::<String>(&text) {
            Ok(inner) => text = inner,
            Err(_) => break,
        }
    }
    text
}
