//! What people wrote, and where: a flag goes before the environment, that before the file.

use super::StorePlace;
use super::error::StartError;
use super::table::{Form, Setting};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use toml::{Spanned, Value};

/// Who said what a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(Setting),
    /// A variable of the environment.
    Environment(Setting),
    /// A line of a file.
    File {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1 on.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(setting) => write!(f, "--{}", setting.flag()),
            Self::Environment(setting) => f.write_str(&setting.variable()),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// What a setting was said to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// As it was written; the parts of a list are joined by commas.
    pub text: String,
    /// By whom.
    pub origin: Origin,
}

/// Settings as people wrote them. What is in here has the form that the table asks for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<Setting, Given>);

impl Settings {
    /// Takes what the environment says. A variable that is empty says nothing.
    ///
    /// # Errors
    /// [`StartError::Setting`] names a value that can't be.
    pub fn environment() -> Result<Self, StartError> {
        let mut settings = Self::default();
        for &setting in Setting::ALL {
            let value = std::env::var_os(setting.variable()).unwrap_or_default();
            if !value.is_empty() {
                let text = value.to_string_lossy().into_owned();
                settings.set(setting, text, Origin::Environment(setting))?;
            }
        }
        Ok(settings)
    }

    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`StartError::File`] names the file and, for wrong content, the line.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let failed = |why: String| StartError::File { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text, path).map_err(failed)
    }

    /// Reads the text of such a file; an error says the line.
    fn parse(text: &str, path: &Path) -> Result<Self, String> {
        let line = |at: usize| text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
        let table: BTreeMap<Spanned<String>, Spanned<Value>> =
            toml::from_str(text).map_err(|error| {
                let at = error.span().map_or(0, |span| span.start);
                format!("line {}: {}", line(at), error.message().replace('\n', " "))
            })?;
        let mut settings = Self::default();
        for (key, value) in table {
            let line = line(key.span().start);
            let setting = Setting::by_key(key.get_ref())
                .ok_or_else(|| format!("line {line}: there is no setting `{}`", key.get_ref()))?;
            let origin = Origin::File { path: path.to_owned(), line };
            let wrong = |why: &str| format!("line {line}: {}: {why}", key.get_ref());
            let text = written(setting, value.into_inner()).map_err(wrong)?;
            check(setting, &text).map_err(|why| wrong(&why))?;
            settings.0.insert(setting, Given { text, origin });
        }
        Ok(settings)
    }

    /// Notes what a setting was said to be.
    ///
    /// # Errors
    /// [`StartError::Setting`] if it can't be that.
    pub fn set(
        &mut self,
        setting: Setting,
        text: String,
        origin: Origin,
    ) -> Result<(), StartError> {
        let given = Given { text, origin };
        check(setting, &given.text).map_err(|why| wrong(setting, &given, why))?;
        self.0.insert(setting, given);
        Ok(())
    }

    /// These settings, and the other ones where these say nothing.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        let opposites = [Setting::Open, Setting::Closed];
        let decided = opposites.iter().any(|setting| self.0.contains_key(setting));
        for (setting, given) in other.0 {
            if !(decided && opposites.contains(&setting)) {
                self.0.entry(setting).or_insert(given);
            }
        }
        self
    }

    /// What a setting was said to be, if anything.
    #[must_use]
    pub fn get(&self, setting: Setting) -> Option<&Given> {
        self.0.get(&setting)
    }

    /// Every setting with its value and where that is from, as a file of settings with comments. Secrets are left out.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut page = String::new();
        for &setting in Setting::ALL {
            let facts = setting.facts();
            let _ = match self.get(setting) {
                Some(given) => {
                    let value = shown(setting, &given.text);
                    writeln!(page, "{} = {value} # {}", facts.key, given.origin)
                }
                None if facts.default.is_empty() => writeln!(page, "# {} is not set", facts.key),
                None => writeln!(page, "# {} by default: {}", facts.key, facts.default),
            };
        }
        page
    }
}

/// Values may be secret, so only the names are shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The error for a setting that can't be what it was said to be.
pub(super) fn wrong(setting: Setting, given: &Given, why: impl Into<String>) -> StartError {
    StartError::Setting {
        name: setting.facts().key,
        value: hidden(setting, &given.text),
        origin: given.origin.to_string(),
        why: why.into(),
    }
}

/// A value without what nobody should see: secrets, and passwords in addresses of databases.
fn hidden(setting: Setting, text: &str) -> String {
    if setting.is_secret() {
        return "(hidden)".into();
    }
    if setting == Setting::Store && text.starts_with("postgres") {
        // It may hold a password in several ways; read, it is shown without.
        let url = text.parse::<StorePlace>().map(|place| place.to_string());
        return url.unwrap_or_else(|_| "postgres://…".into());
    }
    text.to_owned()
}

/// A value as a file would have it.
fn shown(setting: Setting, text: &str) -> String {
    // A text of JSON is one of TOML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match setting.facts().form {
        Form::Bool | Form::Number { .. } => text.to_owned(),
        Form::List(_) => {
            let parts: Vec<_> = text.split(',').map(|part| quoted(part.trim())).collect();
            format!("[{}]", parts.join(", "))
        }
        _ => quoted(&hidden(setting, text)),
    }
}

/// What a file's value would be as a flag.
fn written(setting: Setting, value: Value) -> Result<String, &'static str> {
    match (setting.facts().form, value) {
        (Form::Bool, Value::Boolean(value)) => Ok(value.to_string()),
        (Form::Bool, _) => Err("it must be true or false, without quotes"),
        (Form::Number { .. }, Value::Integer(value)) => Ok(value.to_string()),
        (Form::Number { .. }, _) => Err("it must be a whole number, without quotes"),
        (Form::List(_), Value::Array(parts)) => {
            let parts = parts.into_iter().map(|part| match part {
                Value::String(text) if !text.contains(',') => Ok(text),
                _ => Err("it must be a list of texts, as [\"…\", \"…\"]"),
            });
            Ok(parts.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        (Form::List(_), _) => Err("it must be a list of texts, as [\"…\", \"…\"]"),
        (_, Value::String(text)) => Ok(text),
        _ => Err("it must be text in quotes"),
    }
}

/// Whether a text has the form that the table asks for.
fn check(setting: Setting, text: &str) -> Result<(), String> {
    match setting.facts().form {
        Form::Bool if text.parse::<bool>().is_err() => Err("it must be true or false".into()),
        Form::Choice(words) if !words.contains(&text) => {
            Err(format!("it must be one of: {}", words.join(", ")))
        }
        Form::Number { unit, min, max } => match text.parse::<u64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(()),
            _ => Err(format!("it must be a number of {unit} from {min} to {max}")),
        },
        Form::Secret | Form::Text(_) if text.is_empty() => Err("it is empty".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Setting, Settings, hidden};
    use proptest::{collection::vec, prelude::*, sample::select};
    use std::path::Path;

    /// A line of a file: often a setting with a value of its form.
    fn line() -> impl Strategy<Value = String> {
        let key = select(Setting::ALL).prop_map(|setting| setting.facts().key.to_owned());
        let value = prop_oneof![
            any::<u16>().prop_map(|number| number.to_string()),
            any::<bool>().prop_map(|value| value.to_string()),
            "\\PC{0,20}".prop_map(|text| format!("{text:?}")),
            "[a-z0-9:/.]{0,20}".prop_map(|text| format!("\"{text}\"")),
            "[a-z0-9:/.]{0,20}".prop_map(|text| format!("[\"{text}\", \"192.0.2.0/24\"]")),
            "\\PC{0,20}",
        ];
        prop_oneof![
            9 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
            1 => "\\PC{0,30}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Any text is refused with its line, or shown as a file that says the same but for what is secret.
        #[test]
        fn what_is_read_is_shown_as_it_is(lines in vec(line(), 0..4)) {
            let path = Path::new("relay.toml");
            let read = |text: &str| Settings::parse(text, path);
            match read(&lines.join("\n")) {
                Err(why) => prop_assert!(why.starts_with("line ")),
                Ok(settings) => {
                    let again = read(&settings.shown()).map_err(TestCaseError::fail)?;
                    for &setting in Setting::ALL {
                        let text = |settings: &Settings| settings.get(setting).map(|given| given.text.clone());
                        let shown = text(&settings).map(|text| hidden(setting, &text));
                        prop_assert_eq!(text(&again), shown, "{}", setting.facts().key);
                    }
                }
            }
        }
    }
}
