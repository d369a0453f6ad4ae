#![no_main]
//! The state of a recovery: what decodes encodes to the same octets, and can be assessed.

use libfuzzer_sys::fuzz_target;
use recovery_core::flows::request::NewDevice;

fuzz_target!(|octets: &[u8]| {
    if let Ok(device) = NewDevice::decode(octets) {
        assert_eq!(device.encode().as_slice(), octets);
        let assessment = device.assess();
        for set in &assessment.sets {
            let _ = (set.counts(), set.is_complete(), set.one_suffices());
        }
        let _ = assessment.complete(None);
    }
});
