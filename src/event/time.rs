//! Times as the sources write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Parses a time as any of the sources write it; a time without a zone is UTC.
///
/// Shapes: ISO 8601 with `T` or a space, 0 to 9 fractional digits (more are cut), `Z`, `+hh:mm`, `+hhmm`, `+hh` or no zone, or the
/// date alone; the US form `3/24/2022 2:42:35 PM`; whole seconds, milliseconds, microseconds or nanoseconds since 1970. The year 1,
/// which .NET writes for "not set", is no time.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    iso(text).or_else(|| american(text)).or_else(|| epoch(text)).filter(|time| time.as_second() > NOT_SET)
}

/// The end of the year 1, in seconds since 1970.
const NOT_SET: i64 = -62_104_060_801;

fn iso(text: &str) -> Option<Timestamp> {
    let (date, mut rest) = text.split_at_checked(10)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date.as_bytes() else { return None };
    let year = i16::try_from(two(y0, y1)?).ok()? * 100 + i16::try_from(two(y2, y3)?).ok()?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (mut hour, mut minute, mut second, mut nanosecond) = (0, 0, 0, 0);
    if let Some((b'T' | b't' | b' ', clock)) = rest.as_bytes().split_first() {
        let [h0, h1, b':', i0, i1, b':', s0, s1] = *clock.first_chunk::<8>()? else { return None };
        (hour, minute, second) = (two(h0, h1)?, two(i0, i1)?, two(s0, s1)?);
        rest = rest.get(9..)?;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            let padded = fraction.bytes().take(digits.min(9)).chain(std::iter::repeat_n(b'0', 9 - digits.min(9)));
            nanosecond = padded.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
            rest = &fraction[digits..];
        }
    }
    stamp((year, month, day), (hour, minute, second, nanosecond), zone(rest)?)
}

/// Seconds east of Greenwich.
fn zone(text: &str) -> Option<i32> {
    let (sign, clock) = match text.trim_start().as_bytes() {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = match *clock {
        [h0, h1] => (two(h0, h1)?, 0),
        [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => (two(h0, h1)?, two(m0, m1)?),
        _ => return None,
    };
    Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i8::try_from(byte - b'0').ok()).flatten();
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// `M/D/YYYY h:mm[:ss] [AM|PM]`, UTC: Microsoft Entra's risk events.
fn american(text: &str) -> Option<Timestamp> {
    let mut parts = text.split_whitespace();
    let mut date = parts.next()?.splitn(3, '/');
    let (month, day, year) = (date.next()?.parse().ok()?, date.next()?.parse().ok()?, date.next()?.parse().ok()?);
    let mut clock = parts.next().unwrap_or("0:0:0").splitn(3, ':');
    let (hour, minute): (i8, i8) = (clock.next()?.parse().ok()?, clock.next()?.parse().ok()?);
    let second = clock.next().unwrap_or("0").parse().ok()?;
    let hour = match parts.next() {
        None => hour,
        Some(half) if (1..=12).contains(&hour) && half.eq_ignore_ascii_case("am") => hour % 12,
        Some(half) if (1..=12).contains(&hour) && half.eq_ignore_ascii_case("pm") => hour % 12 + 12,
        Some(_) => return None,
    };
    stamp((year, month, day), (hour, minute, second, 0), 0)
}

/// The unit is told by the number of digits: ten for seconds until the year 2286.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9..=10 => Timestamp::from_second(number).ok(),
        12..=13 => Timestamp::from_millisecond(number).ok(),
        15..=16 => Timestamp::from_microsecond(number).ok(),
        18..=19 => Timestamp::from_nanosecond(number.into()).ok(),
        _ => None,
    }
}

fn stamp(date: (i16, i8, i8), clock: (i8, i8, i8, i32), east: i32) -> Option<Timestamp> {
    let civil = DateTime::new(date.0, date.1, date.2, clock.0, clock.1, clock.2, clock.3).ok()?;
    Offset::from_seconds(east).ok()?.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_sources() {
        for (text, expected) in [
            ("2023-05-11T13:15:45.0170422Z", "2023-05-11T13:15:45.0170422Z"),
            ("2018-05-01T19:50:47.083633Z", "2018-05-01T19:50:47.083633Z"),
            ("2022-08-01T03:00:00Z", "2022-08-01T03:00:00Z"),
            ("2022-08-01T03:00:00.123456789123Z", "2022-08-01T03:00:00.123456789Z"),
            ("2019-01-15 09:15:14", "2019-01-15T09:15:14Z"),
            ("2020-01-02T13:36:37.9515687+00:00", "2020-01-02T13:36:37.9515687Z"),
            ("2020-01-02T13:36:37.5-0530", "2020-01-02T19:06:37.5Z"),
            ("2020-01-02T13:36:37+02", "2020-01-02T11:36:37Z"),
            ("2020-01-02", "2020-01-02T00:00:00Z"),
            (" 3/24/2022 2:42:35 PM ", "2022-03-24T14:42:35Z"),
            ("3/24/2022 12:00:00 AM", "2022-03-24T00:00:00Z"),
            ("12/1/2022 12:30 PM", "2022-12-01T12:30:00Z"),
            ("1571904826", "2019-10-24T08:13:46Z"),
            ("1571904826123", "2019-10-24T08:13:46.123Z"),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "<null>",
            "0001-01-01T00:00:00Z",
            "0001-12-31T23:59:59.9999999Z",
            "2022-13-01T00:00:00Z",
            "2022-02-30T00:00:00Z",
            "2022-01-01T25:00:00Z",
            "2022-01-01T00:00:00.Z",
            "2022-01-01T00:00",
            "2022-01-01T00:00:00Zulu",
            "3/24/2022 14:42:35 PM",
            "00:00:00",
            "12",
            "2022-01-0é1",
            "9223372036854775807000",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
