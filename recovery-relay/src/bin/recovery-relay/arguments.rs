//! Flags for all settings, made from their table.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use recovery_relay::config::table::{Facts, Form, Setting};
use recovery_relay::config::{Origin, Settings, StartError};
use std::path::PathBuf;

/// The file that was named, and the flags.
pub(crate) struct Written {
    file: Option<PathBuf>,
    flags: Vec<(Setting, String)>,
}

const CONFIG: &str = "config";
const CONFIG_VARIABLE: &str = "RELAY_CONFIG";

impl Written {
    /// Flags, then the environment, then the file.
    pub(crate) fn settings(&self) -> Result<Settings, StartError> {
        let mut flags = Settings::default();
        for (setting, text) in &self.flags {
            flags.set(*setting, text.clone(), Origin::Flag(*setting))?;
        }
        let settings = flags.or(Settings::environment()?);
        match &self.file {
            Some(path) => Ok(settings.or(Settings::read(path)?)),
            None => Ok(settings),
        }
    }

    /// Variables of the environment that look like settings and are none. They are no error, since orchestrators set
    /// some of their own.
    pub(crate) fn unknown_variables() -> Vec<String> {
        let known: Vec<_> = Setting::ALL.iter().map(|setting| setting.variable()).collect();
        let set = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        let looks_so = set.filter(|name| name.starts_with("RELAY_") && name != CONFIG_VARIABLE);
        looks_so.filter(|name| !known.contains(name)).collect()
    }
}

/// Flags for some settings only; the environment and the file may still say all.
macro_rules! written {
    ($($(#[$doc:meta])* $name:ident: $settings:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Written);

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(Written::found(matches)))
            }
            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Args for $name {
            fn augment_args(command: Command) -> Command {
                Written::augment(command, $settings)
            }
            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    )*};
}

written! {
    /// Flags for every setting.
    Every: Setting::ALL;
    /// Where things are kept.
    OfStore: &[Setting::Store, Setting::StoreFile];
    /// Where the relay listens.
    OfAddress: &[Setting::Listen, Setting::TlsCert, Setting::TlsKey];
}

impl Written {
    fn found(matches: &ArgMatches) -> Self {
        let flags =
            Setting::ALL.iter().filter_map(|&setting| Some((setting, flag(matches, setting)?)));
        Self { file: matches.get_one(CONFIG).cloned(), flags: flags.collect() }
    }

    fn augment(command: Command, settings: &[Setting]) -> Command {
        let file = Arg::new(CONFIG).long(CONFIG).env(CONFIG_VARIABLE).hide_env_values(true);
        let file = file.value_name("FILE").value_parser(value_parser!(PathBuf));
        let file = file.help("A TOML file of settings, with the names below and _ for -");
        let settings = settings.iter().filter(|setting| !setting.is_secret());
        command.arg(file).args(settings.map(|setting| argument(*setting)))
    }
}

/// What a flag says, if it was given.
fn flag(matches: &ArgMatches, setting: Setting) -> Option<String> {
    let given = matches.try_get_many::<String>(setting.facts().key).ok()??;
    Some(given.map(String::as_str).collect::<Vec<_>>().join(","))
}

fn argument(setting: Setting) -> Arg {
    let Facts { key, form, default, what } = setting.facts();
    let default = match default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{what}{default} [env: {}]", setting.variable());
    let argument = Arg::new(key).long(setting.flag()).help(help);
    match form {
        Form::Bool => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        Form::List(word) => argument.value_name(word).action(ArgAction::Append),
        Form::Choice(_) => argument.value_name("WORD"),
        Form::Number { .. } => argument.value_name("N"),
        Form::Text(word) => argument.value_name(word),
        Form::Secret => argument.hide(true),
    }
}
