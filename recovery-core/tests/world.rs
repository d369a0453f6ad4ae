//! Worlds.
#![cfg(feature = "testkit")]
use recovery_core::testkit::{Options, World, Swarm};
#[test]
fn calm() {
    for seed in 0..20 {
    let o = World::new(seed, Options { swarm: Swarm::Off, log: true, ..Options::default() }).run();
    if o.violation.is_some() || seed == 0 { for l in &o.log { println!("{l}"); } }
    println!("{seed} {:?} {} {} {}", o.violation, o.restored, o.refused, o.steps);
    assert_eq!(o.violation, None);
    }
}
