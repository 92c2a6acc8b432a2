//! The entities of an alert as a flat list: one pass over their text, whatever nests in what.
//!
//! Newtonsoft's reference encoding: an object may be defined anywhere with `$id`, and stand elsewhere as `{"$ref":"5"}`. Ids repeat
//! in merged alerts and references dangle: the first definition counts, the rest is ignored. References are only ever followed one
//! step, so cycles cannot loop.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use super::cursor::Cursor;
use super::evidence_names::{Kind, Member};
use super::json;

/// A list of entities, with every object among them.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    pieces: Vec<Piece>,
    /// The members of interest, those of one object side by side.
    members: Vec<(Member, Value<'a>)>,
    /// Members of objects that are still open, the innermost last.
    open: Vec<(Member, Value<'a>)>,
    /// Ids with the place of the first piece that has each, sorted; made when the first reference is followed.
    by_id: OnceCell<Vec<(Cow<'a, str>, usize)>>,
}

/// One object: what it is, and its members' places.
#[derive(Debug, Default)]
struct Piece {
    kind: Kind,
    members: Range<usize>,
}

/// What a member holds.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    /// The token of a scalar.
    Scalar(&'a str),
    /// `{"$ref": ...}`: the token of the id.
    Reference(&'a str),
    /// An object that is defined here: its position among the pieces.
    Here(usize),
}

impl<'a> Evidence<'a> {
    /// Reads a list of entities.
    pub(super) fn of_entities(list: &'a str) -> Self {
        let mut evidence = Self {
            pieces: Vec::with_capacity(16),
            members: Vec::with_capacity(64),
            open: Vec::with_capacity(16),
            by_id: OnceCell::new(),
        };
        evidence.read(&mut Cursor::new(list), Member::Other, Kind::Other);
        evidence
    }

    /// Reads the states of an alert of Graph's retired shape.
    pub(super) fn of_states(record: &'a str) -> Self {
        let mut evidence = Self::default();
        let mut cursor = Cursor::new(record);
        cursor.enter();
        while let Some(key) = cursor.member() {
            match Kind::of_states(&key) {
                Some(kind) => evidence.read(&mut cursor, Member::Other, kind),
                None => drop(cursor.token()),
            }
        }
        evidence
    }

    /// The entities of one kind, in order.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = Entity<'_, 'a>> {
        let found = self.pieces.iter().enumerate().filter(move |(_, piece)| piece.kind == kind);
        found.map(|(at, _)| Entity { evidence: self, at })
    }

    /// Reads the value of `member`, and adds it to the open object where it is of use. An object without a type has the given kind.
    fn read(&mut self, cursor: &mut Cursor<'a>, member: Member, kind: Kind) {
        let value = match cursor.peek() {
            Some(b'{') => self.read_object(cursor, kind),
            Some(b'[') => {
                let member = if member.is_plural() { member } else { Member::Other };
                cursor.enter();
                while cursor.element() {
                    self.read(cursor, member, kind);
                }
                return;
            }
            _ => Value::Scalar(cursor.token()),
        };
        if member != Member::Other {
            self.open.push((member, value));
        }
    }

    fn read_object(&mut self, cursor: &mut Cursor<'a>, kind: Kind) -> Value<'a> {
        let (at, first) = (self.pieces.len(), self.open.len());
        // Keeps the place, so that pieces stand in the order in which they open.
        self.pieces.push(Piece::default());
        cursor.enter();
        while let Some(name) = cursor.member() {
            match Member::named(&name) {
                Member::Skipped => drop(cursor.token()),
                member => self.read(cursor, member, member.kind()),
            }
        }
        let start = self.members.len();
        let mut kind = kind;
        for (member, value) in self.open.drain(first..) {
            match (member, value) {
                (Member::Reference, Value::Scalar(id)) if text(id).is_some() => {
                    self.members.truncate(start);
                    return Value::Reference(id);
                }
                (Member::Type, Value::Scalar(name)) => kind = text(name).map_or(kind, |name| Kind::named(&name)),
                own => self.members.push(own),
            }
        }
        self.pieces[at] = Piece { kind, members: start..self.members.len() };
        Value::Here(at)
    }

    /// Sorted, so that ten thousand references to ten thousand pieces stay cheap; of pieces with one id the first stays first.
    fn ids(&self) -> Vec<(Cow<'a, str>, usize)> {
        let entities = (0..self.pieces.len()).map(|at| Entity { evidence: self, at });
        let mut ids: Vec<_> = entities.filter_map(|entity| Some((entity.text(Member::Id)?, entity.at))).collect();
        ids.sort_unstable();
        ids
    }

    fn follow(&self, value: Value<'a>) -> Option<Entity<'_, 'a>> {
        match value {
            Value::Here(at) => Some(Entity { evidence: self, at }),
            Value::Reference(id) => {
                let by_id = self.by_id.get_or_init(|| self.ids());
                let id = text(id)?;
                let (found, at) = by_id.get(by_id.partition_point(|(other, _)| *other < id))?;
                (*found == id).then_some(Entity { evidence: self, at: *at })
            }
            Value::Scalar(_) => None,
        }
    }
}

/// A text, or a whole number as one; nothing for what is blank or anything else.
fn text(token: &str) -> Option<Cow<'_, str>> {
    match token.as_bytes() {
        [b'"', ..] => json::text(token),
        _ => (token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok()).then_some(Cow::Borrowed(token)),
    }
}

/// One entity, or any other object among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entity<'e, 'a> {
    evidence: &'e Evidence<'a>,
    at: usize,
}

impl<'e, 'a> Entity<'e, 'a> {
    /// Where the object stands among all; no two are at one place.
    pub(super) fn place(self) -> usize {
        self.at
    }

    /// A member's text. Of members with the same meaning the last counts.
    pub(super) fn text(self, member: Member) -> Option<Cow<'a, str>> {
        self.values(member).rev().find_map(as_text)
    }

    /// Every text of a member that may have several.
    pub(super) fn texts(self, member: Member) -> impl Iterator<Item = Cow<'a, str>> {
        self.values(member).filter_map(as_text)
    }

    /// The object that a member holds or refers to.
    pub(super) fn linked(self, member: Member) -> Option<Entity<'e, 'a>> {
        self.evidence.follow(self.values(member).next_back()?)
    }

    /// Every object of a member that may have several.
    pub(super) fn all_linked(self, member: Member) -> impl Iterator<Item = Entity<'e, 'a>> {
        self.values(member).filter_map(move |value| self.evidence.follow(value))
    }

    fn values(self, member: Member) -> impl DoubleEndedIterator<Item = Value<'a>> {
        let own = &self.evidence.members[self.evidence.pieces[self.at].members.clone()];
        own.iter().filter(move |(name, _)| *name == member).map(|(_, value)| *value)
    }
}

fn as_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Scalar(token) => text(token),
        Value::Reference(_) | Value::Here(_) => None,
    }
}
