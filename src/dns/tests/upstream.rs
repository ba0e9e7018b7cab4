//! Recursors' messages.

use super::world::{World, name, web};
use crate::dns::{
    Content, Found, Inquiry, Kind, Order, Plan, Request, Settings, Transport, Verdict, judge, question, read_records, with_id,
};
use crate::model::ServiceSpec;
use hickory_proto::op::Message;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Duration;

/// A reply with these flags, records behind the question, and so many of them.
fn reply(asked: &[u8], flags: [u8; 2], count: u8, records: &[u8]) -> Vec<u8> {
    let mut reply = [asked, records].concat();
    reply[2..4].copy_from_slice(&flags);
    reply[7] = count;
    reply
}

#[test]
fn a_question_for_a_recursor_is_one_that_others_read() {
    let mut asked = question(0xABCD, name("www.example.test").as_name(), Kind::Aaaa);
    with_id(&mut asked, 7);
    let message = Message::from_vec(&asked).unwrap();
    assert_eq!((message.metadata.id, message.metadata.recursion_desired), (7, true));
    assert_eq!(message.queries[0].to_string(), "www.example.test. IN AAAA");
}

#[test]
fn only_an_answer_to_what_was_asked_counts() {
    let asked = question(7, name("www.example.test").as_name(), Kind::A);
    let verdict = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut reply = reply(&asked, [0x81, 0x80], 0, &[]);
        change(&mut reply);
        judge(&asked, &reply)
    };
    assert_eq!(verdict(&|_| {}), Verdict::Answers);
    assert_eq!(verdict(&|reply| reply[3] |= 3), Verdict::Answers);
    assert_eq!(verdict(&|reply| reply[2] |= 2), Verdict::Truncated);
    for rcode in [1, 2, 4, 5] {
        assert_eq!(verdict(&|reply| reply[3] |= rcode), Verdict::Fails);
    }
    assert_eq!(verdict(&|reply| (reply[3], reply[5]) = (0x81, 0)), Verdict::Fails);
    assert_eq!(verdict(&|reply| reply[13] = b'W'), Verdict::Answers);
    for foreign in [
        &(|reply: &mut Vec<u8>| reply[1] = 8) as &dyn Fn(&mut Vec<u8>),
        &|reply| reply[2] = 1,
        &|reply| reply[13] = b'x',
        &|reply| *reply.last_mut().unwrap() = 3,
        &|reply| reply.truncate(20),
        &|reply| reply.truncate(5),
        &|reply| reply[5] = 0,
    ] {
        assert_eq!(verdict(foreign), Verdict::Foreign);
    }
}

#[test]
fn addresses_are_read_along_the_way_to_them() {
    let asked = question(7, name("www.example.test").as_name(), Kind::A);
    let cname = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10";
    let address = b"\x03CDN\xc0\x10\0\x01\0\x01\0\0\0\x05\0\x04\xc6\x33\x64\x07";
    let other = b"\x05other\0\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04";
    let whole = reply(&asked, [0x81, 0x80], 3, &[&cname[..], other, address].concat());
    let records = read_records(&whole, name("www.example.test").as_name());
    let told: Vec<(String, u32, Content)> =
        records.into_iter().map(|record| (record.owner.to_string(), record.ttl.as_secs(), record.content)).collect();
    assert_eq!(
        told,
        [
            ("www.example.test.".to_owned(), 60, Content::Alias(name("cdn.example.test"))),
            ("CDN.example.test.".to_owned(), 5, Content::Address([198, 51, 100, 7].into())),
        ]
    );
    assert!(read_records(&whole[..40], name("www.example.test").as_name()).is_empty());
}

/// What an inner look at `text` gives.
fn inner(world: &World, text: &str, kind: Kind) -> Vec<Content> {
    let asked = name(text);
    let message = question(1, name("outer.service.consul").as_name(), kind);
    let outer = Request::read(&message, Transport::Udp).unwrap();
    let request = outer.about(asked.as_name());
    let settings: &Settings = &world.settings;
    let plan = Plan::of(request.name, kind, settings);
    let answer = match &plan {
        Plan::Ask(ask) => Some(ask.query.answer(&world.state)),
        Plan::Settled(_) | Plan::PreparedQuery { .. } | Plan::Recurse => None,
    };
    let found = match &answer {
        Some(answer) => Found::Rows { rows: &answer.rows, order: Order::Shuffled, age: Duration::ZERO },
        None => Found::Nothing,
    };
    let records = Inquiry { settings, request: &request, plan: &plan, found }.records(&mut ChaCha8Rng::seed_from_u64(1));
    assert!(records.iter().all(|record| record.owner == asked));
    records.into_iter().map(|record| record.content).collect()
}

#[test]
fn names_of_ours_are_followed_in_the_catalog() {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    world.node("n2", "n1.node.consul", &[]);
    world.service("n1", web(80), &[]);
    world.service("n1", web(81), &[]);
    world.service("n1", ServiceSpec { address: "web.service.consul".to_owned(), ..ServiceSpec::new("to", "to") }, &[]);
    let address = vec![Content::Address([10, 0, 0, 1].into())];
    assert_eq!(inner(&world, "n1.node.consul", Kind::A), address);
    assert_eq!(inner(&world, "web.service.consul", Kind::A), address);
    assert_eq!(inner(&world, "0a000001.addr.consul", Kind::A), address);
    assert_eq!(inner(&world, "n2.node.consul", Kind::A), [Content::Alias(name("n1.node.consul"))]);
    assert_eq!(inner(&world, "to.service.consul", Kind::Aaaa), [Content::Alias(name("web.service.consul"))]);
    assert!(inner(&world, "web.service.consul", Kind::Aaaa).is_empty() && inner(&world, "www.example.test", Kind::A).is_empty());
}
