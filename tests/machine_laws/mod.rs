//! A machine joins by one `Specimen` and one test here.

mod antientropy;
mod broken;
mod expiry;
mod gossip;
mod health;
mod laws;
mod retry;
mod specimen;
mod views;

use laws::obeys;

#[test]
fn a_sound_machine_obeys() {
    obeys(&retry::Sound);
}

#[test]
fn gossip_obeys() {
    obeys(&gossip::OfGossip);
}

#[test]
fn views_obey() {
    obeys(&views::OfViews);
}

#[test]
fn the_checks_of_an_agent_obey() {
    obeys(&health::OfHealth);
}

#[test]
fn a_leaders_watch_obeys() {
    obeys(&expiry::OfExpiry);
}

#[test]
fn anti_entropy_obeys() {
    obeys(&antientropy::OfAntiEntropy);
}
