//! Faults that are planted on purpose, to see that the simulated world finds each of them.
//!
//! They are there only if the compiler is given `--cfg recovery_planted`: in every other build
//! `planted!(…)` is the word `false`. No program of this workspace can be built with that, and neither can
//! this crate without its `testkit`.

/// Whether a fault of this name is planted and in force.
#[cfg(not(recovery_planted))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

/// Whether a fault of this name is planted and in force.
#[cfg(recovery_planted)]
macro_rules! planted {
    ($fault:ident) => {
        $crate::planted::is_in_force($crate::planted::Planted::$fault)
    };
}

#[cfg(recovery_planted)]
pub(crate) use list::is_in_force;
#[cfg(recovery_planted)]
pub use list::{Planted, force};

#[cfg(recovery_planted)]
mod list {
    use std::sync::atomic::{AtomicUsize, Ordering};

    macro_rules! faults {
        ($($name:ident: $what:literal,)*) => {
            /// A planted fault.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum Planted {
                $(#[doc = $what] $name,)*
            }

            impl Planted {
                /// All of them.
                pub const ALL: &[Self] = &[$(Self::$name),*];

                /// What is wrong.
                #[must_use]
                pub fn what(self) -> &'static str {
                    match self {
                        $(Self::$name => $what,)*
                    }
                }
            }
        };
    }

    faults! {
        SignedForAnybody: "signatures do not cover whom a statement is for",
        ZeroCoordinate: "a share with x = 0 is taken",
        PieceNotCompared: "a piece is not compared with what its owner signed",
        PieceOfAnother: "a piece counts whoever brings it",
        CountsTwice: "one contact's pieces count twice",
        GroupsNotCounted: "one complete group is enough, whatever the plan says",
        OtherRequest: "an approval counts for any request",
        NumberOfAnybody: "the number does not depend on the request's keys",
        NumberNotNeeded: "an approval needs no number",
        LinkAsCode: "a link that was sent stands in for the code on the screen",
        TriesNotCounted: "a wrong number costs no try",
        BurntIsOpen: "three wrong numbers do not close the request",
        DeclineIsHeard: "a decline goes to the requester before any number was right",
        OwnerNotTold: "the owner does not hear of an approval",
        DelayForgotten: "an approval is not held back",
        ReleasedEarly: "a friend's device releases an approval a second early",
        OverrideUnasked: "override skips the delay although nothing was stopped",
        StopNotObeyed: "a friend's device does not take an approval back when the owner says stop",
        StopNotAtRelays: "the owner's stop does not go to relays",
        OldPieceTaken: "a contact takes a generation that is older than what it holds",
        DeletedAtOnce: "superseded pieces are deleted without the 30 days",
        ReceiptNotChecked: "the owner believes a receipt without its proof",
        ProofRepeated: "an answer to an old challenge counts",
        LiveTooEarly: "a generation counts before enough contacts proved it",
        RetiredTooEarly: "the generation before is given up before the new one is complete",
        OlderWordKept: "an older word of the vault's version takes the place of a newer one",
        RollbackNotSeen: "an old vault is called current",
        NewestNotTried: "a restore takes the newest generation, not the newest vault",
        FormerVaultWins: "what a lost device wrote last wins over what its successor wrote",
        AnySuccessor: "an owner's new device is accepted without an approval or a number",
        SuccessorBySomebody: "whoever names an approved request is the device that made it",
        SuccessorToldOnce: "a contact hears of the owner's new device once, whether that arrives or not",
        FormerGivenUp: "a former identity's pieces are given up before those of the new one count",
        NonceRepeated: "boxes use one nonce",
        NotPadded: "a message is as long as what is in it",
        NotSealed: "a message's content stands in it in clear as well",
        NotPersisted: "a device does not wait until what it wrote is on disk",
        SentBeforeKept: "a device sends before it has written what it did",
    }

    /// 0 for none, else a place in [`Planted::ALL`], from 1.
    static IN_FORCE: AtomicUsize = AtomicUsize::new(0);

    /// Puts one fault in force for this process, or none.
    pub fn force(fault: Option<Planted>) {
        IN_FORCE.store(fault.map_or(0, |fault| fault as usize + 1), Ordering::Relaxed);
    }

    pub(crate) fn is_in_force(fault: Planted) -> bool {
        IN_FORCE.load(Ordering::Relaxed) == fault as usize + 1
    }
}
