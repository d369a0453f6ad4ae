//! Runs worlds.
use recovery_core::testkit::{Options, World};
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let t = std::time::Instant::now();
    for seed in a[0]..a[0]+a[1] {
        let o = World::new(seed, Options{log: a.len()>2, ..Options::default()}).run();
        for l in &o.log { println!("{l}"); }
        if o.violation.is_some() { println!("{seed} {:?} {} {}", o.violation, o.restored, o.steps); }
    }
    println!("{:?}", t.elapsed());
}
