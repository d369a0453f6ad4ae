//! Words for people: harmless names, times, plurals.

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

/// How long ago, or how far ahead, in plain words.
pub(crate) fn ago(then: u64, now: u64) -> String {
    let (seconds, ahead) = (now.abs_diff(then), then > now);
    let (count, unit) = match seconds {
        0..60 if !ahead => return "just now".to_owned(),
        0..3_600 => (seconds.div_ceil(60), "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let amount = plural(count, unit);
    if ahead { format!("in {amount}") } else { format!("{amount} ago") }
}

/// "1 day", "2 days".
pub(crate) fn plural(count: u64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::{ago, clean};

    #[test]
    fn names_of_others_do_nothing() {
        assert_eq!(clean("Anna Müller 👵"), "Anna Müller 👵");
        assert_eq!(clean("a\u{1b}]0;x\u{7}"), "a<U+001B>]0;x<U+0007>");
        assert_eq!(clean("\u{202e}gpj.exe"), "<U+202E>gpj.exe");
        assert_eq!(clean("a\u{200b}b\u{2066}c\n"), "a<U+200B>b<U+2066>c<U+000A>");
    }

    #[test]
    fn times_in_words() {
        assert_eq!(ago(100, 130), "just now");
        assert_eq!(ago(0, 3_599), "60 minutes ago");
        assert_eq!(ago(0, 7_200), "2 hours ago");
        assert_eq!(ago(604_800, 0), "in 7 days");
        assert_eq!(ago(86_400 * 3, 0), "in 3 days");
    }
}
