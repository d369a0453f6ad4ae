#![no_main]
//! The state of a device: what decodes encodes to the same octets, and what travels of its vault opens no
//! newer generation.

use libfuzzer_sys::fuzz_target;
use recovery_core::{flows::Device, secret::Secret};

fuzz_target!(|octets: &[u8]| {
    if let Ok(device) = Device::decode(octets) {
        assert_eq!(device.encode().as_slice(), octets);
        let _ = device.watches();
        for place in device.places() {
            let _ = device.copies(&place);
        }
        let vault = device.vault();
        for circle in &vault.circles {
            let Some(known) = vault.circles.iter().find(|known| known.id == circle.id) else {
                return;
            };
            if known.root.is_some() {
                let (_, view) = vault.seen_with(known.id, &Secret::new([0; 32]));
                assert!(view.circles.iter().all(|older| older.generation <= known.generation));
            }
        }
    }
});
