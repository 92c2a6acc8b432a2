//! `@sas`: shared access signatures and other credentials in web addresses, and signatures and keys of storage wherever they stand.

use super::{cut_addresses, length};

/// Parameters that are a credential, or come with one: shared access signatures (`sig` and what it signs), those of other clouds, tokens,
/// keys and passwords.
const PARAMETERS: [&str; 43] = [
    "sig",
    "se",
    "sv",
    "sp",
    "st",
    "spr",
    "sip",
    "skoid",
    "sktid",
    "ske",
    "sks",
    "skt",
    "skv",
    "signature",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "awsaccesskeyid",
    "x-goog-signature",
    "x-goog-credential",
    "googleaccessid",
    "code",
    "token",
    "access_token",
    "accesstoken",
    "id_token",
    "refresh_token",
    "auth",
    "authorization",
    "sas",
    "sastoken",
    "key",
    "api_key",
    "apikey",
    "api-key",
    "subscription-key",
    "accountkey",
    "password",
    "passwd",
    "pwd",
    "secret",
    "client_secret",
    "credential",
];

/// Names before `=` that say, with or without an address, that a signature or a key follows.
const ASSIGNED: [&str; 3] = ["sig", "accountkey", "sharedaccesskey"];

/// The JSON text with `?redacted` for the query (or fragment) of every web address that has one of these parameters, in whatever string: a
/// shared access signature's (`sig`, `se`, `sv`, `sp`, ...), `code`, `token`, `key`, `password` and their like. The value of `sig=`,
/// `AccountKey=` and `SharedAccessKey=` becomes `redacted` outside of addresses too: a query alone, a connection string.
#[must_use]
pub fn credentials(json: &str) -> String {
    let json = cut_addresses(json, |address| {
        let start = address.find(['?', '#'])?;
        carries_credential(&address[start..]).then_some(start)
    });
    // Lower case has the same length, and few records go on from here.
    let lower = json.to_ascii_lowercase();
    let mut values: Vec<(usize, usize)> = ASSIGNED
        .into_iter()
        .flat_map(|name| lower.match_indices(name).map(move |(at, _)| (at, at + name.len())))
        .filter(|(start, _)| begins_name(&lower[..*start]))
        .filter_map(|(_, end)| {
            let start = end + equals(&lower[end..])?;
            Some((start, start + length(&json[start..], |c| "&;,'".contains(c))))
        })
        .filter(|(start, end)| start < end)
        .collect();
    if values.is_empty() {
        return json;
    }
    values.sort_unstable();
    let (mut redacted, mut at) = (String::with_capacity(json.len()), 0);
    for (start, end) in values {
        // One in another's value went with it.
        if start >= at {
            redacted.push_str(&json[at..start]);
            redacted.push_str("redacted");
            at = end;
        }
    }
    redacted.push_str(&json[at..]);
    redacted
}

/// Whether one of the parameters is a credential, however often the query is escaped or inside another.
fn carries_credential(query: &str) -> bool {
    let mut plain = unescaped(query).to_ascii_lowercase();
    for _ in 0..3 {
        plain = plain.replace("%25", "%");
    }
    for (written, sign) in [("&amp;", "&"), ("%26", "&"), ("%3f", "&"), ("%23", "&"), ("%3b", "&"), ("%3d", "=")] {
        plain = plain.replace(written, sign);
    }
    let mut parameters = plain.split(['?', '&', ';', '#']).filter_map(|parameter| parameter.split_once('='));
    parameters.any(|(name, value)| !value.is_empty() && PARAMETERS.contains(&name.trim()))
}

/// The text without JSON's escapes, however many backslashes they have.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches('\\');
        let unit = rest.strip_prefix('u').and_then(|hex| u32::from_str_radix(hex.get(..4)?, 16).ok());
        if let Some(unit) = unit {
            plain.extend(char::from_u32(unit));
            rest = &rest[5..];
        }
    }
    plain + rest
}

/// Whether a name can begin behind this text (in lower case): at no letter, digit, `-` or `_`, unless they belong to an escape.
fn begins_name(before: &str) -> bool {
    let in_name = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let tail =
        |length: usize| before.len().checked_sub(length).and_then(|start| before.get(start..)).unwrap_or_default();
    let is_unicode = |escape: &str| {
        escape
            .strip_prefix("\\u")
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .is_some_and(|unit| char::from_u32(unit).is_none_or(|c| !in_name(c)))
    };
    !before.ends_with(in_name)
        || ["\\n", "\\r", "\\t", "\\b", "\\f"].contains(&tail(2))
        || ["%26", "%3f", "%3b", "%20"].contains(&tail(3))
        || is_unicode(tail(6))
}

/// The length of the sign `=` at the beginning of a text in lower case, plain or escaped.
fn equals(text: &str) -> Option<usize> {
    let escaped = text.trim_start_matches('\\');
    match text.len() - escaped.len() {
        0 if text.starts_with('=') => Some(1),
        0 => text.starts_with("%3d").then_some(3),
        backslashes => escaped.starts_with("u003d").then_some(backslashes + 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_and_other_queries_stay() {
        for (json, redacted) in [
            (
                r#"{"a":"https://x/y?sv=1&se=2&sig=s%3D","b":"https://x/?page=2"}"#,
                r#"{"a":"https://x/y?redacted","b":"https://x/?page=2"}"#,
            ),
            (r#""https:\/\/x\/y?a=1\u0026SIG\u003dS\/t""#, r#""https:\/\/x\/y?redacted""#),
            (r#""{\"v\":\"https://x?a=1\\u0026code=k\"}""#, r#""{\"v\":\"https://x?redacted\"}""#),
            (r#""https://x/#access_token=t""#, r#""https://x/?redacted""#),
            (r#""https://x/?to=https%3A%2F%2Fy%2F%3Fa%3D1%26sig%3Ds""#, r#""https://x/?redacted""#),
            (r#""https://x/?to=https%253A%252F%252Fy%253Fsig%253Ds""#, r#""https://x/?redacted""#),
            (r#""see https://x/?a=1&amp;token=t, or not""#, r#""see https://x/?redacted or not""#),
            (r#""https://x/?\u0070assword=p""#, r#""https://x/?redacted""#),
            (
                r#""https://portal/#view/key/x?monkey=1&design=sig""#,
                r#""https://portal/#view/key/x?monkey=1&design=sig""#,
            ),
            (
                r#"["?sv=1\u0026sig=aB%2F+=\u0026sp=r","x\nsig=\u002b1,2"]"#,
                r#"["?sv=1\u0026sig=redacted\u0026sp=r","x\nsig=redacted,2"]"#,
            ),
            (
                r#""AccountName=a;AccountKey=k==;EndpointSuffix=e;SharedAccessSignature=sv=1&sig=s""#,
                r#""AccountName=a;AccountKey=redacted;EndpointSuffix=e;SharedAccessSignature=sv=1&sig=redacted""#,
            ),
            (r#"{"sig":"design=1, sig= 2, sig"}"#, r#"{"sig":"design=1, sig= 2, sig"}"#),
        ] {
            assert_eq!(credentials(json), redacted);
            assert!(serde_json::from_str::<serde_json::Value>(redacted).is_ok(), "{redacted}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_stays_json_and_no_signature_is_left(text in "(https?://x/|[?&;#a=/\"\\\\\n ]|sig=[a-z]{2}|key=|%26|é){0,12}") {
            for json in [serde_json::json!({ "a": text }), serde_json::json!([serde_json::json!([text]).to_string()])] {
                let redacted: serde_json::Value = serde_json::from_str(&credentials(&json.to_string())).unwrap();
                let again = redacted.to_string();
                proptest::prop_assert_eq!(credentials(&again), again);
            }
        }
    }
}
