//! What people are told. No name, no time, no number of messages.

/// What is to be said.
pub(super) struct Notice {
    /// It asks whether the target wants to be told, rather than telling it.
    pub(super) asks: bool,
    /// Where to say yes, or to end it.
    pub(super) link: String,
}

impl Notice {
    pub(super) const fn title(&self) -> &'static str {
        match self.asks {
            true => "Do you want to hear when something is waiting?",
            false => "Something is waiting",
        }
    }

    pub(super) fn text(&self) -> String {
        let link = &self.link;
        match self.asks {
            true => format!(
                "Somebody, probably you, asked a recovery relay to tell you here when something is waiting.\n\n\
                 To say yes, open this page and press the button:\n{link}\n\n\
                 If it was not you, do nothing: you will not hear from it again.\n"
            ),
            false => format!(
                "Something is waiting for you at a recovery relay.\n\
                 To see what it is, open the program that you use for it, or run: recovery sync\n\n\
                 To hear no more of this, open this page and press the button:\n{link}\n"
            ),
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let event = if self.asks { "confirm" } else { "waiting" };
        serde_json::json!({ "event": event, "link": self.link }).to_string()
    }
}
