//! The one reply that the host understands.

use serde_json::{Map, Value, json};

/// A reply to an invocation: always a JSON object, because the host waits until its time-out after an empty body, a 204 or `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvocationReply {
    logs: Vec<String>,
    outputs: Map<String, Value>,
}

/// The answer of an `httpTrigger`, for its output binding `res`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAnswer {
    /// HTTP status for the caller.
    pub status: u16,
    /// A JSON object: the host decodes any string that happens to be valid base64, an object is safe.
    pub body: Map<String, Value>,
}

impl InvocationReply {
    /// Success, with lines for the function's own log. A failed invocation's lines are thrown away by the host: log those on stdout.
    #[must_use]
    pub fn success(logs: Vec<String>) -> Self {
        Self { logs, outputs: Map::new() }
    }

    /// Success of an HTTP function.
    #[must_use]
    pub fn http(answer: HttpAnswer) -> Self {
        let HttpAnswer { status, body } = answer;
        let mut outputs = Map::new();
        let res = json!({
            "statusCode": status,
            "headers": {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"},
            "body": body,
        });
        outputs.insert("res".into(), res);
        Self { logs: Vec::new(), outputs }
    }

    /// The body to send, with content type `application/json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        json!({"Outputs": self.outputs, "Logs": self.logs, "ReturnValue": null}).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_is_exactly_what_the_host_reads() {
        assert_eq!(InvocationReply::default().to_json(), br#"{"Logs":[],"Outputs":{},"ReturnValue":null}"#);
        let logs = InvocationReply::success(vec!["3 events".into()]);
        assert_eq!(logs.to_json(), br#"{"Logs":["3 events"],"Outputs":{},"ReturnValue":null}"#);
    }
}
