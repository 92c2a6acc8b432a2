//! JSON, appended to a buffer as it is made: no tree, no intermediate strings, members in the order of the calls.

/// Appends `text` as a JSON string, with only the escapes that RFC 8259 section 7 demands.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// An object under construction: `{` is written, `}` comes with [`Object::close`].
#[derive(Debug)]
#[must_use = "an object must be closed"]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object at the end of `out`.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes the name of a member; the caller appends one JSON value to what is returned.
    pub fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        write_text(self.member(name), value);
    }

    /// A text, if there is one.
    pub fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A value that is JSON already, copied as it is.
    pub fn json(&mut self, name: &str, value: &str) {
        self.member(name).extend_from_slice(value.as_bytes());
    }

    /// A list of texts, also when it is empty.
    pub fn texts<T: AsRef<str>>(&mut self, name: &str, values: &[T]) {
        let out = self.member(name);
        out.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_text(out, value.as_ref());
        }
        out.push(b']');
    }

    /// A nested object that `fill` writes; it is left out, name and all, when `fill` writes no member.
    pub fn group(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (before, was_empty) = (self.out.len(), self.empty);
        let mut nested = Object::open(self.member(name));
        fill(&mut nested);
        let filled = !nested.empty;
        nested.close();
        if !filled {
            self.out.truncate(before);
            self.empty = was_empty;
        }
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_a_round_trip() {
        let mut every: String = (0..=0x2ff_u32).filter_map(char::from_u32).collect();
        every.push_str("\u{2028}\u{feff}\u{fffd}\u{10ffff}🦀");
        for text in ["", "plain", "\"", "\\n\n", every.as_str()] {
            let mut out = Vec::new();
            write_text(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn only_control_characters_quotes_and_backslashes_are_escaped() {
        let mut out = Vec::new();
        write_text(&mut out, "a\"\\\n\r\t\u{0}\u{1f}\u{7f}ü");
        assert_eq!(out, "\"a\\\"\\\\\\n\\r\\t\\u0000\\u001f\u{7f}ü\"".as_bytes());
    }

    #[test]
    fn an_object_keeps_order_and_leaves_out_empty_groups() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.group("none", |_| {});
        object.text("b", "1");
        object.optional("gone", None);
        object.group("none", |group| group.group("deeper", |_| {}));
        object.json("a", "[1, 2]");
        object.texts("list", &["x", "y"]);
        object.group("group", |group| group.texts::<&str>("empty", &[]));
        object.close();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#"{"b":"1","a":[1, 2],"list":["x","y"],"group":{"empty":[]}}"#);
    }
}
