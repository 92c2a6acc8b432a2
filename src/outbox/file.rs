//! A letter as it lies in the store: JSON that a human can read in the portal.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Letter;
use crate::deliver::Cause;
use crate::event::EventId;

/// Version of the shape. A letter of a later one is refused, not guessed at.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File<'a> {
    schema: u32,
    #[serde(default)]
    destination: Cow<'a, str>,
    #[serde(default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    event_id: String,
    seen: String,
    first_failed: String,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    not_before: Option<String>,
    #[serde(default)]
    cause: Cause,
    #[serde(default)]
    reason: Cow<'a, str>,
    encoding: Encoding,
    body: Cow<'a, str>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Encoding {
    /// The body is the text.
    #[serde(rename = "utf-8")]
    Utf8,
    /// The body is not UTF-8.
    #[serde(rename = "base64")]
    Base64,
}

/// The letter as JSON.
pub(super) fn write(letter: &Letter) -> Vec<u8> {
    let (encoding, body) = match simdutf8::basic::from_utf8(&letter.body) {
        Ok(text) => (Encoding::Utf8, Cow::Borrowed(text)),
        Err(_) => (Encoding::Base64, Cow::Owned(STANDARD.encode(&letter.body))),
    };
    let file = File {
        schema: SCHEMA,
        destination: Cow::Borrowed(&letter.destination),
        kind: Cow::Borrowed(&letter.kind),
        event_id: EventId::of(&letter.body).to_string(),
        seen: letter.seen.to_string(),
        first_failed: letter.first_failed.to_string(),
        attempts: letter.attempts,
        not_before: letter.not_before.map(|time| time.to_string()),
        cause: letter.cause,
        reason: Cow::Borrowed(&letter.reason),
        encoding,
        body,
    };
    #[expect(clippy::expect_used, reason = "strings and numbers always serialise")]
    serde_json::to_vec_pretty(&file).expect("a letter serialises")
}

/// The letter that this JSON holds, for the destination in whose folder it lies. The error says what is wrong, never the content.
pub(super) fn read(json: &[u8], destination: &str) -> Result<Letter, String> {
    // serde_json's own words can quote a value; its category and place cannot.
    let file: File<'_> = serde_json::from_slice(json).map_err(|error| {
        format!(
            "not the JSON of a letter ({:?} error, line {}, column {})",
            error.classify(),
            error.line(),
            error.column()
        )
    })?;
    if file.schema != SCHEMA {
        return Err(format!("schema {} is not {SCHEMA}", file.schema));
    }
    let time = |name: &str, text: &str| text.parse::<Timestamp>().map_err(|_| format!("{name} is no time"));
    let body = match file.encoding {
        Encoding::Utf8 => file.body.into_owned().into_bytes(),
        Encoding::Base64 => STANDARD.decode(file.body.as_bytes()).map_err(|_| "body is no base64".to_owned())?,
    };
    Ok(Letter {
        destination: destination.to_owned(),
        kind: file.kind.into_owned(),
        seen: time("seen", &file.seen)?,
        first_failed: time("first_failed", &file.first_failed)?,
        attempts: file.attempts,
        not_before: file.not_before.map(|text| time("not_before", &text)).transpose()?,
        cause: file.cause,
        reason: file.reason.into_owned(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(body: &[u8]) -> Letter {
        Letter {
            destination: "splunk".into(),
            kind: "alert".into(),
            seen: "2026-11-23T00:46:10.1234567Z".parse().unwrap(),
            first_failed: "2026-11-23T00:47:00Z".parse().unwrap(),
            attempts: 3,
            not_before: Some("2026-11-23T01:00:00Z".parse().unwrap()),
            cause: Cause::default(),
            reason: "status 503".into(),
            body: body.to_vec(),
        }
    }

    #[test]
    fn text_and_binary_bodies_come_back_exact() {
        for body in [b"{\"a\":\"\\u0000 \xf0\x9f\x98\x80\"}\r\n".as_slice(), b"\xff\x00\xfe", b"", b"\xef\xbb\xbf{}"] {
            let letter = letter(body);
            assert_eq!(read(&write(&letter), "splunk"), Ok(letter));
        }
    }

    #[test]
    fn a_letter_is_readable_by_a_human() {
        insta::assert_snapshot!(String::from_utf8(write(&letter(br#"{"AlertDisplayName":"Crypto"}"#))).unwrap());
    }

    #[test]
    fn unknown_fields_are_passed_over_and_the_folder_decides() {
        let json = String::from_utf8(write(&letter(b"{}"))).unwrap().replacen('{', "{\"later\":[1],", 1);
        assert_eq!(read(json.as_bytes(), "renamed").unwrap().destination, "renamed");
    }

    #[test]
    fn garbage_is_refused_without_quoting_it() {
        let good = String::from_utf8(write(&letter(b"\xff"))).unwrap();
        for bad in [
            String::new(),
            "null".into(),
            "[]".into(),
            "{\"secret-content\":".into(),
            "{\"schema\":\"secret-content\"}".into(),
            good.replace("\"schema\": 1", "\"schema\": 2"),
            good.replace("/w==", "secret-content!"),
            good.replace("2026-11-23T00:47:00Z", "secret-content"),
            good.replace("\"attempts\": 3", "\"attempts\": -3"),
            good[..good.len() / 2].to_owned(),
        ] {
            let reason = read(bad.as_bytes(), "splunk").unwrap_err();
            assert!(!reason.contains("secret-content"), "{reason}");
        }
    }
}
