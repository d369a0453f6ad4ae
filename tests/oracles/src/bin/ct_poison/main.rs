//! Marks secrets as undefined for Valgrind's memcheck, which then reports each branch and each
//! address that depends on them. `ct_check.sh` runs this and says what is expected.
//!
//! Secret are the shared octets and all that the generator fills in. Lengths, counts and x are not.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use recovery_core::{shamir, slip39};
use std::{convert::Infallible, ffi::c_void, hint::black_box};

#[link(name = "poison", kind = "static")]
unsafe extern "C" {
    fn poison(start: *mut c_void, length: usize);
    fn reveal(start: *mut c_void, length: usize);
    fn watched() -> i32;
}

/// Makes memcheck treat the octets as never initialised.
fn hide(octets: &mut [u8]) {
    // SAFETY: the request reads and writes nothing that the program can see.
    unsafe { poison(octets.as_mut_ptr().cast(), octets.len()) }
}

/// Makes memcheck forget that, so that a result can be compared.
fn show(octets: &mut [u8]) {
    // SAFETY: as above.
    unsafe { reveal(octets.as_mut_ptr().cast(), octets.len()) }
}

/// A generator whose octets are secret, and whose numbers (a set's identifier) are not.
struct Secretive(ChaCha20Rng);

impl TryRng for Secretive {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(out);
        hide(out);
        Ok(())
    }
}

impl TryCryptoRng for Secretive {}

fn hidden(length: usize) -> (Vec<u8>, Vec<u8>) {
    let plain: Vec<u8> = (0..length).map(|at| (at * 89 + 7) as u8).collect();
    let mut secret = plain.clone();
    hide(&mut secret);
    (plain, secret)
}

/// Splits, combines just enough shares, then all of them, which compares the surplus ones.
fn shamir() {
    for length in [1, 31, 32, 33, 128, 1_000, 20_000] {
        for (k, n) in [(1, 1), (2, 3), (3, 5), (8, 16)] {
            let (plain, secret) = hidden(length);
            let mut rng = Secretive(ChaCha20Rng::seed_from_u64(1));
            let shares = shamir::split(&secret, k, n, &mut rng).unwrap();
            for shares in [&shares[usize::from(n - k)..], &shares] {
                let mut found = shamir::combine(k, shares).unwrap();
                show(&mut found);
                assert_eq!(*found, plain);
            }
        }
    }
}

/// The same through groups, digests, the passphrase's encryption and the compact form.
fn slip39() {
    let group = |threshold, members| slip39::Group { threshold, members };
    let groups = slip39::Groups::new(2, [group(1, 1), group(2, 3), group(3, 5)]).unwrap();
    for length in [16, 32, 128] {
        let (plain, secret) = hidden(length);
        let mut rng = Secretive(ChaCha20Rng::seed_from_u64(1));
        let set = slip39::split(&secret, &groups, &mut rng).unwrap();
        let enough = [&set[1][1..], &set[2][..3]].concat();
        for shares in [enough, set.concat()] {
            let carried: Result<Vec<_>, slip39::Slip39Error> =
                shares.iter().map(|share| slip39::Share::from_bytes(&share.to_bytes())).collect();
            let mut found = slip39::combine(&carried.unwrap(), "").unwrap();
            show(&mut found);
            assert_eq!(*found, plain);
        }
    }
}

/// What must be reported: a jump on a secret bit.
fn branch() {
    let (_, secret) = hidden(1);
    if black_box(&secret)[0] & 1 == 1 {
        println!("odd");
    }
}

/// What must be reported: a table entry chosen by a secret octet.
fn table() {
    let (_, secret) = hidden(1);
    let table: [u8; 256] = std::array::from_fn(|at| at as u8 ^ 0x63);
    black_box(black_box(&table)[usize::from(black_box(&secret)[0])]);
}

/// What must be reported: a peer that combines by tables of logarithms.
fn peer() {
    let shares = [1, 2, 3].map(|x| {
        let mut octets = [&[x], [x; 32].as_slice()].concat();
        hide(&mut octets[1..]);
        blahaj::Share::try_from(octets.as_slice()).unwrap()
    });
    black_box(blahaj::Sharks(3).recover(&shares).unwrap());
}

fn main() {
    // SAFETY: as above.
    assert!(unsafe { watched() } != 0, "this says something under valgrind only");
    match std::env::args().nth(1).as_deref() {
        Some("shamir") => shamir(),
        Some("slip39") => slip39(),
        Some("branch") => branch(),
        Some("table") => table(),
        Some("peer") => peer(),
        _ => panic!("one of: shamir slip39 branch table peer"),
    }
}
