//! `doctor`: everything that can be wrong, a line each. What it prints can be shown to strangers: no secrets, ids or
//! addresses, but for the names in the certificate, which strangers see anyway.

use crate::arguments::Written;
use crate::health::{self, Answer};
use crate::report::{Failure, say};
use recovery_relay::checks::{self, Finding};
use recovery_relay::config::{Config, StorePlace};
use recovery_relay::store::Store;

/// Looks at everything; anything bad is a failure.
pub(crate) fn run(written: &Written) -> Result<(), Failure> {
    let config = written.settings()?.config()?;
    let mut bad = 0;
    let mut tell = |what: &str, finding: Finding| {
        let (word, sentence) = match finding {
            Finding::Good(sentence) => ("good", sentence),
            Finding::Odd(sentence) => ("look", sentence),
            Finding::Bad(sentence) => {
                bad += 1;
                ("BAD ", sentence)
            }
        };
        say(format_args!("{word}  {what}: {sentence}"));
    };
    say(format_args!("recovery-relay {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS));
    for what in config.warnings() {
        tell("settings", Finding::Odd(what.into()));
    }
    for _ in Written::unknown_variables() {
        tell(
            "settings",
            Finding::Odd("a variable RELAY_… is no setting; `check-config` names it".into()),
        );
    }
    tell("files", files(&config));
    for (what, finding) in checks::certificate(&config) {
        tell(what, finding);
    }
    tell("listening", listening(&config)?);
    tell("clock", checks::clock());
    tell("disk", checks::disk(&config.store));
    for (what, finding) in store(&config) {
        tell(what, finding);
    }
    for (what, finding) in crate::serve::runtime()?.block_on(checks::ways(&config)) {
        tell(what, finding);
    }
    match bad {
        0 => Ok(()),
        1 => Err(Failure::new("one thing is bad", "mend what is marked BAD, then run this again")),
        _ => Err(Failure::new(
            format_args!("{bad} things are bad"),
            "mend what is marked BAD, then run this again",
        )),
    }
}

fn files(config: &Config) -> Finding {
    match config.check_files() {
        Ok(()) if config.tls.is_some() => Finding::Good("certificate and key can be used".into()),
        Ok(()) => Finding::Good("no certificate is named".into()),
        // The error would name the file.
        Err(_) => Finding::Bad(
            "something that the settings name can't be used; `check-config` says what".into(),
        ),
    }
}

fn listening(config: &Config) -> Result<Finding, Failure> {
    Ok(match health::ask(config)? {
        Answer::Ready => Finding::Good("the relay answers and takes writes".into()),
        Answer::Not(why) => Finding::Bad(format!("the relay answers, but is not ready: {why}")),
        Answer::None => Finding::Odd("no relay answers where the settings say".into()),
    })
}

fn store(config: &Config) -> Vec<(&'static str, Finding)> {
    if config.store == StorePlace::Memory {
        return vec![("store", Finding::Odd("in memory: nothing is kept".into()))];
    }
    match config.store.open_beside() {
        Ok(store) => look(&*store),
        Err(_) => vec![(
            "store",
            Finding::Bad("it can't be opened; `recovery-relay stats` says why".into()),
        )],
    }
}

fn look(store: &dyn Store) -> Vec<(&'static str, Finding)> {
    match store.stats() {
        Ok(stats) => {
            let counts = format!(
                "{} mailboxes, {} messages, {} slots, {} passes",
                stats.mailboxes, stats.messages, stats.slots, stats.passes
            );
            vec![
                ("store", Finding::Good(counts)),
                ("held messages", checks::held(&stats)),
                ("notices", checks::notices(&stats)),
            ]
        }
        Err(_) => vec![(
            "store",
            Finding::Bad("it can't be read; `recovery-relay verify` says more".into()),
        )],
    }
}
