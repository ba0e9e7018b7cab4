//! What only real processes show: groups, zombies, floods.

use super::run;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Command, Ended, Runtime, sleep, timeout};
use bytes::Bytes;
use std::path::PathBuf;
use std::time::Duration;

fn shell(line: &str, timeout: Duration) -> Command {
    Command {
        args: ["sh", "-c", line].map(str::to_owned).to_vec(),
        env: vec![("ROOM".into(), "checks".into())],
        input: Bytes::new(),
        timeout,
        output_limit: 4096,
    }
}

/// A file of the test's own, in which its processes write their numbers.
fn numbers(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("muster-command-{test}-{}", std::process::id()))
}

/// What the kernel says of a process: `None` once nothing is left of it, not even a zombie.
fn state_of(pid: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

#[test]
fn a_program_reads_its_input_to_the_end_or_not_at_all() {
    Tokio::block_on(async {
        let input = Bytes::from(vec![b'x'; 300_000]);
        let given = |line: &str| Command { input: input.clone(), ..shell(line, Duration::from_secs(20)) };
        let ran = run(given("wc -c")).await.unwrap();
        assert_eq!((ran.ended, ran.output.text().trim()), (Ended::Exited(0), "300000"));
        let ran = run(given("exit 3")).await.unwrap();
        assert_eq!(ran.ended, Ended::Exited(3), "one that does not read is not waited for");
    });
}

/// Waits until nothing is left of the processes in `file`.
async fn gone(file: &PathBuf) {
    let text = std::fs::read_to_string(file).expect("they have begun");
    let pids: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(pids.len(), 2, "{text}");
    let waiting = async {
        while pids.iter().any(|pid| state_of(pid).is_some()) {
            sleep::<Tokio>(Duration::from_millis(5)).await;
        }
    };
    let ended = timeout::<Tokio, _>(Duration::from_secs(20), waiting).await;
    assert!(ended.is_ok(), "{:?}", pids.iter().map(|pid| (pid, state_of(pid))).collect::<Vec<_>>());
    std::fs::remove_file(file).expect("removes");
}

/// A shell and a child of it that both write their numbers to `file` and would live for a minute.
fn family(file: &std::path::Path) -> String {
    format!("sleep 60 & echo $$ $! > {0}.new; mv {0}.new {0}; wait", file.display())
}

#[test]
fn a_timeout_kills_the_whole_group_and_leaves_no_zombie() {
    let file = numbers("timeout");
    Tokio::block_on(async {
        let ran = run(shell(&family(&file), Duration::from_secs(1))).await.expect("starts");
        assert_eq!(ran.ended, Ended::TimedOut);
        gone(&file).await;
    });
}

#[test]
fn a_dropped_run_kills_the_whole_group_and_leaves_no_zombie() {
    let file = numbers("drop");
    Tokio::block_on(async {
        let mut running = Box::pin(run(shell(&family(&file), Duration::from_secs(60))));
        while !file.exists() {
            assert!(timeout::<Tokio, _>(Duration::from_millis(5), &mut running).await.is_err(), "still running");
        }
        drop(running);
        gone(&file).await;
    });
}

#[test]
fn a_flood_is_read_away_and_only_its_end_kept() {
    let ran = Tokio::block_on(run(shell("yes flood | head -c 20000000; echo; echo end", Duration::from_secs(60)))).expect("starts");
    assert_eq!((ran.ended, ran.output.bytes().len(), ran.output.written()), (Ended::Exited(0), 4096, 20_000_005));
    assert!(ran.output.text().ends_with("flood\nfl\nend\n"), "{}", ran.output.text());
}

#[test]
fn an_endless_flood_ends_at_the_timeout() {
    let ran = Tokio::block_on(run(shell("yes", Duration::from_millis(300)))).expect("starts");
    assert_eq!((ran.ended, ran.output.bytes().len()), (Ended::TimedOut, 4096));
}

#[test]
fn a_process_left_behind_is_not_waited_for() {
    let start = Tokio::now();
    let ran = Tokio::block_on(run(shell("sleep 20 & echo $ROOM", Duration::from_secs(60)))).expect("starts");
    assert_eq!((ran.ended, ran.output.bytes()), (Ended::Exited(0), &b"checks\n"[..]));
    assert!(Tokio::now().since(start) < Duration::from_secs(10));
}

#[test]
fn closed_outputs_do_not_end_a_program() {
    let ran = Tokio::block_on(run(shell("exec >&- 2>&-; sleep 0.2; exit 5", Duration::from_secs(20)))).expect("starts");
    assert_eq!(ran.ended, Ended::Exited(5));
}

#[test]
fn nothing_is_to_be_read() {
    let ran = Tokio::block_on(run(shell("read line; echo ended $?", Duration::from_secs(20)))).expect("starts");
    assert_eq!(ran.output.bytes(), b"ended 1\n");
}
