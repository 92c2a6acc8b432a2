//! What a destination is sent, made readable: exact but for line breaks that are added, with secrets masked.

use std::fmt::Write;

use http::header;
use serde_json::value::RawValue;
use url::{Position, Url};

use crate::destinations::Kind;
use crate::settings::{Values, setting_prefix};

/// What stands for a secret.
pub const MASK: &str = "***";

/// One message as the other side sees it: content encoding and framing undone.
#[derive(Clone, Debug)]
pub enum Payload {
    /// One HTTP request.
    Http {
        /// Method.
        method: String,
        /// Path and query.
        target: String,
        /// Headers, in order.
        headers: Vec<(String, String)>,
        /// Body, decompressed.
        body: Vec<u8>,
    },
    /// One syslog message.
    Syslog(Vec<u8>),
}

/// Headers that say nothing about the destination.
const PLUMBING: [&str; 5] = ["accept", "accept-encoding", "connection", "content-length", "user-agent"];

/// Headers whose values are secrets, whoever made them.
const SECRET_HEADERS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "webhook-signature"];

/// What the names of query parameters with credentials contain: `sig` of Logic Apps and of storage, `code` of Functions, and the usual.
const CREDENTIAL_WORDS: [&str; 9] = ["sig", "code", "key", "token", "secret", "pass", "pwd", "auth", "cred"];

/// The secrets among the settings, so that none is printed wherever a destination puts it.
#[derive(Clone, Default)]
pub struct Masks(Vec<String>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks(***)")
    }
}

impl Masks {
    /// The secret settings of these instances: name and kind.
    #[must_use]
    pub fn of<'a>(values: &Values, instances: impl IntoIterator<Item = (&'a str, &'a Kind)>) -> Self {
        let mut secrets = Vec::new();
        for (name, kind) in instances {
            let prefix = setting_prefix(name);
            for setting in kind.settings.iter().flat_map(|group| group.iter()).filter(|setting| setting.secret) {
                if let Some(value) = values.get(&format!("{prefix}__{}", setting.key)) {
                    secrets.push(value.to_owned());
                    secrets.extend(value.split([',', ' ']).map(str::to_owned));
                    secrets.extend(Url::parse(value).ok().map(|url| secret_part(&url).to_owned()));
                }
            }
        }
        // A secret of one to three characters would mask half of every text, and is none.
        secrets.retain(|secret| secret.len() > 3);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// The text without the secrets.
    #[must_use]
    pub fn cover(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }

    /// A path with its query, without secrets: also without the value of any parameter that is named like a credential, such as the
    /// `sig` of a signed address.
    #[must_use]
    pub fn target(&self, target: &str) -> String {
        let target = self.cover(target);
        let Some((path, query)) = target.split_once('?') else { return target };
        let parameter = |parameter: &str| match parameter.split_once('=') {
            Some((name, _)) if is_credential(name) => format!("{name}={MASK}"),
            _ => parameter.to_owned(),
        };
        format!("{path}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
    }

    /// A header's value without secrets: an authorization keeps its scheme.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> String {
        let name = name.to_ascii_lowercase();
        if !SECRET_HEADERS.contains(&name.as_str()) {
            return self.cover(value);
        }
        match value.split_once([' ', ',']) {
            Some((scheme, _)) if name != header::COOKIE.as_str() => {
                format!("{scheme}{}{MASK}", &value[scheme.len()..=scheme.len()])
            }
            _ => MASK.to_owned(),
        }
    }
}

/// What is secret about an address that is a secret: all that follows the host.
fn secret_part(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

fn is_credential(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
}

impl Payload {
    /// Whether it carries something: not a poll or a probe.
    #[must_use]
    pub fn has_content(&self) -> bool {
        match self {
            Self::Http { body, .. } => !body.is_empty(),
            Self::Syslog(message) => !message.is_empty(),
        }
    }

    /// The payload for reading. Unless `whole`, only the first record of a body of several is shown, and said to be.
    #[must_use]
    pub fn show(&self, masks: &Masks, whole: bool) -> String {
        match self {
            Self::Syslog(message) => masks.cover(&String::from_utf8_lossy(message)),
            Self::Http { method, target, headers, body } => {
                let mut out = format!("{method} {} HTTP/1.1", masks.target(target));
                for (name, value) in headers.iter().filter(|(name, _)| !PLUMBING.contains(&name.as_str())) {
                    let _ = write!(out, "\n{name}: {}", masks.header(name, value));
                }
                let body = masks.cover(&String::from_utf8_lossy(body));
                if !body.is_empty() {
                    let _ = write!(out, "\n\n{}", readable(&body, whole));
                }
                out
            }
        }
    }
}

/// JSON values with line breaks and indentation; any other text as it is.
fn readable(body: &str, whole: bool) -> String {
    let values: Result<Vec<&RawValue>, _> = serde_json::Deserializer::from_str(body).into_iter().collect();
    let Ok(values) = values else { return body.to_owned() };
    let shown = if whole { values.len() } else { 1 };
    let mut out = values.iter().take(shown).map(|value| indented(value.get())).collect::<Vec<_>>().join("\n");
    if values.len() > shown {
        let _ = write!(out, "\n… and {} more in this request", values.len() - shown);
    }
    out
}

/// Valid JSON with line breaks and indentation added between tokens; not a byte within a token is changed.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut quoted, mut escaped) = (String::with_capacity(json.len() * 2), 0usize, false, false);
    let mut characters = json.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if quoted {
            out.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                out.push('"');
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_changes_nothing_but_white_space() {
        let json = r#"{"a":[1.50,{},[] ,{"b":"x\"{,: \\"}],"c":null}"#;
        let pretty = indented(json);
        assert_eq!(
            pretty,
            "{\n  \"a\": [\n    1.50,\n    {},\n    [],\n    {\n      \"b\": \"x\\\"{,: \\\\\"\n    }\n  ],\n  \"c\": null\n}"
        );
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&pretty), value(json));
    }

    #[test]
    fn a_batch_shows_its_first_record_and_says_so() {
        assert_eq!(readable("{}{}\n{}", false), "{}\n… and 2 more in this request");
        assert_eq!(readable("{}{}", true), "{}\n{}");
        assert_eq!(readable("a=1&b=2", false), "a=1&b=2");
    }

    #[test]
    fn of_a_secret_address_all_that_follows_the_host_is_masked() {
        let kind = crate::destinations::kind("sumologic").unwrap();
        let url = "https://in.example/receiver/v1/http/hunter2==";
        let masks = Masks::of(&Values::new([("SUMO__URL".to_owned(), url.to_owned())]), [("sumo", kind)]);
        assert_eq!(masks.target("/receiver/v1/http/hunter2=="), "***");
        assert_eq!(masks.cover(url), "***");
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let masks = Masks(vec!["hunter2hunter2".into()]);
        let payload = Payload::Http {
            method: "POST".into(),
            target: "/in/hunter2hunter2?x=1&Sig=abc%3D&code=&api-version=2020-01-01".into(),
            headers: vec![
                ("authorization".into(), "Splunk something-else".into()),
                ("webhook-signature".into(), "v1,c2lnbmF0dXJl".into()),
                ("x-custom".into(), "a hunter2hunter2".into()),
                ("cookie".into(), "session=1; b".into()),
                ("content-length".into(), "2".into()),
            ],
            body: br#"{"key":"hunter2hunter2"}"#.to_vec(),
        };
        assert_eq!(
            payload.show(&masks, false),
            "POST /in/***?x=1&Sig=***&code=***&api-version=2020-01-01 HTTP/1.1\nauthorization: Splunk ***\nwebhook-signature: v1,***\nx-custom: a ***\ncookie: ***\n\n{\n  \"key\": \"***\"\n}"
        );
    }
}
