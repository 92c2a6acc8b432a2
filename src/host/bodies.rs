//! Event bodies of one invocation, decoded into one buffer.

use std::borrow::Cow;
use std::ops::Range;

use jiff::Timestamp;
use serde_json::value::RawValue;

/// The event bodies of one invocation. One buffer holds them all; everything later borrows from it.
#[derive(Debug, Default)]
pub struct Bodies {
    buffer: Vec<u8>,
    ranges: Vec<Range<usize>>,
    enqueued: Vec<Option<Timestamp>>,
}

/// One event body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// When the hub took it, where the host said so.
    pub enqueued: Option<Timestamp>,
}

impl Bodies {
    /// A single body, as it is: for input that does not come from the host.
    #[must_use]
    pub fn single(bytes: &[u8], enqueued: Option<Timestamp>) -> Self {
        let mut bodies = Self { enqueued: vec![enqueued], ..Self::default() };
        bodies.push(bytes);
        bodies
    }

    /// These bodies, as they are: for records that do not come through a hub.
    #[must_use]
    pub fn of<'b>(bodies: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut all = Self::default();
        bodies.into_iter().for_each(|body| all.push(body));
        all
    }

    /// How many bodies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Each body, in order.
    pub fn iter(&self) -> impl Iterator<Item = Body<'_>> {
        self.ranges.iter().enumerate().map(|(index, range)| Body {
            bytes: &self.buffer[range.clone()],
            enqueued: self.enqueued.get(index).copied().flatten(),
        })
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.ranges.push(start..self.buffer.len());
    }

    /// Takes the enqueued times when there is one per body; otherwise they cannot be told apart and are left out.
    pub(super) fn set_enqueued(&mut self, times: &[Option<Timestamp>]) {
        if times.len() == self.ranges.len() {
            self.enqueued = times.to_vec();
        }
    }

    /// Adds the bodies of one binding's value, in whichever of the host's encodings it came.
    pub(super) fn push_binding(&mut self, value: &str) {
        match value.as_bytes().first() {
            Some(b'"') => {
                if !self.push_base64_array(value) {
                    match serde_json::from_str::<Cow<'_, str>>(value) {
                        Ok(text) => self.push_text(&text),
                        Err(_) => self.push(value.as_bytes()),
                    }
                }
            }
            Some(b'[') => self.push_array(value),
            _ => self.push(value.as_bytes()),
        }
    }

    /// The case that the trigger is configured for, and the fast one: a JSON string that holds an array of base64 strings. Nothing
    /// is unescaped or parsed: base64 holds neither quotes nor backslashes, so each element ends at the next backslash.
    ///
    /// Returns whether the value had exactly that form; otherwise nothing was added.
    fn push_base64_array(&mut self, value: &str) -> bool {
        let (buffer_before, ranges_before) = (self.buffer.len(), self.ranges.len());
        let taken = self.try_base64_array(value.as_bytes()).is_some();
        if !taken {
            self.buffer.truncate(buffer_before);
            self.ranges.truncate(ranges_before);
        }
        taken
    }

    fn try_base64_array(&mut self, value: &[u8]) -> Option<()> {
        let mut rest = value.strip_prefix(b"\"[")?;
        self.buffer.reserve(rest.len() / 4 * 3);
        if rest == b"]\"" {
            return Some(());
        }
        loop {
            rest = rest.strip_prefix(b"\\\"")?;
            let end = memchr::memchr(b'\\', rest)?;
            let start = self.buffer.len();
            self.push_base64(&rest[..end])?;
            if !looks_like_json(&self.buffer[start..]) {
                return None;
            }
            rest = rest[end..].strip_prefix(b"\\\"")?;
            match rest {
                b"]\"" => return Some(()),
                [b',', more @ ..] => rest = more.trim_ascii_start(),
                _ => return None,
            }
        }
    }

    /// Decodes strict standard base64 to the end of the buffer.
    fn push_base64(&mut self, text: &[u8]) -> Option<()> {
        let start = self.buffer.len();
        let length = base64_simd::STANDARD.decoded_length(text).ok()?;
        self.buffer.resize(start + length, 0);
        let written = base64_simd::STANDARD.decode(text, base64_simd::Out::from_slice(&mut self.buffer[start..]));
        match written.map(|written| written.len()) {
            Ok(length) => {
                self.buffer.truncate(start + length);
                self.ranges.push(start..start + length);
                Some(())
            }
            Err(_) => {
                self.buffer.truncate(start);
                None
            }
        }
    }

    /// Text from inside a JSON string: an array of bodies, one body as a string literal, or one body.
    fn push_text(&mut self, text: &str) {
        match text.trim_start().as_bytes().first() {
            Some(b'[') => self.push_array(text),
            Some(b'"') => match serde_json::from_str::<String>(text) {
                Ok(inner) => self.push_strings(&[Some(inner.into())], &[text]),
                Err(_) => self.push(text.as_bytes()),
            },
            _ => self.push_strings(&[Some(text.into())], &[text]),
        }
    }

    fn push_array(&mut self, text: &str) {
        let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else {
            return self.push(text.as_bytes());
        };
        let raw: Vec<&str> = elements.iter().map(|element| element.get()).collect();
        let strings: Vec<Option<Cow<'_, str>>> =
            raw.iter().map(|raw| raw.starts_with('"').then(|| serde_json::from_str(raw).ok()).flatten()).collect();
        self.push_strings(&strings, &raw);
    }

    /// Adds elements: strings as text or base64, other values as their JSON text.
    ///
    /// Most strings tell by themselves: text that looks like JSON is text; base64 of something that looks like JSON is base64. The rest
    /// (`plain`, `null`, ``) could be either, and follows what the other elements of this invocation are. With nothing to go by,
    /// a JSON scalar is text and other base64 is base64, which is what the trigger is configured to send.
    fn push_strings(&mut self, strings: &[Option<Cow<'_, str>>], raw: &[&str]) {
        let forms: Vec<Form> = strings.iter().map(|text| text.as_deref().map_or(Form::Unclear, Form::of)).collect();
        let base64 = forms.contains(&Form::Base64);
        let text = strings.iter().zip(&forms).any(|(text, form)| *form == Form::Text && text.is_some());
        for ((string, form), raw) in strings.iter().zip(forms).zip(raw) {
            let Some(string) = string else {
                self.push(raw.as_bytes());
                continue;
            };
            let decode = match form {
                Form::Base64 => true,
                Form::Text => false,
                Form::Unclear if base64 != text => base64,
                Form::Unclear => serde_json::from_str::<serde::de::IgnoredAny>(string).is_err(),
            };
            if !(decode && self.push_base64(string.as_bytes()).is_some()) {
                self.push(string.as_bytes());
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Base64,
    Unclear,
}

impl Form {
    fn of(text: &str) -> Self {
        if looks_like_json(text.as_bytes()) {
            return Self::Text;
        }
        match base64_simd::STANDARD.decode_to_vec(text.as_bytes()) {
            Ok(bytes) if looks_like_json(&bytes) => Self::Base64,
            Ok(_) => Self::Unclear,
            Err(_) => Self::Text,
        }
    }
}

/// Whether the bytes begin, after a byte order mark and white space, like a JSON object, array or string.
fn looks_like_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    matches!(bytes.first(), Some(b'{' | b'[' | b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(value: &str) -> Vec<String> {
        let mut bodies = Bodies::default();
        bodies.push_binding(value);
        bodies.iter().map(|body| String::from_utf8_lossy(body.bytes).into_owned()).collect()
    }

    #[test]
    fn every_encoding_of_the_host_gives_the_same_bodies() {
        let (a, b) = (r#"{"a":"é"}"#, r#"{"b":2}"#);
        let base64 = |text: &str| base64_simd::STANDARD.encode_to_string(text);
        let string = |value: &serde_json::Value| serde_json::to_string(&value.to_string()).unwrap();
        let forms = [
            string(&serde_json::json!([base64(a), base64(b)])),
            string(&serde_json::json!([a, b])),
            string(&serde_json::json!([{"a": "é"}, {"b": 2}])),
            serde_json::json!([base64(a), b]).to_string(),
            serde_json::json!([{"a": "é"}, {"b": 2}]).to_string(),
        ];
        for form in forms {
            assert_eq!(bodies(&form), [a, b], "{form}");
        }
        for form in [string(&serde_json::json!(a)), serde_json::json!(base64(a)).to_string(), a.to_owned()] {
            assert_eq!(bodies(&form), [a], "{form}");
        }
    }

    #[test]
    fn unclear_strings_follow_their_neighbours() {
        let base64 = |text: &str| base64_simd::STANDARD.encode_to_string(text);
        assert_eq!(bodies(&serde_json::json!([base64("{}"), base64("plain")]).to_string()), ["{}", "plain"]);
        assert_eq!(bodies(&serde_json::json!(["{}", "abcd"]).to_string()), ["{}", "abcd"]);
        assert_eq!(bodies(&serde_json::json!(["null"]).to_string()), ["null"]);
        assert_eq!(bodies(&serde_json::json!([base64("plain")]).to_string()), ["plain"]);
        assert_eq!(bodies(&serde_json::json!(["not base64!"]).to_string()), ["not base64!"]);
        assert_eq!(bodies(&serde_json::json!([""]).to_string()), [""]);
    }

    #[test]
    fn the_fast_form_leaves_nothing_behind_when_it_does_not_hold() {
        let value = serde_json::to_string(r#"["e30=","{\"a\":1}"]"#).unwrap();
        assert_eq!(bodies(&value), ["{}", r#"{"a":1}"#]);
        assert_eq!(bodies(r#""[\"e30=\", \"e30=\"]""#), ["{}", "{}"]);
        assert_eq!(bodies(r#""[]""#), Vec::<String>::new());
        assert_eq!(bodies(r#""[\"e30=\",]""#), [r#"["e30=",]"#]);
    }

    #[test]
    fn anything_else_is_one_body_as_it_is() {
        assert_eq!(bodies("17"), ["17"]);
        assert_eq!(bodies(r#""null""#), ["null"]);
        assert_eq!(bodies(r#""hello there""#), ["hello there"]);
    }
}
