//! NCRONTAB schedules: `{second} {minute} {hour} {day} {month} {day-of-week}`, in UTC, as timer triggers have them.
//!
//! Source: the timer trigger's documentation. Five fields mean that the second is 0. A day must match both its fields.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// When a timer fires.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Bit sets of seconds, minutes, hours, days of the month (from 1), months (from 1), days of the week (Sunday is 0).
    fields: [u64; 6],
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    words: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field { name: "second", first: 0, last: 59, words: &[] },
    Field { name: "minute", first: 0, last: 59, words: &[] },
    Field { name: "hour", first: 0, last: 23, words: &[] },
    Field { name: "day", first: 1, last: 31, words: &[] },
    Field {
        name: "month",
        first: 1,
        last: 12,
        words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Field { name: "day of the week", first: 0, last: 6, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut parts: Vec<&str> = text.split_whitespace().collect();
        if parts.len() == 5 {
            parts.insert(0, "0");
        }
        if parts.len() != 6 {
            return Err(ScheduleError("must have six fields: second minute hour day month day-of-week".into()));
        }
        let mut fields = [0; 6];
        for ((bits, field), part) in fields.iter_mut().zip(&FIELDS).zip(parts) {
            for item in part.split(',') {
                *bits |= field.bits(item).ok_or_else(|| {
                    ScheduleError(format!(
                        "{item:?} is no {} between {} and {}, *, range or step",
                        field.name, field.first, field.last
                    ))
                })?;
            }
        }
        Ok(Self { fields })
    }
}

impl Field {
    /// The bits of `*`, `5`, `1-5`, each also with `/step`.
    fn bits(&self, item: &str) -> Option<u64> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if range == "*" => (self.first, self.last),
            None => {
                let number = self.number(range)?;
                (number, if step.is_some() { self.last } else { number })
            }
        };
        if first > last {
            return None;
        }
        Some((first..=last).step_by(step.unwrap_or(1)).fold(0, |bits, number| bits | 1 << number))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(word)));
        let number = match word {
            Some(index) => u32::try_from(index).ok()? + self.first,
            None => text.parse().ok()?,
        };
        (self.first..=self.last).contains(&number).then_some(number)
    }
}

impl Schedule {
    /// The first time after `now` at which it fires; nothing when there is none within five years.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at: DateTime = TimeZone::UTC.to_datetime(now);
        at = at.with().subsec_nanosecond(0).build().ok()?.checked_add(1.second()).ok()?;
        let horizon = at.checked_add(5.years()).ok()?;
        while at < horizon {
            let date = at.date();
            let day = self.has(3, date.day())
                && self.has(4, date.month())
                && self.has(5, date.weekday().to_sunday_zero_offset());
            at = if !day {
                date.tomorrow().ok()?.at(0, 0, 0, 0)
            } else if !self.has(2, at.hour()) {
                at.with().minute(0).second(0).build().ok()?.checked_add(1.hour()).ok()?
            } else if !self.has(1, at.minute()) {
                at.with().second(0).build().ok()?.checked_add(1.minute()).ok()?
            } else if !self.has(0, at.second()) {
                at.checked_add(1.second()).ok()?
            } else {
                return TimeZone::UTC.to_timestamp(at).ok();
            };
        }
        None
    }

    fn has(&self, field: usize, number: i8) -> bool {
        self.fields[field] & (1 << number) != 0
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, now: &str) -> String {
        let schedule: Schedule = schedule.parse().unwrap();
        schedule.next(now.parse().unwrap()).map_or_else(|| "never".into(), |at| at.to_string())
    }

    #[test]
    fn the_documented_examples() {
        let now = "2026-08-21T09:15:32.5Z";
        assert_eq!(next("0 */5 * * * *", now), "2026-08-21T09:20:00Z");
        assert_eq!(next("0 0 * * * *", now), "2026-08-21T10:00:00Z");
        assert_eq!(next("0 0 9-17 * * *", "2026-08-21T17:30:00Z"), "2026-08-22T09:00:00Z");
        assert_eq!(next("0 30 9 * * *", now), "2026-08-21T09:30:00Z");
        assert_eq!(next("0 30 9 * * 1-5", "2026-08-21T10:00:00Z"), "2026-08-24T09:30:00Z");
        assert_eq!(next("0 30 9 * Jan Mon", now), "2027-01-04T09:30:00Z");
        assert_eq!(next("*/5 * * * * *", now), "2026-08-21T09:15:35Z");
        assert_eq!(next("*/15 * * * *", now), "2026-08-21T09:30:00Z");
        assert_eq!(next("0 0 0 29 2 *", now), "2028-02-29T00:00:00Z");
        assert_eq!(next("0 0 0 31 2 *", now), "never");
    }

    #[test]
    fn a_time_that_matches_is_not_its_own_successor() {
        assert_eq!(next("0 * * * * *", "2026-08-21T09:15:00Z"), "2026-08-21T09:16:00Z");
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "* * * *", "60 * * * * *", "0 0 0 0 * *", "*/0 * * * * *", "5-1 * * * * *", "x * * * * *"] {
            assert!(bad.parse::<Schedule>().is_err(), "{bad}");
        }
    }
}
