//! Values on the command line.

use recovery_core::{
    address::RelayUrl,
    ids::{DrillId, RequestId},
    name::Name,
};
use std::time::Duration;

pub(super) fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error: recovery_core::name::NameError| error.to_string())
}

/// `files` stands for no relay at all.
pub(super) fn relay(text: &str) -> Result<RelayUrl, String> {
    let text = if text == "files" { RelayUrl::FILES } else { text };
    text.parse().map_err(|error: recovery_core::address::RelayUrlError| error.to_string())
}

pub(super) fn parse_request(text: &str) -> Result<RequestId, String> {
    text.parse().map_err(|error: recovery_core::ids::ParseIdError| error.to_string())
}

pub(super) fn parse_drill(text: &str) -> Result<DrillId, String> {
    text.parse().map_err(|error: recovery_core::ids::ParseIdError| error.to_string())
}

/// A [`duration`] of at most 7 days.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(recovery_core::wire::limits::HOLD_SECONDS_MAX);
    duration(text).and_then(|delay| match delay <= most {
        true => Ok(delay),
        false => Err("at most 7 days".to_owned()),
    })
}

pub(super) fn parse_id(text: &str) -> Result<recovery_core::ids::ContactId, String> {
    text.parse().map_err(|error: recovery_core::ids::ParseIdError| error.to_string())
}

/// `90s`, `15m`, `48h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written like 90s, 15m, 48h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let total = count.checked_mul(seconds).filter(|total| *total <= 366 * 86_400);
    total.map(Duration::from_secs).ok_or_else(|| "at most 366 days".to_owned())
}
