//! JSON text as it comes: bounds, tolerance for what serde refuses, and JSON inside JSON strings.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr_iter, memmem};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cursor::past_string;
use super::texts::Texts;

/// How deep a record may nest: as deep as `serde_json` and most receivers follow.
pub(super) const MAX_DEPTH: usize = 128;

/// Whether valid JSON text nests deeper than [`MAX_DEPTH`]. Needed because `serde_json` skips values at any depth.
pub(super) fn too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Few brackets cannot nest deep. This settles nearly every record at the speed of memchr.
    if memchr_iter(b'{', bytes).count() + memchr_iter(b'[', bytes).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut at) = (0usize, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = past_string(bytes, at).unwrap_or(bytes.len());
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
        at += 1;
    }
    false
}

/// Where a broken list element that begins at `start` ends: before the comma or bracket that closes it by counting brackets, else
/// where a line begins with a record.
pub(super) fn broken_element_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let next_line = next_record_line(text, start);
    let (mut depth, mut at) = (0usize, start);
    while at < next_line {
        match bytes[at] {
            b'"' => match past_string(bytes, at) {
                Some(end) if memchr(b'\n', &bytes[at..end]).is_none() => {
                    at = end;
                    continue;
                }
                _ => return next_line,
            },
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return at,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    next_line
}

/// The start of the first line after `start` that begins with `{` or `[` in its first column; the text's end where none does.
///
/// Only such lines are trusted after a fault: an indented `{` is more likely a fragment of a broken, pretty-printed record.
pub(super) fn next_record_line(text: &str, start: usize) -> usize {
    let bytes = &text.as_bytes()[start..];
    memchr_iter(b'\n', bytes)
        .find(|&newline| matches!(bytes.get(newline + 1), Some(b'{' | b'[')))
        .map_or(text.len(), |newline| start + newline + 1)
}

/// A copy of valid JSON text with every lone surrogate escape replaced by `\ufffd`, or `None` where there is none to replace.
///
/// The copy has the same length, so positions in it are positions in the original. Such escapes are grammatical (RFC 8259
/// section 8.2), .NET writes them for text it cut in two, and serde refuses them.
#[must_use]
pub fn mend_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // Few records have any escape of this kind.
    memmem::find(bytes, b"\\u")?;
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += found;
        at += match surrogate(bytes, at) {
            None => 2,
            Some(unit) if unit < 0xDC00 && surrogate(bytes, at + 6).is_some_and(|low| low >= 0xDC00) => 12,
            Some(_) => {
                mended.get_or_insert_with(|| bytes.to_vec())[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
        };
    }
    String::from_utf8(mended?).ok()
}

/// The surrogate code unit that the escape at `at` stands for.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let [b'\\', b'u', hex @ ..] = bytes.get(at..at + 6)? else { return None };
    let unit = u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

/// A scalar as text: a string unescaped, a number or boolean as written. `null`, objects, lists, blank strings and the text
/// `<null>` are absent.
#[must_use]
pub fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    text(raw.get())
}

/// The same of a valid token.
pub(super) fn text(token: &str) -> Option<Cow<'_, str>> {
    let text = match token.as_bytes() {
        [b'"', inner @ .., b'"'] => match memchr(b'\\', inner) {
            None => Cow::Borrowed(&token[1..token.len() - 1]),
            Some(_) => Cow::Owned(serde_json::from_str::<String>(token).ok()?),
        },
        [b'{' | b'[' | b'n', ..] | [] => return None,
        _ => Cow::Borrowed(token),
    };
    (!is_absent(&text)).then_some(text)
}

/// Whether a text stands for nothing.
pub(super) fn is_absent(text: &str) -> bool {
    // Nearly every text begins with a character that settles it.
    let settled = text.as_bytes().first().is_some_and(|first| first.is_ascii_graphic() && *first != b'<');
    !settled && matches!(text.trim(), "" | "<null>")
}

/// A container: as it came, or, where it came as a JSON string that holds a container, that one. `null` and blanks are absent;
/// other text stays as it came.
pub(super) fn container<'a>(raw: &'a RawValue, texts: &'a Texts) -> Option<&'a RawValue> {
    match raw.get().as_bytes() {
        [b'{' | b'[', ..] => Some(raw),
        [b'"', ..] => {
            let text = scalar(raw)?;
            if !text.trim_start().starts_with(['{', '[']) {
                return Some(raw);
            }
            let text = match text {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => texts.keep(text),
            };
            let opened = serde_json::from_str::<&RawValue>(text).ok();
            Some(opened.filter(|inner| !too_deep(inner.get())).unwrap_or(raw))
        }
        _ => None,
    }
}

/// The members of an object in order, duplicates included; none of anything else.
#[must_use]
pub fn members(text: &str) -> Vec<(Cow<'_, str>, &RawValue)> {
    struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Pairs;

            impl<'de> Visitor<'de> for Pairs {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                    let mut members = Vec::new();
                    while let Some(name) = map.next_key::<&RawValue>()? {
                        let name = scalar(name).unwrap_or_default();
                        members.push((name, map.next_value()?));
                    }
                    Ok(Members(members))
                }
            }

            deserializer.deserialize_map(Pairs)
        }
    }

    serde_json::from_str(text).map_or_else(|_| Vec::new(), |Members(members)| members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_nesting_and_not_brackets() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!too_deep(&nested(MAX_DEPTH)));
        assert!(too_deep(&nested(MAX_DEPTH + 1)));
        assert!(!too_deep(&format!("[{}{{}}]", "{},".repeat(1000))));
        assert!(!too_deep(&format!(r#"{{"a":"\"{}"}}"#, "[".repeat(1000))));
    }

    #[test]
    fn surrogates_are_mended_in_place() {
        assert_eq!(mend_surrogates(r#"{"a":"plain \n é"}"#), None);
        assert_eq!(mend_surrogates(r#""\ud83d\ude00""#), None);
        assert_eq!(mend_surrogates(r#""\\ud83d""#), None, "an escaped backslash, then letters");
        assert_eq!(mend_surrogates(r#""\ud83d""#).as_deref(), Some(r#""\ufffd""#));
        assert_eq!(mend_surrogates(r#""\uDE00\uD83D\uDE00""#).as_deref(), Some(r#""\ufffd\uD83D\uDE00""#));
        assert_eq!(mend_surrogates(r#""\uD83D\uD83Dx""#).as_deref(), Some(r#""\ufffd\ufffdx""#));
    }

    #[test]
    fn a_broken_element_ends_where_brackets_say() {
        let text = r#"[{"a":tru,"b":["x]","\""]},{}]"#;
        assert_eq!(&text[1..broken_element_end(text, 1)], r#"{"a":tru,"b":["x]","\""]}"#);
        let text = "[{\"a\":\"open\n},\n{\"b\":1}]";
        assert_eq!(broken_element_end(text, 1), text.find("{\"b").unwrap());
    }
}
