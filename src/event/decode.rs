//! From the bytes of an event body to events.
//!
//! Everything in a body ends up in [`Decoded::events`] or in [`Decoded::undecodable`], except what only holds records together:
//! white space, byte order marks, the brackets and commas of lists, the quotes of strings that hold JSON, and the plain members
//! (`nextLink`, `@odata.context`, ...) beside the list of an envelope.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::{Deserialize, IgnoredAny};
use serde_json::value::RawValue;

use super::fields::Fields;
use super::key::Key;
use super::{Event, json, record};

pub use super::texts::Texts;

/// How many lists, envelopes and strings may be wrapped around a record.
const MAX_WRAPS: usize = 16;

/// Into how many pieces a body may fall; what follows is one more.
const MAX_PIECES: usize = 300_000;

/// What was found in event bodies.
#[derive(Debug, Default)]
pub struct Decoded<'a> {
    /// The records, in order.
    pub events: Vec<Event<'a>>,
    /// Pieces that are no record, each with its bytes and the reason.
    pub undecodable: Vec<Undecodable<'a>>,
}

impl Decoded<'_> {
    /// Says when this delivery of the records began.
    pub fn taken_at(&mut self, time: Timestamp) {
        self.events.iter_mut().for_each(|event| event.taken = time);
    }
}

/// A piece of an event body that is no record.
#[derive(Debug)]
pub struct Undecodable<'a> {
    /// Its bytes, as they came.
    pub raw: &'a [u8],
    /// Why, in words; never quotes the content.
    pub reason: String,
    /// When the hub took it, else when the invocation came.
    pub seen: Timestamp,
}

/// Decodes one event body: object, array, `records`, `value`, NDJSON, JSON inside a string; appends to `out`.
///
/// One broken piece costs its neighbours nothing. Time and memory are bounded by the size of the body, whatever is in it.
pub fn decode<'a>(body: &'a [u8], seen: Timestamp, texts: &'a Texts, out: &mut Decoded<'a>) {
    let source = match simdutf8::basic::from_utf8(body) {
        Ok(text) => Source { text, bytes: body },
        Err(_) => Source { text: texts.keep(mask(body)), bytes: body },
    };
    // The smallest record with its comma has 8 bytes, real ones have a thousand; this bounds bodies made of brackets.
    let pieces = (4096 + body.len() / 8).min(MAX_PIECES);
    let mut walk = Walk { seen, texts, out, pieces, effort: 65_536 + body.len().saturating_mul(32) };
    walk.sequence(source, 0);
}

/// A body with every byte that is not UTF-8 replaced by NUL. NUL is not valid anywhere in JSON, so whatever piece holds one fails
/// and nothing else does, and positions stay what they were.
fn mask(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\0'));
    }
    text
}

/// A text to read and the bytes it came from, position by position.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    bytes: &'a [u8],
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes() }
    }
}

struct Walk<'a, 'o> {
    seen: Timestamp,
    texts: &'a Texts,
    out: &'o mut Decoded<'a>,
    /// How many more pieces the body may fall into.
    pieces: usize,
    /// How many more bytes may be read in vain, so that faults cannot make the work quadratic.
    effort: usize,
}

impl<'a> Walk<'a, '_> {
    /// Values one after the other: one, several lines of them, or several without anything between.
    fn sequence(&mut self, source: Source<'a>, wraps: usize) {
        let text = source.text;
        let mut at = skip(text, 0, is_blank);
        if at == text.len() {
            return self.bury(source, 0, text.len(), "empty".into());
        }
        // Where the run of broken lines that ends here began, if one does.
        let mut broken = None;
        while at < text.len() {
            if self.exhausted() {
                return self.bury(source, at, text.len(), EXHAUSTED.into());
            }
            match self.value(source, at, wraps) {
                Ok(end) => (at, broken) = (end, None),
                Err(reason) => {
                    let end = json::next_record_line(text, at);
                    match (broken, self.out.undecodable.last_mut()) {
                        (Some(start), Some(piece)) => piece.raw = source.bytes[start..end].trim_ascii_end(),
                        _ => {
                            broken = Some(at);
                            self.bury(source, at, end, reason);
                        }
                    }
                    at = end;
                }
            }
            // Commas too: what was left of a list with too many pieces, and comes back by a replay, is read on.
            at = skip(text, at, |c| c == ',' || is_blank(c));
        }
    }

    /// One value; the position behind it, or why there is none. An error leaves nothing behind.
    fn value(&mut self, source: Source<'a>, at: usize, wraps: usize) -> Result<usize, String> {
        match source.text.as_bytes().get(at) {
            Some(b'{') => self.object(source, at, wraps),
            Some(b'[') if wraps < MAX_WRAPS => Ok(self.list(source, at, wraps + 1)),
            Some(b'[') => {
                let end = at + self.read::<IgnoredAny>(&source.text[at..])?.1;
                self.bury(source, at, end, "wrapped in too many lists".into());
                Ok(end)
            }
            Some(b'"') => self.string(source, at, wraps),
            _ => Err("not a JSON object".into()),
        }
    }

    /// A list: forgiving about commas and a missing end, since each element stands for itself.
    fn list(&mut self, source: Source<'a>, open: usize, wraps: usize) -> usize {
        let text = source.text;
        let mut at = open + 1;
        let mut empty = true;
        loop {
            at = skip(text, at, |c| c == ',' || is_blank(c));
            let end = match text.as_bytes().get(at) {
                None => at,
                Some(b']') => at + 1,
                Some(_) if self.exhausted() => {
                    self.bury(source, at, text.len(), EXHAUSTED.into());
                    return text.len();
                }
                Some(_) => {
                    empty = false;
                    at = self.value(source, at, wraps).unwrap_or_else(|reason| {
                        let end = json::broken_element_end(text, at);
                        self.effort = self.effort.saturating_sub(end - at);
                        self.bury(source, at, end, reason);
                        end
                    });
                    continue;
                }
            };
            if empty {
                self.bury(source, open, end, "empty list".into());
            }
            return end;
        }
    }

    /// A JSON string: what it holds is decoded where that is JSON.
    fn string(&mut self, source: Source<'a>, at: usize, wraps: usize) -> Result<usize, String> {
        let (token, length) = self.read::<&RawValue>(&source.text[at..])?;
        let end = at + length;
        let text = match json::mend_surrogates(token.get()) {
            Some(mended) => serde_json::from_str::<String>(&mended).ok().map(Cow::Owned),
            None => json::scalar(token),
        };
        let events = self.out.events.len();
        let undecodable = self.out.undecodable.len();
        if let Some(text) =
            text.filter(|text| wraps < MAX_WRAPS && text.trim_start_matches(is_blank).starts_with(['{', '[', '"']))
        {
            let text = match text {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => self.texts.keep(text),
            };
            self.sequence(text.into(), wraps + 1);
        }
        if self.out.events.len() == events {
            self.out.undecodable.truncate(undecodable);
            self.bury(source, at, end, "a text that holds no JSON object".into());
        }
        Ok(end)
    }

    /// A record, or an envelope around records.
    fn object(&mut self, source: Source<'a>, at: usize, wraps: usize) -> Result<usize, String> {
        let rest = &source.text[at..];
        let (fields, length) = match self.read::<Fields<'a>>(rest) {
            Ok((fields, length)) => (Some(fields), length),
            // Valid JSON all the same: a key with a lone surrogate.
            Err(reason) => (None, self.read::<IgnoredAny>(rest).map_err(|_| reason)?.1),
        };
        let (raw, end) = (&rest[..length], at + length);
        if json::too_deep(raw) {
            self.bury(source, at, end, format!("nested deeper than {} levels", json::MAX_DEPTH));
            return Ok(end);
        }
        // The typed view reads a copy that serde accepts; `raw` stays what came.
        let (view, fields) = match json::mend_surrogates(raw) {
            Some(mended) => {
                let view = self.texts.keep(mended);
                (view, Fields::of(view))
            }
            None => (raw, fields.unwrap_or(Fields::NONE)),
        };
        if wraps < MAX_WRAPS && self.envelope(raw, view, &fields, wraps + 1) {
            return Ok(end);
        }
        self.pieces = self.pieces.saturating_sub(1);
        self.out.events.push(record::event(raw, view, &fields, self.seen, self.texts));
        Ok(end)
    }

    /// Takes the records out of `{"records":[…]}` or `{"value":[…]}`. Says no, and leaves nothing behind, where the object is a
    /// record itself: where it is recognised as one, or where the list holds no records.
    fn envelope(&mut self, raw: &'a str, view: &'a str, fields: &Fields<'a>, wraps: usize) -> bool {
        let lists = [Key::Records, Key::Value].into_iter().filter_map(|key| fields.token(key));
        let Some(list) = lists.map(RawValue::get).find(|list| list.starts_with('[')) else { return false };
        if record::names_its_type(fields) {
            return false;
        }
        // The same place in the bytes that came: the mended copy has the same length.
        let start = list.as_ptr().addr() - view.as_ptr().addr();
        let list = &raw[start..start + list.len()];
        let (events, undecodable) = (self.out.events.len(), self.out.undecodable.len());
        self.list(list.into(), 0, wraps);
        let is_bare_and_empty = fields.members == 1 && list[1..list.len() - 1].trim_ascii().is_empty();
        if self.out.events.len() == events && !is_bare_and_empty {
            self.out.undecodable.truncate(undecodable);
            return false;
        }
        if fields.members > 1 && record::has_content_beside_list(view) {
            self.bury(
                raw.into(),
                0,
                raw.len(),
                "an envelope with more in it than its records, which were taken".into(),
            );
        }
        true
    }

    /// Reads one value from the beginning of a text, and its length.
    fn read<T: Deserialize<'a>>(&mut self, text: &'a str) -> Result<(T, usize), String> {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<T>();
        match stream.next() {
            Some(Ok(value)) => Ok((value, stream.byte_offset())),
            Some(Err(error)) => {
                // Syntax errors name what was expected and where, and quote nothing.
                let lines = memchr::memchr_iter(b'\n', text.as_bytes()).nth(error.line().saturating_sub(1));
                self.effort = self.effort.saturating_sub(lines.unwrap_or(text.len()));
                Err(format!("not valid JSON: {error}"))
            }
            None => Err("nothing".into()),
        }
    }

    /// Whether the body has been taken apart as far as it may be.
    fn exhausted(&self) -> bool {
        self.pieces == 0 || self.effort == 0
    }

    fn bury(&mut self, source: Source<'a>, start: usize, end: usize, reason: String) {
        self.pieces = self.pieces.saturating_sub(1);
        let raw = &source.bytes[start..end];
        let raw = if raw.trim_ascii().is_empty() { raw } else { raw.trim_ascii_end() };
        let reason = if simdutf8::basic::from_utf8(raw).is_ok() { reason } else { "not valid UTF-8".into() };
        self.out.undecodable.push(Undecodable { raw, reason, seen: self.seen });
    }
}

const EXHAUSTED: &str = "too many pieces in one body";

/// White space between values; a byte order mark is white space where files were joined.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{feff}')
}

/// The position of the first character from `at` on that is not skipped.
fn skip(text: &str, at: usize, skipped: impl Fn(char) -> bool) -> usize {
    text.len() - text[at..].trim_start_matches(skipped).len()
}
