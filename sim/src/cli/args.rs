//! Flags: `--name value`, `--name=value` or `--name`, with one dash or two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

/// A flag that a command takes.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its name without dashes.
    pub name: &'static str,
    /// What its value is called in the usage; empty if it takes none.
    pub value: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// What was given.
#[derive(Debug, Default)]
pub struct Args {
    flags: BTreeMap<&'static str, String>,
    /// What is no flag.
    pub words: Vec<String>,
}

impl Args {
    /// Reads `given` by the flags of a command; an error names what is wrong.
    pub fn parse(given: &[String], flags: &[Flag]) -> Result<Args, String> {
        let mut args = Args::default();
        let mut given = given.iter();
        while let Some(word) = given.next() {
            if word == "--" {
                continue; // `cargo sim -- run` and `cargo sim run` are the same
            }
            let Some(dashed) = word.strip_prefix('-') else {
                args.words.push(word.clone());
                continue;
            };
            let dashed = dashed.strip_prefix('-').unwrap_or(dashed);
            let (name, value) = dashed.split_once('=').map_or((dashed, None), |(name, value)| (name, Some(value.to_owned())));
            let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
                return Err(format!("unknown flag {word:?}{}", nearest(name, flags)));
            };
            let value = match (flag.value, value) {
                ("", None) => String::new(),
                ("", Some(_)) => return Err(format!("flag --{name} takes no value")),
                (_, Some(value)) => value,
                (what, None) => given.next().cloned().ok_or_else(|| format!("flag --{name} needs {what}"))?,
            };
            args.flags.insert(flag.name, value);
        }
        Ok(args)
    }

    /// Whether a flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }

    /// A flag's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    /// A flag's number.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.text(name).map(|text| text.parse().map_err(|_| format!("--{name} {text:?} must be a number"))).transpose()
    }

    /// A flag's range of seeds, `A..B` without B, or one seed.
    pub fn seeds(&self, name: &str) -> Result<Option<Range<u64>>, String> {
        self.text(name).map(parse_seeds).transpose()
    }
}

/// A range of seeds: `0..50` are fifty of them, `7` is one.
pub fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("seeds {text:?} must be a number or a range such as 0..50");
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?),
        None => {
            let seed: u64 = text.parse().map_err(|_| wrong())?;
            (seed, seed.checked_add(1).ok_or_else(wrong)?)
        }
    };
    if from < to { Ok(from..to) } else { Err(format!("seeds {text:?} are none: the end must be above the start")) }
}

fn nearest(name: &str, flags: &[Flag]) -> String {
    let best = flags.iter().map(|flag| (distance(name, flag.name), flag.name)).min();
    best.filter(|(distance, _)| *distance <= 2).map_or_else(String::new, |(_, best)| format!("; did you mean --{best}?"))
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Args, Flag, parse_seeds};

    const FLAGS: &[Flag] = &[Flag { name: "seeds", value: "A..B", about: "" }, Flag { name: "trace", value: "", about: "" }];

    fn parse(words: &[&str]) -> Result<Args, String> {
        Args::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), FLAGS)
    }

    #[test]
    fn flags_are_read_with_one_dash_or_two_and_either_form_of_value() {
        for words in [&["--", "-seeds", "0..5", "--trace"][..], &["--seeds=0..5", "-trace"]] {
            let args = parse(words).unwrap();
            assert_eq!(args.seeds("seeds"), Ok(Some(0..5)));
            assert!(args.has("trace"));
        }
    }

    #[test]
    fn an_unknown_flag_is_named_and_the_nearest_suggested() {
        assert_eq!(parse(&["--seed", "1"]).unwrap_err(), "unknown flag \"--seed\"; did you mean --seeds?");
        assert_eq!(parse(&["--other"]).unwrap_err(), "unknown flag \"--other\"");
        assert_eq!(parse(&["--trace=1"]).unwrap_err(), "flag --trace takes no value");
        assert_eq!(parse(&["--seeds"]).unwrap_err(), "flag --seeds needs A..B");
    }

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(parse_seeds("7"), Ok(7..8));
        assert!(parse_seeds("5..5").is_err() && parse_seeds("a..b").is_err() && parse_seeds("18446744073709551615").is_err());
    }
}
