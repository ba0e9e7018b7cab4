//! Sources: text, syntax tree, place in the tree of modules.

use std::fs;
use std::path::{Path, PathBuf};

/// One parsed file.
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// The module it is, as a path below the crate's root.
    pub module: Vec<String>,
    /// How many lines it has.
    pub lines: usize,
    /// Its syntax tree.
    pub tree: syn::File,
}

impl Source {
    /// Parses `text` as the file at `path`.
    pub fn parse(path: &str, text: &str) -> Source {
        let tree = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}:{}: {e}", e.span().start().line));
        Source { path: path.to_owned(), module: module_of(path), lines: text.lines().count(), tree }
    }

    /// The room the file belongs to: the first module below the root, or the root file itself.
    pub fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }
}

/// The module a file is, below the root of its crate: `src/server/http/mod.rs` is `server::http`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.split_once("src/").map_or(path, |(_, inner)| inner);
    let mut parts: Vec<String> = inner.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Every Rust source below a folder of the repository; none if there is no such folder.
pub fn below(folder: &str) -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    let relative = |file: &PathBuf| file.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
    files.iter().map(|file| Source::parse(&relative(file), &fs::read_to_string(file).expect("a readable source"))).collect()
}

/// The text of a file of the repository.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The repository, which cargo names to the tests it runs.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|e| e.expect("a readable folder").path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|x| x == "rs") {
            files.push(path);
        }
    }
}
