//! The steps that an alert recommends, in the forms that the sources write them.

use serde_json::Value;

/// How often a step may be JSON inside a JSON string.
const MAX_WRAPS: usize = 4;

/// The steps in a JSON value: a list of texts, a text of several lines, JSON inside texts, link and blade objects.
pub(super) fn steps(json: &str) -> Vec<String> {
    let mut steps = Vec::new();
    if let Ok(value) = serde_json::from_str(json) {
        collect(&value, MAX_WRAPS, &mut steps);
    }
    steps
}

fn collect(value: &Value, wraps: usize, steps: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, wraps, steps)),
        Value::Object(_) => steps.extend(link(value)),
        Value::String(text) => {
            let opened = wraps > 0 && text.trim_start().starts_with(['[', '{', '"']);
            match opened.then(|| serde_json::from_str(text).ok()).flatten() {
                Some(inner) => collect(&inner, wraps - 1, steps),
                None => steps.extend(lines(text)),
            }
        }
        _ => {}
    }
}

/// A link `{displayValue, kind, value}` or blade `{displayValue, kind}` as `text: address`; any other object as its JSON text.
fn link(object: &Value) -> Option<String> {
    let member = |name: &str| {
        let (_, value) = object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str().map(str::trim).filter(|text| !text.is_empty())
    };
    match (member("displayValue"), member("value")) {
        (Some(text), Some(address)) => Some(format!("{text}: {address}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => object.as_object().is_some_and(|members| !members.is_empty()).then(|| object.to_string()),
    }
}

/// The lines of a text that are not blank. Some texts hold a backslash and an `n` for a line break; it counts as one only after
/// the end of a sentence or before a number, where it cannot be part of a Windows path.
fn lines(text: &str) -> Vec<String> {
    let mut broken = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        broken.push_str(before);
        let mark = ["\\r\\n", "\\n"].into_iter().find(|mark| from.starts_with(mark));
        let is_break = mark.is_some_and(|mark| {
            let after = from[mark.len()..].trim_start();
            before.trim_end().ends_with(['.', ';', '!', '?', ')'])
                || after.starts_with(|c: char| c.is_ascii_digit())
                || after.is_empty()
        });
        match mark.filter(|_| is_break) {
            Some(mark) => {
                broken.push('\n');
                rest = &from[mark.len()..];
            }
            None => {
                broken.push('\\');
                rest = &from[1..];
            }
        }
    }
    broken.push_str(rest);
    broken
        .split(['\n', '\r', '\u{2028}', '\u{2029}'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        for (json, expected) in [
            (r#"["a","b"]"#, vec!["a", "b"]),
            (r#""1. a\r\n2. b\n\n3. c""#, vec!["1. a", "2. b", "3. c"]),
            (r#"["1. a\\n2. b.\\nThen c"]"#, vec!["1. a", "2. b.", "Then c"]),
            (r#"["look at C:\\new\\readme"]"#, vec!["look at C:\\new\\readme"]),
            (r#""[\"a\",\"b\"]""#, vec!["a", "b"]),
            (
                r#"["{\"displayValue\":\"Read\",\"kind\":\"Link\",\"value\":\"https:\\/\\/example.com\"}"]"#,
                vec!["Read: https://example.com"],
            ),
            (r#"[{"kind":"openBlade","DisplayValue":"Open it","extension":"x"}]"#, vec!["Open it"]),
            (r#"["[read](https://example.com) first"]"#, vec!["[read](https://example.com) first"]),
            (r#"["",null,"  ",5]"#, vec![]),
            (r#""""#, vec![]),
            (r#"{"#, vec![]),
        ] {
            assert_eq!(steps(json), expected, "{json}");
        }
    }
}
