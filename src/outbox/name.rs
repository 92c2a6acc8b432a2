//! Where letters lie. A name follows from the letter's event alone, and is legal on Linux, macOS, Windows and Azure.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime;
use object_store::path::{Path, PathPart};

use super::{Letter, OutboxError};
use crate::event::EventId;

/// The two kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Waits for redelivery.
    Parked,
    /// Will never be taken.
    Dead,
}

impl Shelf {
    /// The shelf's folder.
    pub(super) fn path(self) -> Path {
        Path::from(match self {
            Self::Parked => "parked",
            Self::Dead => "dead",
        })
    }

    /// A destination's folder on the shelf.
    pub(super) fn folder(self, destination: &str) -> Result<Path, OutboxError> {
        if is_folder_name(destination) { Ok(self.path().join(destination)) } else { Err(OutboxError::Name) }
    }
}

/// Where one letter lies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Path);

impl Key {
    pub(super) fn new(path: Path) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The destination's name: the folder below the shelf. It counts more than what the letter says, so that letters can be moved
    /// by hand to a renamed destination.
    #[must_use]
    pub fn destination(&self) -> &str {
        self.0.as_ref().split('/').nth(1).unwrap_or_default()
    }

    /// When the event was seen, by the letter's name; none for a name that the outbox did not give.
    #[must_use]
    pub fn seen(&self) -> Option<Timestamp> {
        seen_in(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The place of a letter on a shelf.
pub(super) fn path_of(shelf: Shelf, letter: &Letter) -> Result<Path, OutboxError> {
    let folder = shelf.folder(&letter.destination)?;
    let day = match shelf {
        Shelf::Parked => folder,
        Shelf::Dead => ["%Y", "%m", "%d"].iter().fold(folder, |path, part| path.join(utc(part, letter.seen))),
    };
    let seen = utc("%Y%m%dT%H%M%S.%3fZ", letter.seen);
    Ok(day.join(PathPart::from(format!("{seen}-{}.json", EventId::of(&letter.body)))))
}

/// When the event of the letter at that place was seen, by its name.
pub(super) fn seen_in(path: &Path) -> Option<Timestamp> {
    let (stamp, _) = path.filename()?.split_once("Z-")?;
    strtime::parse("%Y%m%dT%H%M%S%.f", stamp)
        .ok()?
        .to_datetime()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn utc(format: &str, time: Timestamp) -> String {
    time.strftime(format).to_string()
}

fn is_folder_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(legal) && !name.starts_with('.') && !name.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(destination: &str, seen: &str) -> Letter {
        Letter {
            destination: destination.into(),
            kind: "alert".into(),
            seen: seen.parse().unwrap(),
            first_failed: Timestamp::UNIX_EPOCH,
            attempts: 1,
            not_before: None,
            cause: crate::deliver::Cause::default(),
            reason: String::new(),
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn names_follow_from_the_event() {
        let letter = letter("soc-syslog", "2026-11-23T00:46:10.1239Z");
        let id = EventId::of(b"{}");
        assert_eq!(
            path_of(Shelf::Parked, &letter).unwrap().as_ref(),
            format!("parked/soc-syslog/20261123T004610.123Z-{id}.json")
        );
        assert_eq!(
            path_of(Shelf::Dead, &letter).unwrap().as_ref(),
            format!("dead/soc-syslog/2026/11/23/20261123T004610.123Z-{id}.json")
        );
    }

    #[test]
    fn names_are_read_back() {
        let path = path_of(Shelf::Dead, &letter("a", "2026-11-23T00:46:10.12Z")).unwrap();
        let key = Key::new(path);
        assert_eq!(key.destination(), "a");
        assert_eq!(key.seen(), Some("2026-11-23T00:46:10.12Z".parse().unwrap()));
        assert_eq!(Key::new(Path::from("dead/a/notes.txt")).seen(), None);
    }

    #[test]
    fn names_sort_by_time() {
        let times =
            ["1969-12-31T23:59:59Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.001Z", "2026-10-01T00:00:00Z"];
        let paths: Vec<Path> = times.iter().map(|time| path_of(Shelf::Parked, &letter("a", time)).unwrap()).collect();
        assert!(paths.is_sorted());
    }

    #[test]
    fn hostile_names_never_leave_the_shelf() {
        for name in ["", ".", "..", "../dead/a", "a/b", "a\\b", "A", "a:b", "a%2fb", "a\0", "é", "a.", &"a".repeat(65)]
        {
            assert_eq!(
                path_of(Shelf::Parked, &letter(name, "2026-01-01T00:00:00Z")),
                Err(OutboxError::Name),
                "{name:?}"
            );
        }
        for name in [super::super::UNDECODABLE, "splunk", "soc-syslog.2"] {
            assert!(path_of(Shelf::Parked, &letter(name, "2026-01-01T00:00:00Z")).is_ok(), "{name:?}");
        }
    }
}
