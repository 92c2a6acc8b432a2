//! By what name a ticket is found again.

use crate::event::{Event, EventId};
use crate::format::matter::Matter;
use crate::format::text;

/// What every key begins with.
const PREFIX: &str = "mdc:";

/// Longest alert id that is kept as it is. `correlation_id` holds 100 characters, and a follow-up's has a number at its end.
const ID_CHARS: usize = 80;

/// The key of the alert, the same for every record about it: `mdc:` and its id in lower case, since ServiceNow compares without regard to
/// case; without an id, that of the event.
///
/// A key is safe inside an encoded query, where `^` joins conditions and `javascript:` is run: an id of anything but letters, digits,
/// `.`, `_` and `-` is replaced by its hash.
pub(super) fn key(event: &Event<'_>) -> String {
    let id = text::trim(event.key.as_deref().unwrap_or_default()).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if id.is_empty() {
        format!("{PREFIX}{}", event.id)
    } else if id.len() <= ID_CHARS && id.bytes().all(plain) {
        format!("{PREFIX}{id}")
    } else {
        format!("{PREFIX}hash-{}", EventId::of(id.as_bytes()))
    }
}

/// The key of another matter: `mdc:`, its word, and its hash, as in `mdc:rec:0123456789abcdef0123456789abcdef`. Its id is a resource id, which is
/// long, and holds what a query would understand.
pub(super) fn of_matter(matter: &Matter) -> String {
    format!("{PREFIX}{}:{}", matter.word, matter.id)
}

/// The key of the alert's n-th ticket: a closed ticket stays closed, and an alert that is active again gets a new one. No alert id holds
/// a colon, and no number is as long as a hash, so that no other key is like it.
pub(super) fn of_ticket(key: &str, number: u32) -> String {
    if number <= 1 { key.to_owned() } else { format!("{key}:{number}") }
}

/// The id of the alert whose ticket, or whose n-th ticket, has this key; in lower case. Nothing for a key of another matter, one that is a
/// hash, or one that is not ours.
pub(super) fn alert_of(key: &str) -> Option<String> {
    let key = key.to_ascii_lowercase();
    let rest = key.strip_prefix(PREFIX)?;
    let (id, number) = rest.split_once(':').unwrap_or((rest, "2"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_id = (1..=ID_CHARS).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with("hash-");
    let is_number = number.len() <= 2 && number.parse::<u32>().is_ok_and(|number| number > 1);
    (is_id && is_number).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RecordKind, Severity, parse_time};

    fn keyed(id: Option<&str>) -> String {
        key(&Event {
            id: EventId::of(b"{}"),
            kind: RecordKind::Alert,
            raw: "{}",
            key: id.map(Into::into),
            title: None,
            resource: None,
            time: None,
            seen: parse_time("2026-02-06T00:00:00Z").unwrap(),
            taken: parse_time("2026-02-06T00:00:00Z").unwrap(),
            severity: Severity::Unknown,
            alert: None,
            details: Default::default(),
        })
    }

    #[test]
    fn an_id_is_kept_whatever_its_case() {
        let id = "2517200000000000001_3F6C1A52-7b0e-4d0b-9f0e-1c2d3e4f5a6b";
        assert_eq!(keyed(Some(id)), "mdc:2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b");
        assert_eq!(keyed(Some(" a ")), "mdc:a");
    }

    #[test]
    fn a_key_is_read_back() {
        let key = keyed(Some("2518_A-b.c"));
        for number in [1, 2, 9] {
            assert_eq!(alert_of(&of_ticket(&key, number)).as_deref(), Some("2518_a-b.c"));
        }
        for other in [
            "mdc:",
            "mdc:rec:0123456789abcdef0123456789abcdef",
            "mdc:hash-ab",
            "x:a",
            "mdc:a:1",
            "mdc:a:2:3",
            "mdc:a^b",
        ] {
            assert_eq!(alert_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_query_would_understand_is_hashed() {
        let long = "x".repeat(81);
        for id in ["a^ORstate=1", "javascript:gs.now()", "a:2", "a,b", "a b", "ä", "a\nb", "a=b", "@", long.as_str()] {
            let key = keyed(Some(id));
            assert_eq!((&key[..9], key.len()), ("mdc:hash-", 41), "{id}");
            assert_eq!(key, keyed(Some(&id.to_ascii_uppercase())));
        }
        assert_ne!(keyed(Some("a^b")), keyed(Some("a^c")));
    }

    #[test]
    fn without_an_id_the_event_stands_for_itself() {
        let own = format!("mdc:{}", EventId::of(b"{}"));
        assert_eq!((keyed(None), keyed(Some(" \u{0}"))), (own.clone(), own));
    }

    #[test]
    fn follow_ups_have_keys_of_their_own_that_fit() {
        let key = keyed(Some(&"x".repeat(80)));
        assert_eq!(of_ticket(&key, 1), key);
        assert!(of_ticket(&key, 2).ends_with(":2") && of_ticket(&key, 9).len() <= 100);
    }
}
