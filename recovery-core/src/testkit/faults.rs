//! What can go wrong, how often it does under one seed, and how often it did.

use super::dice::{Dice, Rate};
use std::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A class of faults.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// All classes.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

faults! {
    /// A relay takes a message or a slot's content, and loses it.
    Drop,
    /// A message becomes visible only hours, days or weeks later.
    Delay,
    /// A message stands in the mailbox several times.
    Double,
    /// A listing comes in another order.
    Reorder,
    /// A bit is not what it was.
    Corrupt,
    /// The end is missing.
    Truncate,
    /// Two messages, or two slots, change places.
    Swap,
    /// An old message comes again, perhaps elsewhere.
    Replay,
    /// A listing, or a slot, lacks something.
    Omit,
    /// A slot shows what it held before.
    Stale,
    /// A relay does not answer for hours or days.
    Dead,
    /// A device stops at the edge of a write or a call, and starts from what it had stored.
    Crash,
    /// A device's clock is up to a day off.
    Skew,
    /// A friend types a number wrong.
    WrongNumber,
    /// A friend says no, or nothing.
    Decline,
    /// A contact lies.
    Byzantine,
    /// A stranger answers an invite as well.
    Contested,
    /// There are two recoveries at once.
    Concurrent,
    /// Somebody else asks for the owner's key.
    Impostor,
    /// A new device takes its request back.
    Cancel,
    /// A relay shows before its time what it should hold back, and obeys no stop.
    Early,
    /// The owner stops a recovery of their own.
    Mistake,
    /// A contact lets go of the owner's pieces for good.
    Leave,
    /// A relay is again as it was some time ago.
    Rollback,
    /// A relay shows some people what its slots held some time ago, and the others what they hold.
    Split,
    /// A relay shows what nobody ever sent.
    Invent,
    /// Who has the lost device takes over, as the owner does.
    Thief,
    /// Who read a link and has the relay puts a request of their own where the link leads.
    Exchange,
}

/// Which faults a seed has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Swarm {
    /// Each seed draws which classes are on and at which rates.
    #[default]
    Seeded,
    /// None.
    Off,
    /// These, at these rates per mille.
    Only(Vec<(Fault, u16)>),
}

/// The faults of one world.
pub(super) struct Faults {
    rates: Vec<Rate>,
    calm: bool,
    pub(super) counts: Counts,
}

/// How often each fault happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }
}

impl Counts {
    /// How often one fault happened.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in Fault::ALL.iter().enumerate() {
            let gap = if at > 0 { " " } else { "" };
            write!(f, "{gap}{fault:?}={}", self.of(*fault))?;
        }
        Ok(())
    }
}

impl Faults {
    /// Draws or takes the faults of a world.
    pub(super) fn new(swarm: &Swarm, dice: &mut Dice) -> Self {
        let mut rates = vec![0; Fault::ALL.len()];
        match swarm {
            Swarm::Off => {}
            Swarm::Only(only) => {
                only.iter().for_each(|(fault, rate)| rates[*fault as usize] = *rate);
            }
            Swarm::Seeded => {
                for (fault, rate) in Fault::ALL.iter().zip(&mut rates) {
                    if dice.chance(400) {
                        *rate = fault.drawn(dice);
                    }
                }
            }
        }
        Self { rates, calm: false, counts: Counts::default() }
    }

    /// Whether a fault happens now.
    pub(super) fn hit(&mut self, fault: Fault, dice: &mut Dice) -> bool {
        let hit = !self.calm && dice.chance(self.rates[fault as usize]);
        if hit {
            self.counts.0[fault as usize] += 1;
        }
        hit
    }

    /// Nothing goes wrong any more, or things do again.
    pub(super) fn set_calm(&mut self, calm: bool) {
        self.calm = calm;
    }

    pub(super) fn calm(&self) -> bool {
        self.calm
    }
}

impl Fault {
    /// A rate for a world where this class is on.
    fn drawn(self, dice: &mut Dice) -> Rate {
        let rate = match self {
            // Every step of every device asks for this one.
            Self::Crash => dice.between(2, 40),
            // Asked once, or once for each contact.
            Self::Byzantine | Self::Contested | Self::Decline => dice.between(100, 600),
            Self::Mistake => dice.between(100, 600),
            Self::Leave => dice.between(50, 250),
            Self::Early => 400,
            Self::Skew
            | Self::Concurrent
            | Self::Impostor
            | Self::Thief
            | Self::Cancel
            | Self::Exchange => 700,
            _ => dice.between(10, 350),
        };
        rate as Rate
    }
}
