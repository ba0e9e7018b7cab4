//! `cargo sim check`: judges a recorded history.

use super::{Args, Ending, json_of};
use crate::checker::{Verdict, check_file};
use serde_json::json;
use std::path::Path;

/// Judges each file; the worst verdict is the ending.
pub fn run(args: &Args) -> Result<Ending, String> {
    if args.words.is_empty() {
        return Err("which file?".to_owned());
    }
    let json = json_of(args)?;
    let mut ending = Ending::Fine;
    for name in &args.words {
        let report = check_file(Path::new(name)).map_err(|e| e.to_string())?;
        let verdict = report.verdict();
        if json {
            let text = report.to_string();
            println!(
                "{}",
                json!({"file": name, "verdict": word(verdict), "operations": report.operations, "keys": report.keys, "steps": report.steps, "text": text})
            );
        } else {
            println!("{name}: {report}");
        }
        if let (Some(path), Some(page)) = (args.text("html"), report.page()) {
            std::fs::write(path, page).map_err(|e| format!("{path}: {e}"))?;
        }
        ending = match (ending, verdict) {
            (Ending::Violation, _) | (_, Verdict::Illegal) => Ending::Violation,
            (_, Verdict::Unknown) => Ending::Undecided,
            (before, Verdict::Linearizable) => before,
        };
    }
    Ok(ending)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Linearizable => "linearizable",
        Verdict::Illegal => "illegal",
        Verdict::Unknown => "unknown",
    }
}
