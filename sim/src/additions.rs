//! Each thing the simulator adds to a plain network and disk, shown to take effect.

use crate::nodes::{Crash, Nodes};
use crate::play::play;
use crate::runtime::{KernelWait, Sim};
use crate::world::{self, Climate, Power, Who};
use muster::runtime::{Disk, DiskFile, Runtime, TcpListener, UdpSocket, sleep, timeout};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const A: Who = Who(1);
const B: Who = Who(2);
const PORT: u16 = 7000;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Runs `scenario` on two idle machines.
fn on_two<F>(scenario: impl FnOnce(Arc<Nodes>) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    let played = play(5, None, || async {
        let nodes = Arc::new(Nodes::default());
        nodes.add_idle(A);
        nodes.add_idle(B);
        scenario(nodes).await;
    });
    assert_eq!(played.value, Ok(()));
}

fn world_time() -> Duration {
    Duration::from_nanos(world::with(|w| w.now()))
}

fn change(f: impl FnOnce(&mut Climate)) {
    world::with(|w| f(&mut w.weather.climate));
}

fn cut_both() {
    world::with(|w| (w.weather.cut(A, B), w.weather.cut(B, A)));
}

fn mend_both() {
    world::with(|w| (w.weather.mend(A, B), w.weather.mend(B, A)));
}

/// Sends `n` numbered datagrams from A to B, one a millisecond; those that arrived, in order.
async fn numbers_through(nodes: &Nodes, n: u32) -> Vec<u32> {
    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    let ear = nodes.spawn(B, async move {
        let socket = Sim::udp_bind(B.addr(PORT)).await.unwrap();
        let mut buf = [0; 4];
        loop {
            socket.recv_from(&mut buf).await.unwrap();
            tx.send(u32::from_le_bytes(buf)).unwrap();
        }
    });
    let mouth = nodes.spawn(A, async move {
        let socket = Sim::udp_bind(A.addr(PORT)).await.unwrap();
        for i in 0..n {
            sleep::<Sim>(Duration::from_millis(1)).await;
            socket.send_to(&i.to_le_bytes(), B.addr(PORT)).await.unwrap();
        }
    });
    mouth.await.unwrap();
    KernelWait::after(secs(1)).await;
    ear.abort();
    let mut heard = Vec::new();
    while let Ok(i) = rx.try_recv() {
        heard.push(i);
    }
    heard
}

#[test]
fn datagrams_are_doubled() {
    on_two(|nodes| async move {
        change(|c| c.duplication = 500_000);
        let heard = numbers_through(&nodes, 200).await;
        let distinct: std::collections::BTreeSet<&u32> = heard.iter().collect();
        assert!(distinct.len() == 200 && heard.len() > 250, "{} {}", distinct.len(), heard.len());
    });
}

#[test]
fn datagrams_are_overtaken_and_none_is_lost_by_it() {
    on_two(|nodes| async move {
        change(|c| c.reordering = 200_000);
        let mut heard = numbers_through(&nodes, 200).await;
        assert!(!heard.is_sorted());
        heard.sort_unstable();
        assert!(heard.into_iter().eq(0..200));
    });
}

#[test]
fn datagrams_are_lost_and_a_one_way_cut_loses_all_of_that_way() {
    on_two(|nodes| async move {
        change(|c| c.loss = 300_000);
        let heard = numbers_through(&nodes, 200).await.len();
        assert!((100..180).contains(&heard), "{heard}");
    });
    on_two(|nodes| async move {
        world::with(|w| w.weather.cut(B, A));
        assert_eq!(numbers_through(&nodes, 50).await.len(), 50);
    });
    on_two(|nodes| async move {
        world::with(|w| w.weather.cut(A, B));
        assert_eq!(numbers_through(&nodes, 50).await.len(), 0);
    });
}

#[test]
fn a_sleep_on_a_fast_clock_is_short_and_on_a_slow_one_long() {
    for (ppm, expected) in [(10_000, 9_900_990), (-10_000, 10_101_010), (100_000, 9_090_909), (0, 10_000_000)] {
        on_two(move |nodes| async move {
            world::with(|w| {
                let now = w.now();
                w.host(A).clock.set_drift(now, ppm);
            });
            let start = world_time();
            nodes.spawn(A, async { sleep::<Sim>(secs(10)).await }).await.unwrap();
            assert_eq!((world_time() - start).as_micros(), expected, "{ppm} ppm");
        });
    }
}

#[test]
fn a_clock_that_begins_to_run_fast_shortens_the_sleeps_under_way() {
    on_two(|nodes| async move {
        let start = world_time();
        let sleeping = nodes.spawn(A, async { sleep::<Sim>(secs(10)).await });
        KernelWait::after(secs(5)).await;
        nodes.drift(A, 100_000);
        sleeping.await.unwrap();
        assert_eq!((world_time() - start).as_millis(), 9545);
    });
}

#[test]
fn a_step_of_the_wall_clock_leaves_the_monotonic_one_alone() {
    on_two(|nodes| async move {
        let seen = nodes.spawn(A, async {
            let (wall, now) = (Sim::wall(), Sim::now());
            sleep::<Sim>(secs(2)).await;
            (wall, Sim::wall(), Sim::now().since(now))
        });
        KernelWait::after(secs(1)).await;
        nodes.step_wall(A, -3_600_000_000_000);
        let (before, after, passed) = seen.await.unwrap();
        assert!(after < before);
        assert_eq!(passed.as_millis(), 2000);
    });
}

async fn dial() -> io::Result<()> {
    Sim::tcp_connect(B.addr(PORT)).await.map(drop)
}

#[test]
fn a_syn_into_a_partition_times_out_after_127_seconds_and_gets_through_at_its_next_try() {
    on_two(|nodes| async move {
        cut_both();
        let start = world_time();
        let error = nodes.spawn(A, dial()).await.unwrap().unwrap_err();
        assert_eq!((error.kind(), (world_time() - start).as_secs()), (ErrorKind::TimedOut, 127));

        let start = world_time();
        let dialing = nodes.spawn(A, dial());
        let listening = nodes.spawn(B, async { Sim::tcp_listen(B.addr(PORT)).await.unwrap().accept().await.map(drop) });
        KernelWait::after(secs(5)).await;
        mend_both();
        dialing.await.unwrap().unwrap();
        assert_eq!((world_time() - start).as_secs(), 7);
        listening.await.unwrap().unwrap();
    });
}

#[test]
fn a_syn_to_a_machine_without_power_is_silent_and_to_one_without_a_process_is_refused() {
    on_two(|nodes| async move {
        nodes.crash(B, Crash::Power);
        assert_eq!(world::with(|w| w.host(B).power), Power::Off);
        let dialed = nodes.spawn(A, timeout::<Sim, _>(secs(20), dial())).await.unwrap();
        assert!(dialed.is_err(), "no answer at all");
        nodes.restart(B);
        nodes.crash(B, Crash::Process);
        let refused = nodes.spawn(A, dial()).await.unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

/// B accepts one connection and holds it; A reads until something happens, and says what and when.
async fn a_reads_from_b(nodes: &Nodes) -> impl Future<Output = (Result<usize, ErrorKind>, Duration)> {
    drop(nodes.spawn(B, async {
        let listener = Sim::tcp_listen(B.addr(PORT)).await.unwrap();
        let _held = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    }));
    let reading = nodes.spawn(A, async {
        let mut stream = Sim::tcp_connect(B.addr(PORT)).await.unwrap();
        let mut buf = [0; 8];
        // A beat a second, as every protocol with a dead peer in mind has.
        loop {
            match timeout::<Sim, _>(secs(1), stream.read(&mut buf)).await {
                Ok(read) => return (read.map_err(|e| e.kind()), world_time()),
                Err(_) => drop(stream.write_all(b"beat").await),
            }
        }
    });
    KernelWait::after(secs(1)).await;
    async { reading.await.unwrap() }
}

#[test]
fn a_killed_process_ends_its_streams_at_once_but_not_through_a_partition() {
    on_two(|nodes| async move {
        let reading = a_reads_from_b(&nodes).await;
        nodes.crash(B, Crash::Process);
        let died = world_time();
        let (read, at) = reading.await;
        // What B never read makes its kernel reset the stream rather than end it.
        assert!(matches!(read, Ok(0) | Err(ErrorKind::ConnectionReset)), "{read:?}");
        assert!(at - died < Duration::from_millis(10));
    });
    on_two(|nodes| async move {
        let reading = a_reads_from_b(&nodes).await;
        cut_both();
        nodes.crash(B, Crash::Process);
        KernelWait::after(secs(10)).await;
        let healed = world_time();
        mend_both();
        let (_, at) = reading.await;
        assert!(at > healed, "the wall let the end through");
    });
}

#[test]
fn a_machine_that_lost_power_is_silent_until_it_is_back_and_then_resets_what_it_has_forgotten() {
    on_two(|nodes| async move {
        let reading = a_reads_from_b(&nodes).await;
        nodes.crash(B, Crash::Power);
        KernelWait::after(secs(10)).await;
        let back = world_time();
        nodes.restart(B);
        let (read, at) = reading.await;
        assert_eq!(read, Err(ErrorKind::ConnectionReset));
        assert!(at > back && at - back < secs(15), "{:?}", at - back);
    });
}

#[test]
fn a_frozen_node_does_nothing_while_its_kernel_accepts_and_receives() {
    on_two(|nodes| async move {
        drop(nodes.spawn(B, async {
            let listener = Sim::tcp_listen(B.addr(PORT)).await.unwrap();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut byte = [0];
                stream.read_exact(&mut byte).await.unwrap();
                stream.write_all(&byte).await.unwrap();
            }
        }));
        KernelWait::after(secs(1)).await;
        nodes.freeze(B);
        let echo = nodes.spawn(A, async {
            let mut stream = Sim::tcp_connect(B.addr(PORT)).await.expect("the kernel completes the handshake");
            stream.write_all(b"x").await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            world_time()
        });
        KernelWait::after(secs(4)).await;
        let thawed = world_time();
        nodes.thaw(B);
        let answered = echo.await.unwrap();
        assert!(answered > thawed && answered - thawed < Duration::from_millis(50));
    });
}

#[test]
fn a_stream_through_a_partition_resumes_where_it_was_after_its_retransmission() {
    on_two(|nodes| async move {
        let (tx, rx) = tokio::sync::oneshot::channel();
        drop(nodes.spawn(B, async {
            let (mut stream, _) = Sim::tcp_listen(B.addr(PORT)).await.unwrap().accept().await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            tx.send((all, world_time())).unwrap();
        }));
        let writing = nodes.spawn(A, async {
            let mut stream = Sim::tcp_connect(B.addr(PORT)).await.unwrap();
            for n in 0..40u8 {
                stream.write_all(&[n]).await.unwrap();
                sleep::<Sim>(Duration::from_millis(100)).await;
            }
        });
        KernelWait::after(secs(1)).await;
        cut_both();
        writing.await.unwrap();
        KernelWait::after(secs(2)).await;
        let healed = world_time();
        mend_both();
        let (all, at) = rx.await.unwrap();
        assert!(all.into_iter().eq(0..40u8));
        assert!(at > healed && at - healed < secs(7), "{:?}", at - healed);
    });
}

async fn write_and_sync(disk: &impl Disk) {
    let file = disk.create("log").unwrap();
    disk.sync_dir("").await.unwrap();
    file.write_at(0, &[1; 2000]).unwrap();
    file.sync().await.unwrap();
    file.write_at(2000, &[2; 2000]).unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn a_power_loss_keeps_what_was_synced_and_a_killed_process_loses_nothing_it_wrote() {
    for (crash, most_lost) in [(Crash::Power, 2000), (Crash::Process, 0)] {
        on_two(move |nodes| async move {
            drop(nodes.spawn(A, async { write_and_sync(&Sim::disk(Path::new("/data")).unwrap()).await }));
            KernelWait::after(secs(1)).await;
            nodes.crash(A, crash);
            nodes.restart(A);
            let left = nodes.spawn(A, async { Sim::disk(Path::new("/data")).unwrap().read("log").unwrap() }).await.unwrap();
            assert_eq!(left[..2000], [1; 2000]);
            let lost = 2000 - left[2000..].iter().filter(|byte| **byte == 2).count();
            assert!(lost <= most_lost, "{crash:?} lost {lost}");
        });
    }
}

#[test]
fn a_full_disk_refuses_writes_until_space_returns_and_keeps_what_was_allocated() {
    on_two(|nodes| async move {
        let writing = nodes.spawn(A, async {
            let disk = Sim::disk(Path::new("/data")).unwrap();
            let file = disk.create("log").unwrap();
            file.allocate(4096).unwrap();
            world::with(|w| w.host(A).platter.hardware.capacity = 4096);
            assert_eq!(disk.free_bytes().unwrap(), 0);
            file.write_at(0, &[1; 4096]).expect("was allocated");
            assert_eq!(file.write_at(4096, &[1]).map_err(|e| e.kind()), Err(ErrorKind::StorageFull));
            assert_eq!(file.allocate(8192).map_err(|e| e.kind()), Err(ErrorKind::StorageFull));
            world::with(|w| w.host(A).platter.hardware.capacity = 8192);
            file.write_at(4096, &[1]).expect("there is space again");
        });
        writing.await.unwrap();
    });
}

#[test]
fn errors_of_a_disk_reach_who_writes_and_syncs() {
    on_two(|nodes| async move {
        let writing = nodes.spawn(A, async {
            let disk = Sim::disk(Path::new("/data")).unwrap();
            let file = disk.create("log").unwrap();
            world::with(|w| w.host(A).platter.hardware.sync_errors = 1_000_000);
            file.write_at(0, b"abc").unwrap();
            assert_eq!(file.sync().await.map_err(|e| e.raw_os_error()), Err(Some(5)));
            world::with(|w| w.host(A).platter.hardware.write_errors = 1_000_000);
            assert_eq!(file.write_at(0, b"abc").map_err(|e| e.raw_os_error()), Err(Some(5)));
        });
        writing.await.unwrap();
    });
}
