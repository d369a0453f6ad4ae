//! Splitting and combining, 3 of 5, against peers: `cargo bench`, a table on standard output.
//!
//! Libraries take turns in each round, so that a busy machine slows all of them; a ratio is the
//! median of the rounds' ratios. Times are of this thread's processor and include dropping results.

use cpu_time::ThreadTime;
use recovery_oracles::peers::{Blahaj, Ours, Peer, Sharks, Vsss, seeded};
use std::hint::black_box;
use std::time::Duration;

const ROUNDS: usize = 11;
const K: u8 = 3;
const N: u8 = 5;

/// One library's nanoseconds for splitting and for combining.
type Times = (f64, f64);

fn measure<P: Peer>(secret: &[u8], seed: usize) -> Times {
    let mut rng = seeded(seed as u64);
    let split = time(|| {
        black_box(P::split(black_box(secret), K, N, &mut rng));
    });
    let mut shares = P::to_bytes(&P::split(secret, K, N, &mut rng));
    shares.drain(..usize::from(N - K));
    let shares = P::from_bytes(&shares).unwrap();
    assert!(P::combine(K, &shares).unwrap().as_ref() == secret, "{} is wrong", P::NAME);
    let combine = time(|| {
        black_box(P::combine(K, black_box(&shares)).unwrap().as_ref());
    });
    (split, combine)
}

/// Nanoseconds of one call, from as many calls as take about 5 ms.
fn time(mut call: impl FnMut()) -> f64 {
    let mut calls = 1;
    loop {
        let start = ThreadTime::now();
        (0..calls).for_each(|_| call());
        let elapsed = start.elapsed();
        if elapsed >= Duration::from_millis(5) {
            return elapsed.as_nanos() as f64 / f64::from(calls);
        }
        calls *= 2;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A row of the table for each library, the first being the one the others are compared with.
fn rows(length: usize, names: &[&str], libraries: &[fn(&[u8], usize) -> Times]) {
    let secret: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
    let rounds: Vec<Vec<Times>> = (0..ROUNDS)
        .map(|round| libraries.iter().map(|measure| measure(&secret, round)).collect())
        .collect();
    for (at, name) in names.iter().enumerate() {
        let column = |pick: fn(&Times) -> f64| {
            let time = median(rounds.iter().map(|round| pick(&round[at])).collect());
            let ratio = rounds.iter().map(|round| pick(&round[at]) / pick(&round[0])).collect();
            format!("{:.3} µs | {:.1}", time / 1e3, median(ratio))
        };
        println!("| {length} | {name} | {} | {} |", column(|t| t.0), column(|t| t.1));
    }
}

fn main() {
    println!(
        "{K} of {N}, medians of {ROUNDS} rounds, ChaCha20, ratios to the first of each length\n"
    );
    println!("| octets | library | split | ratio | combine | ratio |\n|--:|---|--:|--:|--:|--:|");
    for length in [32, 4_096, 1 << 20] {
        rows(
            length,
            &[Ours::NAME, Sharks::NAME, Blahaj::NAME, Vsss::NAME],
            &[measure::<Ours>, measure::<Sharks>, measure::<Blahaj>, measure::<Vsss>],
        );
    }
}
