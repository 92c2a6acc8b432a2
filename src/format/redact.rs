//! Takes the queries out of web addresses in JSON text: portal links and blob addresses can carry access signatures there.

mod credentials;

pub use credentials::credentials;

/// What stands for a query.
const REDACTED: &str = "?redacted";

/// The JSON text with `?redacted` for the query (and what follows it) of every `http` and `https` address, in whatever string, and however
/// often that is JSON inside a string. It stays valid JSON, since an address never reaches past the end of its string.
#[must_use]
pub fn queries(json: &str) -> String {
    cut_addresses(json, |address| address.find('?'))
}

/// The JSON text with `?redacted` for the end of every web address in which `cut` finds a place to cut.
fn cut_addresses(json: &str, cut: impl Fn(&str) -> Option<usize>) -> String {
    let mut redacted = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(colon) = rest.find(':') {
        let (before, from) = rest.split_at(colon + 1);
        redacted.push_str(before);
        let address = if ends_in_scheme(before) { &from[..length(from, |_| false)] } else { "" };
        match cut(address) {
            Some(end) => {
                redacted.push_str(&address[..end]);
                redacted.push_str(REDACTED);
            }
            None => redacted.push_str(address),
        }
        rest = &from[address.len()..];
    }
    redacted.push_str(rest);
    redacted
}

/// Whether the text ends in `http:` or `https:`.
fn ends_in_scheme(text: &str) -> bool {
    let ends_in = |scheme: &str| {
        let start = text.len().checked_sub(scheme.len());
        start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    };
    ends_in("http:") || ends_in("https:")
}

/// How many bytes of the text belong to the address that goes on in it: up to white space, a quote or an angle bracket, written plainly or as
/// an escape; or to a sign that `ends` it besides.
fn length(text: &str, ends: impl Fn(char) -> bool) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let here = &text[at..];
        at += match c {
            '"' | '<' | '>' => return at,
            c if c.is_whitespace() || c.is_control() || ends(c) => return at,
            '\\' => match escape(here, &ends) {
                Some(length) => length,
                None => return at,
            },
            c => c.len_utf8(),
        };
    }
    at
}

/// The length of an escape that belongs to an address: `\/` or `\u0026`, with more backslashes where it is JSON inside a string.
fn escape(text: &str, ends: impl Fn(char) -> bool) -> Option<usize> {
    let escaped = text.trim_start_matches('\\');
    let backslashes = text.len() - escaped.len();
    if escaped.starts_with('/') {
        return Some(backslashes + 1);
    }
    let unit = u32::from_str_radix(escaped.strip_prefix('u')?.get(..4)?, 16).ok()?;
    let is_end = |c: char| c.is_control() || c.is_whitespace() || "\"<>\\".contains(c) || ends(c);
    (!char::from_u32(unit).is_some_and(is_end)).then_some(backslashes + 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_go_and_nothing_else() {
        for (json, redacted) in [
            (r#"{"a":"https://x/y?sv=1&sig=s%3D","b":1}"#, r#"{"a":"https://x/y?redacted","b":1}"#),
            (
                r#"["HTTP://x/?a#b","see https://x/y?z, or not"]"#,
                r#"["HTTP://x/?redacted","see https://x/y?redacted or not"]"#,
            ),
            (r#""https:\/\/x\/y?a=1\u0026sig=s\/t""#, r#""https:\/\/x\/y?redacted""#),
            (r#""{\"value\":\"https:\\/\\/x?a\\u0026b\"}""#, r#""{\"value\":\"https:\\/\\/x?redacted\"}""#),
            (r#""<a href=\u0022https://x?s\u0022>""#, r#""<a href=\u0022https://x?redacted\u0022>""#),
            (r#""https://x?a\nnext? line""#, r#""https://x?redacted\nnext? line""#),
            (
                r#"{"why?":"http: no? https://x/#f","ü":"ftp://x?y"}"#,
                r#"{"why?":"http: no? https://x/#f","ü":"ftp://x?y"}"#,
            ),
            (r#""https://x?ü\ud83d\ude00z""#, r#""https://x?redacted""#),
        ] {
            assert_eq!(queries(json), redacted);
            assert!(serde_json::from_str::<serde_json::Value>(&queries(json)).is_ok());
        }
    }
}
