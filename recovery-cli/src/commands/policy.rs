//! What a policy means, in plain words: who opens the key, who may vanish, and what is unwise about it.

use crate::ui::{clean, plural};
use recovery_client::spare;
use recovery_core::{
    circle::Contact,
    ids::ContactId,
    policy::{Group, Policy},
};

/// A policy, and the names of its people.
pub(super) struct Words<'a> {
    policy: &'a Policy,
    names: Vec<(ContactId, String)>,
}

impl<'a> Words<'a> {
    pub(super) fn of(policy: &'a Policy, contacts: &[Contact]) -> Self {
        let name = |contact: &Contact| (contact.card.id(), clean(contact.name.as_str()));
        Self { policy, names: contacts.iter().map(name).collect() }
    }

    /// Who brings the key back, as a part of a sentence: `3 of 5 contacts bring it back`.
    pub(super) fn bring_back(&self) -> String {
        match (&self.policy.members()[..], self.policy.groups()) {
            ([id], _) => format!("{} alone brings it back", self.name(*id)),
            (_, [group]) => format!("{} bring it back", of_group(group)),
            (_, groups) => self.of_groups(groups, "bring it back"),
        }
    }

    /// Who opens the key and who may vanish, then what to be careful about.
    pub(super) fn sentences(&self) -> Vec<String> {
        if let [id] = self.policy.members()[..] {
            let name = self.name(id);
            return vec![format!(
                "Careful: {name} alone can open your key, and if they are lost, so is the key."
            )];
        }
        let spare = spare(self.policy, |_| true);
        let first = match self.policy.groups() {
            [group] if usize::from(group.threshold) == group.members.len() => {
                format!("All {} {} are needed to open your key.", group.threshold, word(group))
            }
            [group] if spare > 0 => {
                let may = match one_each(group) {
                    true => spare.to_string(),
                    false => plural(spare as u64, "contact"),
                };
                format!("Any {} together can open your key; any {may} may vanish.", of_group(group))
            }
            [group] => format!("Any {} together can open your key.", of_group(group)),
            groups => {
                let open = capital(&self.of_groups(groups, "open your key"));
                match spare {
                    0 => format!("{open}."),
                    spare => format!("{open}. Any {} may vanish.", plural(spare as u64, "contact")),
                }
            }
        };
        [first].into_iter().chain(self.too_few()).chain(self.too_many()).collect()
    }

    fn of_groups(&self, groups: &[Group], what: &str) -> String {
        let part = |group: &Group| match one_each(group) {
            true => format!("{} of {} in {}", group.threshold, group.members.len(), name(group)),
            false => format!("{} in {}", of_group(group), name(group)),
        };
        let parts: Vec<String> = groups.iter().map(part).collect();
        match usize::from(self.policy.needed()) {
            needed if needed == parts.len() => format!("{} {what}", parts.join(" and ")),
            needed => format!("any {needed} of these {what}: {}", parts.join("; ")),
        }
    }

    fn name(&self, id: ContactId) -> &str {
        let known = self.names.iter().find(|(known, _)| *known == id);
        known.map_or("somebody", |(_, name)| name)
    }

    /// Those whose loss is the loss of the key.
    fn too_few(&self) -> Option<String> {
        let members = self.policy.members();
        let vital = |id: &&ContactId| !self.policy.suffices(|other| other != **id);
        let names: Vec<&str> = members.iter().filter(vital).map(|id| self.name(*id)).collect();
        let who = match names.len() {
            0 => return None,
            all if all == members.len() => "a single one".to_owned(),
            _ => names.join(" or "),
        };
        Some(format!("Careful: if {who} is lost, so is the key."))
    }

    /// Those who hold more than one piece.
    fn too_many(&self) -> Vec<String> {
        let people = self.policy.members().into_iter();
        people.filter_map(|id| self.holds_much(id)).collect()
    }

    fn holds_much(&self, id: ContactId) -> Option<String> {
        let (name, groups) = (self.name(id), self.policy.groups());
        let pieces: usize = groups.iter().map(|group| pieces_of(group, id)).sum();
        if pieces < 2 {
            return None;
        }
        let alone = |group: &&Group| pieces_of(group, id) >= usize::from(group.threshold);
        let open = groups.iter().find(alone).filter(|group| group.members.len() > 1);
        Some(if self.policy.suffices(|other| other == id) {
            format!("Careful: {name} alone can open your key.")
        } else if let Some(group) = open {
            format!(
                "Careful: {name} holds {pieces} pieces, and alone is enough in {}.",
                self::name(group)
            )
        } else {
            format!("{name} holds {pieces} pieces: who deceives {name} has them all.")
        })
    }
}

/// `3 of 5 contacts`, or pieces where somebody holds more than one.
fn of_group(group: &Group) -> String {
    format!("{} of {} {}", group.threshold, group.members.len(), word(group))
}

fn word(group: &Group) -> &'static str {
    if one_each(group) { "contacts" } else { "pieces" }
}

/// Whether nobody holds more than one piece.
fn one_each(group: &Group) -> bool {
    group.members.iter().all(|id| pieces_of(group, *id) == 1)
}

/// How many pieces somebody holds.
pub(super) fn pieces_of(group: &Group, id: ContactId) -> usize {
    group.members.iter().filter(|member| **member == id).count()
}

/// How a group is called.
pub(super) fn name(group: &Group) -> String {
    group.name.as_ref().map_or_else(|| "a group".to_owned(), |name| clean(name.as_str()))
}

/// A part of a sentence, as the beginning of one.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People called A, B and so on.
    fn people(letters: &str) -> Vec<ContactId> {
        letters.bytes().map(|letter| ContactId::new([letter; 16])).collect()
    }

    fn said(policy: &Policy) -> (String, String) {
        let name = |id: ContactId| (id, char::from(id.as_bytes()[0]).to_string());
        let words = Words { policy, names: policy.members().into_iter().map(name).collect() };
        (words.bring_back(), words.sentences().join(" "))
    }

    fn any(threshold: u8, letters: &str) -> (String, String) {
        said(&Policy::any(threshold, people(letters)).unwrap())
    }

    fn groups(needed: u8, groups: [(&str, u8, &str); 2]) -> (String, String) {
        let group = |(name, threshold, letters): (&str, u8, &str)| Group {
            name: name.parse().ok(),
            threshold,
            members: people(letters),
        };
        said(&Policy::groups_of(needed, groups.map(group).to_vec()).unwrap())
    }

    fn is((short, long): (String, String), wanted: (&str, &str)) {
        assert_eq!((short.as_str(), long.as_str()), wanted);
    }

    #[test]
    fn people_are_counted() {
        is(
            any(3, "ABCDE"),
            (
                "3 of 5 contacts bring it back",
                "Any 3 of 5 contacts together can open your key; any 2 may vanish.",
            ),
        );
        is(
            any(2, "AB"),
            (
                "2 of 2 contacts bring it back",
                "All 2 contacts are needed to open your key. Careful: if a single one is lost, so is the key.",
            ),
        );
        is(
            any(1, "A"),
            (
                "A alone brings it back",
                "Careful: A alone can open your key, and if they are lost, so is the key.",
            ),
        );
    }

    #[test]
    fn pieces_are_counted_where_somebody_has_more_than_one() {
        is(
            any(3, "AABCD"),
            (
                "3 of 5 pieces bring it back",
                "Any 3 of 5 pieces together can open your key; any 1 contact may vanish. A holds 2 pieces: who deceives A has them all.",
            ),
        );
        is(
            any(2, "AAB"),
            (
                "2 of 3 pieces bring it back",
                "Any 2 of 3 pieces together can open your key. Careful: if A is lost, so is the key. Careful: A alone can open your key.",
            ),
        );
    }

    #[test]
    fn groups_are_named() {
        is(
            groups(2, [("family", 2, "ABC"), ("friends", 2, "DDEF")]),
            (
                "2 of 3 in family and 2 of 4 pieces in friends bring it back",
                "2 of 3 in family and 2 of 4 pieces in friends open your key. Any 1 contact may vanish. Careful: D holds 2 pieces, and alone is enough in friends.",
            ),
        );
        is(
            groups(1, [("family", 2, "AB"), ("friends", 2, "CDE")]),
            (
                "any 1 of these bring it back: 2 of 2 in family; 2 of 3 in friends",
                "Any 1 of these open your key: 2 of 2 in family; 2 of 3 in friends. Any 2 contacts may vanish.",
            ),
        );
        is(
            groups(2, [("family", 2, "AB"), ("friends", 2, "BCD")]),
            (
                "2 of 2 in family and 2 of 3 in friends bring it back",
                "2 of 2 in family and 2 of 3 in friends open your key. Careful: if A or B is lost, so is the key. B holds 2 pieces: who deceives B has them all.",
            ),
        );
    }
}
