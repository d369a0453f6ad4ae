//! Where people can be told.

use lettre::Address;
use reqwest::Url;
use std::fmt;
use std::str::FromStr;

/// Longest target, in octets.
pub(crate) const TARGET_MAX: usize = 900;

/// The ways to tell somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By mail: `mailto:anna@example.org`.
    Mail,
    /// Through a topic of ntfy: `ntfy:https://ntfy.example/topic`.
    Ntfy,
    /// By a call: `https://example.org/hook`.
    Webhook,
}

impl Kind {
    /// For answers, logs and figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Ntfy => "ntfy",
            Self::Webhook => "webhook",
        }
    }
}

/// One place where somebody can be told, as it was written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    kind: Kind,
    text: String,
}

impl Target {
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of a mailbox, or a URL.
    pub(super) fn address(&self) -> &str {
        let text = self.as_str();
        let bare = match self.kind {
            Kind::Mail => text.strip_prefix("mailto:"),
            Kind::Ntfy => text.strip_prefix("ntfy:"),
            Kind::Webhook => None,
        };
        bare.unwrap_or(text)
    }
}

/// Addresses are never shown.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.kind.name())
    }
}

impl FromStr for Target {
    /// What is wrong, as a sentence.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.len() > TARGET_MAX {
            return Err("A target has at most 900 octets.");
        }
        // A parser of URLs drops line ends without a word.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("A target has no blanks and no line ends.");
        }
        let kind = match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("mailto") => Kind::Mail,
            Some("ntfy") => Kind::Ntfy,
            Some("https" | "http") => Kind::Webhook,
            _ => return Err("A target begins with mailto:, ntfy:https:// or https://."),
        };
        let target = Self { kind, text: text.to_owned() };
        match kind {
            Kind::Mail if is_address(target.address()) => Ok(target),
            Kind::Mail => Err("What follows mailto: must be one mail address and nothing else."),
            Kind::Ntfy | Kind::Webhook => check_url(target.address()).map(|()| target),
        }
    }
}

/// One mail address, without what a mailto: link may say beside it.
fn is_address(text: &str) -> bool {
    !text.contains(['?', '%', ',']) && text.parse::<Address>().is_ok()
}

/// A URL that can be called: no user, nothing that a server would not see.
fn check_url(text: &str) -> Result<(), &'static str> {
    let url: Url = text.parse().map_err(|_| "The target is not a URL.")?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let http = matches!(url.scheme(), "https" | "http") && url.has_host();
    (http && plain).then_some(()).ok_or("A URL must be https:// with a host, without user and #.")
}

#[cfg(test)]
mod tests {
    use super::{Kind, Target};
    use crate::notify::queue::{keep, read};
    use proptest::prelude::*;
    use recovery_core::ids::SubscriptionToken;

    #[test]
    fn targets_are_of_three_kinds() {
        for (text, kind, address) in [
            ("mailto:anna@example.org", Kind::Mail, "anna@example.org"),
            ("ntfy:https://ntfy.example/topic", Kind::Ntfy, "https://ntfy.example/topic"),
            ("https://example.org/hook?a=b", Kind::Webhook, "https://example.org/hook?a=b"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.kind(), target.address()), (kind, address));
            assert!(!format!("{target:?}").contains("example"));
        }
        for bad in [
            "",
            "anna@example.org",
            "mailto:",
            "mailto:anna",
            "mailto:anna@example.org,ben@example.org",
            "mailto:anna@example.org?subject=x",
            "mailto:anna@example.org\r\nBcc: ben@example.org",
            "ntfy:ntfy.example/topic",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://user:secret@example.org/",
            "https://example.org/#x",
            "https://",
            "javascript:alert(1)",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
        assert!(format!("https://example.org/{}", "a".repeat(900)).parse::<Target>().is_err());
    }

    proptest! {
        /// Whatever is written is refused, or kept as it is and read from the store as the same; nothing in it can
        /// begin a line or a header of its own.
        #[test]
        fn what_passes_is_kept_as_it_is(
            scheme in "(mailto:|ntfy:|ntfy:https://|https://|http://|)",
            rest in "([a-z0-9@.:/#?%-]|[\\x00-\\x20\\x7f]|\\PC){0,40}",
        ) {
            let text = format!("{scheme}{rest}");
            if let Ok(target) = text.parse::<Target>() {
                prop_assert_eq!(target.as_str(), &text);
                prop_assert!(!text.contains(|c: char| c.is_control() || c.is_whitespace()), "{:?}", text);
                let kept = keep(&SubscriptionToken::new([7; 32]), &target);
                prop_assert!(read(&kept).is_some_and(|(_, same)| same == target));
            }
        }
    }
}
