//! The relay's clock: wall time that does not jump.
//!
//! Deadlines are stored as wall time, so that they mean the same after a restart. Within a process, time
//! advances with a steady clock that nobody can set: when the wall clock is set forward, nothing falls due
//! early. `Clock::skew` then tells by how much the two differ, and the relay moves every stored deadline by
//! that much *before* it takes over the new wall time (`Clock::step`), so what had an hour to wait still has.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This many milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Whole seconds, rounded down: when something was.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds, rounded up: when something will have been.
    #[must_use]
    pub const fn seconds_up(self) -> i64 {
        self.0.saturating_add(999).div_euclid(1_000)
    }
}

/// Where the time comes from; another one than [`SystemTimeSource`] serves tests and simulations.
pub trait TimeSource: Send + Sync + 'static {
    /// The time that a person may set, in milliseconds since 1970.
    fn wall(&self) -> i64;
    /// Milliseconds since some fixed moment; never set, never back, also counting time asleep.
    fn steady(&self) -> i64;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimeSource;

impl TimeSource for SystemTimeSource {
    fn wall(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |m| -m),
        }
    }

    #[cfg(unix)]
    fn steady(&self) -> i64 {
        // The plain monotonic clock of Linux stands still while a machine sleeps.
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
    }

    #[cfg(not(unix))]
    fn steady(&self) -> i64 {
        static BEGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let begin = BEGIN.get_or_init(std::time::Instant::now);
        i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Wall time as it was at the last `Clock::step`, carried on by the steady clock.
pub(crate) struct Clock {
    source: Arc<dyn TimeSource>,
    anchor: AtomicI64,
}

impl Clock {
    /// Starts at the wall time.
    pub(crate) fn new(source: Arc<dyn TimeSource>) -> Self {
        let anchor = AtomicI64::new(source.wall().saturating_sub(source.steady()));
        Self { source, anchor }
    }

    /// The relay's time.
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.source.steady().saturating_add(self.anchor.load(Ordering::Acquire)))
    }

    /// By how many milliseconds the wall clock is ahead of the relay's time: how far it was set.
    pub(crate) fn skew(&self) -> i64 {
        self.source.wall().saturating_sub(self.now().0)
    }

    /// Takes over a jump of the wall clock.
    pub(crate) fn step(&self, by: i64) {
        self.anchor.fetch_add(by, Ordering::AcqRel);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Clock, SystemTimeSource, TimeSource, UnixMillis};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Two clocks turned by hand.
    #[derive(Default)]
    pub(crate) struct Manual {
        pub(crate) wall: AtomicI64,
        pub(crate) steady: AtomicI64,
    }

    impl TimeSource for Manual {
        fn wall(&self) -> i64 {
            self.wall.load(Ordering::SeqCst)
        }
        fn steady(&self) -> i64 {
            self.steady.load(Ordering::SeqCst)
        }
    }

    impl Manual {
        pub(crate) fn pass(&self, millis: i64) {
            self.wall.fetch_add(millis, Ordering::SeqCst);
            self.steady.fetch_add(millis, Ordering::SeqCst);
        }
    }

    #[test]
    fn setting_the_wall_clock_moves_no_time() {
        let hands = Arc::new(Manual::default());
        hands.wall.store(1_000_000, Ordering::SeqCst);
        let clock = Clock::new(hands.clone());
        hands.wall.store(99_000_000, Ordering::SeqCst);
        assert_eq!(clock.now(), UnixMillis(1_000_000));
        assert_eq!(clock.skew(), 98_000_000);
        clock.step(98_000_000);
        assert_eq!((clock.now(), clock.skew()), (UnixMillis(99_000_000), 0));
        hands.pass(5);
        assert_eq!((clock.now(), clock.skew()), (UnixMillis(99_000_005), 0));
    }

    #[test]
    fn the_system_clocks_agree_with_each_other() {
        let clock = Clock::new(Arc::new(SystemTimeSource));
        assert!(clock.skew().abs() < 1_000);
        assert!(clock.now().0 > 1_600_000_000_000, "a date after 2020");
    }

    #[test]
    fn seconds_round_towards_the_promise() {
        assert_eq!(UnixMillis(1_999).seconds(), 1);
        assert_eq!(UnixMillis(1_001).seconds_up(), 2);
        assert_eq!(UnixMillis(2_000).seconds_up(), 2);
    }
}
