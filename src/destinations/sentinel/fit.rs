//! JSON that is made to fit into one field: copied as it is where it fits, else shortened so that it stays JSON and shows it.

use std::borrow::Cow;
use std::cmp::Reverse;

use memchr::memchr2;
use serde_json::value::RawValue;

use crate::event::members;
use crate::format::shrink;
use crate::format::text::ELLIPSIS;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is there as it was.
    Whole,
    /// Something of it is missing.
    Shortened,
    /// Nothing of it fits; nothing was written.
    Nothing,
}

/// A part for which less room than this is left goes altogether: too little would remain to mean anything.
const LEAST: usize = 64;

/// Appends the valid JSON text, or as much of it as counts at most `max` bytes (see [`size`]): a text loses its end, a list its tail, an
/// object of its largest members what is too much.
pub(super) fn push(out: &mut Vec<u8>, json: &str, max: usize) -> Fit {
    // No text counts seven times its length: a list of `1e9` is the worst that there is.
    if json.len() <= max / 7 || size(json) <= max {
        // White space counts nothing in a field, but it does in a request.
        match json.len() > max {
            true => out.extend_from_slice(shrink::compact(json).as_bytes()),
            false => out.extend_from_slice(json.as_bytes()),
        }
        return Fit::Whole;
    }
    match json.as_bytes().first() {
        Some(b'"') => push_text(out, json, max),
        Some(b'[') => push_list(out, json, max),
        Some(b'{') => push_object(out, json, max),
        _ => Fit::Nothing,
    }
}

/// Cuts between characters and never inside an escape; an ellipsis shows it.
fn push_text(out: &mut Vec<u8>, json: &str, max: usize) -> Fit {
    let Some(room) = max.checked_sub(2 + ELLIPSIS.len_utf8()) else { return Fit::Nothing };
    let bytes = json.as_bytes();
    let (mut end, mut used) = (1, 0);
    while let Some((next, counts)) = character(bytes, end)
        && used + counts <= room
    {
        (end, used) = (next, used + counts);
    }
    out.extend_from_slice(&bytes[..end]);
    out.extend_from_slice(ELLIPSIS.encode_utf8(&mut [0; 4]).as_bytes());
    out.push(b'"');
    Fit::Shortened
}

/// Keeps elements from the first on. One that is larger than a fair share gets what the others leave, at least that share, so that it
/// does not cost all others their place.
fn push_list(out: &mut Vec<u8>, json: &str, max: usize) -> Fit {
    let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let sizes: Vec<usize> = items.iter().map(|item| size(item.get())).collect();
    let total = sizes.iter().sum::<usize>() + items.len() + 1;
    let share = max / 4;
    if max < 2 {
        return Fit::Nothing;
    }
    out.push(b'[');
    let mut used = 2;
    for (number, (item, own)) in items.iter().zip(sizes).enumerate() {
        let comma = usize::from(number > 0);
        let room = if own > share { share.max(max.saturating_sub(total - own)) } else { own };
        let before = out.len();
        out.extend_from_slice(&b","[..comma]);
        if used + comma + room > max || push(out, item.get(), room) == Fit::Nothing {
            out.truncate(before);
            break;
        }
        used += comma + room.min(own);
    }
    out.push(b']');
    Fit::Shortened
}

/// A member of an object that is too large.
struct Part<'a> {
    /// The name, as JSON.
    name: String,
    value: &'a str,
    /// How much of the value stays.
    room: usize,
    goes: bool,
}

impl<'a> Part<'a> {
    fn of((name, value): (Cow<'a, str>, &'a RawValue)) -> Self {
        let name = serde_json::to_string(&name).unwrap_or_default();
        Self { name, value: value.get(), room: size(value.get()), goes: false }
    }
}

/// Takes from the largest members what is too much.
fn push_object(out: &mut Vec<u8>, json: &str, max: usize) -> Fit {
    if max < 2 {
        return Fit::Nothing;
    }
    let mut parts: Vec<Part<'_>> = members(json).into_iter().map(Part::of).collect();
    // With colon and comma; the first comma stands for one of the braces.
    let whole = |part: &Part<'_>| size(&part.name) + part.room + 2;
    let mut total = 1 + parts.iter().map(whole).sum::<usize>();
    let mut by_size: Vec<&mut Part<'_>> = parts.iter_mut().collect();
    by_size.sort_by_key(|part| Reverse(part.room));
    for part in by_size {
        let Some(excess) = total.checked_sub(max).filter(|excess| *excess > 0) else { break };
        match part.room.checked_sub(excess).filter(|left| *left >= LEAST) {
            Some(left) => (part.room, total) = (left, max),
            None => (part.goes, total) = (true, total - whole(part)),
        }
    }
    out.push(b'{');
    let mut separator: &[u8] = b"";
    for part in parts.iter().filter(|part| !part.goes) {
        let before = out.len();
        for bytes in [separator, part.name.as_bytes(), b":"] {
            out.extend_from_slice(bytes);
        }
        match push(out, part.value, part.room) {
            Fit::Nothing => out.truncate(before),
            Fit::Whole | Fit::Shortened => separator = b",",
        }
    }
    out.push(b'}');
    Fit::Shortened
}

/// How many bytes a valid JSON text counts in a field of Azure Monitor: without white space between tokens, with every character as UTF-8
/// and only the escapes that JSON demands. A number with an exponent counts as the longest that it can be written out to.
pub(super) fn size(json: &str) -> usize {
    const LONGEST_NUMBER: usize = 24;
    let bytes = json.as_bytes();
    let (mut size, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(plain) = memchr2(b'"', b'\\', &bytes[at..]) {
                    // What is not escaped counts what it takes.
                    (at, size) = (at + plain, size + plain);
                    let Some((next, counts)) = character(bytes, at) else { break };
                    (at, size) = (next, size + counts);
                }
                (at, size) = (at + 1, size + 2);
            }
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'-' | b'0'..=b'9' => {
                let numeric = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = bytes[at..].iter().take_while(numeric).count();
                let has_exponent = bytes[at..at + length].iter().any(|byte| byte.eq_ignore_ascii_case(&b'e'));
                size += if has_exponent { length.max(LONGEST_NUMBER) } else { length };
                at += length;
            }
            _ => (at, size) = (at + 1, size + 1),
        }
    }
    size
}

/// Where the character of a JSON string at `at` ends, and how many bytes it counts; none at the string's end.
fn character(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        b'"' => None,
        b'\\' => match bytes.get(at + 1)? {
            b'u' => Some(match (code(bytes, at)?, code(bytes, at + 6)) {
                (0xD800..=0xDBFF, Some(0xDC00..=0xDFFF)) => (at + 12, 4),
                (8 | 9 | 10 | 12 | 13 | 0x22 | 0x5C, _) => (at + 6, 2),
                (0..=0x1F, _) => (at + 6, 6),
                (0..=0x7F, _) => (at + 6, 1),
                (0..=0x7FF, _) => (at + 6, 2),
                _ => (at + 6, 3),
            }),
            b'/' => Some((at + 2, 1)),
            _ => Some((at + 2, 2)),
        },
        0..=0x7F => Some((at + 1, 1)),
        lead => {
            let length = (lead.leading_ones() as usize).clamp(2, 4);
            Some((at + length, length))
        }
    }
}

/// The code unit of a `\u` escape at `at`, if there is one.
fn code(bytes: &[u8], at: usize) -> Option<u16> {
    let [b'\\', b'u', hex @ ..] = bytes.get(at..at + 6)? else { return None };
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pushed(json: &str, max: usize) -> (String, Fit) {
        let mut out = Vec::new();
        let fit = push(&mut out, json, max);
        (String::from_utf8(out).unwrap(), fit)
    }

    #[test]
    fn sizes_are_those_of_compact_json_without_needless_escapes() {
        for (json, bytes) in [
            ("[ ]", 2),
            (r#"{ "a" : [1, -2.50, true, null] }"#, 25),
            (r#""\u0041\/\n\u000a\u0001\"""#, 2 + 1 + 1 + 2 + 2 + 6 + 2),
            (r#""é€🦀""#, 2 + 2 + 3 + 4),
            (r#""\u00e9\u20ac\ud83e\udd80\ud83e""#, 2 + 2 + 3 + 4 + 3),
            ("[1e15,1E-300]", 2 + 24 + 1 + 24),
            (r#""1e15""#, 6),
            ("\"\u{7f}\"", 3),
        ] {
            assert_eq!(size(json), bytes, "{json}");
        }
    }

    #[test]
    fn what_fits_is_copied_to_the_byte() {
        let loose = r#"{"b" : [ 1.50,"\u00e9" ]}"#;
        assert_eq!(pushed(loose, 1000), (loose.to_owned(), Fit::Whole));
        assert_eq!(pushed(loose, loose.len()), (loose.to_owned(), Fit::Whole));
        let spaces = format!("[{}1]", " ".repeat(1000));
        assert_eq!(pushed(&spaces, 100), ("[1]".to_owned(), Fit::Whole), "white space would fill the request");
    }

    #[test]
    fn texts_lose_their_end() {
        assert_eq!(pushed(r#""abcdefgh""#, 9).0, r#""abcd…""#);
        assert_eq!(pushed(r#""ab\u00e9\u00e9éééé""#, 10).0, r#""ab\u00e9…""#, "no half of a character");
        assert_eq!(pushed(r#""abcdefgh""#, 4), (String::new(), Fit::Nothing));
        assert_eq!(pushed("123456", 5), (String::new(), Fit::Nothing), "a number has no beginning");
    }

    #[test]
    fn lists_lose_their_tail() {
        assert_eq!(pushed("[1,2,3,4,5,6,7,8,9]", 10), ("[1,2,3,4]".to_owned(), Fit::Shortened));
        assert_eq!(pushed("[1234567]", 4).0, "[]");
        let list = json!(["x".repeat(2000), "short", "short"]).to_string();
        let (kept, _) = pushed(&list, 1000);
        let kept: Vec<String> = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept[1..], ["short", "short"], "one large element does not cost the others their place");
        assert!(kept[0].ends_with('…') && kept[0].len() > 950);
    }

    #[test]
    fn objects_lose_of_their_largest_member() {
        let object = json!({"a": "x".repeat(500), "b": 1, "c": {"d": "y".repeat(900), "e": 2}}).to_string();
        let (kept, fit) = pushed(&object, 800);
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!((kept["a"].as_str().unwrap().len(), &kept["b"], &kept["c"]["e"]), (500, &json!(1), &json!(2)));
        assert!(kept["c"]["d"].as_str().unwrap().ends_with('…'));
        assert_eq!(fit, Fit::Shortened);
        let kept: Value = serde_json::from_str(&pushed(&object, 520).0).unwrap();
        assert_eq!(kept["b"], 1);
    }

    #[test]
    fn every_limit_is_kept_and_the_result_is_json() {
        let value = json!({
            "list": [{"$id": "1", "k": "ü\u{1}\"".repeat(40)}, 12, null, ["a", {"b": "🦀".repeat(50)}]],
            "text": "long ".repeat(60), "n": 1.5e300, "": {"": []}, "t": true,
        });
        let json = serde_json::to_string_pretty(&value).unwrap();
        for max in 2..=size(&json) {
            let (kept, fit) = pushed(&json, max);
            let parsed: Value = serde_json::from_str(&kept).unwrap();
            assert!(size(&kept) <= max, "{max}: {kept}");
            assert_eq!(fit == Fit::Whole, parsed == value);
        }
    }
}
