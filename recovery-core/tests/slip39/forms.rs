//! The written forms of a share: words and octets.

use super::{SECRET, changed, deal, rng};
use proptest::prelude::*;
use recovery_core::slip39::{Groups, Share, Slip39Error, split};
use std::sync::LazyLock;

fn share() -> Share {
    static SHARE: LazyLock<Share> = LazyLock::new(|| deal(1)[2][3].clone());
    SHARE.clone()
}

fn words() -> Vec<String> {
    share().to_words().split(' ').map(str::to_owned).collect()
}

fn read(words: &[String]) -> Result<Share, Slip39Error> {
    Share::from_words(&words.join(" "))
}

#[test]
fn thirty_two_octets_are_33_words() {
    assert_eq!(words().len(), 33);
    let shortest = split(&SECRET[..16], &Groups::single(1, 1).unwrap(), &mut rng(1)).unwrap();
    assert_eq!(shortest[0][0].to_words().split(' ').count(), 20);
    let longest = split(&[7; 1_270], &Groups::single(1, 1).unwrap(), &mut rng(1)).unwrap();
    let text = longest[0][0].to_words();
    assert_eq!(text.split(' ').count(), 1_023);
    assert_eq!(Share::from_words(&text).as_ref(), Ok(&longest[0][0]));
}

#[test]
fn case_and_white_space_are_folded_and_nothing_else() {
    let good = Ok(share());
    for joint in [" ", "  ", "\n", "\r\n", "\t", "\u{a0}", "\u{3000}"] {
        assert_eq!(Share::from_words(&format!("{joint}{}{joint}", words().join(joint))), good);
    }
    assert_eq!(Share::from_words(&share().to_words().to_uppercase()), good);
    let unknown = |position| Err(Slip39Error::Word { position });
    for extra in ["\u{feff}", "\u{200b}", ".", "“", "1."] {
        assert_eq!(Share::from_words(&format!("{extra}{}", words().join(" "))), unknown(1));
        assert_eq!(Share::from_words(&format!("{}{extra}", words().join(" "))), unknown(33));
    }
    let joined = Share::from_words(&words().join(","));
    assert_eq!(joined, Err(Slip39Error::WordCount { words: 1 }));
}

#[test]
fn the_position_of_an_unknown_word_is_reported() {
    for position in 1..=33 {
        let mut words = words();
        words[position - 1].pop();
        assert_eq!(read(&words), Err(Slip39Error::Word { position }));
    }
}

#[test]
fn other_numbers_of_words_are_refused() {
    for count in (0..33).chain([34, 35, 1_024, 100_000]) {
        let words: Vec<_> = words().into_iter().cycle().take(count).collect();
        let error = read(&words).unwrap_err();
        let counted = error == Slip39Error::WordCount { words: count };
        assert!(
            counted || error == Slip39Error::Checksum && (20..1_024).contains(&count),
            "{count}"
        );
    }
}

#[test]
fn neighbours_swapped_are_noticed() {
    for at in 1..33 {
        let mut swapped = words();
        swapped.swap(at - 1, at);
        assert!(swapped == words() || read(&swapped) == Err(Slip39Error::Checksum));
    }
}

#[test]
fn octets_have_one_meaning_each_and_no_more_lengths_than_secrets() {
    let octets = share().to_bytes();
    assert_eq!(octets.len(), 37);
    for end in 0..=octets.len() {
        let found = Share::from_bytes(&octets[..end]);
        match end {
            0..5 => assert_eq!(found, Err(Slip39Error::Truncated { octets: end })),
            21.. if end % 2 == 1 => assert_eq!(*found.unwrap().to_bytes(), octets[..end]),
            _ => assert_eq!(found, Err(Slip39Error::Length { octets: end - 5 })),
        }
    }
    let long = [&octets[..], &vec![0; 1_270]].concat();
    assert_eq!(Share::from_bytes(&long), Err(Slip39Error::Length { octets: 1_302 }));
}

#[test]
fn every_flipped_bit_of_octets_is_refused_or_another_share() {
    let share = share();
    for bit in 0..8 * 37 {
        let mut octets = share.to_bytes();
        octets[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Share::from_bytes(&octets) {
            assert_ne!(other, share);
            assert_eq!(other.to_bytes(), octets);
        }
    }
}

#[test]
fn impossible_headers_are_refused() {
    // The third octet ends in the group's index, the fourth holds both numbers of groups, less one.
    let header = |octet, value| {
        let mut octets = share().to_bytes();
        octets[octet] = value;
        Share::from_bytes(&octets).map(|share| *share.header())
    };
    assert_eq!(header(3, 0x32), Err(Slip39Error::GroupThreshold { threshold: 4, count: 3 }));
    assert_eq!(header(2, 0x03), Err(Slip39Error::GroupIndex { index: 3, count: 3 }));
    let highest = header(3, 0xFF).unwrap();
    assert_eq!((highest.group_threshold, highest.group_count), (16, 16));
    assert_eq!(
        changed(&share(), 0, 0x80).header().identifier,
        share().header().identifier ^ 0x4000
    );
}

proptest! {
    #[test]
    fn words_and_octets_come_back(
        header in any::<[u8; 5]>(),
        value in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let octets = [&header[..], &value].concat();
        if let Ok(share) = Share::from_bytes(&octets) {
            prop_assert_eq!(&*share.to_bytes(), &octets);
            prop_assert_eq!(Share::from_words(&share.to_words()), Ok(share));
        }
    }

    #[test]
    fn up_to_three_wrong_words_are_noticed(
        changes in prop::collection::btree_map(0usize..33, any::<prop::sample::Index>(), 1..=3),
    ) {
        let list: Vec<_> = words();
        let mut wrong = list.clone();
        for (at, other) in &changes {
            wrong[*at].clone_from(&list[other.index(33)]);
        }
        if wrong != list {
            prop_assert_eq!(read(&wrong), Err(Slip39Error::Checksum));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        prop_assert!(Share::from_words(&text).is_err());
    }
}
