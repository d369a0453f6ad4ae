#![no_main]
//! Messages that travel as files: what decodes encodes to the same octets, and taking it a second time changes
//! nothing.

use libfuzzer_sys::fuzz_target;
use recovery_core::wire::{self, parcel::Parcel};

const NOW: u64 = 1_800_000_000;

fn take(kept: &mut Parcel, parcel: Parcel) {
    kept.merge(parcel);
    kept.shrink(NOW);
}

fuzz_target!(|octets: &[u8]| {
    recovery_fuzz::round_trip::<Parcel>(octets);
    let Ok(parcel) = wire::decode::<Parcel>(octets) else {
        return;
    };
    let mut kept = Parcel::default();
    take(&mut kept, parcel.clone());
    let once = kept.clone();
    take(&mut kept, parcel);
    assert!(kept == once);
});
