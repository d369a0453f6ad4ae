//! Sizes, counts and times that both sides of the wire agree on. Octets and seconds.

/// Longest message a mailbox takes.
pub const MESSAGE_MAX: usize = 65_536;
/// The only sizes of a sealed message.
pub const MESSAGE_SIZES: [usize; 3] = [4_096, 16_384, 65_536];
/// Longest body a slot takes.
pub const SLOT_MAX: usize = 524_288;
/// The only sizes clients give a slot.
pub const SLOT_SIZES: [usize; 4] = [8_192, 32_768, 131_072, 524_288];
/// Longest time a message may be held back: 7 days.
pub const HOLD_SECONDS_MAX: u64 = 604_800;
/// Longest long poll.
pub const WAIT_SECONDS_MAX: u64 = 60;
/// Most messages in one answer to a read.
pub const READ_LIMIT_MAX: usize = 256;
/// Messages a mailbox takes before it is full.
pub const MAILBOX_MESSAGES_MAX: u64 = 4_096;
/// Octets a mailbox takes before it is full: 16 MiB.
pub const MAILBOX_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// How long a vetoed hold refuses messages: 30 days.
pub const VETO_SECONDS: u64 = 30 * 86_400;
