//! From texts to what the relay runs by.

use super::layers::{Given, Settings, wrong};
use super::table::Setting;
use super::{Config, StartError, StorePlace, TlsFiles};
use crate::notify::{Notices, Smtp};
use crate::ratelimit::Rate;
use ipnet::IpNet;
use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

impl Settings {
    /// What the relay runs by, with defaults for what was not said.
    ///
    /// # Errors
    /// [`StartError`] names the setting that can't be.
    pub fn config(&self) -> Result<Config, StartError> {
        let mut config = Config::new(self.store()?);
        if let Some(listen) = self.parsed(Setting::Listen, address)? {
            config.listen = listen;
        }
        config.public_url = self.parsed(Setting::PublicUrl, public_url)?;
        config.tls = self.tls()?;
        config.behind_tls_proxy = self.flag(Setting::TlsProxy).unwrap_or_default();
        config.page = !self.flag(Setting::NoPage).unwrap_or_default();
        config.open = self.open()?.unwrap_or_else(|| config.listen.ip().is_loopback());
        config.trusted_proxies = self.networks(Setting::TrustedProxies)?;
        config.metrics_listen = self.parsed(Setting::MetricsListen, address)?;
        config.notices = Notices {
            smtp: self.smtp()?,
            webhooks: self.flag(Setting::Webhooks).unwrap_or_default(),
            private: self.networks(Setting::PrivateTargets)?,
        };
        self.numbers(&mut config);
        config.check()?;
        Ok(config)
    }

    /// A secret, from the setting itself or from the file that another one names; never both.
    ///
    /// # Errors
    /// [`StartError`] if both are set or the file can't be read.
    pub fn secret(&self, setting: Setting) -> Result<Option<Given>, StartError> {
        let named = setting.in_file().and_then(|by_file| Some((by_file, self.get(by_file)?)));
        match (self.get(setting), named) {
            (Some(_), Some((by_file, _))) => Err(StartError::Pair {
                first: setting.facts().key,
                second: by_file.facts().key,
                why: "are both set",
            }),
            (given, None) => Ok(given.cloned()),
            (None, Some((_, given))) => {
                let failed =
                    |why: String| StartError::File { path: given.text.clone().into(), why };
                let text =
                    fs::read_to_string(&given.text).map_err(|error| failed(error.to_string()))?;
                // Editors end files with a line feed that is no part of a secret.
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                match text.is_empty() {
                    true => Err(failed("it is empty".into())),
                    false => Ok(Some(Given { text, origin: given.origin.clone() })),
                }
            }
        }
    }

    fn store(&self) -> Result<StorePlace, StartError> {
        match self.secret(Setting::Store)? {
            Some(given) => {
                given.text.parse().map_err(|why: String| wrong(Setting::Store, &given, why))
            }
            None => StorePlace::platform_default(),
        }
    }

    fn tls(&self) -> Result<Option<TlsFiles>, StartError> {
        match (self.get(Setting::TlsCert), self.get(Setting::TlsKey)) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => {
                Ok(Some(TlsFiles { cert: cert.text.clone().into(), key: key.text.clone().into() }))
            }
            _ => Err(StartError::Pair { first: "tls_cert", second: "tls_key", why: "go together" }),
        }
    }

    fn smtp(&self) -> Result<Option<Smtp>, StartError> {
        let Some(mut smtp) = self.parsed(Setting::Smtp, smtp)? else { return Ok(None) };
        let apart = |second| StartError::Pair { first: "smtp", second, why: "go together" };
        smtp.from = self.get(Setting::MailFrom).ok_or(apart("mail_from"))?.text.clone();
        if let Some((_, password)) = &mut smtp.login {
            let given = self.secret(Setting::SmtpPassword)?;
            *password = given.ok_or(apart("smtp_password"))?.text;
        }
        Ok(Some(smtp))
    }

    /// Whether anybody may open things, if anything was said.
    fn open(&self) -> Result<Option<bool>, StartError> {
        match (self.flag(Setting::Open), self.flag(Setting::Closed)) {
            (Some(open), Some(closed)) if open == closed => Err(StartError::Pair {
                first: "open",
                second: "closed",
                why: "contradict each other",
            }),
            (open, closed) => Ok(open.or(closed.map(|closed| !closed))),
        }
    }

    fn numbers(&self, config: &mut Config) {
        let rates = &mut config.rates;
        for (setting, rate) in [
            (Setting::RateOpen, &mut rates.open),
            (Setting::RatePost, &mut rates.post),
            (Setting::RateRead, &mut rates.read),
        ] {
            if let Some(calls) = self.number(setting) {
                *rate =
                    Rate { a_minute: u32::try_from(calls).unwrap_or(u32::MAX), on_loopback: true };
            }
        }
        let limits = &mut config.limits;
        let number = |setting, otherwise| self.number(setting).unwrap_or(otherwise);
        limits.quota.messages = number(Setting::MailboxMessages, limits.quota.messages);
        limits.quota.octets = number(Setting::MailboxOctets, limits.quota.octets);
        let connections = number(Setting::Connections, limits.connections as u64);
        limits.connections = usize::try_from(connections).unwrap_or(usize::MAX);
    }

    fn networks(&self, setting: Setting) -> Result<Vec<IpNet>, StartError> {
        let read = |text: &str| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(network).collect::<Result<Vec<_>, _>>()
        };
        Ok(self.parsed(setting, read)?.unwrap_or_default())
    }

    fn parsed<T>(
        &self,
        setting: Setting,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, StartError> {
        let Some(given) = self.get(setting) else { return Ok(None) };
        read(&given.text).map(Some).map_err(|why| wrong(setting, given, why))
    }

    /// The form was checked when it was noted.
    fn flag(&self, setting: Setting) -> Option<bool> {
        self.get(setting)?.text.parse().ok()
    }

    fn number(&self, setting: Setting) -> Option<u64> {
        self.get(setting)?.text.parse().ok()
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "the name has no address".into())
}

/// A mail server, still without password and sender.
fn smtp(text: &str) -> Result<Smtp, String> {
    let url: reqwest::Url = text.parse().map_err(|_| "it is not a URL")?;
    let implicit_tls = match url.scheme() {
        "smtps" => true,
        "smtp" => false,
        _ => return Err("it must begin with smtps:// or smtp://".into()),
    };
    if url.password().is_some() {
        return Err("the password belongs in smtp_password_file".into());
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it must name a host")?;
    let login = match url.username() {
        "" => None,
        user => Some((user.replace("%40", "@"), String::new())),
    };
    Ok(Smtp { host: host.to_owned(), port: url.port(), implicit_tls, login, from: String::new() })
}

/// A network, or an address, which is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("{text:?} is neither an address nor a network as 10.0.0.0/8"))
}

/// An origin: `http://` or `https://`, a host, maybe a port, nothing else.
fn public_url(text: &str) -> Result<String, String> {
    let uri: axum::http::Uri = text.parse().map_err(|_| "it is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it must begin with https:// or http://".into());
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = uri.host().filter(|host| !host.is_empty() && !authority.contains('@'));
    let host = host.ok_or("it must name a host and no user")?;
    if uri.port().is_none() && authority != host {
        return Err("its port is not one".into());
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err("it must end after host and port".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
