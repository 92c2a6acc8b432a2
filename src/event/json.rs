//! JSON text as it comes: bounds, tolerance for what serde refuses, and JSON inside JSON strings.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr_iter, memchr2_iter, memmem};
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

/// Where a broken list element that begins at `start` ends: before the comma or bracket that closes it by counting brackets, before an
/// object where only a name could follow, else where a line or a sibling begins. And how many bytes it took to find out.
pub(super) fn broken_element_end(text: &str, start: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let mut open = Open::default();
    let (mut at, mut in_vain) = (start, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let string = past_string(bytes, at).filter(|&end| memchr(b'\n', &bytes[at..end]).is_none());
                if in_vain == 0 && !string.is_some_and(|end| ends_a_string(bytes, end)) {
                    // A quote is missing, or one too many: brackets cannot be told from text any more.
                    let end = next_beginning(text, start);
                    in_vain = end - start;
                    if end < text.len() || string.is_none() {
                        return (end, in_vain);
                    }
                }
                let Some(end) = string else { return (next_record_line(text, start), text.len() - start) };
                at = end;
                continue;
            }
            b'\n' if matches!(bytes.get(at + 1), Some(b'{' | b'[')) => {
                at += 1;
                break;
            }
            b'{' | b'[' => open.push(byte),
            b'}' => drop(open.close(b'{')),
            b']' if !open.close(b'[') => match next_visible(bytes, at + 1) {
                // The wrong bracket: more elements follow.
                Some(b',') if !open.is_empty() => open = Open::default(),
                None | Some(b',' | b'}' | b']') => break,
                _ => {}
            },
            b',' if open.is_empty() => break,
            b',' if open.in_object() && next_visible(bytes, at + 1) == Some(b'{') => break,
            _ => {}
        }
        at += 1;
    }
    (at, in_vain + at - start)
}

/// Whether what follows can follow a string.
fn ends_a_string(bytes: &[u8], end: usize) -> bool {
    matches!(next_visible(bytes, end), None | Some(b',' | b':' | b'}' | b']'))
}

/// The first byte from `at` on that is no white space.
fn next_visible(bytes: &[u8], at: usize) -> Option<u8> {
    bytes[at..].trim_ascii_start().first().copied()
}

/// The brackets that are open.
#[derive(Default)]
struct Open {
    stack: Vec<u8>,
    braces: usize,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    fn in_object(&self) -> bool {
        self.stack.last() == Some(&b'{')
    }

    fn push(&mut self, bracket: u8) {
        self.braces += usize::from(bracket == b'{');
        self.stack.push(bracket);
    }

    /// Closes the innermost bracket of that kind, and what was left open within it. Says no where none is open.
    fn close(&mut self, bracket: u8) -> bool {
        let open = if bracket == b'{' { self.braces } else { self.stack.len() - self.braces };
        if open == 0 {
            return false;
        }
        while let Some(closed) = self.stack.pop() {
            self.braces -= usize::from(closed == b'{');
            if closed == bracket {
                break;
            }
        }
        true
    }
}

/// The start of whatever comes first after `start`: a line that begins with a record, or, after a comma, an object whose first name is
/// that of the object at `start`; after another object any, where that name cannot be read. The text's end where neither comes.
fn next_beginning(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let name = start + 1 + bytes[start + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let named = bytes[start] == b'{' && bytes.get(name) == Some(&b'"');
    let own = past_string(bytes, name).filter(|&end| named && next_visible(bytes, end) == Some(b':'));
    let own = own.map(|end| &bytes[start..end]).filter(|own| memchr(b'\n', own).is_none());
    let is_sibling = |at: usize| match (own, bytes[..at].trim_ascii_end()) {
        (Some(own), [.., b',']) => bytes[at..].starts_with(own),
        (None, [before @ .., b',']) => {
            before.trim_ascii_end().ends_with(b"}") && next_visible(bytes, at + 1) == Some(b'"')
        }
        _ => false,
    };
    memchr2_iter(b'\n', b'{', &bytes[start + 1..])
        .map(|found| start + 1 + found)
        .find_map(|at| match bytes[at] {
            b'\n' => matches!(bytes.get(at + 1), Some(b'{' | b'[')).then_some(at + 1),
            _ => is_sibling(at).then_some(at),
        })
        .unwrap_or(bytes.len())
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
        assert_eq!(&text[1..broken_element_end(text, 1).0], r#"{"a":tru,"b":["x]","\""]}"#);
        let text = "[{\"a\":\"open\n},\n{\"b\":1}]";
        assert_eq!(broken_element_end(text, 1).0, text.find("{\"b").unwrap());
        let text = r#"[{"a":"say "hello" to"},{"b":1}]"#;
        assert_eq!(&text[broken_element_end(text, 1).0..], r#",{"b":1}]"#, "brackets help where no sibling does");
    }

    #[test]
    fn a_broken_element_that_lost_a_bracket_or_a_quote_takes_no_other_with_it() {
        for broken in [
            r#"{"a":1,"b":{"c":2}"#,
            r#"{"a":{"b":[1,2}"#,
            r#"{"a":[{"a":1},{"a":2],"b":tru"#,
            r#"{"a":[{"a":1},{"a":2}],"b":tru}"#,
            "{\"a\":\"two\nlines\"}",
            r#"{"a":"x,"b":"y"}"#,
            r#"{ "a":"x}"#,
            r#"{"a":"say "hello" to"}"#,
            r#"{"a":"x}}"#,
            r#"{"a":1]"#,
            r#"{"a":1]"b":2}"#,
        ] {
            let sibling = if broken.starts_with("{ ") { r#"{ "a":2}"# } else { r#"{"a":2}"# };
            let text = format!("[{broken},{sibling}]");
            let end = broken_element_end(&text, 1).0;
            assert_eq!(text[1..end].trim_end_matches(','), broken);
            let text = format!("[{sibling},{broken}]}}");
            let end = broken_element_end(&text, sibling.len() + 2).0;
            assert!(text[end..].len() <= 3, "{broken} ends before {}", &text[end..]);
        }
    }

    #[test]
    fn any_text_has_an_end() {
        for text in ["", "{", "[", "}", "]", "\"", "{\"", "{ ", "{\"a\"", ",", "{,", "[}", "{]", "\\", "\n{"] {
            let end = broken_element_end(text, 0).0;
            assert!(text.is_char_boundary(end), "{text}");
        }
    }
}
