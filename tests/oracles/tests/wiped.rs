//! No memory is given back to the allocator with a secret, a share or its words still in it.

use recovery_core::{shamir, slip39};
use recovery_oracles::peers::seeded;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// As many octets as are looked for.
type Needle = [u8; 12];

thread_local! {
    static SOUGHT: Cell<Option<Needle>> = const { Cell::new(None) };
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a look at each block that is given back.
struct Watching;

// SAFETY: all calls go to the system's allocator; blocks are only read, while they still are ours.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Zeroed, so that every octet of a block may be read later.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(needle) = SOUGHT.get() {
            let octets = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            let found = octets.windows(needle.len()).any(|window| window == needle);
            FOUND.set(FOUND.get() + usize::from(found));
        }
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static WATCHING: Watching = Watching;

/// How many blocks are given back with these octets in them while `work` is done.
fn left_behind(octets: &[u8], work: impl FnOnce()) -> usize {
    SOUGHT.set(octets.first_chunk().copied());
    FOUND.set(0);
    work();
    SOUGHT.set(None);
    FOUND.get()
}

const SECRET: [u8; 32] = *b"not to be found in memory later!";

fn share_and_combine() -> Vec<Vec<u8>> {
    let shares = shamir::split(&SECRET, 3, 5, &mut seeded(1)).unwrap();
    assert_eq!(*shamir::combine(3, &shares).unwrap(), SECRET);
    let copy = shares.iter().map(|share| shamir::Share::from_bytes(&share.to_bytes()).unwrap());
    assert!(copy.eq(shares.iter().cloned()));
    shares.iter().map(|share| share.y().to_vec()).collect()
}

fn share_and_combine_words() -> Vec<(Vec<u8>, String)> {
    let group = |threshold, members| slip39::Group { threshold, members };
    let groups = slip39::Groups::new(2, [group(1, 1), group(2, 3)]).unwrap();
    let shares = slip39::split(&SECRET, &groups, &mut seeded(1)).unwrap().concat();
    assert_eq!(*slip39::combine(&shares, "").unwrap(), SECRET);
    for share in &shares {
        assert_eq!(slip39::Share::from_bytes(&share.to_bytes()).as_ref(), Ok(share));
        assert_eq!(slip39::Share::from_words(&share.to_words()).as_ref(), Ok(share));
    }
    shares.iter().map(|share| (share.value().to_vec(), share.to_words().to_string())).collect()
}

#[test]
fn what_is_left_behind_is_found() {
    assert_eq!(left_behind(&SECRET, || drop(SECRET.to_vec())), 1);
    assert_eq!(left_behind(&SECRET[9..], || drop(SECRET.to_vec())), 1);
    assert_eq!(left_behind(&SECRET, || drop(zeroize::Zeroizing::new(SECRET.to_vec()))), 0);
}

#[test]
fn sharing_leaves_no_secret_and_no_share() {
    let keep = |results: &mut Vec<_>| results.push(share_and_combine());
    let mut results = Vec::with_capacity(16);
    keep(&mut results);
    let shares = results[0].clone();
    for octets in shares.iter().map(Vec::as_slice).chain([&SECRET[..]]) {
        assert_eq!(left_behind(octets, || keep(&mut results)), 0);
        assert_eq!(left_behind(&octets[20..], || keep(&mut results)), 0);
    }
}

#[test]
fn words_leave_no_secret_no_share_and_no_words() {
    let keep = |results: &mut Vec<_>| results.push(share_and_combine_words());
    let mut results = Vec::with_capacity(32);
    keep(&mut results);
    for (value, words) in results[0].clone() {
        for octets in
            [&value[..], &value[20..], &words.as_bytes()[30..], &SECRET[..], &SECRET[20..]]
        {
            assert_eq!(left_behind(octets, || keep(&mut results)), 0);
        }
    }
}
