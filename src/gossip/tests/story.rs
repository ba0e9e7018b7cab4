//! One small story in full: three strangers meet, one is cut off and given up, comes back and speaks up.

use super::net::{Net, addr};
use crate::gossip::Input;
use std::time::Duration;

#[test]
fn three_meet_one_is_lost_and_returns() {
    let mut net = Net::strangers(3);
    net.trace.push("-- n2 and n3 join n1".to_owned());
    net.input(2, Input::Join { ticket: 1, addrs: vec![addr(1)] });
    net.run_for(Duration::from_millis(500));
    net.input(3, Input::Join { ticket: 2, addrs: vec![addr(1)] });
    net.run_for(Duration::from_millis(4500));
    net.trace.push("-- n3 is cut off".to_owned());
    net.cut_off(3);
    net.run_for(Duration::from_secs(10));
    net.trace.push("-- the cut heals".to_owned());
    net.heal();
    net.run_for(Duration::from_secs(15));
    let told = net.trace.join("\n") + "\n";
    let golden = include_str!("story.txt");
    assert!(told == golden, "the story has changed:\n{told}");
}
