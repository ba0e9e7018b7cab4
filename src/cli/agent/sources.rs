//! The files and fragments a command line names, read in its order.

use super::super::args::{Args, FlagSpec, switch, value};
use crate::config::{Flag, Format, Profile, Source, Sources};
use std::fs;
use std::path::Path;

/// Longest configuration file, in bytes.
const LONGEST_FILE: u64 = 16 << 20;

/// Flags that name sources instead of standing for a key.
pub(super) const SOURCE_FLAGS: &[FlagSpec] = &[
    value("config-dir", "Folder whose .json and .hcl files are read in the order of their names; may be repeated."),
    value("config-file", "File to read, .json or .hcl; may be repeated."),
    value("config-format", "Take all files as this, json or hcl, whatever their names."),
    switch("dev", "Run a throw-away server of its own on loopback."),
    value("hcl", "Configuration in HCL, on top of files and flags; may be repeated."),
];

/// Reads everything `args` names.
pub(super) fn read(args: &Args) -> Result<Sources, String> {
    let mut sources = Sources { profile: if args.is_on("dev") { Profile::Dev } else { Profile::Production }, ..Sources::default() };
    let format = args.value("config-format").map(Format::parse).transpose().map_err(|e| e.to_string())?;
    for (name, given) in &args.flags {
        match *name {
            "config-file" | "config-dir" => sources.files.extend(read_path(Path::new(given), format)?),
            "hcl" => sources.fragments.push(given.clone()),
            "config-format" | "dev" => {}
            name => {
                let flag = Flag::find(name).expect("the command's flags are these and those of keys");
                sources.flags.push((flag, given.clone()));
            }
        }
    }
    Ok(sources)
}

/// The file at `path`, or the files of a folder there. Files of a folder that are neither `.json` nor `.hcl` are passed over, and so are
/// folders in it.
pub(in crate::cli) fn read_path(path: &Path, format: Option<Format>) -> Result<Vec<Source>, String> {
    let failed = |e: std::io::Error| format!("failed to read {}: {e}", path.display());
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        let named = format.or_else(|| Format::of_file(&path.to_string_lossy()));
        let rule = || format!("failed to read {}: its name must end in .json or .hcl, or -config-format say which it is", path.display());
        return Ok(vec![read_file(path, named.ok_or_else(rule)?)?]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for file in paths {
        let named = Format::of_file(&file.to_string_lossy()).map(|own| format.unwrap_or(own));
        match named {
            Some(named) if !file.is_dir() => files.push(read_file(&file, named)?),
            Some(_) | None => {}
        }
    }
    Ok(files)
}

fn read_file(path: &Path, format: Format) -> Result<Source, String> {
    let failed = |e: &dyn std::fmt::Display| format!("failed to read {}: {e}", path.display());
    let length = fs::metadata(path).map_err(|e| failed(&e))?.len();
    if length > LONGEST_FILE {
        return Err(failed(&format!("{length} bytes, longer than {LONGEST_FILE}")));
    }
    let bytes = fs::read(path).map_err(|e| failed(&e))?;
    let text = String::from_utf8(bytes).map_err(|e| failed(&format!("not UTF-8: {e}")))?;
    Ok(Source { name: path.display().to_string(), format, text })
}

#[cfg(test)]
mod tests {
    use super::read_path;
    use crate::config::Format;
    use std::fs;
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Folder {
            let folder = Folder(std::env::temp_dir().join(format!("muster-sources-{}-{name}", std::process::id())));
            fs::create_dir_all(folder.0.join("below.hcl")).unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.0.join(name), text).unwrap());
            folder
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_folders_files_are_read_in_the_order_of_their_names() {
        let folder = Folder::new("order", &[("b.hcl", "2"), ("a.json", "1"), ("README.md", "3"), ("c.json~", "4")]);
        let files = read_path(&folder.0, None).unwrap();
        let told: Vec<_> = files.iter().map(|file| (file.text.as_str(), file.format)).collect();
        assert_eq!(told, [("1", Format::Json), ("2", Format::Hcl)]);
        let files = read_path(&folder.0, Some(Format::Hcl)).unwrap();
        assert!(files.iter().all(|file| file.format == Format::Hcl));
    }

    #[test]
    fn a_file_of_unknown_kind_or_missing_is_refused_by_name() {
        let folder = Folder::new("kinds", &[("a.conf", ""), ("b.hcl", "x"), ("c.json", "")]);
        let error = read_path(&folder.0.join("a.conf"), None).unwrap_err();
        assert!(error.ends_with("a.conf: its name must end in .json or .hcl, or -config-format say which it is"), "{error}");
        assert_eq!(read_path(&folder.0.join("a.conf"), Some(Format::Json)).unwrap().len(), 1);
        assert!(read_path(&folder.0.join("none.hcl"), None).unwrap_err().contains("none.hcl: No such file"));
        fs::write(folder.0.join("b.hcl"), [0xff]).unwrap();
        assert!(read_path(&folder.0.join("b.hcl"), None).unwrap_err().contains("not UTF-8"));
    }
}
