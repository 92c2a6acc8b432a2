//! What the Functions host makes of a custom handler's reply.
//!
//! Source: the host's `DefaultHttpWorkerService` and its formatters. Only a JSON object with the right content type is a success;
//! an empty 200 is worse than a failure, for the host waits on it until its timeout.

use serde_json::{Map, Value};

/// What a successful invocation brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Success {
    /// Values of output bindings.
    pub outputs: Map<String, Value>,
    /// Lines for the invocation's log.
    pub logs: Vec<String>,
}

/// Judges a reply.
///
/// # Errors
/// When the host would count the invocation as failed, or would hang; in words, without the reply's content.
pub fn judge(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Success, String> {
    if !(200..300).contains(&status) {
        return Err(format!("the handler answered {status}; the host throws its body and logs away"));
    }
    if body.is_empty() {
        return Err(format!("the handler answered {status} without a body; the host would hang until functionTimeout"));
    }
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !["application/json", "text/json"].iter().any(|json| media_type.eq_ignore_ascii_case(json)) {
        return Err(format!(
            "the handler answered with content type {media_type:?}; the host takes only application/json"
        ));
    }
    let reply: Value = serde_json::from_slice(body).map_err(|_| "the handler's reply is not JSON".to_owned())?;
    let reply = match reply {
        Value::Object(reply) => reply,
        Value::Null => return Err("the handler answered null; the host would hang until functionTimeout".to_owned()),
        _ => return Err("the handler's reply is not a JSON object".to_owned()),
    };
    let mut success = Success::default();
    for (name, value) in reply {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("outputs", Value::Object(outputs)) => success.outputs = outputs,
            ("outputs" | "logs", Value::Null) => {}
            ("outputs", _) => return Err("Outputs of the handler's reply is not an object".to_owned()),
            ("logs", Value::Array(lines)) => {
                for line in lines {
                    match line {
                        Value::String(line) => success.logs.push(line),
                        _ => return Err("Logs of the handler's reply holds something that is no string".to_owned()),
                    }
                }
            }
            ("logs", _) => return Err("Logs of the handler's reply is not a list".to_owned()),
            _ => {}
        }
    }
    Ok(success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_count_as_the_host_counts_them() {
        let json = Some("application/json; charset=utf-8");
        let good = judge(200, json, br#"{"outputs":{"res":{"body":1}},"Logs":["a"],"ReturnValue":null}"#).unwrap();
        assert_eq!((good.outputs.len(), good.logs), (1, vec!["a".to_owned()]));
        assert!(judge(200, json, br#"{"Outputs":{},"Logs":null}"#).is_ok());
        for (status, content_type, body) in [
            (500, json, &b"{}"[..]),
            (302, json, b"{}"),
            (200, json, b""),
            (204, None, b""),
            (200, json, b"null"),
            (200, Some("text/plain"), b"ok"),
            (200, None, b"{}"),
            (200, json, b"Hello"),
            (200, json, b"[]"),
            (200, json, br#"{"Logs":[{"level":"warn"}]}"#),
            (200, json, br#"{"Outputs":[]}"#),
        ] {
            assert!(judge(status, content_type, body).is_err(), "{status} {content_type:?} {body:?}");
        }
    }
}
