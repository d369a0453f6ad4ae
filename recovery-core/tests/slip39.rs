//! SLIP-0039 sets: groups, words, octets, and what is refused.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use recovery_core::slip39::{
    Encryption, Group, GroupProgress, Groups, Progress, Share, Slip39Error, combine, progress,
    split, split_encrypted,
};

#[path = "slip39/forms.rs"]
mod forms;

const SECRET: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Groups from pairs of threshold and members.
fn groups(threshold: u8, groups: &[(u8, u8)]) -> Result<Groups, Slip39Error> {
    let group = |&(threshold, members): &(u8, u8)| Group { threshold, members };
    Groups::new(threshold, groups.iter().map(group).collect::<Vec<_>>())
}

/// Two groups needed: of one, of two of three, of three of five.
fn deal(seed: u64) -> Vec<Vec<Share>> {
    split(&SECRET, &groups(2, &[(1, 1), (2, 3), (3, 5)]).unwrap(), &mut rng(seed)).unwrap()
}

fn secret_of(shares: &[Share]) -> Result<Vec<u8>, Slip39Error> {
    combine(shares, "").map(|secret| secret.to_vec())
}

/// The share with one octet of its compact form changed.
fn changed(share: &Share, at: usize, change: u8) -> Share {
    let mut octets = share.to_bytes();
    octets[at] ^= change;
    Share::from_bytes(&octets).unwrap()
}

#[test]
fn headers_say_where_shares_belong() {
    let set = deal(1);
    assert_eq!(set.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 5]);
    for (group, members) in set.iter().enumerate() {
        for (member, share) in members.iter().enumerate() {
            let header = *share.header();
            assert_eq!(header.identifier, set[0][0].header().identifier);
            assert!(header.identifier < 1 << 15 && header.extendable && header.exponent == 0);
            assert_eq!((header.group_index, header.member_index), (group as u8, member as u8));
            assert_eq!((header.group_threshold, header.group_count), (2, 3));
            assert_eq!(header.member_threshold, [1, 2, 3][group]);
            assert_eq!(share.value().len(), 32);
        }
    }
    assert_ne!(deal(2)[0][0].header().identifier, set[0][0].header().identifier);
}

#[test]
fn every_choice_of_shares_gives_the_secret_or_says_what_is_missing() {
    let all = deal(1).concat();
    for bits in 0u32..1 << all.len() {
        let chosen = all.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        let shares: Vec<_> = chosen.map(|(_, share)| share.clone()).collect();
        let have = [bits & 1, (bits >> 1 & 7).count_ones(), (bits >> 4).count_ones()];
        let complete =
            have.iter().zip([1, 2, 3]).filter(|(have, need)| *have >= need).count() as u8;
        let expected = match (shares.len(), complete) {
            (0, _) => Err(Slip39Error::NoShares),
            (_, 2..) => Ok(true),
            _ => Err(Slip39Error::TooFewGroups { have: complete, need: 2 }),
        };
        // Decryption takes most of the time: enough to try for one choice in sixteen.
        if expected.is_err() || bits % 16 == 15 {
            assert_eq!(secret_of(&shares).map(|secret| secret == SECRET), expected, "{bits:b}");
        }
    }
}

#[test]
fn order_and_repetition_do_not_matter() {
    let mut shares = deal(1).concat();
    shares.reverse();
    shares.extend_from_within(2..5);
    assert_eq!(secret_of(&shares).as_deref(), Ok(&SECRET[..]));
    let once = deal(1)[1][0].clone();
    let need = Err(Slip39Error::TooFewGroups { have: 0, need: 2 });
    assert_eq!(secret_of(&[once.clone(), once]), need);
}

#[test]
fn single_groups_up_to_16() {
    for (threshold, members) in [(1, 1), (2, 2), (2, 3), (3, 5), (7, 16), (16, 16)] {
        let groups = Groups::single(threshold, members).unwrap();
        let shares = split(&SECRET, &groups, &mut rng(1)).unwrap().concat();
        let (few, enough) = (usize::from(threshold) - 1, shares.len() - usize::from(threshold));
        assert_eq!(secret_of(&shares[enough..]).as_deref(), Ok(&SECRET[..]));
        let missing = Slip39Error::TooFewShares { have: threshold - 1, need: threshold };
        let missing = if few == 0 { Slip39Error::NoShares } else { missing };
        assert_eq!(secret_of(&shares[..few]), Err(missing));
    }
}

#[test]
fn sixteen_groups_of_sixteen() {
    let set = split(&SECRET, &groups(16, &[(2, 16); 16]).unwrap(), &mut rng(1)).unwrap();
    assert_eq!(secret_of(&set.concat()).as_deref(), Ok(&SECRET[..]));
    let some: Vec<_> = set.iter().flat_map(|group| group[7..9].to_vec()).collect();
    assert_eq!(secret_of(&some).as_deref(), Ok(&SECRET[..]));
}

#[test]
fn secrets_of_all_lengths() {
    let two_of_two = Groups::single(2, 2).unwrap();
    for length in (16..=64).step_by(2).chain([66, 128, 256]) {
        let mut secret = vec![if length % 4 == 0 { 0 } else { 0xFF }; length];
        secret[length / 2] = 7;
        let shares = split(&secret, &two_of_two, &mut rng(1)).unwrap().concat();
        assert_eq!(secret_of(&shares), Ok(secret));
    }
    for octets in [0, 1, 14, 15, 17, 33, 1_269, 1_271, 1_272, 65_536] {
        let refused = split(&vec![1; octets], &two_of_two, &mut rng(1));
        assert_eq!(refused.unwrap_err(), Slip39Error::Length { octets });
    }
}

#[test]
fn passphrases_and_exponents_make_another_secret_of_a_wrong_one() {
    for (extendable, exponent) in [(true, 0), (false, 0), (true, 2), (false, 1)] {
        let encryption = Encryption { passphrase: "correct horse", exponent, extendable };
        let groups = Groups::single(2, 3).unwrap();
        let shares = split_encrypted(&SECRET, &groups, encryption, &mut rng(1)).unwrap().concat();
        assert_eq!(combine(&shares, "correct horse").unwrap().as_slice(), SECRET);
        assert_ne!(combine(&shares, "").unwrap().as_slice(), SECRET);
        assert_ne!(combine(&shares, "correct Horse").unwrap().as_slice(), SECRET);
        assert_eq!(
            (shares[0].header().extendable, shares[0].header().exponent),
            (extendable, exponent)
        );
    }
    let refused = |passphrase, exponent| {
        let encryption = Encryption { passphrase, exponent, extendable: true };
        split_encrypted(&SECRET, &Groups::single(1, 1).unwrap(), encryption, &mut rng(1))
            .unwrap_err()
    };
    assert_eq!(refused("", 16), Slip39Error::Exponent { exponent: 16 });
    for passphrase in ["é", "a\nb", "\u{7f}", "tab\t"] {
        assert_eq!(refused(passphrase, 0), Slip39Error::Passphrase);
    }
}

#[test]
fn impossible_groups_are_refused() {
    assert_eq!(groups(1, &[]), Err(Slip39Error::GroupCount { count: 0 }));
    assert_eq!(groups(1, &[(1, 1); 17]), Err(Slip39Error::GroupCount { count: 17 }));
    for threshold in [0, 3] {
        let refused = Err(Slip39Error::GroupThreshold { threshold, count: 2 });
        assert_eq!(groups(threshold, &[(1, 1); 2]), refused);
    }
    for (threshold, members) in
        [(0, 0), (0, 1), (1, 0), (4, 3), (17, 17), (2, 17), (1, 17), (255, 255)]
    {
        let refused = Err(Slip39Error::Group { group: 1, threshold, members });
        assert_eq!(groups(1, &[(1, 1), (threshold, members)]), refused);
    }
    for members in 2..=16 {
        assert_eq!(Groups::single(1, members), Err(Slip39Error::OneOfMany { group: 0 }));
    }
}

#[test]
fn shares_of_other_sets_are_named() {
    let (one, other) = (deal(1), deal(2));
    let mixed = [one[1][0].clone(), other[2][4].clone()];
    let wrong = Err(Slip39Error::WrongSet { group: 2, member: 4 });
    assert_eq!(secret_of(&mixed), wrong);
    assert_eq!(progress(&mixed), wrong.map(|_: Vec<u8>| unreachable!()));
    let long = split(&[7; 34], &Groups::single(2, 3).unwrap(), &mut rng(1)).unwrap().concat();
    let short = split(&[7; 32], &Groups::single(2, 3).unwrap(), &mut rng(1)).unwrap().concat();
    assert_eq!(long[0].header(), short[0].header());
    let mixed = [long[0].clone(), short[1].clone()];
    assert_eq!(secret_of(&mixed), Err(Slip39Error::WrongSet { group: 0, member: 1 }));
}

#[test]
fn contradicting_shares_are_named() {
    let set = deal(1);
    let conflict = [set[1][2].clone(), changed(&set[1][2], 20, 1)];
    assert_eq!(secret_of(&conflict), Err(Slip39Error::Conflict { group: 1, member: 2 }));
    let threshold = [set[1][1].clone(), changed(&set[1][2], 4, 3)];
    assert_eq!(secret_of(&threshold), Err(Slip39Error::MemberThreshold { group: 1 }));
}

#[test]
fn damaged_shares_never_give_a_wrong_secret() {
    let set = deal(1);
    for at in 5..37 {
        let bad = changed(&set[1][0], at, 0x10);
        let only = [vec![bad.clone(), set[1][1].clone()], set[0].clone()].concat();
        assert_eq!(secret_of(&only), Err(Slip39Error::Digest { group: Some(1) }));
        let surplus = [vec![set[1][1].clone(), set[1][2].clone(), bad], set[0].clone()].concat();
        assert_eq!(secret_of(&surplus), Err(Slip39Error::Stray { group: 1, member: 0 }));
    }
}

#[test]
fn a_damaged_group_of_one_shows_between_groups() {
    let set = deal(1);
    let bad = changed(&set[0][0], 30, 1);
    let two = [vec![bad.clone()], set[1].clone()].concat();
    assert_eq!(secret_of(&two), Err(Slip39Error::Digest { group: None }));
    let order =
        |first: usize| [vec![bad.clone()], set[first].clone(), set[3 - first].clone()].concat();
    assert_eq!(secret_of(&order(1)), Err(Slip39Error::Digest { group: None }));
    let loose =
        split(&SECRET, &groups(2, &[(2, 2), (2, 2), (1, 1)]).unwrap(), &mut rng(1)).unwrap();
    let three = [loose[0].clone(), loose[1].clone(), vec![changed(&loose[2][0], 30, 1)]].concat();
    assert_eq!(secret_of(&three), Err(Slip39Error::StrayGroup { group: 2 }));
}

#[test]
fn progress_counts_different_shares_by_group() {
    let set = deal(1);
    assert_eq!(progress(&[]), Err(Slip39Error::NoShares));
    let have = [set[2][4].clone(), set[2][1].clone(), set[2][4].clone(), set[0][0].clone()];
    let expected = Progress {
        group_threshold: 2,
        group_count: 3,
        groups: vec![
            GroupProgress { index: 0, have: 1, need: 1 },
            GroupProgress { index: 2, have: 2, need: 3 },
        ],
    };
    let progress = progress(&have).unwrap();
    assert_eq!(progress, expected);
    assert_eq!(progress.complete_groups(), 1);
    assert!(!progress.is_complete());
    assert!(recovery_core::slip39::progress(&set.concat()).unwrap().is_complete());
}

#[test]
fn debug_shows_the_header_and_nothing_secret() {
    let shown = format!("{:?}", deal(1)[1][2]);
    assert!(
        shown.contains("member_index: 2") && shown.ends_with(", 32 octets redacted)"),
        "{shown}"
    );
    assert!(!shown.contains('['), "{shown}");
}

fn any_groups() -> impl Strategy<Value = Vec<(u8, u8)>> {
    let group = (1u8..=16).prop_flat_map(|members| {
        let threshold = if members == 1 { 1..=1 } else { 2..=members };
        (threshold, Just(members))
    });
    prop::collection::vec(group, 1..=16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_set_comes_back_from_just_enough_shares(
        spec in any_groups(),
        threshold in any::<prop::sample::Index>(),
        secret in prop::collection::vec(any::<u8>(), 8..20),
        seed in any::<u64>(),
    ) {
        let secret = [secret.clone(), secret].concat();
        let threshold = 1 + threshold.index(spec.len());
        let set = split(&secret, &groups(threshold as u8, &spec).unwrap(), &mut rng(seed)).unwrap();
        let last = set.iter().zip(&spec).rev().take(threshold);
        let enough = last.flat_map(|(shares, (need, _))| shares.iter().rev().take((*need).into()));
        let shares: Vec<_> = enough.cloned().collect();
        prop_assert_eq!(secret_of(&shares), Ok(secret));
        prop_assert!(secret_of(&shares[1..]).is_err());
    }
}
