//! Plays gossip scenarios: `cargo run --profile sim -p sim --example gossip -- NAME FROM TO`.

use sim::gossip_heap;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, from, to] = args.as_slice() else {
        println!("usage: gossip NAME FROM TO");
        gossip_heap::scenarios().iter().for_each(|scenario| println!("  {:<16}{}", scenario.name, scenario.goal));
        return;
    };
    let seeds = from.parse().expect("a number")..to.parse().expect("a number");
    match gossip_heap::run(name, seeds) {
        Some(report) => println!("{report}"),
        None => println!("no scenario is called {name}"),
    }
}
