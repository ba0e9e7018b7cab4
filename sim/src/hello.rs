//! The smallest agent there is: it answers every HTTP request with its number. If runs of this repeat, the Runtime below it does.

use crate::nodes::{Crash, Nodes};
use crate::runtime::{Sim, tcp};
use crate::world::{self, Who};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use muster::runtime::{Disk, DiskFile, Runtime, TcpListener, UdpSocket, sleep, timeout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const HTTP: u16 = 8500;
const GOSSIP: u16 = 8301;
const SERVERS: [Who; 3] = [Who(1), Who(2), Who(3)];
const CLIENT: Who = Who(101);

/// Requests of one run.
pub const REQUESTS: u64 = 200;

async fn agent(who: Who) {
    let listener = Sim::tcp_listen(who.addr(HTTP)).await.expect("listens");
    drop(Sim::spawn(chatter(who)));
    drop(Sim::spawn(journal()));
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        let answer = service_fn(move |request: Request<hyper::body::Incoming>| async move {
            let path = request.uri().path().to_owned();
            let _ = request.into_body().collect().await;
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(format!("{who} {path} {}", Sim::random())))))
        });
        drop(Sim::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            let _ = http.auto_date_header(false).serve_connection(TokioIo::new(stream), answer).await;
        }));
    }
}

async fn chatter(who: Who) {
    let socket = Arc::new(Sim::udp_bind(who.addr(GOSSIP)).await.expect("binds"));
    let ear = socket.clone();
    drop(Sim::spawn(async move {
        let mut buf = [0; 64];
        while ear.recv_from(&mut buf).await.is_ok() {}
    }));
    loop {
        sleep::<Sim>(Duration::from_millis(50 + Sim::random() % 50)).await;
        for peer in SERVERS {
            let _ = socket.send_to(&Sim::random().to_le_bytes(), peer.addr(GOSSIP)).await;
        }
    }
}

async fn journal() {
    let disk = Sim::disk(Path::new("/data")).expect("mounts");
    let file = disk.open("journal").or_else(|_| disk.create("journal")).expect("opens");
    loop {
        let end = file.size().expect("has a size");
        file.write_at(end, &Sim::random().to_le_bytes()).expect("writes");
        file.sync().await.expect("syncs");
        sleep::<Sim>(Duration::from_millis(20)).await;
    }
}

async fn ask(to: Who, path: String) -> Option<Bytes> {
    let exchange = async {
        let stream = tcp::connect(to.addr(HTTP)).await.ok()?;
        let (mut http, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        drop(Sim::spawn(async move { drop(connection.await) }));
        let request = Request::get(path).header("host", "x").body(Full::new(Bytes::new())).ok()?;
        Some(http.send_request(request).await.ok()?.into_body().collect().await.ok()?.to_bytes())
    };
    timeout::<Sim, _>(Duration::from_secs(2), exchange).await.ok().flatten()
}

/// Some seconds of requests through loss, duplicates, a partition, a power loss and a freeze; how many of [`REQUESTS`] were answered.
pub async fn scenario() -> u64 {
    let nodes = Nodes::default();
    for who in SERVERS {
        nodes.add(who, move || agent(who));
    }
    nodes.add_idle(CLIENT);
    world::with(|w| {
        (w.weather.climate.loss, w.weather.climate.duplication, w.weather.climate.reordering) = (10_000, 20_000, 20_000);
        let now = w.now();
        w.host(Who(2)).clock.set_drift(now, 7_000);
    });
    let asking = nodes.spawn(CLIENT, async {
        let mut answered = 0;
        for n in 0..REQUESTS {
            let to = SERVERS[(Sim::random() % 3) as usize];
            answered += u64::from(ask(to, format!("/{n}")).await.is_some());
            sleep::<Sim>(Duration::from_millis(20)).await;
        }
        answered
    });
    madsim::time::sleep(Duration::from_secs(1)).await;
    world::with(|w| w.weather.cut(CLIENT, Who(1)));
    nodes.crash(Who(2), Crash::Power);
    nodes.freeze(Who(3));
    madsim::time::sleep(Duration::from_millis(500)).await;
    world::with(|w| w.weather.mend(CLIENT, Who(1)));
    nodes.restart(Who(2));
    nodes.thaw(Who(3));
    asking.await.expect("the client is not disturbed")
}

#[cfg(test)]
mod tests {
    use super::scenario;
    use crate::play::{Played, play};

    fn run(seed: u64) -> Played<u64> {
        play(seed, None, scenario)
    }

    #[test]
    fn a_hello_world_agent_answers_through_faults_and_each_seed_goes_its_own_way() {
        let (one, other) = (run(1), run(2));
        assert!(one.value.as_ref().is_ok_and(|answered| *answered > 150), "{:?}", one.value);
        assert_ne!(one.footprint.hash, other.footprint.hash);
        for kind in
            ["udp.send", "udp.arrive", "udp.lost", "tcp.syn", "tcp.write", "tcp.arrive", "timer", "disk.write", "disk.sync", "fault.freeze"]
        {
            assert!(one.footprint.by_kind.get(kind).is_some_and(|n| *n > 0), "{kind} is missing from {:?}", one.footprint.by_kind);
        }
    }

    #[test]
    fn twenty_seeds_repeat_byte_for_byte_one_after_the_other_and_four_at_once() {
        let first: Vec<_> = (0..20).map(|seed| run(seed).footprint).collect();
        let mut again = Vec::new();
        for some in [0..4u64, 4..8, 8..12, 12..16, 16..20] {
            let threads: Vec<_> = some.map(|seed| std::thread::Builder::new().spawn(move || run(seed).footprint).unwrap()).collect();
            again.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        }
        assert_eq!(first, again);
    }
}
