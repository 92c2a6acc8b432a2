//! One ServiceNow instance: where it is, how we prove who we are, and what its answers mean in every mode.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use crate::cloud::Hosts;
use crate::format::text;
use crate::parcel::{Auth, ClientCredentials, HttpParcel, Reply, Verdict, retry_after};
use crate::settings::Section;

/// An instance and our credential there.
#[derive(Debug)]
pub(super) struct Instance {
    /// Without a slash at its end.
    base: Url,
    auth: Auth,
}

impl Instance {
    /// Reads `URL` and the credentials.
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let mut base = section.url("URL");
        let path = base.path().trim_end_matches('/').to_owned();
        if base.query().is_some() || path.contains("/api/") || path.ends_with(".do") {
            section.fault("URL", "must be the instance alone, such as https://acme.service-now.com");
        }
        base.set_query(None);
        base.set_path(&path);
        let auth = auth(section, &base);
        Self { base, auth }
    }

    /// An address below the instance.
    pub(super) fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A request that asks for JSON, with a JSON body where there is one.
    pub(super) fn request(&self, method: Method, url: Url, body: Vec<u8>) -> HttpParcel {
        let mut parcel = HttpParcel::bare(method, url);
        parcel.headers.push((ACCEPT, HeaderValue::from_static("application/json")));
        if !body.is_empty() {
            parcel.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        parcel.body = body.into();
        parcel.auth = self.auth.clone();
        parcel
    }

    /// Reads at most one row of a table: proves address, trust, credential and the right to read there.
    pub(super) fn probe(&self, table: &str, fields: &str) -> HttpParcel {
        let query = [("sysparm_limit", "1"), ("sysparm_fields", fields)];
        self.request(Method::GET, self.at(&format!("/api/now/v2/table/{table}"), &query), Vec::new())
    }
}

/// A word for a part of an address: a table, a column.
pub(super) fn name(section: &Section<'_>, key: &str) -> String {
    let name = section.string(key);
    if !is_name(&name) {
        section.fault(key, "must be a name as ServiceNow has it: lower-case letters, digits and underscores");
    }
    name
}

/// Whether a text can be the name of a table or column.
pub(super) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=80).contains(&text.len()) && text.bytes().all(legal)
}

fn auth(section: &Section<'_>, base: &Url) -> Auth {
    let (user, password) = (section.text("USER"), section.optional_secret("PASSWORD"));
    let (client_id, client_secret) = (section.text("CLIENT_ID"), section.optional_secret("CLIENT_SECRET"));
    if user.as_ref().is_some_and(|user| user.contains(':')) {
        section.fault("USER", "must not hold a colon: Basic authentication cannot carry it");
    }
    match (user, password, client_id, client_secret) {
        (Some(user), Some(password), None, None) => Auth::Basic { user, password },
        (None, None, Some(client_id), Some(client_secret)) => {
            let mut token_url = base.clone();
            token_url.set_path(&format!("{}/oauth_token.do", base.path().trim_end_matches('/')));
            let hosts = Hosts::only(base);
            Auth::OAuth2(Arc::new(ClientCredentials { token_url, client_id, client_secret, scope: None, hosts }))
        }
        _ => {
            section.fault(
                "USER",
                "set USER and PASSWORD, or CLIENT_ID and CLIENT_SECRET: both of one pair, none of the other",
            );
            Auth::None
        }
    }
}

/// The status of a reply, where there is one.
pub(super) fn status(reply: &Reply) -> Option<StatusCode> {
    match reply {
        Reply::Http { status, .. } => Some(*status),
        Reply::Sent | Reply::Failed { .. } => None,
    }
}

/// The `result` of a successful reply.
///
/// # Errors
/// What becomes of the records where there is none. A sleeping developer instance and many a gateway answer 200 with a page: nothing was
/// taken then, whatever the status says.
pub(super) fn result<T: DeserializeOwned>(reply: &Reply) -> Result<T, Verdict> {
    #[derive(Deserialize)]
    struct Answer<T> {
        result: T,
    }
    match (reply, verdict(reply)) {
        (Reply::Http { status, body, .. }, Verdict::Accepted) => match serde_json::from_slice(body) {
            Ok(Answer { result }) => Ok(result),
            Err(_) => Err(Verdict::Retry {
                after: None,
                reason: format!("HTTP {status} without a result: the instance hibernates, or a gateway answers for it"),
            }),
        },
        (Reply::Sent, _) => Err(Verdict::by_status(reply)),
        (_, verdict) => Err(verdict),
    }
}

/// What a reply's status means, in words for this vendor.
pub(super) fn verdict(reply: &Reply) -> Verdict {
    let Reply::Http { status, headers, body } = reply else { return Verdict::by_status(reply) };
    let complaint = complaint(body);
    let mend = |what: &str| Verdict::Misconfigured { reason: format!("HTTP {status}{complaint}: {what}") };
    match (status.as_u16(), Verdict::by_status(reply)) {
        (401, _) => mend("check the credential, and that its user is active and may use web services"),
        (403, _) => mend("check the roles of the user"),
        (404, _) => mend("check URL and the table's name, and that the user may read the table"),
        (400, _) if complaint.contains("Invalid table") || complaint.contains("Invalid staging table") => {
            mend("check the table's name")
        }
        (_, Verdict::Retry { .. }) => {
            Verdict::Retry { after: wait(headers), reason: format!("HTTP {status}{complaint}") }
        }
        (_, Verdict::Rejected { .. }) => Verdict::Rejected { reason: format!("HTTP {status}{complaint}") },
        (_, verdict) => verdict,
    }
}

/// Whether the instance says that a rule of its own stopped a request, not a missing right.
pub(super) fn names_a_rule(reply: &Reply) -> bool {
    let Reply::Http { body, .. } = reply else { return false };
    let said = String::from_utf8_lossy(body).to_ascii_lowercase();
    ["business rule", "data policy"].iter().any(|rule| said.contains(rule))
}

/// How long the instance wants to be left alone: `Retry-After`, else until `X-RateLimit-Reset` (seconds since 1970) by its own clock.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let reset = || {
        let reset: i64 = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let now = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?.trim()).ok()?.timestamp().as_second();
        u64::try_from(reset.checked_sub(now)?).ok().map(Duration::from_secs)
    };
    retry_after(headers).or_else(reset)
}

/// What the instance complains of: ` (message: detail)`, cleaned; empty where it says nothing.
fn complaint(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Complaint<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    #[derive(Default, Deserialize)]
    struct Parts {
        message: Option<String>,
        detail: Option<String>,
    }
    let Ok(Complaint { error }) = serde_json::from_slice::<Complaint<'_>>(body) else { return String::new() };
    let parts: Parts = serde_json::from_str(error.get()).unwrap_or_default();
    let words: Vec<String> = [parts.message, parts.detail]
        .into_iter()
        .flatten()
        .map(|part| clean(&part))
        .filter(|part| !part.is_empty())
        .collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(": ")) }
}

/// The beginning of a message, up to where it would quote a value: at most 100 plain characters. Values are alert content.
pub(super) fn clean(message: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _.,:;-".contains(c);
    // Of all apostrophes, only this one is no quotation mark.
    let message = message.replace("n't ", "nt ");
    let words: String = message.chars().take_while(|c| plain(*c)).take(100).collect();
    text::trim(&words).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Reply {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Reply::Http { status: StatusCode::from_u16(status).unwrap(), headers: headers.collect(), body: body.into() }
    }

    #[test]
    fn a_limit_says_when_it_ends_in_either_way() {
        let of = |headers: &[(&'static str, &'static str)]| match verdict(&reply(429, headers, "{}")) {
            Verdict::Retry { after, .. } => after,
            other => panic!("{other:?}"),
        };
        let date = ("date", "Wed, 04 Feb 2026 10:00:00 GMT");
        assert_eq!(of(&[("retry-after", "7"), ("x-ratelimit-reset", "9")]), Some(Duration::from_secs(7)));
        assert_eq!(of(&[("x-ratelimit-reset", "1770199260"), date]), Some(Duration::from_secs(60)));
        assert_eq!(of(&[("x-ratelimit-reset", "1770199160"), date]), None, "it is over");
        assert_eq!(of(&[("x-ratelimit-reset", "1770199260")]), None);
        assert_eq!(of(&[("x-ratelimit-reset", "soon"), date]), None);
    }

    #[test]
    fn a_page_is_no_answer() {
        for body in ["<html>Your instance is hibernating</html>", "", "{}", "null", r#"{"result":7}"#] {
            let answer: Result<Vec<String>, _> = result(&reply(200, &[], body));
            assert!(matches!(answer, Err(Verdict::Retry { .. })), "{body}");
        }
        assert_eq!(result::<Vec<String>>(&reply(200, &[], r#"{"result":["a"]}"#)).unwrap(), ["a"]);
    }

    #[test]
    fn complaints_are_quoted_without_the_values_in_them() {
        let body = r#"{"error":{"message":"Operation Failed","detail":"Data Policy Exception: mandatory: close_code"},"status":"failure"}"#;
        let Verdict::Misconfigured { reason } = verdict(&reply(403, &[], body)) else { panic!() };
        assert!(reason.contains("(Operation Failed: Data Policy Exception: mandatory: close_code)"), "{reason}");
        for (message, kept) in [
            ("Value 'User CONTOSO\\svc' is too long", "Value"),
            ("Record doesn't exist", "Record doesnt exist"),
            ("a\nb", "a"),
            ("<b>x</b>", ""),
        ] {
            assert_eq!(clean(message), kept);
        }
        assert_eq!(clean(&"x".repeat(300)).len(), 100);
    }

    #[test]
    fn a_rule_is_told_from_a_missing_right() {
        for (detail, rule) in [
            ("Operation against file 'incident' was aborted by Business Rule 'Lock^0'", true),
            ("Data Policy Exception: mandatory: on_hold_reason", true),
            ("ACL Exception Update Failed due to security constraints", false),
            ("", false),
        ] {
            let body = serde_json::json!({"error": {"message": "Operation Failed", "detail": detail}}).to_string();
            let reply = Reply::Http { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), body: body.into() };
            assert_eq!(names_a_rule(&reply), rule, "{detail}");
        }
    }

    #[test]
    fn an_invalid_table_is_no_fault_of_the_alert() {
        let body = r#"{"error":{"message":"Invalid table u_nope","detail":null},"status":"failure"}"#;
        assert!(matches!(verdict(&reply(400, &[], body)), Verdict::Misconfigured { .. }));
        assert!(matches!(verdict(&reply(400, &[], "{}")), Verdict::Rejected { .. }));
    }
}
