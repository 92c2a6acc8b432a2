//! Takes values out of JSON text by their paths. What no path leads to keeps its bytes.

use std::borrow::Cow;
use std::ops::Range;

use super::nested::Nested;
use super::path::Step;
use crate::event::{Cursor, mend_surrogates};

/// What stands for a masked value.
const MASK: &str = "\"[redacted]\"";

/// What happens to the value that a path leads to; of two, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// `[redacted]` stands for it.
    Mask,
    /// It goes, and with it its name.
    Drop,
}

/// A path, or what is left of it on the way, and what happens at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail<'p> {
    /// Never empty.
    pub(super) steps: &'p [Step],
    pub(super) action: Action,
}

/// A piece of a text, and what comes in its place.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) place: Range<usize>,
    pub(super) with: Cow<'static, str>,
}

/// The record, which is one JSON object, without what the paths lead to. They start at its top, and again below its `properties`: what is
/// there in the shapes of Azure Resource Manager is at the top in others.
pub(super) fn rewrite<'t>(record: &'t str, trails: &[Trail<'_>]) -> Cow<'t, str> {
    // A copy that can be unescaped whatever is in it, of the same length: what is found there lies in the record at the same place.
    let mended = mend_surrogates(record);
    let mut edits = Vec::new();
    let mut cursor = Cursor::new(mended.as_deref().unwrap_or(record));
    match cursor.peek() {
        Some(b'{') => object(&mut cursor, trails, trails, &mut edits),
        _ => value(&mut cursor, trails, &mut edits),
    }
    if edits.is_empty() {
        return Cow::Borrowed(record);
    }
    let mut rewritten = String::with_capacity(record.len());
    let mut at = 0;
    for Edit { place, with } in &edits {
        rewritten.push_str(&record[at..place.start]);
        rewritten.push_str(with);
        at = place.end;
    }
    rewritten.push_str(&record[at..]);
    Cow::Owned(rewritten)
}

/// Follows the trails into the value that is next. Edits come in the order of the text and never overlap.
///
/// Each object costs each trail a step, at least every second list does, and JSON inside a string is at most half as long as what it is in:
/// so this never nests deep, whatever comes.
pub(super) fn value(cursor: &mut Cursor<'_>, trails: &[Trail<'_>], edits: &mut Vec<Edit>) {
    match cursor.peek() {
        Some(b'{') => object(cursor, trails, &[], edits),
        Some(b'[') => list(cursor, trails, edits),
        Some(b'"') => {
            let start = cursor.place();
            string(start, cursor.token(), trails, edits);
        }
        _ => {
            cursor.token();
        }
    }
}

fn object(cursor: &mut Cursor<'_>, trails: &[Trail<'_>], anew: &[Trail<'_>], edits: &mut Vec<Edit>) {
    cursor.enter();
    let mut siblings = Siblings::default();
    loop {
        cursor.peek();
        let start = cursor.place();
        let Some(name) = cursor.member() else { break };
        let (action, mut onward) = follow(trails, Some(&name));
        if name.eq_ignore_ascii_case("properties") {
            onward.extend(anew);
        }
        siblings.next(start, edits);
        item(cursor, action, &onward, edits);
        siblings.end(action, start..cursor.place(), edits);
    }
    siblings.close(edits);
}

/// Elements have no names: a name that comes next on a trail is one of their members, as if there was a `*` before it. Who forgets that
/// sign shall not find out by what a third party has read.
fn list(cursor: &mut Cursor<'_>, trails: &[Trail<'_>], edits: &mut Vec<Edit>) {
    let (action, onward) = follow(trails, None);
    let named = trails.iter().filter(|trail| matches!(trail.steps, [Step::Named(_), ..]));
    let into: Vec<Trail<'_>> = onward.iter().chain(named).copied().collect();
    cursor.enter();
    let mut siblings = Siblings::default();
    while cursor.element() {
        let start = cursor.place();
        siblings.next(start, edits);
        let is_list = cursor.peek() == Some(b'[');
        item(cursor, action, if is_list { &onward } else { &into }, edits);
        siblings.end(action, start..cursor.place(), edits);
    }
    siblings.close(edits);
}

/// The value of a member, or an element.
fn item(cursor: &mut Cursor<'_>, action: Option<Action>, onward: &[Trail<'_>], edits: &mut Vec<Edit>) {
    cursor.peek();
    let start = cursor.place();
    match action {
        None if !onward.is_empty() => value(cursor, onward, edits),
        None | Some(Action::Drop) => {
            cursor.token();
        }
        Some(Action::Mask) => {
            cursor.token();
            edits.push(Edit { place: start..cursor.place(), with: MASK.into() });
        }
    }
}

/// A string may hold JSON, as the bags of Log Analytics do: then the trails go on in there. Where it was JSON once and is cut off, nobody
/// can tell what is in it, so all of it is masked.
fn string(start: usize, token: &str, trails: &[Trail<'_>], edits: &mut Vec<Edit>) {
    match Nested::of(token) {
        Nested::Text => {}
        Nested::Broken => edits.push(Edit { place: start..start + token.len(), with: MASK.into() }),
        Nested::Json(text) => {
            let mut inner = Vec::new();
            value(&mut Cursor::new(&text), trails, &mut inner);
            edits.extend(super::nested::outward(inner, start, token));
        }
    }
}

/// What happens to the member of that name, or to an element of a list; and which trails lead on from there.
fn follow<'p>(trails: &[Trail<'p>], name: Option<&str>) -> (Option<Action>, Vec<Trail<'p>>) {
    let (mut action, mut onward) = (None, Vec::new());
    for trail in trails {
        match trail.steps {
            [step] if step.takes(name) => action = action.max(Some(trail.action)),
            [step, steps @ ..] if !steps.is_empty() && step.takes(name) => onward.push(Trail { steps, ..*trail }),
            _ => {}
        }
    }
    (action, onward)
}

/// The members of one object, or the elements of one list: who of them goes takes a comma along.
#[derive(Default)]
struct Siblings {
    /// Where the one before ended.
    end: usize,
    /// Whether one before stays.
    kept: bool,
    /// Where the one before began, if it goes together with the comma behind it.
    going: Option<usize>,
}

impl Siblings {
    fn next(&mut self, start: usize, edits: &mut Vec<Edit>) {
        if let Some(from) = self.going.take() {
            edits.push(Edit { place: from..start, with: Cow::Borrowed("") });
        }
    }

    fn end(&mut self, action: Option<Action>, place: Range<usize>, edits: &mut Vec<Edit>) {
        match action {
            Some(Action::Drop) if self.kept => {
                edits.push(Edit { place: self.end..place.end, with: Cow::Borrowed("") });
            }
            Some(Action::Drop) => self.going = Some(place.start),
            _ => self.kept = true,
        }
        self.end = place.end;
    }

    fn close(mut self, edits: &mut Vec<Edit>) {
        self.next(self.end, edits);
    }
}
