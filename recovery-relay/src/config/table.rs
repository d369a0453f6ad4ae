//! Every setting, once: its name, form, default and sentence.
//!
//! The flags, the variables of the environment, the keys of the file and the reference in the guide are all made
//! from this table.

/// What a setting can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text; the word stands for it in `--help`.
    Text(&'static str),
    /// Several texts, by comma in the environment and as a flag, an array in the file.
    List(&'static str),
    /// `true` or `false`; as a flag alone it means `true`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number of this unit, in this range.
    Number {
        /// Of what.
        unit: &'static str,
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Never a flag, never shown. `NAME_file` names a file that holds it.
    Secret,
}

/// What there is to say about a setting.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Its key in the file; `RELAY_` and capitals make the variable, `--` and hyphens the flag.
    pub key: &'static str,
    /// What it can be.
    pub form: Form,
    /// What it is if nobody says anything, in words if it depends.
    pub default: &'static str,
    /// One sentence.
    pub what: &'static str,
}

macro_rules! settings {
    ($($name:ident $key:literal $form:expr, $default:literal $what:literal)*) => {
        /// A setting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(rustdoc::broken_intra_doc_links, reason = "brackets stand for what may be left out")]
        pub enum Setting { $(#[doc = $what] $name,)* }

        impl Setting {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What there is to say about it.
            #[must_use]
            pub const fn facts(self) -> Facts {
                let (key, form, default, what) = match self {
                    $(Self::$name => ($key, $form, $default, $what),)*
                };
                Facts { key, form, default, what }
            }
        }
    };
}

/// Calls of one address in a minute; 0 for any number.
const CALLS: Form = Form::Number { unit: "calls a minute", min: 0, max: 1_000_000 };

settings! {
    Listen "listen" Form::Text("ADDR"), "127.0.0.1:8440"
        "Where to listen: HOST:PORT; port 0 picks one"
    Store "store" Form::Text("STORE"), "sqlite:recovery-relay/relay.db in the platform's data folder"
        "Where to keep things: sqlite:PATH, postgres://USER@HOST/DATABASE, or memory: for none after the end"
    StoreFile "store_file" Form::Text("FILE"), ""
        "A file that holds the setting `store`, for one with a password in it"
    Open "open" Form::Bool, "true on loopback, false elsewhere"
        "Anybody may open mailboxes and slots"
    Closed "closed" Form::Bool, "the opposite of `open`"
        "Who opens a mailbox or slot that lasts needs a pass; the opposite of `open`"
    PublicUrl "public_url" Form::Text("URL"), "where it listens"
        "The address people use, if a proxy gives the relay another one: https://HOST[:PORT]"
    TlsCert "tls_cert" Form::Text("FILE"), ""
        "The certificate chain for TLS, in PEM; read again when the file changes"
    TlsKey "tls_key" Form::Text("FILE"), ""
        "The certificate's private key, in PEM; read again when the file changes"
    TlsProxy "i_have_a_tls_proxy" Form::Bool, "false"
        "Listen beyond this machine without TLS, because a proxy in front does it"
    TrustedProxies "trusted_proxies" Form::List("NETWORK"), ""
        "Whose X-Forwarded-For to believe: addresses or networks, as 10.0.0.0/8"
    RateOpen "rate_open" CALLS, "120, none from loopback"
        "How often an address (an IPv4 address or an IPv6 /64) may open mailboxes, write slots, ask for passes"
    RatePost "rate_post" CALLS, "600, none from loopback"
        "How often an address may post, veto or delete"
    RateRead "rate_read" CALLS, "1200, none from loopback"
        "How often an address may read"
    MailboxMessages "mailbox_messages" Form::Number { unit: "messages", min: 1, max: 1_000_000 }, "4096"
        "How many messages a mailbox takes"
    MailboxOctets "mailbox_octets" Form::Number { unit: "octets", min: 65_536, max: 1 << 40 }, "16777216"
        "How many octets of messages a mailbox takes"
    Connections "connections" Form::Number { unit: "connections", min: 1, max: 1_000_000 }, "10000"
        "How many connections may be open at a time; more wait to be accepted"
    MetricsListen "metrics_listen" Form::Text("ADDR"), ""
        "Where to serve figures for Prometheus, at /metrics: HOST:PORT, reachable only for those who may see them"
    Smtp "smtp" Form::Text("URL"), ""
        "The server that takes mail for those who want to hear of messages: smtps://[USER@]HOST[:PORT], or smtp:// for STARTTLS"
    SmtpPassword "smtp_password" Form::Secret, ""
        "The password of the mail server's user"
    SmtpPasswordFile "smtp_password_file" Form::Text("FILE"), ""
        "A file that holds the setting `smtp_password`"
    MailFrom "mail_from" Form::Text("ADDRESS"), ""
        "Who such mail is from"
    Webhooks "webhooks" Form::Bool, "false"
        "Whether people may name ntfy topics and webhooks, which this relay then calls"
    PrivateTargets "private_targets" Form::List("NETWORK"), ""
        "Addresses or networks that may be called although they are not public, also without TLS"
    NoPage "no_page" Form::Bool, "false"
        "Leave out the page by which friends accept and approve in a browser"
    LogFormat "log_format" Form::Choice(&["text", "json"]), "text"
        "How to write the log, which goes to standard error"
    LogLevel "log_level" Form::Choice(&["error", "warn", "info", "debug", "trace"]), "info"
        "How much to log; read again from file and environment on SIGHUP"
}

impl Setting {
    /// The setting with this key.
    #[must_use]
    pub fn by_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|setting| setting.facts().key == key)
    }

    /// Its variable of the environment.
    #[must_use]
    pub fn variable(self) -> String {
        format!("RELAY_{}", self.facts().key.to_uppercase())
    }

    /// Its flag, without the hyphens before.
    #[must_use]
    pub fn flag(self) -> String {
        self.facts().key.replace('_', "-")
    }

    /// Whether it may be a flag: other people on a machine see those.
    #[must_use]
    pub fn is_secret(self) -> bool {
        self.facts().form == Form::Secret
    }

    /// The setting that names a file with its value.
    #[must_use]
    pub fn in_file(self) -> Option<Self> {
        Self::by_key(&format!("{}_file", self.facts().key))
    }
}

/// The table as a page of the guide.
#[must_use]
pub fn reference() -> String {
    let mut page =
        String::from("| key | what it can be | default | what it says |\n|---|---|---|---|\n");
    for setting in Setting::ALL {
        let Facts { key, form, default, what } = setting.facts();
        let form = match form {
            Form::Text(word) => word.to_owned(),
            Form::List(word) => format!("list of {word}"),
            Form::Bool => "true, false".to_owned(),
            Form::Choice(words) => words.join(", "),
            Form::Number { unit, min, max } => format!("{unit}, {min} to {max}"),
            Form::Secret => "secret".to_owned(),
        };
        let default = if default.is_empty() { "none" } else { default };
        page.push_str(&format!("| `{key}` | {form} | {default} | {what} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{Form, Setting};

    #[test]
    fn names_are_distinct_and_secrets_can_be_in_files() {
        for &setting in Setting::ALL {
            assert_eq!(Setting::by_key(setting.facts().key), Some(setting));
            if setting.facts().form == Form::Secret {
                assert!(setting.in_file().is_some(), "{setting:?}");
            }
        }
    }
}
