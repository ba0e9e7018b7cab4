//! Durations as Go writes them (`time.ParseDuration`): `300ms`, `1h30m`, `-1.5s`. Consul's files, flags and API all use this form.

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Why a text is no duration. The wording is Go's, which clients match on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a sequence of numbers with units.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit Go does not know.
    #[error("time: unknown unit {1:?} in duration {0:?}")]
    UnknownUnit(String, String),
}

/// Parses a duration that is not negative; `-0s` is zero, and `0` needs no unit. The longest is Go's: 2^63 - 1 nanoseconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if number.is_empty() || number == "." {
            return Err(invalid());
        }
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
        let scale = scale.ok_or_else(|| DurationError::UnknownUnit(text.to_owned(), unit.to_owned()))?;
        nanos = scaled(number, scale).and_then(|more| nanos.checked_add(more)).ok_or_else(invalid)?;
        rest = tail;
    }
    match u64::try_from(nanos) {
        Ok(nanos) if nanos <= i64::MAX as u64 && !(negative && nanos > 0) => Ok(Duration::from_nanos(nanos)),
        Ok(_) | Err(_) => Err(invalid()),
    }
}

/// `number` (digits with at most one point) times `scale`, cut to whole nanoseconds.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = &fraction[..fraction.len().min(18)];
    let part: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let part = part.checked_mul(scale)? / 10u128.pow(digits.len() as u32);
    whole.checked_mul(scale)?.checked_add(part)
}

/// Writes a duration as Go's `Duration.String` does: `1h30m0s`, `1.5s`, `200ms`, `0s`.
pub fn format_duration(d: Duration) -> String {
    let nanos = d.as_nanos();
    let fraction = |value: u128, unit: u128, digits: usize| {
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", fraction(nanos, 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos, 1_000_000, 6)),
        1_000_000_000.. => {
            let minute = 60_000_000_000;
            let (hours, minutes) = (nanos / (60 * minute), nanos / minute % 60);
            let seconds = fraction(nanos % minute, 1_000_000_000, 9);
            match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m{seconds}s"),
                (_, _) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DurationError, format_duration, parse_duration};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("100\u{b5}s"), Ok(Duration::from_micros(100)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration(".5m"), Ok(Duration::from_secs(30)));
    }

    #[test]
    fn a_bare_number_lacks_its_unit() {
        assert_eq!(parse_duration("10").unwrap_err().to_string(), "time: missing unit in duration \"10\"");
        assert_eq!(parse_duration("10d").unwrap_err().to_string(), "time: unknown unit \"d\" in duration \"10d\"");
        for text in ["", "-", "s", "1.2.3s", "..s", " 1s", "1 s", "-1s", "9999999999h"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
        assert!(matches!(parse_duration("bogus"), Err(DurationError::Invalid(_))));
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (millis, text) in [(0, "0s"), (200, "200ms"), (1500, "1.5s"), (10_000, "10s"), (60_000, "1m0s"), (5_400_000, "1h30m0s")] {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(format_duration(Duration::from_nanos(1_100)), "1.1\u{b5}s");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_again(nanos in 0..=i64::MAX as u64) {
            let d = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&format_duration(d)), Ok(d));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
        }
    }
}
