//! Sizes, counts and times the relay keeps to, beside those of the wire (`recovery_core::wire::limits`).

use crate::store::Quota;
use std::time::Duration;

/// Longest request target, in octets; a longer one is answered 414.
pub const TARGET_MAX: usize = 8_192;
/// Most octets in all header fields of a request; more are answered 431.
pub const HEADERS_MAX: usize = 16_384;
/// Where the HTTP library itself stops reading a request's head; it answers 431 without a body.
pub const HEAD_BUFFER: usize = 65_536;
/// Most header fields; the HTTP library answers more with 431.
pub const HEADER_FIELDS_MAX: usize = 100;
/// Most octets of bodies in one answer to a read, beyond its first message: 4 MiB.
pub const READ_OCTETS_MAX: usize = 4 * 1_024 * 1_024;
/// Longest time to live that can be asked for, in seconds: 10 years.
pub const TTL_SECONDS_MAX: u64 = 10 * 365 * 86_400;

/// Limits that a test may want to set lower.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How much a mailbox takes. 4,096 messages and 16 MiB.
    pub quota: Quota,
    /// Connections open at a time; more wait to be accepted. 10,000, or what the system lets a process open.
    pub connections: usize,
    /// For a request's head to arrive, also the time a connection may rest between requests. 30 s.
    pub head: Duration,
    /// For a request's body to arrive. 30 s.
    pub body: Duration,
    /// For a client that takes none of its answer. 60 s.
    pub stall: Duration,
    /// Octets of bodies under way at a time, coming and going; a request beyond is answered 503. 256 MiB.
    pub bodies: usize,
    /// For connections to end once the relay is told to stop. 10 s.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            connections: 10_000,
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            bodies: 256 * 1_024 * 1_024,
            farewell: Duration::from_secs(10),
        }
    }
}
