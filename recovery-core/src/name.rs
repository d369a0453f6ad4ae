//! Names that people give to people and things: text of any script, short, never empty.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::{fmt, str::FromStr};

/// A person's name or an entry's label: 1 to 200 octets of UTF-8 without control characters.
///
/// It may hold anything else, marks that change the direction of writing included: whoever shows it
/// makes it harmless.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing but white space.
    #[error("a name can't be empty")]
    Empty,
    /// Longer than 200 octets.
    #[error("a name has at most {limit} octets")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A line break, a tab, an escape or another control character.
    #[error("a name can't hold line breaks or other control characters")]
    Control,
}

impl Name {
    /// Longest name in octets.
    pub const MAX: usize = 200;

    /// The text, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// White space around the name is cut off.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(NameError::TooLong { limit: Self::MAX });
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({:?})", self.0)
    }
}

impl<C> Encode<C> for Name {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Name {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let text = d.str()?;
        match text.parse::<Self>() {
            Ok(name) if name.0 == text => Ok(name),
            _ => Err(decode::Error::message("not a name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, NameError};

    #[test]
    fn names_of_any_script_and_no_controls() {
        for fine in
            ["Anna", "Anna Müller", "Ἄννα", "安娜", "👵 Oma", "O'Hara; rm -rf /", "a\u{202e}b"]
        {
            assert_eq!(fine.parse::<Name>().map(|name| name.to_string()), Ok(fine.to_owned()));
        }
        assert_eq!("  Anna \n".parse::<Name>().map(|name| name.to_string()), Ok("Anna".to_owned()));
        for (text, error) in [
            ("", NameError::Empty),
            (" \t", NameError::Empty),
            ("a\nb", NameError::Control),
            ("a\u{1b}]0;x", NameError::Control),
            ("a\u{9b}b", NameError::Control),
            (&"a".repeat(201), NameError::TooLong { limit: 200 }),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text:?}");
        }
    }
}
