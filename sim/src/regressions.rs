//! Seeds that once found something, and must stay right.

use crate::scenario::Scenario;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// The scenario's name.
    pub scenario: String,
    /// What it found.
    pub why: String,
}

/// The list: `seed scenario why` a line, `#` begins a comment.
pub const LIST: &str = include_str!("../regressions.txt");

/// Reads a list; an error names the line and what is wrong with it.
pub fn parse(list: &str) -> Result<Vec<Regression>, String> {
    let lines = list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.map(|(n, line)| parse_line(line).map_err(|what| format!("line {}: {what}: {line:?}", n + 1))).collect()
}

fn parse_line(line: &str) -> Result<Regression, String> {
    let mut words = line.trim().splitn(3, char::is_whitespace);
    let seed = words.next().unwrap_or_default().parse().map_err(|_| "the seed must be a number".to_owned())?;
    let scenario = words.next().unwrap_or_default().to_owned();
    if Scenario::named(&scenario).is_none() {
        return Err(format!("there is no scenario {scenario:?}"));
    }
    let why = words.next().unwrap_or_default().trim().to_owned();
    if why.is_empty() { Err("it must say what the seed found".to_owned()) } else { Ok(Regression { seed, scenario, why }) }
}

#[cfg(test)]
mod tests {
    use super::{LIST, parse};

    #[test]
    fn the_list_is_well_formed() {
        assert!(parse(LIST).is_ok(), "{:?}", parse(LIST));
    }

    #[test]
    fn a_bad_line_is_named() {
        assert!(parse("# comment\nx hello why").unwrap_err().starts_with("line 2: the seed must be a number"));
        assert!(parse("1 nothing why").unwrap_err().contains("no scenario \"nothing\""));
        assert!(parse("1 hello").unwrap_err().contains("what the seed found"));
    }
}
