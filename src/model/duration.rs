//! Durations as Go writes and reads them: `1m30s`, `500ms`, `1.5h`.

use std::time::Duration;

const NANO: u64 = 1;
const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// The longest duration Go can hold, about 292 years.
const LONGEST: u64 = i64::MAX as u64;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form number, unit, and so on.
    #[error("time: invalid duration {0}")]
    Invalid(String),
    /// A number without its unit.
    #[error("time: missing unit in duration {0}")]
    NoUnit(String),
    /// A unit that is none.
    #[error("time: unknown unit {unit} in duration {text}")]
    UnknownUnit {
        /// The unit given, quoted.
        unit: String,
        /// The whole text, quoted.
        text: String,
    },
    /// Below zero.
    #[error("time: negative duration {0}")]
    Negative(String),
}

/// Reads a duration. A negative one is an error here: nothing on Consul's surface means one.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let quoted = || super::quote(text);
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if body == "0" {
        return Ok(Duration::ZERO);
    }
    if body.is_empty() {
        return Err(DurationError::Invalid(quoted()));
    }
    let mut total: u64 = 0;
    let mut rest = body;
    while !rest.is_empty() {
        let (nanos, behind) = parse_part(rest, text)?;
        total = total.checked_add(nanos).filter(|total| *total <= LONGEST).ok_or_else(|| DurationError::Invalid(quoted()))?;
        rest = behind;
    }
    if negative && total > 0 {
        return Err(DurationError::Negative(quoted()));
    }
    Ok(Duration::from_nanos(total))
}

/// One number with its unit, and what follows.
fn parse_part<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let quoted = || super::quote(text);
    let invalid = || DurationError::Invalid(quoted());
    let (whole, behind) = split_digits(rest);
    let (fraction, behind) = match behind.strip_prefix('.') {
        Some(behind) => split_digits(behind),
        None => ("", behind),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let unit_length = behind.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(behind.len());
    let (unit, behind) = behind.split_at(unit_length);
    let scale = match unit {
        "" => return Err(DurationError::NoUnit(quoted())),
        "ns" => NANO,
        "us" | "\u{b5}s" | "\u{3bc}s" => MICRO,
        "ms" => MILLI,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        unit => return Err(DurationError::UnknownUnit { unit: super::quote(unit), text: quoted() }),
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| invalid())? };
    let whole = whole.checked_mul(scale).ok_or_else(invalid)?;
    whole.checked_add(part_of(fraction, scale)).map(|nanos| (nanos, behind)).ok_or_else(invalid)
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// `0.fraction` times `scale`, rounded down. Digits beyond the nanosecond of an hour change nothing.
fn part_of(fraction: &str, scale: u64) -> u64 {
    let (mut value, mut of) = (0u128, 1u128);
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        of *= 10;
    }
    (value * u128::from(scale) / of) as u64
}

/// Writes a duration as Go prints it: `1h0m0s`, `1.5s`, `200ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
    match nanos {
        0 => "0s".to_owned(),
        nanos if nanos < MICRO => format!("{nanos}ns"),
        nanos if nanos < MILLI => format!("{}\u{b5}s", decimal(nanos, MICRO)),
        nanos if nanos < SECOND => format!("{}ms", decimal(nanos, MILLI)),
        nanos if nanos < MINUTE => format!("{}s", decimal(nanos, SECOND)),
        nanos if nanos < HOUR => format!("{}m{}s", nanos / MINUTE, decimal(nanos % MINUTE, SECOND)),
        nanos => format!("{}h{}m{}s", nanos / HOUR, nanos % HOUR / MINUTE, decimal(nanos % MINUTE, SECOND)),
    }
}

/// `nanos` in units of `scale`, without trailing zeros.
fn decimal(nanos: u64, scale: u64) -> String {
    let (whole, part) = (nanos / scale, nanos % scale);
    if part == 0 {
        return whole.to_string();
    }
    let digits = scale.ilog10() as usize;
    format!("{whole}.{part:0digits$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{DurationError, format, parse};
    use proptest::prelude::{any, proptest};
    use std::time::Duration;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("10s", 10_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("-0s", 0),
            ("100us", 100_000),
            ("100\u{b5}s", 100_000),
            ("3ns", 3),
            ("0.100000000000000000000h", 360_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_in_gos_words() {
        assert_eq!(parse("10").unwrap_err().to_string(), "time: missing unit in duration \"10\"");
        assert_eq!(parse("zz").unwrap_err().to_string(), "time: invalid duration \"zz\"");
        assert_eq!(parse("1d").unwrap_err().to_string(), "time: unknown unit \"d\" in duration \"1d\"");
        for text in ["", "-", ".", "s", "1s2", "1..5s", "99999999999h", "9223372036854775808ns", "1 s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(matches!(parse("-1s"), Err(DurationError::Negative(_))));
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (200_000_000, "200ms"),
            (1_500_000_000, "1.5s"),
            (10_000_000_000, "10s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_601_001_000_000, "1h0m1.001s"),
        ] {
            assert_eq!(format(Duration::from_nanos(nanos)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(nanos in any::<i64>()) {
            let duration = Duration::from_nanos(nanos.unsigned_abs() >> (nanos & 31));
            assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = parse(&text);
        }
    }
}
