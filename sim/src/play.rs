//! One run: a seed, a fresh thread, a world, and what came of it.

use crate::log::Capture;
use crate::trace::Trace;
use crate::world::{self, World};
use madsim::runtime::{Handle, Runtime};
use madsim::task::NodeId;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;
use std::time::Duration;

/// What a run left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Hash of the whole trace.
    pub hash: u128,
    /// Events in it.
    pub events: u64,
    /// How many of each kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Virtual time it took.
    pub lasted: Duration,
    /// Errors in logs and failed starts.
    pub failures: Vec<String>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Played<T> {
    /// What it returned, or what it panicked with.
    pub value: Result<T, String>,
    /// What it left behind.
    pub footprint: Footprint,
}

/// Enough for the deepest futures of a debug build.
const STACK_BYTES: usize = 16 << 20;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Plays `scenario` under `seed` in a thread of its own; trace lines go to `text`.
///
/// A fresh thread, because thread-local caches of libraries would carry something from one run into the next.
///
/// # Panics
/// If the operating system gives no thread.
pub fn play<T, F>(seed: u64, text: Option<Box<dyn Write + Send>>, scenario: impl FnOnce() -> F + Send + 'static) -> Played<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !remember(panic) {
                usual(panic)
            }
        }));
    });
    let thread = std::thread::Builder::new().name(format!("{THREAD}{seed}")).stack_size(STACK_BYTES);
    let running = thread.spawn(move || play_here(seed, text, scenario)).expect("the operating system gives threads");
    running.join().expect("panics are caught within")
}

/// How the threads of runs are called, before the seed.
const THREAD: &str = "seed ";

/// Keeps a run's panic for its report, in place of a print in the middle of the others.
fn remember(panic: &PanicHookInfo<'_>) -> bool {
    let run = std::thread::current().name().is_some_and(|name| name.starts_with(THREAD));
    if run {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        PANIC.with_borrow_mut(|first| {
            first.get_or_insert_with(|| format!("panic{place}: {}", message(panic.payload())));
        });
    }
    run
}

fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("of unknown kind")
}

fn play_here<T, F>(seed: u64, text: Option<Box<dyn Write + Send>>, scenario: impl FnOnce() -> F) -> Played<T>
where
    F: Future<Output = T>,
{
    let capture = if text.is_some() { Capture::Everything } else { Capture::Errors };
    let played = tracing::subscriber::with_default(capture, || {
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        let value = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                world::begin(seed, text);
                scenario().await
            })
        }));
        // Only now: what was ready when the scenario ended still ran, and saw the world.
        let (footprint, nodes) = world::with(|w| (footprint(w), w.nodes()));
        clear(runtime, nodes);
        drop(world::end());
        let value = value.map_err(|payload| PANIC.take().unwrap_or_else(|| message(&*payload).to_owned()));
        Played { value, footprint }
    });
    drop(PANIC.take());
    played
}

/// Drops what still runs. Tasks that wait for one another hold one another: they would outlive their runtime, some megabytes of every run.
/// Nothing of it is told any more, but its disks and sockets are there to the last: with the runtime goes what lies in its nodes' memory.
fn clear(runtime: Runtime, nodes: Vec<NodeId>) {
    world::with(|w| w.trace = Trace::new(None));
    runtime.block_on(async move {
        nodes.into_iter().for_each(|node| Handle::current().kill(node));
        // Each is dropped when its turn comes.
        madsim::time::sleep(Duration::from_millis(1)).await;
    });
}

fn footprint(world: &World) -> Footprint {
    Footprint {
        hash: world.trace.hash(),
        events: world.trace.events(),
        by_kind: world.trace.by_kind().clone(),
        lasted: Duration::from_nanos(world.now()),
        failures: world.failures.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::play;
    use crate::nodes::Nodes;
    use crate::world::{self, Who};
    use std::sync::Arc;
    use tokio::sync::Notify;

    #[test]
    fn a_task_that_waits_for_ever_is_gone_when_its_run_is_over() {
        let held = Arc::new(());
        let theirs = held.clone();
        let played = play(1, None, || async move {
            let nodes = Nodes::default();
            nodes.add_idle(Who(1));
            let bell = Arc::new(Notify::new());
            // The bell holds who waits for it, who holds the bell.
            drop(nodes.spawn(Who(1), async move {
                bell.notified().await;
                drop((bell, theirs));
            }));
            muster::runtime::sleep::<crate::runtime::Sim>(std::time::Duration::from_secs(1)).await;
        });
        assert!(played.value.is_ok(), "{:?}", played.value);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    /// Asks the world as it goes, as a file does that is removed by whoever holds it.
    struct Farewell;

    impl Drop for Farewell {
        fn drop(&mut self) {
            world::with(|w| w.now());
        }
    }

    #[test]
    fn what_lies_in_a_nodes_memory_goes_while_there_is_a_world() {
        let played = play(1, None, || async move {
            let kept = Farewell;
            Nodes::default().add(Who(1), move || {
                let _kept = &kept;
                std::future::pending()
            });
        });
        assert!(played.value.is_ok(), "{:?}", played.value);
    }
}
