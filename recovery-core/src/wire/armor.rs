//! Armor: octets as text that survives mail and messengers, and nothing that changed.
//!
//! ```text
//! -----BEGIN RECOVERY APPROVAL-----
//! base64 (RFC 4648 section 4, padded), 64 characters a line
//! =base64 of the first 9 octets of SHA-256(label ‖ 0x00 ‖ title ‖ 0x00 ‖ octets)
//! -----END RECOVERY APPROVAL-----
//! ```
//! Case-sensitive, exact first and last line, one form; only the ends of lines may be CR LF, and white
//! space may stand before the first and after the last line.

use crate::{ids::labelled_hash, labels};
use base64ct::{Base64, Encoding};

/// What the text says it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    /// An approval, sealed to a new device.
    Approval,
    /// Messages that would otherwise lie at a relay.
    Messages,
}

impl Title {
    fn text(self) -> &'static str {
        match self {
            Self::Approval => "RECOVERY APPROVAL",
            Self::Messages => "RECOVERY MESSAGES",
        }
    }

    /// Longest armored text with this title that is read.
    #[must_use]
    pub fn max(self) -> usize {
        match self {
            Self::Approval => MAX,
            Self::Messages => MESSAGES_MAX,
        }
    }

    /// The title in the first line of a text, if it has one.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let begins = |title: &Self| {
            text.trim_ascii_start()
                .starts_with(format!("-----BEGIN {}-----", title.text()).as_bytes())
        };
        [Self::Approval, Self::Messages].into_iter().find(begins)
    }
}

/// Octets in a line of 64 characters.
const LINE: usize = 48;
/// Octets of the checksum: twelve characters without padding.
const CHECKSUM: usize = 9;
/// Longest armored approval that is read.
pub const MAX: usize = 128 * 1_024;
/// Longest armored messages that are read.
pub const MESSAGES_MAX: usize = 24 * 1_024 * 1_024;

/// The text is not armor, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArmorError {
    /// Too long to be what it says.
    #[error("the text is too long for a message of this program")]
    TooLong,
    /// The first or last line is missing or other than it must be.
    #[error("the first or the last line of the message is missing")]
    Frame,
    /// A line, the checksum, or something between is wrong.
    #[error("the message was changed or cut on its way")]
    Damaged,
}

/// The text of `octets`.
#[must_use]
pub fn encode(title: Title, octets: &[u8]) -> String {
    let mut text = format!("-----BEGIN {}-----\n", title.text());
    for line in octets.chunks(LINE) {
        text.push_str(&Base64::encode_string(line));
        text.push('\n');
    }
    text.push('=');
    text.push_str(&checksum(title, octets));
    text.push_str(&format!("\n-----END {}-----\n", title.text()));
    text
}

/// The octets of a text.
///
/// # Errors
/// [`ArmorError`] unless it is, but for the ends of lines, what [`encode`] gives.
pub fn decode(title: Title, text: &[u8]) -> Result<Vec<u8>, ArmorError> {
    if text.len() > title.max() {
        return Err(ArmorError::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| ArmorError::Damaged)?;
    let text = text.trim_matches([' ', '\t', '\r', '\n']).replace("\r\n", "\n");
    let body = text
        .strip_prefix(&format!("-----BEGIN {}-----\n", title.text()))
        .and_then(|rest| rest.strip_suffix(&format!("\n-----END {}-----", title.text())))
        .ok_or(ArmorError::Frame)?;
    let mut octets = Vec::with_capacity(body.len());
    for line in body.lines().filter(|line| !line.starts_with('=')) {
        octets.extend(Base64::decode_vec(line).map_err(|_| ArmorError::Damaged)?);
    }
    // One form: what is not exactly what we would write was changed.
    if encode(title, &octets).trim_end() != text {
        return Err(ArmorError::Damaged);
    }
    Ok(octets)
}

fn checksum(title: Title, octets: &[u8]) -> String {
    let hash = labelled_hash(labels::ARMOR_CHECKSUM, &[title.text().as_bytes(), &[0], octets]);
    Base64::encode_string(hash.split_at(CHECKSUM).0)
}

#[cfg(test)]
mod tests {
    use super::{ArmorError, MAX, Title, decode, encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = encode(Title::Approval, &octets);
            prop_assert_eq!(decode(Title::Approval, text.as_bytes()), Ok(octets.clone()));
            let windows = text.replace('\n', "\r\n");
            prop_assert_eq!(decode(Title::Approval, windows.as_bytes()), Ok(octets));
        }
    }

    #[test]
    fn one_changed_or_missing_character_is_refused() {
        let text = encode(Title::Approval, &[5; 100]);
        let text = text.trim_end().as_bytes();
        for at in 0..text.len() {
            let mut changed = text.to_vec();
            changed[at] ^= 0x20;
            assert!(decode(Title::Approval, &changed).is_err(), "changed {at}");
            changed.remove(at);
            assert!(decode(Title::Approval, &changed).is_err(), "missing {at}");
        }
        assert_eq!(decode(Title::Approval, b""), Err(ArmorError::Frame));
        assert_eq!(decode(Title::Approval, &vec![b'a'; MAX + 1]), Err(ArmorError::TooLong));
    }
}
