//! JSON inside a JSON string: what it says, and where in the string that is written.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::IgnoredAny;

use super::rewrite::Edit;
use crate::event::mend_surrogates;

/// What a string holds.
pub(super) enum Nested<'t> {
    /// JSON, unescaped, that can be unescaped further.
    Json(Cow<'t, str>),
    /// The beginning of JSON.
    Broken,
    /// Neither.
    Text,
}

impl<'t> Nested<'t> {
    /// Looks into a valid JSON string without lone surrogates.
    pub(super) fn of(token: &'t str) -> Self {
        let Some(text) = unescaped(token) else { return Self::Text };
        let plain = text.trim_start();
        if !plain.starts_with(['{', '[', '"']) {
            return Self::Text;
        }
        let begun = is_begun(plain);
        // Of the same length, so positions stay what they are.
        let text = mend_surrogates(&text).map_or(text, Cow::Owned);
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Self::Json(text),
            Err(_) if begun => Self::Broken,
            Err(_) => Self::Text,
        }
    }
}

/// Whether a text begins as JSON does and prose does not: `{"` or `[{`; not `[SAMPLE ALERT] ...`.
fn is_begun(text: &str) -> bool {
    let mut signs = text.chars().filter(|c| !c.is_whitespace());
    match (signs.next(), signs.next()) {
        (Some('{'), second) => matches!(second, Some('"') | None),
        (Some('['), second) => matches!(second, Some('{' | '[' | '"') | None),
        _ => false,
    }
}

fn unescaped(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    match memchr(b'\\', inner.as_bytes()) {
        None => Some(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(token).ok().map(Cow::Owned),
    }
}

/// Edits of what the string holds, in order, as edits of the text in which the string `token` begins at `start`.
pub(super) fn outward(edits: Vec<Edit>, start: usize, token: &str) -> impl Iterator<Item = Edit> {
    let mut ruler = Ruler { token: token.as_bytes(), inside: 0, outside: 1 };
    edits.into_iter().map(move |Edit { place, with }| {
        let place = start + ruler.outside(place.start)..start + ruler.outside(place.end);
        Edit { place, with: with.replace('\\', "\\\\").replace('"', "\\\"").into() }
    })
}

/// Tells where in a string, as it is written, something is that was found in what it says.
struct Ruler<'t> {
    token: &'t [u8],
    /// One place, in bytes of what the string says and as it is written.
    inside: usize,
    outside: usize,
}

impl Ruler<'_> {
    /// Where that place is written; not before the one that was asked for last.
    fn outside(&mut self, inside: usize) -> usize {
        while self.inside < inside {
            let rest = self.token.get(self.outside..).unwrap_or_default();
            let wanted = inside - self.inside;
            let plain = memchr(b'\\', rest).unwrap_or(rest.len()).min(wanted);
            let (said, written) = match plain {
                // The string has ended; what it says is never longer.
                0 if rest.is_empty() => break,
                0 => escape(rest),
                plain => (plain, plain),
            };
            self.inside += said;
            self.outside += written;
        }
        self.outside
    }
}

/// How many bytes of UTF-8 the escape at the beginning stands for, and how many it is written with.
fn escape(text: &[u8]) -> (usize, usize) {
    let unit = |at: usize| {
        let hex = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(hex, 16).ok()
    };
    match (text.get(1), unit(2)) {
        (Some(b'u'), Some(0xD800..=0xDBFF)) => (4, 12),
        (Some(b'u'), Some(0..=0x7F)) => (1, 6),
        (Some(b'u'), Some(0x80..=0x7FF)) => (2, 6),
        (Some(b'u'), _) => (3, 6),
        _ => (1, 2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A string in which some signs are escaped that need not be.
    fn written(text: &str, escape_every: usize) -> String {
        let mut token = String::from("\"");
        for (at, c) in text.chars().enumerate() {
            if at % escape_every == 0 {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| token.push_str(&format!("\\u{unit:04x}")));
            } else {
                let whole = serde_json::to_string(&c).unwrap();
                token.push_str(&whole[1..whole.len() - 1]);
            }
        }
        token + "\""
    }

    proptest! {
        #[test]
        fn every_place_is_found_again(text in "[a\"\\\\\n/é€😀]{0,12}", every in 1_usize..4) {
            let token = written(&text, every);
            prop_assert_eq!(unescaped(&token).unwrap(), text.as_str());
            let mut ruler = Ruler { token: token.as_bytes(), inside: 0, outside: 1 };
            for (at, _) in text.char_indices().chain([(text.len(), 'x')]) {
                let head = format!("{}\"", &token[..ruler.outside(at)]);
                prop_assert_eq!(unescaped(&head).unwrap(), &text[..at]);
            }
        }
    }

    #[test]
    fn prose_is_no_broken_json() {
        for (token, broken) in [
            (r#""[SAMPLE ALERT] x""#, false),
            (r#""{a} and {b}""#, false),
            (r#""\"quoted\" and more""#, false),
            (r#""{\"a\":1,\"b""#, true),
            (r#"" [ {\"a\"""#, true),
            (r#""{""#, true),
        ] {
            assert_eq!(matches!(Nested::of(token), Nested::Broken), broken, "{token}");
        }
    }
}
