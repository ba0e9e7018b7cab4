//! Flags as Go programs take them: one dash or two, `-flag=value` or `-flag value`, all before the first argument.
//!
//! Own code, because the crates for command lines read `-data-dir` as seven one-letter flags.

use crate::config::nearest;

/// Whether a flag takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `-flag` is `-flag=true`.
    Nothing,
    /// `-flag value`.
    Value,
}

/// A flag a command knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlagSpec {
    /// Without its dash.
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    /// One sentence for the help.
    pub(super) about: &'static str,
}

/// A flag with a value.
pub(super) const fn value(name: &'static str, about: &'static str) -> FlagSpec {
    FlagSpec { name, takes: Takes::Value, about }
}

/// A flag that is on or off.
pub(super) const fn switch(name: &'static str, about: &'static str) -> FlagSpec {
    FlagSpec { name, takes: Takes::Nothing, about }
}

/// What was given on a command's line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Args {
    /// Flags in the order given, repeated ones repeated.
    pub(super) flags: Vec<(&'static str, String)>,
    /// What is left after the flags.
    pub(super) words: Vec<String>,
}

/// Why a command's line was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArgsError {
    /// `-help` was asked for.
    HelpAsked,
    /// A mistake, in words.
    Wrong(String),
}

impl Args {
    /// Reads `args` with the flags of `specs`.
    pub(super) fn parse(args: &[String], specs: &[FlagSpec]) -> Result<Args, ArgsError> {
        let mut parsed = Args::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let Some(body) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|_| arg != "-") else {
                parsed.words.push(arg.clone());
                break;
            };
            if body.is_empty() {
                break;
            }
            let (name, given) = body.split_once('=').map_or((body, None), |(name, given)| (name, Some(given.to_owned())));
            let spec = find(name, specs)?;
            let given = match (spec.takes, given) {
                (Takes::Nothing, given) => truth(spec.name, given.as_deref().unwrap_or("true"))?.to_string(),
                (Takes::Value, Some(given)) => given,
                (Takes::Value, None) => {
                    rest.next().cloned().ok_or_else(|| ArgsError::Wrong(format!("flag needs an argument: -{}", spec.name)))?
                }
            };
            parsed.flags.push((spec.name, given));
        }
        parsed.words.extend(rest.cloned());
        Ok(parsed)
    }

    /// The last value given for a flag.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| *flag == name).map(|(_, given)| given.as_str())
    }

    /// Every value given for a flag, in order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.flags.iter().filter(move |(flag, _)| *flag == name).map(|(_, given)| given.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// A flag's value as a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let parsed = self
            .value(name)
            .map(|text| text.parse().map_err(|_| format!("invalid value {text:?} for flag -{name}: must be a whole number, not negative")));
        parsed.transpose()
    }

    /// A number as programs write it: 0x, 0o or 0 in front of hexadecimal and octal digits, 0b of binary ones.
    pub(super) fn number_of_any_base(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let lower = text.to_ascii_lowercase();
        let (digits, base) = match lower.as_bytes() {
            [b'0', b'x', ..] => (&lower[2..], 16),
            [b'0', b'o', ..] => (&lower[2..], 8),
            [b'0', b'b', ..] => (&lower[2..], 2),
            [b'0', _, ..] => (&lower[1..], 8),
            _ => (&lower[..], 10),
        };
        let parsed = u64::from_str_radix(digits, base).ok().filter(|_| !digits.starts_with('+'));
        parsed.map(Some).ok_or_else(|| format!("invalid value {text:?} for flag -{name}: must be a whole number, not negative"))
    }

    /// The one argument the command takes.
    pub(super) fn only_word(&self, what: &str) -> Result<&str, String> {
        match self.words.as_slice() {
            [word] => Ok(word),
            [] => Err(format!("Error! Missing {what} argument")),
            words => Err(too_many(1, words.len())),
        }
    }

    /// That there are no arguments.
    pub(super) fn no_words(&self) -> Result<(), String> {
        if self.words.is_empty() { Ok(()) } else { Err(too_many(0, self.words.len())) }
    }
}

/// Complains of too many arguments; a flag among them is most likely meant as one.
pub(super) fn too_many(expected: usize, got: usize) -> String {
    format!("Too many arguments (expected {expected}, got {got}). Flags come before arguments")
}

fn find(name: &str, specs: &[FlagSpec]) -> Result<FlagSpec, ArgsError> {
    if let Some(spec) = specs.iter().find(|spec| spec.name == name) {
        return Ok(*spec);
    }
    if name == "h" || name == "help" {
        return Err(ArgsError::HelpAsked);
    }
    let hint = nearest(name, specs.iter().map(|spec| spec.name)).map(|known| format!("; did you mean -{known}?")).unwrap_or_default();
    Err(ArgsError::Wrong(format!("flag provided but not defined: -{name}{hint}")))
}

fn truth(name: &str, text: &str) -> Result<bool, ArgsError> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(ArgsError::Wrong(format!("invalid boolean value {other:?} for -{name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, ArgsError, FlagSpec, switch, value};

    const SPECS: &[FlagSpec] = &[value("data-dir", ""), switch("dev", ""), value("retry-join", "")];

    fn parse(line: &str) -> Result<Args, ArgsError> {
        let args: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        Args::parse(&args, SPECS)
    }

    #[test]
    fn all_of_gos_spellings_are_the_same_flag() {
        for line in ["-data-dir=x -dev", "--data-dir x --dev", "-data-dir x -dev=true", "-data-dir=x -dev=1"] {
            let args = parse(line).unwrap();
            assert_eq!((args.value("data-dir"), args.is_on("dev")), (Some("x"), true), "{line}");
        }
        assert_eq!(parse("-data-dir=a=b").unwrap().value("data-dir"), Some("a=b"));
        assert!(!parse("-dev=false").unwrap().is_on("dev"));
    }

    #[test]
    fn numbers_are_read_in_the_base_they_are_written_in() {
        let read = |text: &str| {
            let args = [format!("-flags={text}")];
            Args::parse(&args, &[value("flags", "")]).unwrap_or_else(|_| panic!("{text}")).number_of_any_base("flags")
        };
        for (text, number) in
            [("10", 10), ("010", 8), ("0o17", 15), ("0x1F", 31), ("0b101", 5), ("0", 0), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(read(text), Ok(Some(number)), "{text}");
        }
        for text in ["", "-1", "+1", "0x", "0xg", "09", "1e3", "18446744073709551616"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn flags_end_at_the_first_argument_and_at_two_dashes() {
        assert_eq!(parse("-dev a -data-dir x").unwrap().words, ["a", "-data-dir", "x"]);
        assert_eq!(parse("-dev -- -data-dir").unwrap().words, ["-data-dir"]);
        assert_eq!(parse("key -").unwrap().words, ["key", "-"]);
    }

    #[test]
    fn repeated_flags_are_kept_in_order_and_the_last_counts() {
        let args = parse("-retry-join a -retry-join b").unwrap();
        assert_eq!(args.flags, [("retry-join", "a".to_owned()), ("retry-join", "b".to_owned())]);
        assert_eq!(args.value("retry-join"), Some("b"));
    }

    #[test]
    fn a_mistake_is_named_and_the_nearest_flag_suggested() {
        let wrong = |line: &str| match parse(line).unwrap_err() {
            ArgsError::Wrong(text) => text,
            ArgsError::HelpAsked => "help".to_owned(),
        };
        assert_eq!(wrong("-data-dri x"), "flag provided but not defined: -data-dri; did you mean -data-dir?");
        assert_eq!(wrong("-bogus"), "flag provided but not defined: -bogus");
        assert_eq!(wrong("-data-dir"), "flag needs an argument: -data-dir");
        assert_eq!(wrong("-dev=maybe"), "invalid boolean value \"maybe\" for -dev");
        assert_eq!((wrong("-h"), wrong("--help")), ("help".to_owned(), "help".to_owned()));
    }
}
