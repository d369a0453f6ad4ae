#![no_main]
//! The state of a device: what decodes encodes to the same octets.

use libfuzzer_sys::fuzz_target;
use recovery_core::flows::Device;

fuzz_target!(|octets: &[u8]| {
    if let Ok(device) = Device::decode(octets) {
        assert_eq!(device.encode().as_slice(), octets);
        let _ = (device.watches(), device.copies(), device.vault_slots());
    }
});
