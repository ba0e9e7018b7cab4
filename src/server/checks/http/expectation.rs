//! What an answer must be beyond its status (ours, `http-body`).

use crate::model::HttpExpectation;
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Most expressions kept. Beyond, all are forgotten and made again as they are used.
const MOST_PATTERNS: usize = 4096;

/// Expressions that were used before: making one costs more than a whole check.
#[derive(Debug, Default)]
pub struct Patterns {
    made: Mutex<BTreeMap<String, Regex>>,
}

impl Patterns {
    /// The expression of this text, or what is wrong with it.
    fn pattern(&self, text: &str) -> Result<Regex, regex::Error> {
        let mut made = self.made.lock().expect("no panic while held");
        if let Some(pattern) = made.get(text) {
            return Ok(pattern.clone());
        }
        let pattern = Regex::new(text)?;
        if made.len() >= MOST_PATTERNS {
            made.clear();
        }
        made.insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    }
}

/// Why an answer is not as expected; `None` if it is.
pub fn fault(expect: &HttpExpectation, status: u16, body: &[u8], patterns: &Patterns) -> Option<String> {
    if let Some(wanted) = expect.status
        && wanted != status
    {
        return Some(format!("the status is {status}, not {wanted}"));
    }
    if expect.body.is_empty() {
        return None;
    }
    match patterns.pattern(&expect.body) {
        Err(cause) => Some(format!("{:?} is not a regular expression: {cause}", expect.body)),
        Ok(pattern) if pattern.is_match(body) => None,
        Ok(_) => Some(format!("nothing in the body matches {:?}", expect.body)),
    }
}
