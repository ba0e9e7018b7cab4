//! A command that does not outlive whoever started it, however that one ended.
//!
//! Linux sends a process that asked for it a signal when its parent has gone (prctl(2), `PR_SET_PDEATHSIG`), and lets it keep that wish when it becomes another
//! program. Between fork and exec only unsafe code could ask, so a command is started as this program, which asks and then becomes the command. What the
//! command itself starts is not reached.

use super::Group;
use crate::cli::args::{FlagSpec, switch, value};
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The name under which `muster` starts itself to become a command.
pub(in crate::cli) const NAME: &str = "tethered";

pub(in crate::cli) const FLAGS: &[FlagSpec] = &[
    value("parent", "The process with which the command ends."),
    switch("poised", "Wait for the command's variables on the standard input, which the command does not get."),
];

/// The program that runs, even if another one has its name by now.
const OWN: &str = "/proc/self/exe";

/// Where programs are looked for unless `PATH` says so.
const PATH: &str = "/bin:/usr/bin";

/// Exit codes of who could not become the command, as a shell has them.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

/// What is to be started so that `command` runs and is sent SIGTERM when this process has gone.
///
/// # Errors
/// There is no such program, or we may not run it.
pub(in crate::cli) fn tethered(command: &[String]) -> io::Result<Vec<String>> {
    let program = command.first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
    let path = std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned());
    find(program, &path).map_err(|e| io::Error::new(e.kind(), format!("{program}: {e}")))?;
    let own = [OWN.to_owned(), NAME.to_owned(), format!("-parent={}", getpid().as_raw_nonzero()), "--".to_owned()];
    Ok(own.into_iter().chain(command.iter().cloned()).collect())
}

/// A command without standard input that is started as [`tethered`] but for its last step, which takes no time. Without it, it goes with this.
pub(in crate::cli) struct Poised {
    child: Child,
}

impl Poised {
    /// Prepares `command`. Errors are those of [`tethered`] and of starting a process.
    pub(in crate::cli) fn start(command: &[String]) -> io::Result<Poised> {
        let line = tethered(command)?;
        let mut own = Command::new(OWN);
        own.arg(NAME).arg("-poised").args(&line[2..]).stdin(Stdio::piped()).process_group(0);
        Ok(Poised { child: own.spawn()? })
    }

    /// Has it run with these variables beside our own. Errors are those of a process that has gone.
    pub(in crate::cli) fn go(mut self, env: &[(&str, String)]) -> io::Result<Group> {
        let mut pipe = self.child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(&told(env))?;
        Ok(Group::of(self.child))
    }
}

/// Variables as a poised command is told them, with an end by which it knows that it was told all and may run.
fn told(env: &[(&str, String)]) -> Vec<u8> {
    let lines = env.iter().map(|(name, value)| format!("{name}={value}\0"));
    (lines.collect::<String>() + "\0").into_bytes()
}

/// Reads them; `None` if there is no end.
fn variables(told: &[u8]) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8(told.to_vec()).ok()?;
    let lines = text.strip_suffix('\0').filter(|lines| lines.is_empty() || lines.ends_with('\0'))?;
    lines.split_terminator('\0').map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// The file that is run under this name, as execvp(3) finds it.
fn find(program: &str, path: &str) -> io::Result<PathBuf> {
    let folders: Vec<&str> = if program.contains('/') { vec![""] } else { path.split(':').collect() };
    let mut why = Errno::NOENT;
    for folder in folders {
        let file = Path::new(folder).join(program);
        match access(&file, Access::EXEC_OK) {
            Ok(()) if !file.is_dir() => return Ok(file),
            Ok(()) | Err(Errno::ACCESS) => why = Errno::ACCESS,
            Err(_) => {}
        }
    }
    Err(why.into())
}

/// Becomes the command.
pub(in crate::cli) fn run(call: &Call<'_>) -> Outcome {
    let parent = call.args.number("parent")?.ok_or("tethered is for `muster lock` and `muster run` to start")?;
    let (program, args) = call.args.words.split_first().ok_or("no program is named")?;
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|e| format!("Error tying {program} to its parent: {e}"))?;
    // It may have gone before we asked.
    let stands = getppid().is_some_and(|pid| u64::try_from(pid.as_raw_nonzero().get()) == Ok(parent));
    if !stands {
        return Err(format!("{program} is not started: the process {parent} that wanted it has gone"));
    }
    let mut command = Command::new(program);
    command.args(args);
    if call.args.is_on("poised") {
        let mut said = Vec::new();
        io::stdin().lock().read_to_end(&mut said).map_err(|e| format!("Error reading the variables of {program}: {e}"))?;
        match variables(&said) {
            Some(variables) => command.envs(variables).stdin(Stdio::null()),
            // It is not wanted any more.
            None => return Ok(Report::default()),
        };
    }
    let error = command.exec();
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED };
    Ok(Report { code, ..Report::failed(format!("{program}: {error}")) })
}

#[cfg(test)]
mod tests {
    use super::{find, tethered, told, variables};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_found_where_it_will_be_run_from() {
        let folder = std::env::temp_dir().join(format!("muster-tether-{}", std::process::id()));
        fs::create_dir_all(folder.join("folder")).unwrap();
        fs::write(folder.join("program"), "").unwrap();
        let path = format!("/none/such:{}:/bin", folder.display());
        let kind = |program: &str| find(program, &path).map_err(|e| e.kind());
        assert_eq!(kind("program"), Err(std::io::ErrorKind::PermissionDenied));
        assert_eq!(kind("folder"), Err(std::io::ErrorKind::PermissionDenied));
        fs::set_permissions(folder.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(kind("program"), Ok(folder.join("program")));
        assert_eq!(kind("sh"), Ok("/bin/sh".into()));
        assert_eq!(kind("/bin/sh"), Ok("/bin/sh".into()));
        assert_eq!(kind("none-such"), Err(std::io::ErrorKind::NotFound));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn variables_are_told_whole_or_the_command_does_not_run() {
        let env = [("A", "1=\n".to_owned()), ("B", String::new())];
        let whole = told(&env);
        let read: Vec<(String, String)> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert_eq!((variables(&whole), variables(&told(&[]))), (Some(read), Some(Vec::new())));
        assert!((0..whole.len()).all(|length| variables(&whole[..length]).is_none()));
    }

    #[test]
    fn what_cannot_be_started_is_named_before_anything_is() {
        let error = tethered(&["/none/such".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("/none/such: "), "{error}");
        let line = tethered(&["/bin/sh".to_owned(), "-c".to_owned()]).unwrap();
        assert_eq!(line[3..], ["--", "/bin/sh", "-c"]);
    }
}
