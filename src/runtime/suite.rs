//! What every side of [`Runtime`] promises, as tests that run on both.
//!
//! [`runtime_suite!`](crate::runtime_suite) makes one `#[test]` of each case; production calls it below, the simulator in its own crate.

#![allow(missing_docs, reason = "the names of the cases say it")]

use super::{Command, Disk, DiskFile, Ended, Runtime, TcpListener, TcpStream, UdpSocket, replace_file, sleep, timeout};
use bytes::Bytes;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Where a case runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// An address of this host.
    pub ip: IpAddr,
    /// A folder of the case's own.
    pub root: PathBuf,
}

impl Place {
    fn any_port(&self) -> SocketAddr {
        SocketAddr::new(self.ip, 0)
    }
}

/// Makes a test of every case: `runtime_suite!(Tokio, on_tokio)`, where `on_tokio` runs a closure from a [`Place`] to a future to its end.
#[macro_export]
macro_rules! runtime_suite {
    ($runtime:ty, $play:path) => {
        $crate::runtime_suite!(@cases $runtime, $play,
            sleep_waits_at_least_its_time_on_a_clock_that_never_goes_back
            sleeps_end_in_the_order_of_their_deadlines
            the_wall_clock_shows_this_century
            a_timeout_ends_what_takes_too_long_and_nothing_else
            an_aborted_task_stops_and_its_handle_says_so
            a_dropped_handle_lets_its_task_run_on
            blocking_work_returns_its_value
            random_bits_do_not_repeat
            a_datagram_arrives_with_its_senders_address_and_is_cut_at_the_buffers_end
            a_connected_socket_hears_its_peer_alone_and_that_nobody_listens
            sockets_that_share_an_address_hear_every_sender_between_them
            an_address_in_use_is_refused_until_its_socket_is_dropped
            connecting_where_nobody_listens_is_refused
            both_ends_of_a_stream_know_each_other
            a_half_closed_stream_still_answers
            a_dropped_stream_ends_the_other_side
            writing_to_a_side_that_was_dropped_fails_in_the_end
            a_large_transfer_arrives_in_order_at_a_slow_reader
            a_writer_waits_when_nobody_reads
            what_was_written_is_read_and_gaps_are_zeros
            reading_past_the_end_is_an_error
            creating_empties_and_opening_needs_a_file
            a_rename_replaces_and_a_removed_name_is_gone
            a_list_is_sorted_and_shows_one_folder
            a_replaced_file_is_whole
            a_locked_folder_is_refused_until_its_holder_goes
            allocated_space_reads_as_zeros_and_a_cut_file_is_shorter
            an_open_file_outlives_its_name
            a_program_ends_with_its_code_and_both_outputs_together
            a_program_that_is_not_there_is_not_found
            a_program_is_killed_at_its_timeout_and_what_it_said_is_kept
            the_end_of_a_long_output_is_kept_and_all_of_it_counted
            nobody_listens_at_a_unix_socket_that_is_not_there
        );
    };
    (@cases $runtime:ty, $play:path, $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $play(|place| Box::pin($crate::runtime::suite::$case::<$runtime>(place)));
            }
        )*
    };
}

const MOMENT: Duration = Duration::from_millis(20);

pub async fn sleep_waits_at_least_its_time_on_a_clock_that_never_goes_back<R: Runtime>(_: Place) {
    let mut last = R::now();
    for _ in 0..5 {
        let start = R::now();
        sleep::<R>(MOMENT).await;
        let now = R::now();
        assert!(now.since(start) >= MOMENT && now >= last);
        last = now;
    }
}

pub async fn sleeps_end_in_the_order_of_their_deadlines<R: Runtime>(_: Place) {
    let (tx, mut ended) = tokio::sync::mpsc::channel(3);
    let start = R::now();
    for nth in [3u32, 1, 2] {
        let tx = tx.clone();
        drop(R::spawn(async move {
            R::sleep_until(start + MOMENT * nth).await;
            tx.send(nth).await.expect("somebody listens");
        }));
    }
    let order = [ended.recv().await, ended.recv().await, ended.recv().await];
    assert_eq!(order, [Some(1), Some(2), Some(3)]);
}

pub async fn the_wall_clock_shows_this_century<R: Runtime>(_: Place) {
    let (before, start) = (R::wall(), R::now());
    assert!(before.as_unix_nanos() > 1_577_836_800_000_000_000, "after 2020");
    sleep::<R>(MOMENT).await;
    let (wall, monotonic) = (R::wall().since(before), R::now().since(start));
    assert!(wall.abs_diff(monotonic) < Duration::from_secs(1), "{wall:?} {monotonic:?}");
}

pub async fn a_timeout_ends_what_takes_too_long_and_nothing_else<R: Runtime>(_: Place) {
    assert!(timeout::<R, _>(MOMENT, std::future::pending::<()>()).await.is_err());
    assert_eq!(timeout::<R, _>(MOMENT * 500, sleep::<R>(MOMENT)).await, Ok(()));
    assert_eq!(timeout::<R, _>(Duration::ZERO, std::future::ready(7)).await, Ok(7));
}

pub async fn an_aborted_task_stops_and_its_handle_says_so<R: Runtime>(_: Place) {
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let task = R::spawn(async move {
        loop {
            sleep::<R>(MOMENT).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    sleep::<R>(MOMENT * 4).await;
    R::abort(&task);
    assert!(task.await.is_err());
    let ran = runs.load(Ordering::Relaxed);
    assert!(ran > 0);
    sleep::<R>(MOMENT * 4).await;
    assert_eq!(runs.load(Ordering::Relaxed), ran);
}

pub async fn a_dropped_handle_lets_its_task_run_on<R: Runtime>(_: Place) {
    let (tx, rx) = tokio::sync::oneshot::channel();
    drop(R::spawn(async move {
        sleep::<R>(MOMENT).await;
        let _ = tx.send(7);
    }));
    assert_eq!(rx.await, Ok(7));
    assert_eq!(R::spawn(async { 8 }).await.expect("not aborted"), 8);
}

pub async fn blocking_work_returns_its_value<R: Runtime>(_: Place) {
    assert_eq!(R::spawn_blocking(|| 6 * 7).await.expect("no panic"), 42);
}

pub async fn random_bits_do_not_repeat<R: Runtime>(_: Place) {
    let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| R::random()).collect();
    assert_eq!(drawn.len(), 100);
}

pub async fn a_datagram_arrives_with_its_senders_address_and_is_cut_at_the_buffers_end<R: Runtime>(place: Place) {
    let a = R::udp_bind(place.any_port()).await.expect("binds");
    let b = R::udp_bind(place.any_port()).await.expect("binds");
    let (from, to) = (a.local_addr().expect("bound"), b.local_addr().expect("bound"));
    assert_ne!(from.port(), 0);
    a.send_to(b"hello", to).await.expect("sends");
    let mut buf = [0; 64];
    assert_eq!(b.recv_from(&mut buf).await.expect("receives"), (5, from));
    assert_eq!(&buf[..5], b"hello");
    a.send_to(b"hello", to).await.expect("sends");
    assert_eq!(b.recv_from(&mut buf[..2]).await.expect("receives"), (2, from));
}

pub async fn a_connected_socket_hears_its_peer_alone_and_that_nobody_listens<R: Runtime>(place: Place) {
    let sockets = [R::udp_bind(place.any_port()).await, R::udp_bind(place.any_port()).await, R::udp_bind(place.any_port()).await];
    let [a, b, stranger] = sockets.map(|socket| socket.expect("binds"));
    let (a_at, b_at) = (a.local_addr().expect("bound"), b.local_addr().expect("bound"));
    a.connect(b_at).await.expect("connects");
    stranger.send_to(b"stranger", a_at).await.expect("sends");
    sleep::<R>(MOMENT * 5).await;
    b.send_to(b"peer", a_at).await.expect("sends");
    let mut buf = [0; 64];
    assert_eq!(a.recv_from(&mut buf).await.expect("receives"), (4, b_at));
    drop(b);
    // A program that another test of this process starts holds a copy of the socket until it is executed: then nobody refuses the first ones.
    let asking = async {
        loop {
            let _ = a.send_to(b"anybody?", b_at).await;
            sleep::<R>(MOMENT).await;
        }
    };
    tokio::select! {
        biased;
        heard = a.recv_from(&mut buf) => assert_eq!(heard.map_err(|e| e.kind()), Err(ErrorKind::ConnectionRefused)),
        () = asking => {}
    }
}

pub async fn sockets_that_share_an_address_hear_every_sender_between_them<R: Runtime>(place: Place) {
    let sockets = R::udp_bind_shared(place.any_port(), 3).await.expect("binds");
    assert!((1..=3).contains(&sockets.len()));
    let at = sockets[0].local_addr().expect("bound");
    assert!(sockets.iter().all(|socket| socket.local_addr().expect("bound") == at));
    assert_eq!(R::udp_bind_shared(at, 2).await.err().map(|e| e.kind()), Some(ErrorKind::AddrInUse));
    for socket in sockets {
        drop(R::spawn(async move {
            let mut buf = [0; 8];
            while let Ok((len, from)) = socket.recv_from(&mut buf).await {
                socket.send_to(&buf[..len], from).await.expect("sent");
            }
        }));
    }
    for round in 0..8 {
        let asker = R::udp_bind(place.any_port()).await.expect("binds");
        asker.send_to(&[round], at).await.expect("sent");
        let mut buf = [0; 8];
        let heard = timeout::<R, _>(Duration::from_secs(10), asker.recv_from(&mut buf)).await.expect("an answer").expect("received");
        assert_eq!((heard, buf[0]), ((1, at), round));
    }
}

pub async fn an_address_in_use_is_refused_until_its_socket_is_dropped<R: Runtime>(place: Place) {
    let udp = R::udp_bind(place.any_port()).await.expect("binds");
    let tcp = R::tcp_listen(place.any_port()).await.expect("listens");
    let (udp_at, tcp_at) = (udp.local_addr().expect("bound"), tcp.local_addr().expect("bound"));
    assert_eq!(R::udp_bind(udp_at).await.err().map(|e| e.kind()), Some(ErrorKind::AddrInUse));
    assert_eq!(R::tcp_listen(tcp_at).await.err().map(|e| e.kind()), Some(ErrorKind::AddrInUse));
    drop((udp, tcp));
    // A program that another test of this process starts holds a copy of the sockets until it is executed.
    let in_time = R::now() + Duration::from_secs(10);
    while R::udp_bind(udp_at).await.is_err() || R::tcp_listen(tcp_at).await.is_err() {
        assert!(R::now() < in_time, "never free again");
        sleep::<R>(Duration::from_millis(1)).await;
    }
}

pub async fn connecting_where_nobody_listens_is_refused<R: Runtime>(place: Place) {
    let mut addr = place.any_port();
    addr.set_port(1);
    assert_eq!(R::tcp_connect(addr).await.err().map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
}

async fn pair<R: Runtime>(place: &Place) -> (R::TcpStream, R::TcpStream) {
    let listener = R::tcp_listen(place.any_port()).await.expect("listens");
    let addr = listener.local_addr().expect("bound");
    let dial = R::spawn(async move { R::tcp_connect(addr).await });
    let (accepted, from) = listener.accept().await.expect("accepts");
    let dialed = dial.await.expect("not aborted").expect("connects");
    assert_eq!(dialed.local_addr().expect("connected"), from);
    (dialed, accepted)
}

pub async fn both_ends_of_a_stream_know_each_other<R: Runtime>(place: Place) {
    let (a, b) = pair::<R>(&place).await;
    assert_eq!(a.local_addr().expect("connected"), b.peer_addr().expect("connected"));
    assert_eq!(a.peer_addr().expect("connected"), b.local_addr().expect("connected"));
    assert_eq!(a.peer_addr().expect("connected").ip(), place.ip);
}

pub async fn a_half_closed_stream_still_answers<R: Runtime>(place: Place) {
    let (mut a, mut b) = pair::<R>(&place).await;
    a.write_all(b"question").await.expect("writes");
    a.shutdown().await.expect("shuts down");
    assert_eq!(a.write_all(b"more").await.map_err(|e| e.kind()), Err(ErrorKind::BrokenPipe));
    let mut text = Vec::new();
    b.read_to_end(&mut text).await.expect("reads to the end");
    assert_eq!(text, b"question");
    b.write_all(b"answer").await.expect("the other direction is open");
    drop(b);
    text.clear();
    a.read_to_end(&mut text).await.expect("reads to the end");
    assert_eq!(text, b"answer");
}

pub async fn a_dropped_stream_ends_the_other_side<R: Runtime>(place: Place) {
    let (mut a, b) = pair::<R>(&place).await;
    drop(b);
    assert_eq!(a.read(&mut [0; 8]).await.expect("no error"), 0);
}

pub async fn writing_to_a_side_that_was_dropped_fails_in_the_end<R: Runtime>(place: Place) {
    let (mut a, b) = pair::<R>(&place).await;
    drop(b);
    let writing = async {
        loop {
            if let Err(e) = a.write_all(b"hello").await {
                return e.kind();
            }
            sleep::<R>(Duration::from_millis(1)).await;
        }
    };
    let kind = timeout::<R, _>(Duration::from_secs(10), writing).await.expect("fails in time");
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
}

pub async fn a_large_transfer_arrives_in_order_at_a_slow_reader<R: Runtime>(place: Place) {
    const WORDS: u32 = 1 << 20;
    let (mut a, mut b) = pair::<R>(&place).await;
    let content: Arc<Vec<u8>> = Arc::new((0..WORDS).flat_map(u32::to_le_bytes).collect());
    let sent = content.clone();
    let writing = R::spawn(async move {
        a.write_all(&sent).await.expect("writes");
        a
    });
    let mut received = Vec::new();
    let mut buf = vec![0; 100_000];
    while received.len() < content.len() {
        let n = b.read(&mut buf).await.expect("reads");
        assert_ne!(n, 0, "ended after {} bytes", received.len());
        received.extend_from_slice(&buf[..n]);
        if received.len() % 7 == 0 {
            sleep::<R>(Duration::from_millis(1)).await;
        }
    }
    assert!(received == *content, "content differs");
    drop(writing.await.expect("not aborted"));
}

pub async fn a_writer_waits_when_nobody_reads<R: Runtime>(place: Place) {
    let (mut a, b) = pair::<R>(&place).await;
    let flood = vec![0; 64 << 20];
    assert!(timeout::<R, _>(Duration::from_millis(500), a.write_all(&flood)).await.is_err());
    drop(b);
}

fn folder<R: Runtime>(place: &Place) -> R::Disk {
    R::disk(&place.root).expect("mounts")
}

fn content<R: Runtime>(disk: &R::Disk, name: &str) -> Vec<u8> {
    disk.read(name).expect("reads")
}

pub async fn what_was_written_is_read_and_gaps_are_zeros<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    let file = disk.create("a").expect("creates");
    file.write_at(3, b"def").expect("writes");
    file.write_at(1, b"b").expect("writes");
    file.sync().await.expect("syncs");
    assert_eq!(file.size().expect("has a size"), 6);
    assert_eq!(content::<R>(&disk, "a"), b"\0b\0def");
    let mut middle = [0; 2];
    disk.open("a").expect("opens").read_at(3, &mut middle).expect("reads");
    assert_eq!(&middle, b"de");
}

pub async fn reading_past_the_end_is_an_error<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    let file = disk.create("a").expect("creates");
    file.write_at(0, b"abc").expect("writes");
    assert_eq!(file.read_at(1, &mut [0; 3]).map_err(|e| e.kind()), Err(ErrorKind::UnexpectedEof));
}

pub async fn creating_empties_and_opening_needs_a_file<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    assert_eq!(disk.open("a").err().map(|e| e.kind()), Some(ErrorKind::NotFound));
    assert_eq!(disk.read("a").err().map(|e| e.kind()), Some(ErrorKind::NotFound));
    assert_eq!(disk.create("missing/a").err().map(|e| e.kind()), Some(ErrorKind::NotFound));
    disk.create("a").expect("creates").write_at(0, b"old").expect("writes");
    disk.create("a").expect("empties");
    assert_eq!(content::<R>(&disk, "a"), b"");
}

pub async fn a_rename_replaces_and_a_removed_name_is_gone<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    disk.create("old").expect("creates").write_at(0, b"old").expect("writes");
    disk.create("new").expect("creates").write_at(0, b"new").expect("writes");
    disk.rename("new", "old").expect("renames");
    disk.sync_dir("").await.expect("syncs");
    assert_eq!(content::<R>(&disk, "old"), b"new");
    assert_eq!(disk.rename("new", "x").map_err(|e| e.kind()), Err(ErrorKind::NotFound));
    disk.remove("old").expect("removes");
    assert_eq!(disk.remove("old").map_err(|e| e.kind()), Err(ErrorKind::NotFound));
}

pub async fn a_list_is_sorted_and_shows_one_folder<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    disk.create_dir("sub/deep").expect("creates");
    disk.create_dir("sub/deep").expect("is there");
    for name in ["b", "a", "sub/c", "sub/deep/d"] {
        disk.create(name).expect("creates");
    }
    assert_eq!(disk.list("").expect("lists"), ["a", "b"]);
    assert_eq!(disk.list("sub").expect("lists"), ["c"]);
    assert!(disk.list("missing").expect("is empty").is_empty());
}

pub async fn a_replaced_file_is_whole<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    disk.create_dir("sub").expect("creates");
    replace_file(&disk, "sub/a", b"longer content").await.expect("replaces");
    replace_file(&disk, "sub/a", b"short").await.expect("replaces");
    assert_eq!(content::<R>(&disk, "sub/a"), b"short");
    assert_eq!(disk.list("sub").expect("lists"), ["a"]);
}

pub async fn a_locked_folder_is_refused_until_its_holder_goes<R: Runtime>(place: Place) {
    let (one, other) = (folder::<R>(&place), folder::<R>(&place));
    one.lock().expect("is free");
    let clone = one.clone();
    assert_eq!(other.lock().map_err(|e| e.kind()), Err(ErrorKind::AddrInUse));
    assert!(other.list("").expect("lists").is_empty(), "the lock is not listed");
    drop(one);
    assert_eq!(other.lock().map_err(|e| e.kind()), Err(ErrorKind::AddrInUse));
    drop(clone);
    other.lock().expect("is free");
}

pub async fn allocated_space_reads_as_zeros_and_a_cut_file_is_shorter<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    assert!(disk.free_bytes().expect("is known") > 1 << 20);
    let file = disk.create("a").expect("creates");
    file.write_at(0, b"abc").expect("writes");
    file.allocate(10_000).expect("there is space");
    assert_eq!(file.size().expect("has a size"), 10_000);
    assert!(content::<R>(&disk, "a")[3..].iter().all(|byte| *byte == 0));
    file.allocate(10).expect("allocating less changes nothing");
    assert_eq!(file.size().expect("has a size"), 10_000);
    file.set_size(2).expect("cuts");
    file.set_size(4).expect("grows");
    assert_eq!(content::<R>(&disk, "a"), b"ab\0\0");
}

pub async fn an_open_file_outlives_its_name<R: Runtime>(place: Place) {
    let disk = folder::<R>(&place);
    let file = disk.create("a").expect("creates");
    file.write_at(0, b"abc").expect("writes");
    disk.remove("a").expect("removes");
    let mut all = [0; 3];
    file.read_at(0, &mut all).expect("reads");
    assert_eq!(&all, b"abc");
}

/// A program that both sides have: what it is, how long it takes, its code, what it writes.
pub type Program = (&'static [&'static str], Duration, i32, &'static [u8]);

/// The programs of the cases. The simulator's side puts them on its hosts.
pub const PROGRAMS: [Program; 3] = [
    (&["sh", "-c", "echo out; echo err >&2; exit 3"], Duration::ZERO, 3, b"out\nerr\n"),
    (&["sh", "-c", "printf begun; sleep 30 & wait"], Duration::from_secs(30), 0, b"begun"),
    (&["printf", "%s", "0123456789abcdefghij"], Duration::ZERO, 0, b"0123456789abcdefghij"),
];

fn command(args: &[&str], timeout: Duration, output_limit: usize) -> Command {
    Command { args: args.iter().map(|arg| (*arg).to_owned()).collect(), env: Vec::new(), input: Bytes::new(), timeout, output_limit }
}

pub async fn a_program_ends_with_its_code_and_both_outputs_together<R: Runtime>(_: Place) {
    let (args, _, code, output) = PROGRAMS[0];
    let ran = R::run_command(command(args, Duration::from_secs(20), 4096)).await.expect("starts");
    assert_eq!((ran.ended, ran.output.bytes()), (Ended::Exited(code), output));
}

pub async fn a_program_that_is_not_there_is_not_found<R: Runtime>(_: Place) {
    for args in [&["/no/such/program"][..], &["no-such-program"], &[]] {
        let refused = R::run_command(command(args, MOMENT, 4096)).await.err().map(|e| e.kind());
        assert!(matches!(refused, Some(ErrorKind::NotFound | ErrorKind::InvalidInput)), "{args:?} {refused:?}");
    }
}

pub async fn a_program_is_killed_at_its_timeout_and_what_it_said_is_kept<R: Runtime>(_: Place) {
    let (args, takes, _, output) = PROGRAMS[1];
    let start = R::now();
    let ran = R::run_command(command(args, Duration::from_secs(1), 4096)).await.expect("starts");
    assert_eq!((ran.ended, ran.output.bytes()), (Ended::TimedOut, output));
    let took = R::now().since(start);
    assert!(took >= Duration::from_secs(1) && took < takes, "{took:?}");
}

pub async fn the_end_of_a_long_output_is_kept_and_all_of_it_counted<R: Runtime>(_: Place) {
    let (args, _, _, output) = PROGRAMS[2];
    let ran = R::run_command(command(args, Duration::from_secs(20), 6)).await.expect("starts");
    assert_eq!((ran.output.bytes(), ran.output.written()), (&output[14..], 20));
}

pub async fn nobody_listens_at_a_unix_socket_that_is_not_there<R: Runtime>(place: Place) {
    let refused = R::unix_connect(&place.root.join("socket")).await.err().map(|e| e.kind());
    assert!(matches!(refused, Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused)), "{refused:?}");
}

#[cfg(test)]
mod on_tokio {
    use super::Place;
    use crate::runtime::Runtime;
    use crate::runtime::tokio::Tokio;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn play(case: impl FnOnce(Place) -> Pin<Box<dyn Future<Output = ()>>>) {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let name = format!("muster-runtime-{}-{}", std::process::id(), PLACES.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        Tokio::block_on(case(Place { ip: [127, 0, 0, 1].into(), root: root.clone() }));
        std::fs::remove_dir_all(root).ok();
    }

    crate::runtime_suite!(Tokio, play);
}
