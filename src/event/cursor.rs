//! A quick way through JSON text that is known to be valid.
//!
//! A record was validated as a whole when it was decoded; reading a part of it again need not prove that a second time. In any other
//! text a cursor finds nonsense or ends early, but it never fails and always comes to an end.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A place in valid JSON text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The first byte of the token that is next, past white space, commas and colons; nothing at the end.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// How many bytes of the text lie behind.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Steps over the bracket that opens an object or a list.
    pub(crate) fn enter(&mut self) {
        self.at += 1;
    }

    /// The name of the next member, unescaped, with the cursor before its value. Nothing behind the last one: then the object is left.
    pub(crate) fn member(&mut self) -> Option<Cow<'a, str>> {
        match self.peek() {
            Some(b'"') => Some(name(self.token())),
            _ => {
                self.at += 1;
                None
            }
        }
    }

    /// Whether another element follows. If not, the list is left.
    pub(crate) fn element(&mut self) -> bool {
        let more = !matches!(self.peek(), None | Some(b']' | b'}'));
        self.at += usize::from(!more);
        more
    }

    /// The next value whole, as it is written.
    pub(crate) fn token(&mut self) -> &'a str {
        let first = self.peek();
        let (bytes, start) = (self.text.as_bytes(), self.at);
        self.at = match first {
            Some(b'"') => past_string(bytes, start).unwrap_or(bytes.len()),
            Some(b'{' | b'[') => past_container(bytes, start),
            _ => bytes
                .iter()
                .skip(start + 1)
                .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'))
                .map_or(bytes.len(), |length| start + 1 + length),
        };
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// The position behind the string that begins at `start`; nothing where it has no end.
pub(super) fn past_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The position behind the object or list that begins at `start`.
fn past_container(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = past_string(bytes, at).unwrap_or(bytes.len());
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The name in a token.
fn name(token: &str) -> Cow<'_, str> {
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if memchr(b'\\', inner.as_bytes()).is_none() => Cow::Borrowed(inner),
        _ => Cow::Owned(serde_json::from_str(token).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The value that a cursor reads.
    fn read(cursor: &mut Cursor<'_>) -> Value {
        match cursor.peek() {
            Some(b'{') => {
                cursor.enter();
                let mut members = serde_json::Map::new();
                while let Some(name) = cursor.member() {
                    members.insert(name.into_owned(), read(cursor));
                }
                Value::Object(members)
            }
            Some(b'[') => {
                cursor.enter();
                let mut items = Vec::new();
                while cursor.element() {
                    items.push(read(cursor));
                }
                Value::Array(items)
            }
            _ => serde_json::from_str(cursor.token()).unwrap(),
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\"\\\\a{}\\[\\],: \n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[\"\\\\a{}\\[\\],:]{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_serde_reads(value in json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(&read(&mut Cursor::new(&text)), &value);
                let mut cursor = Cursor::new(&text);
                prop_assert_eq!(cursor.token(), &text);
                prop_assert_eq!(cursor.peek(), None);
            }
        }

        #[test]
        fn comes_to_an_end_in_any_text(text in "[\"\\\\a{}\\[\\],: é]{0,24}") {
            let mut cursor = Cursor::new(&text);
            cursor.enter();
            while cursor.member().is_some() {
                cursor.token();
            }
            while cursor.element() {
                cursor.token();
            }
        }
    }
}
