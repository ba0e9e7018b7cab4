//! Many joins at once: a pool that forms, and one of which half starts anew.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::{World, addr_of};
use muster::gossip::Input;
use std::time::Duration;

const GIVE_UP: Duration = Duration::from_secs(300);

/// Strangers that know one address.
pub const FORM: Scenario = Scenario {
    name: "form",
    goal: "200 strangers join one of them at once: everyone is alive to everyone within 30 s",
    columns: &["all know all s"],
    play: form,
    judge,
};

/// Restarted members have forgotten their incarnation, and the others hold them for alive or failed at a later one.
pub const MASS_RESTART: Scenario = Scenario {
    name: "mass-restart",
    goal: "half of 60 members restart at once, half of those after they were given up, remembering nothing: alive to all within 30 s",
    play: mass_restart,
    ..FORM
};

fn form(seed: u64) -> Sample {
    let mut world = World::strangers(seed, 200);
    for n in 1..200 {
        world.input(n, Input::Join { ticket: 1, addrs: vec![addr_of(0)] });
    }
    time_to_agree(seed, world)
}

fn mass_restart(seed: u64) -> Sample {
    let mut world = World::formed(seed, 60);
    world.run_for(Duration::from_secs(5));
    (0..15).for_each(|n| world.kill(n));
    world.run_for(Duration::from_secs(60));
    for n in 0..30 {
        world.restart(n);
        world.input(n, Input::Join { ticket: 1, addrs: vec![addr_of(30 + n)] });
    }
    time_to_agree(seed, world)
}

fn time_to_agree(seed: u64, mut world: World) -> Sample {
    let begun = world.now();
    let mut next = begun;
    world.run_until(begun + GIVE_UP, |world| {
        if world.now() < next {
            return false;
        }
        next = world.now() + Duration::from_millis(50);
        world.all_alive_to_all()
    });
    let took = if world.all_alive_to_all() { world.now().since(begun).as_secs_f64() } else { f64::INFINITY };
    Sample { seed, values: vec![took] }
}

fn judge(samples: &[Sample]) -> Verdict {
    let [median, worst] = [0.5, 1.0].map(|p| percentile(samples.iter().map(|sample| sample.values[0]), p));
    Verdict { summary: format!("p50 {median:.2} s, slowest {worst:.2} s of {} runs", samples.len()), reached: worst <= 30.0 }
}
