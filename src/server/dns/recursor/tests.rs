//! Recursors that answer, refuse, lie, and say nothing.

use super::Recursors;
use crate::config::RecursorStrategy;
use crate::dns::Transport;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use crate::server::dns::counters::{Counters, Event};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

/// What a recursor does with a question.
#[derive(Clone, Copy)]
enum Habit {
    Answer {
        rcode: u8,
    },
    /// Answers with the id of another question first.
    LieThenAnswer,
    Silence,
}

impl Habit {
    fn replies(self, query: &[u8]) -> Vec<Vec<u8>> {
        let reply = |rcode: u8| {
            let mut reply = query.to_vec();
            (reply[2], reply[3]) = (0x81, rcode);
            reply
        };
        match self {
            Habit::Answer { rcode } => vec![reply(rcode)],
            Habit::LieThenAnswer => {
                let mut lie = reply(0);
                lie[1] ^= 1;
                vec![lie, reply(3)]
            }
            Habit::Silence => vec![],
        }
    }
}

struct Recursor {
    addr: SocketAddr,
    asked: Arc<AtomicU64>,
}

impl Recursor {
    async fn start(habit: Habit) -> Recursor {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let tcp = Tokio::tcp_listen(any).await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let udp = Tokio::udp_bind(addr).await.unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let (of_udp, of_tcp) = (asked.clone(), asked.clone());
        drop(Tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
                of_udp.fetch_add(1, Ordering::Relaxed);
                for reply in habit.replies(&buffer[..length]) {
                    udp.send_to(&reply, from).await.unwrap();
                }
            }
        }));
        drop(Tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                of_tcp.fetch_add(1, Ordering::Relaxed);
                let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut query).await.unwrap();
                for reply in habit.replies(&query) {
                    stream.write_u16(reply.len() as u16).await.unwrap();
                    stream.write_all(&reply).await.unwrap();
                }
                drop(stream.read_u8().await);
            }
        }));
        Recursor { addr, asked }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn recursors<const N: usize>(of: &[Recursor; N], timeout: u64) -> Recursors {
    let addresses = of.iter().map(|recursor| recursor.addr).collect();
    Recursors { addresses, strategy: RecursorStrategy::Sequential, timeout: Duration::from_millis(timeout) }
}

#[test]
fn the_first_that_has_an_answer_gives_it_and_those_behind_are_not_asked() {
    Tokio::block_on(async {
        for transport in [Transport::Udp, Transport::Tcp] {
            let all = [Habit::Answer { rcode: 2 }, Habit::Answer { rcode: 5 }, Habit::Answer { rcode: 3 }, Habit::Answer { rcode: 0 }];
            let [fails, refuses, knows, last] = all.map(Recursor::start);
            let all = [fails.await, refuses.await, knows.await, last.await];
            let counters = Counters::default();
            let reply = recursors(&all, 20_000).ask::<Tokio>(QUERY, transport, &counters).await.unwrap();
            assert_eq!((&reply[..2], reply[3]), (&[0x12, 0x34][..], 0x83), "our id, NXDOMAIN, recursion offered");
            assert_eq!(all.map(|recursor| recursor.asked()), [1, 1, 1, 0]);
            assert_eq!(counters.of(Event::RecursiveQuery), 1);
        }
    });
}

#[test]
fn who_is_silent_or_gone_is_followed_by_the_next() {
    Tokio::block_on(async {
        let counters = Counters::default();
        let all = [Recursor::start(Habit::Silence).await, Recursor::start(Habit::Answer { rcode: 0 }).await];
        let mut asked = recursors(&all, 100);
        assert!(asked.ask::<Tokio>(QUERY, Transport::Udp, &counters).await.is_some());
        asked.addresses[0] = "127.0.0.1:1".parse().unwrap();
        asked.timeout = Duration::from_secs(60);
        assert!(asked.ask::<Tokio>(QUERY, Transport::Udp, &counters).await.is_some(), "told at once that nobody listens");
        assert!(asked.ask::<Tokio>(QUERY, Transport::Tcp, &counters).await.is_some());
        assert_eq!(counters.of(Event::RecursionFailed), 0);
        let silent = recursors(&[Recursor::start(Habit::Silence).await], 50);
        assert_eq!(silent.ask::<Tokio>(QUERY, Transport::Udp, &counters).await, None);
        assert_eq!(counters.of(Event::RecursionFailed), 1);
    });
}

#[test]
fn an_answer_to_another_question_is_passed_over() {
    Tokio::block_on(async {
        let counters = Counters::default();
        let one = recursors(&[Recursor::start(Habit::LieThenAnswer).await], 20_000);
        let reply = one.ask::<Tokio>(QUERY, Transport::Udp, &counters).await.unwrap();
        assert_eq!((reply[3] & 0xf, counters.of(Event::RecursorMismatch)), (3, 1));
        assert_eq!(one.ask::<Tokio>(QUERY, Transport::Tcp, &counters).await, None, "over TCP the other side is known, and lies");
        assert_eq!(counters.of(Event::RecursorMismatch), 2);
    });
}

#[test]
fn in_random_order_every_recursor_comes_first_at_some_time() {
    let addresses: Vec<SocketAddr> = (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
    let random = Recursors { addresses: addresses.clone(), strategy: RecursorStrategy::Random, timeout: Duration::ZERO };
    let mut seen = std::collections::BTreeSet::new();
    // Six orders: that one is not drawn within 400 happens once in 10^31 runs.
    for _ in 0..400 {
        let mut order = random.order::<Tokio>();
        seen.insert(order.clone());
        order.sort();
        assert_eq!(order, addresses);
    }
    assert_eq!(seen.len(), 6);
}
