//! `snapshot inspect`.

use super::{check, open};
use crate::cli::args::{FlagSpec, switch, value};
use crate::cli::command::Call;
use crate::cli::report::{FORMAT, Format, Outcome, Report};
use crate::state::archive::{Meta, TableSize};
use crate::state::kv::Entry;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const FLAGS: &[FlagSpec] = &[
    FORMAT,
    switch("kvdetails", "Show how much is below each folder of keys."),
    value("kvdepth", "With -kvdetails, how many parts of a key make a folder; 2 unless set."),
    value("kvfilter", "With -kvdetails, look only at keys that begin with this."),
];

/// Keys of one folder.
#[derive(Debug, Default, Clone, Copy)]
struct Keys {
    count: u64,
    bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shape<'a> {
    meta: &'a Meta,
    stats: Vec<Line<'a>>,
    #[serde(rename = "StatsKV", skip_serializing_if = "Option::is_none")]
    stats_kv: Option<Vec<Line<'a>>>,
    total_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    name: &'a str,
    sum: u64,
    count: u64,
}

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let format = Format::of(&call.args)?;
    let file = call.args.only_word("FILE")?;
    let depth = call.args.number("kvdepth")?.unwrap_or(2).clamp(1, 64) as usize;
    let filter = call.args.value("kvfilter").unwrap_or_default().as_bytes();
    let details = call.args.is_on("kvdetails");
    let mut folders: BTreeMap<String, Keys> = BTreeMap::new();
    let mut count = |entry: &Entry| {
        if details && entry.key.starts_with(filter) {
            let keys = folders.entry(folder(&entry.key, depth)).or_default();
            *keys = Keys { count: keys.count + 1, bytes: keys.bytes + (entry.key.len() + entry.value.len()) as u64 };
        }
    };
    let (meta, tables) = check(file, &open(file)?, &mut count)?;
    let mut folders: Vec<(String, Keys)> = folders.into_iter().collect();
    folders.sort_by_key(|(_, keys)| std::cmp::Reverse(keys.bytes));
    Ok(match format {
        Format::Pretty => Report::text(pretty(&meta, &tables, details.then_some(&folders))),
        Format::Json => Report::json(&shape(&meta, &tables, details.then_some(&folders))),
    })
}

/// The first `depth` parts of a key.
fn folder(key: &[u8], depth: usize) -> String {
    let end = key.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).nth(depth - 1).unwrap_or(key.len());
    String::from_utf8_lossy(&key[..end]).into_owned()
}

fn shape<'a>(meta: &'a Meta, tables: &'a [TableSize], folders: Option<&'a Vec<(String, Keys)>>) -> Shape<'a> {
    let stats = tables.iter().map(|table| Line { name: table.table, sum: table.bytes, count: table.rows }).collect();
    let of_folder = |(name, keys): &'a (String, Keys)| Line { name, sum: keys.bytes, count: keys.count };
    let stats_kv = folders.map(|folders| folders.iter().map(of_folder).collect());
    Shape { meta, stats, stats_kv, total_size: tables.iter().map(|table| table.bytes).sum() }
}

fn pretty(meta: &Meta, tables: &[TableSize], folders: Option<&Vec<(String, Keys)>>) -> String {
    let mut out = String::new();
    let facts: [(&str, &dyn std::fmt::Display); 6] = [
        ("ID", &meta.id),
        ("Size", &meta.size),
        ("Index", &meta.index),
        ("Term", &meta.term),
        ("Version", &meta.version),
        ("Product", &meta.product),
    ];
    for (name, fact) in facts {
        writeln!(out, " {name:<12} {fact}").expect("a String takes all");
    }
    let lines = tables.iter().map(|table| (table.table, table.rows, table.bytes));
    write_table(&mut out, "Type", lines);
    if let Some(folders) = folders {
        write_table(&mut out, "Key Name", folders.iter().map(|(name, keys)| (name.as_str(), keys.count, keys.bytes)));
    }
    out
}

fn write_table<'a>(out: &mut String, title: &str, lines: impl Iterator<Item = (&'a str, u64, u64)> + Clone) {
    let width = lines.clone().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).max(24);
    let total: u64 = lines.clone().map(|(_, _, bytes)| bytes).sum();
    let mut line = |name: &str, count: &str, size: &str| writeln!(out, " {name:<width$} {count:<10} {size}").expect("a String takes all");
    line("", "", "");
    line(title, "Count", "Size");
    line("----", "----", "----");
    for (name, count, bytes) in lines {
        line(name, &count.to_string(), &size(bytes));
    }
    line("----", "----", "----");
    line("Total", "", &size(total));
}

/// A size for people.
fn size(bytes: u64) -> String {
    let units = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::{folder, size};

    #[test]
    fn a_folder_is_the_first_parts_of_a_key() {
        assert_eq!(
            (folder(b"a/b/c/d", 2), folder(b"a/b", 2), folder(b"a", 1), folder(b"/x", 1)),
            ("a/b".into(), "a/b".into(), "a".into(), "".into())
        );
        assert_eq!((size(17), size(2_048), size(3 << 30)), ("17B".into(), "2.0KB".into(), "3.0GB".into()));
    }
}
