//! One run: a seed, a fresh thread, a world, and what came of it.

use crate::log::Capture;
use crate::world::{self, World};
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
        let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, madsim::Config::default());
        let value = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                world::begin(seed, text);
                scenario().await
            })
        }));
        // Only now: what was ready when the scenario ended still ran, and saw the world.
        let world = world::end();
        let value = value.map_err(|payload| PANIC.take().unwrap_or_else(|| message(&*payload).to_owned()));
        Played { value, footprint: footprint(&world) }
    });
    drop(PANIC.take());
    played
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
