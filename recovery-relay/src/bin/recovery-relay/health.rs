//! `health`: whether the relay on this machine is ready, for images without other programs.

use crate::arguments::Written;
use crate::report::{Failure, say};
use recovery_relay::config::Config;
use reqwest::{Client, redirect};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// For the whole question.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks and says the answer; not ready is a failure.
pub(crate) fn run(written: &Written) -> Result<(), Failure> {
    let config = written.settings()?.config()?;
    match ask(&config)? {
        Answer::Ready => {
            say("ready");
            Ok(())
        }
        Answer::Not(why) => Err(Failure::new(format!("not ready: {why}"), "see the relay's log")),
        Answer::None => Err(Failure::new(
            "no relay answers where the settings say that it listens",
            "start it, or name the same settings as it was started with",
        )),
    }
}

/// What a relay says about itself.
pub(crate) enum Answer {
    Ready,
    /// Its code for why not.
    Not(String),
    None,
}

/// Asks the relay that these settings describe.
pub(crate) fn ask(config: &Config) -> Result<Answer, Failure> {
    crate::serve::runtime()?.block_on(async {
        // Nothing secret is said, and the certificate is for another name than this address.
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.timeout(PATIENCE).tls_danger_accept_invalid_certs(true).build();
        let client = client.map_err(|error| Failure::new(error, "report it"))?;
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/readyz", near(config.listen));
        let Ok(answer) = client.get(url).send().await else { return Ok(Answer::None) };
        if answer.status().is_success() {
            return Ok(Answer::Ready);
        }
        let status = answer.status().as_u16();
        let problem = answer.bytes().await.unwrap_or_default();
        let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap_or_default();
        let code = problem.get("code").and_then(|code| code.as_str());
        Ok(Answer::Not(code.map_or_else(|| status.to_string(), str::to_owned)))
    })
}

/// The address on this machine of something that listens on all.
fn near(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
