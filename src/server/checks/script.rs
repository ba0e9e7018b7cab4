//! A program whose exit code decides: 0 passes, 1 warns, anything else is critical. Nagios' and Monitoring Plugins' convention; their 3
//! (unknown) is critical here as it is in Consul.

use super::{Bounds, critical};
use crate::health::Verdict;
use crate::model::{CheckStatus, duration};
use crate::runtime::{Command, Ended, Ran, Runtime, Tail};
use bytes::Bytes;
use std::io;

pub async fn run<R: Runtime>(args: &[String], bounds: Bounds) -> Verdict {
    let command =
        Command { args: args.to_vec(), env: Vec::new(), input: Bytes::new(), timeout: bounds.timeout, output_limit: bounds.output };
    match R::run_command(command).await {
        Ok(Ran { ended: Ended::TimedOut, .. }) => critical(format!("Timed out ({}) running check", duration::format(bounds.timeout))),
        Ok(Ran { ended: Ended::Exited(code), output }) => Verdict { status: status_of(code.into()), output: captured(&output) },
        Ok(Ran { ended: Ended::Signalled(_), output }) => critical(captured(&output)),
        Err(cause) => critical(not_started(args, &cause)),
    }
}

/// How a check stands whose program exited with `code`.
pub fn status_of(code: i64) -> CheckStatus {
    match code {
        0 => CheckStatus::Passing,
        1 => CheckStatus::Warning,
        i64::MIN..=-1 | 2..=i64::MAX => CheckStatus::Critical,
    }
}

/// What was kept of an output, and a line before it if that is not all.
pub fn captured(output: &Tail) -> String {
    if output.is_cut() {
        return format!("Captured {} of {} bytes\n...\n{}", output.bytes().len(), output.written(), output.text());
    }
    output.text().into_owned()
}

/// Go's words for a program that cannot be started.
fn not_started(args: &[String], cause: &io::Error) -> String {
    let program = args.first().map_or("", String::as_str);
    match cause.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => format!("exec: {program:?}: executable file not found in $PATH"),
        _ => format!("fork/exec {program}: {}", super::dial::os_text(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{limit, on_tokio, seconds};
    use crate::model::{CheckStatus, Probe};

    fn script(line: &str) -> Probe {
        Probe::Script { args: ["sh", "-c", line].map(str::to_owned).to_vec() }
    }

    #[test]
    fn the_exit_code_decides_and_both_outputs_are_kept() {
        for (code, status) in [(0, CheckStatus::Passing), (1, CheckStatus::Warning), (2, CheckStatus::Critical), (3, CheckStatus::Critical)]
        {
            let verdict = on_tokio(&script(&format!("echo out; echo err >&2; exit {code}")), seconds(10), limit());
            assert_eq!((verdict.status, verdict.output.as_str()), (status, "out\nerr\n"));
        }
        assert_eq!(on_tokio(&script("echo last words; kill -9 $$"), seconds(10), limit()).output, "last words\n");
    }

    #[test]
    fn a_program_that_takes_too_long_is_named_with_its_time() {
        let verdict = on_tokio(&script("echo begun; sleep 60"), std::time::Duration::from_millis(300), limit());
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Critical, "Timed out (300ms) running check"));
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let run = |program: &str| on_tokio(&Probe::Script { args: vec![program.to_owned()] }, seconds(1), limit());
        assert_eq!(run("/no/such/program").output, "fork/exec /no/such/program: no such file or directory");
        assert_eq!(run("no-such-program").output, "exec: \"no-such-program\": executable file not found in $PATH");
        assert_eq!(run("/etc/passwd").output, "fork/exec /etc/passwd: permission denied");
        assert_eq!(run("/etc/passwd").status, CheckStatus::Critical);
    }

    #[test]
    fn the_end_of_a_long_output_is_kept_and_the_cut_is_told() {
        let verdict = on_tokio(&script("for n in 1 2 3 4 5 6 7 8; do echo line $n; done"), seconds(10), 14);
        assert_eq!(verdict.output, "Captured 14 of 56 bytes\n...\nline 7\nline 8\n");
        let verdict = on_tokio(&script("head -c 1000000 /dev/urandom; exit 1"), seconds(10), limit());
        assert!(verdict.output.starts_with("Captured 4096 of 1000000 bytes\n...\n"));
        assert_eq!(verdict.status, CheckStatus::Warning);
    }
}
