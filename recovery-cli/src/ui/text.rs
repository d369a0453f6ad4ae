//! Words for people: harmless names, times, plurals.

use console::measure_text_width;

/// Text that came from others, made harmless: control characters, marks that turn the direction of
/// writing, and invisible ones are shown as what they are.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0x00AD
                | 0x061C
                | 0x115F..=0x1160
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFE00..=0xFE0E
                | 0xFEFF
                | 0xFFF0..=0xFFFB
                | 0xE0000..=0xE0FFF
        )
}

/// How long ago, or how far ahead, in plain words: what is ahead to the nearest unit.
pub(crate) fn ago(then: u64, now: u64) -> String {
    let (seconds, ahead) = (now.abs_diff(then), then > now);
    let in_units = |unit: u64| if ahead { (seconds + unit / 2) / unit } else { seconds / unit };
    let (count, unit) = match seconds {
        0..60 if !ahead => return "just now".to_owned(),
        0..3_600 => (seconds.div_ceil(60), "minute"),
        3_600..172_800 => (in_units(3_600), "hour"),
        _ => (in_units(86_400), "day"),
    };
    let amount = plural(count, unit);
    if ahead { format!("in {amount}") } else { format!("{amount} ago") }
}

/// The day of a time, in UTC, as `2026-01-31`. (H. Hinnant, "chrono-compatible low-level date algorithms".)
pub(crate) fn day(unix: u64) -> String {
    let days = unix / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A length of time in words, never more than it is.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match (days, hours, minutes) {
        (2.., ..) if hours % 24 == 0 => plural(days, "day"),
        (2.., ..) => format!("{} and {}", plural(days, "day"), plural(hours % 24, "hour")),
        (_, 2.., _) => plural(hours, "hour"),
        (_, _, 2..) => plural(minutes, "minute"),
        _ => plural(seconds, "second"),
    }
}

/// "1 day", "2 days".
pub(crate) fn plural(count: u64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// Breaks lines longer than `width` between words; what follows a break is moved in by `indent`. Words
/// that are longer than a line, like links, stay whole.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let lines = text.split('\n').map(|line| wrap_line(line, width, indent));
    lines.collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize, indent: usize) -> String {
    if measure_text_width(line) <= width {
        return line.to_owned();
    }
    // What stands in front, and the mark of a list, are kept clear.
    let words = line.trim_start_matches([' ', '-']);
    let start = line.len() - words.len();
    let mut wrapped = line.get(..start).unwrap_or_default().to_owned();
    let mut used = start;
    for (at, word) in words.split(' ').enumerate() {
        let length = measure_text_width(word);
        if at > 0 && used + 1 + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(start + indent));
            used = start + indent;
        } else if at > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::{ago, clean, day, wrap};

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrap("a bc def", 80, 0), "a bc def");
        assert_eq!(wrap("a bc def\n\n  gh ij", 5, 0), "a bc\ndef\n\n  gh\n  ij");
        assert_eq!(wrap("- aaa bbb", 6, 0), "- aaa\n  bbb");
        assert_eq!(wrap("hint: aaa bbb", 9, 6), "hint: aaa\n      bbb");
        assert_eq!(
            wrap("to https://example.org/i#x now", 10, 0),
            "to\nhttps://example.org/i#x\nnow"
        );
    }

    #[test]
    fn names_of_others_do_nothing() {
        assert_eq!(clean("Anna Müller 👵"), "Anna Müller 👵");
        assert_eq!(clean("a\u{1b}]0;x\u{7}"), "a<U+001B>]0;x<U+0007>");
        assert_eq!(clean("\u{202e}gpj.exe"), "<U+202E>gpj.exe");
        assert_eq!(clean("a\u{200b}b\u{2066}c\n"), "a<U+200B>b<U+2066>c<U+000A>");
    }

    #[test]
    fn days_of_the_calendar() {
        for (unix, wanted) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(unix), wanted);
        }
    }

    #[test]
    fn times_in_words() {
        assert_eq!(ago(100, 130), "just now");
        assert_eq!(ago(0, 3_599), "60 minutes ago");
        assert_eq!(ago(0, 7_200), "2 hours ago");
        assert_eq!(ago(604_800, 0), "in 7 days");
        assert_eq!(ago(604_790, 0), "in 7 days");
        assert_eq!(ago(0, 604_790), "6 days ago");
        assert_eq!(ago(86_400 * 3, 0), "in 3 days");
    }
}
