//! What people send and read: links, armor, relay addresses, ids.

use crate::{
    case::Case,
    people::{ANNA, NEAR_RELAY, OTHER_RELAY, RELAY},
    primitives::{flipped, longer},
    rng,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use recovery_core::wire::armor::{self, Title};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    [links(), armors(), relays(), id_texts()].into_iter().flatten().collect()
}

pub(crate) fn base64url(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}

/// A link written by hand.
pub(crate) fn link(
    kind: &str,
    slots: &[(&str, [u8; 32])],
    secret: [u8; 16],
    request: Option<[u8; 32]>,
) -> String {
    let (relay, id) = slots[0];
    let mut text = format!("{relay}/{kind}#{}.{}", base64url(&id), base64url(&secret));
    if let Some(request) = request {
        text += &format!(".{}", base64url(&request));
    }
    for (relay, id) in &slots[1..] {
        text += &format!("+{relay}/{}", base64url(id));
    }
    text
}

fn links() -> Vec<Case> {
    let case = |name: &str, comment: &str, text: &str| {
        Case::new("link", "link", name, comment).text("text", text)
    };
    let secret = rng::octets::<16>("link");
    let (one, two) = ((RELAY, [0xF1; 32]), (OTHER_RELAY, [0xF2; 32]));
    let request = rng::octets::<32>("link's request");
    let slots = |slots: &[(&str, [u8; 32])]| -> Value {
        slots
            .iter()
            .map(|(relay, id)| json!({"relay": relay, "id": crate::case::hex(id)}))
            .collect()
    };
    let good = |name, comment, text: &str, canonical: &str, kind, list: &[(&str, [u8; 32])]| {
        let case = case(name, comment, text).text("canonical", canonical).text("purpose", kind);
        case.json("slots", slots(list)).hex("secret", secret)
    };
    let invite = link("i", &[one], secret, None);
    let ask = link("r", &[one], secret, None);
    let screen = link("r", &[one], secret, Some(request));
    let both = link("r", &[one, two], secret, Some(request));
    let near = [(NEAR_RELAY, [0; 32])];
    let eight: Vec<_> = (0..8).map(|n| (RELAY, [n; 32])).collect();
    let nine: Vec<_> = (0..9).map(|n| (RELAY, [n; 32])).collect();
    let mut cases = vec![
        good("invite", "An invitation.", &invite, &invite, "invite", &[one]).ok(),
        good(
            "invite-two-relays",
            "At two relays.",
            &link("i", &[one, two], secret, None),
            &link("i", &[one, two], secret, None),
            "invite",
            &[one, two],
        )
        .ok(),
        good("request", "A request, as it is sent.", &ask, &ask, "request", &[one]).ok(),
        good(
            "request-on-screen",
            "A request, as the screen shows it.",
            &screen,
            &screen,
            "request",
            &[one],
        )
        .hex("request", request)
        .ok(),
        good("request-two-relays", "The same at two relays.", &both, &both, "request", &[one, two])
            .hex("request", request)
            .ok(),
        good(
            "eight-relays",
            "As many as there can be.",
            &link("i", &eight, secret, None),
            &link("i", &eight, secret, None),
            "invite",
            &eight,
        )
        .ok(),
        good(
            "near",
            "A relay on this machine; an id of zeros.",
            &link("i", &near, secret, None),
            &link("i", &near, secret, None),
            "invite",
            &near,
        )
        .ok(),
        good(
            "white-space-around",
            "White space around a link does not count.",
            &format!(" \t{invite}\r\n"),
            &invite,
            "invite",
            &[one],
        )
        .ok(),
        good(
            "upper-case-host",
            "Scheme and host in capitals.",
            &invite.replace("https://relay", "HTTPS://Relay"),
            &invite,
            "invite",
            &[one],
        )
        .ok(),
    ];
    let bad = |name, comment, text: &str, outcome| case(name, comment, text).fails(outcome);
    let id = base64url(&one.1);
    cases.extend([
        bad("no-fragment", "Nothing behind the place.", &format!("{RELAY}/i"), "no-secret"),
        bad("empty-fragment", "Nothing behind #.", &format!("{RELAY}/i#"), "no-secret"),
        bad("no-secret", "The slot alone.", &format!("{RELAY}/i#{id}"), "no-secret"),
        bad("percent", "A program wrote %23 for #.", &invite.replace('#', "%23"), "mangled"),
        bad("unknown-letter", "Neither i nor r.", &invite.replace("/i#", "/x#"), "malformed"),
        bad("capital-letter", "I for i.", &invite.replace("/i#", "/I#"), "malformed"),
        bad("cut", "The last character is missing.", &invite[..invite.len() - 1], "malformed"),
        bad("dot-behind", "A dot with nothing behind it.", &format!("{invite}."), "malformed"),
        bad("plus-behind", "A plus with nothing behind it.", &format!("{invite}+"), "malformed"),
        bad(
            "invite-with-request",
            "An invitation has no third part.",
            &screen.replace("/r#", "/i#"),
            "malformed",
        ),
        bad("fourth-part", "Four parts.", &format!("{screen}.{id}"), "malformed"),
        bad(
            "nine-relays",
            "One more than there can be.",
            &link("i", &nine, secret, None),
            "malformed",
        ),
        bad(
            "short-id",
            "An id of 31 octets.",
            &invite.replace(&id, &base64url(&[0xF1; 31])),
            "malformed",
        ),
        bad(
            "padded-base64",
            "The id with a = behind it.",
            &invite.replace(&id, &format!("{id}=")),
            "malformed",
        ),
        bad(
            "loose-bits",
            "The unused bits of the secret are not zero.",
            &loose(&invite),
            "malformed",
        ),
        bad(
            "long-secret",
            "A secret of 17 octets.",
            &format!("{RELAY}/i#{id}.{}", base64url(&longer(&secret))),
            "malformed",
        ),
        bad(
            "plain-http",
            "Plain HTTP to another machine.",
            &invite.replace("https", "http"),
            "relay",
        ),
        bad(
            "other-scheme",
            "A script for a scheme.",
            &invite.replace("https:", "javascript:"),
            "relay",
        ),
        bad(
            "second-relay-bad",
            "The second relay is none.",
            &link("i", &[one, ("ftp://b.example.net", [2; 32])], secret, None),
            "relay",
        ),
        bad(
            "too-long",
            "4,097 octets.",
            &format!("{invite}+{}", "a".repeat(4_096 - invite.len())),
            "too-long",
        ),
        bad("nothing", "No text.", "", "no-secret"),
    ]);
    cases
}

/// The text with its last character, of which two or four bits are unused, one higher.
fn loose(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = text.as_bytes().to_vec();
    let last = text.last_mut().unwrap();
    let at = ALPHABET.iter().position(|letter| letter == last).unwrap();
    *last = ALPHABET[at + 1];
    String::from_utf8(text).unwrap()
}

fn armors() -> Vec<Case> {
    let titled = |title: &str, name: &str, comment: &str, text: &str| {
        Case::new("armor", "armor", name, comment).text("title", title).text("text", text)
    };
    let case = |name: &str, comment: &str, text: &str| titled("approval", name, comment, text);
    let mut cases = Vec::new();
    for (name, comment, length) in [
        ("nothing", "No octets: a frame and a checksum.", 0),
        ("one-octet", "One octet.", 1),
        ("one-line", "48 octets fill a line.", 48),
        ("two-lines", "49 octets need another.", 49),
        ("long", "1,000 octets.", 1_000),
    ] {
        let octets = &rng::octets::<1_000>(name)[..length];
        cases.push(
            case(name, comment, &armor::encode(Title::Approval, octets)).hex("octets", octets).ok(),
        );
    }
    let octets = rng::octets::<100>("armor");
    let good = armor::encode(Title::Approval, &octets);
    cases.extend([
        case("crlf", "Lines that end as on other systems.", &good.replace('\n', "\r\n"))
            .hex("octets", octets)
            .ok(),
        case("white-space-around", "White space before and behind.", &format!("\n \t{good}\r\n\n"))
            .hex("octets", octets)
            .ok(),
    ]);
    let bad = |name, comment, text: &str, outcome| case(name, comment, text).fails(outcome);
    let lines: Vec<&str> = good.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let unframed = joined(&lines[1..]);
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    let (first, second) = lines[1].split_at(32);
    let mut split = vec![lines[0], first, second];
    split.extend(&lines[2..]);
    let no_checksum: Vec<&str> =
        lines.iter().copied().filter(|line| !line.starts_with('=')).collect();
    let checksum = lines[lines.len() - 2];
    let other = armor::encode(Title::Approval, &flipped(&octets, 50));
    let other_checksum = other.lines().find(|line| line.starts_with('=')).unwrap();
    cases.extend([
        bad("no-first-line", "The first line is missing.", &unframed, "frame"),
        bad(
            "no-last-line",
            "The last line is missing.",
            &joined(&lines[..lines.len() - 1]),
            "frame",
        ),
        bad(
            "lower-case",
            "The first line in lower case.",
            &good.replacen("BEGIN RECOVERY", "begin recovery", 1),
            "frame",
        ),
        bad(
            "other-title",
            "The title of something else.",
            &good.replace("APPROVAL", "REQUEST"),
            "frame",
        ),
        bad("four-hyphens", "A hyphen is missing in front.", &good[1..], "frame"),
        bad("text-in-front", "A greeting in front.", &format!("Hi!\n{good}"), "frame"),
        bad("empty", "No text.", "", "frame"),
        bad("lines-swapped", "Two lines are swapped.", &joined(&swapped), "damaged"),
        bad(
            "line-missing",
            "A line is missing.",
            &joined(&[&lines[..1], &lines[2..]].concat()),
            "damaged",
        ),
        bad(
            "line-twice",
            "A line stands twice.",
            &joined(&[&lines[..2], &lines[1..]].concat()),
            "damaged",
        ),
        bad("line-split", "A line was broken in two.", &joined(&split), "damaged"),
        bad("empty-line", "An empty line between.", &good.replacen('\n', "\n\n", 1), "damaged"),
        bad(
            "trailing-space",
            "A space at the end of a line.",
            &good.replacen('\n', " \n", 2).replacen("----- \n", "-----\n", 1),
            "damaged",
        ),
        bad("no-checksum", "The checksum is missing.", &joined(&no_checksum), "damaged"),
        bad(
            "wrong-checksum",
            "The checksum of other octets.",
            &good.replace(checksum, other_checksum),
            "damaged",
        ),
        bad(
            "not-base64",
            "A character that base64 does not have.",
            &good.replace(lines[1], &format!("!{}", &lines[1][1..])),
            "damaged",
        ),
        bad(
            "not-ascii",
            "A no-break space for the line's end.",
            &good.replacen('\n', "\u{a0}\n", 2).replacen("-----\u{a0}", "-----", 1),
            "damaged",
        ),
        bad("too-long", "More than 128 KiB.", &"A".repeat(131_073), "too-long"),
    ]);
    for (name, comment, length) in [
        ("messages", "Messages that lie at no relay.", 1_000),
        ("messages-long", "More of them than an approval can have.", 100_000),
    ] {
        let octets = &rng::octets::<100_000>(name)[..length];
        let text = armor::encode(Title::Messages, octets);
        cases.push(titled("messages", name, comment, &text).hex("octets", octets).ok());
    }
    let messages = armor::encode(Title::Messages, &octets);
    let retitled = good.replace("RECOVERY APPROVAL", "RECOVERY MESSAGES");
    cases.extend([
        titled("approval", "messages-for-approval", "Messages for an approval.", &messages)
            .fails("frame"),
        titled("messages", "approval-for-messages", "An approval for messages.", &good)
            .fails("frame"),
        titled("messages", "retitled", "An approval under the other title.", &retitled)
            .fails("damaged"),
    ]);
    cases
}

fn relays() -> Vec<Case> {
    let case = |name: &str, comment: &str, text: &str| {
        Case::new("relay-url", "relay-url", name, comment).text("text", text)
    };
    let good = |name, comment, text: &str, kept: &str| {
        case(name, comment, text).text("canonical", kept).ok()
    };
    let bad = |name, comment, text: &str, outcome| case(name, comment, text).fails(outcome);
    let longest = format!("https://{}.example", "a".repeat(239));
    vec![
        good("usual", "A name.", RELAY, RELAY),
        good("port-and-prefix", "A port and a path.", OTHER_RELAY, OTHER_RELAY),
        good(
            "capitals-and-slash",
            "Capitals in the name, a slash behind.",
            "HTTPS://Relay.Example.org/",
            RELAY,
        ),
        good(
            "path-keeps-capitals",
            "A path keeps its letters.",
            "https://relay.example.org/Some/path_1.2~x-y",
            "https://relay.example.org/Some/path_1.2~x-y",
        ),
        good("loopback", "Plain HTTP on this machine.", NEAR_RELAY, NEAR_RELAY),
        good("loopback-v6", "The same by IPv6.", "http://[::1]:8440", "http://[::1]:8440"),
        good("localhost", "The same by name.", "http://localhost", "http://localhost"),
        good(
            "onion",
            "Plain HTTP inside of Tor.",
            "http://abcdefgh.onion",
            "http://abcdefgh.onion",
        ),
        good(
            "ipv6",
            "An address for a name.",
            "https://[2001:db8::1]:444",
            "https://[2001:db8::1]:444",
        ),
        good("longest", "255 octets.", &longest, &longest),
        good(
            "files",
            "What stands for no relay.",
            "https://files.invalid",
            "https://files.invalid",
        ),
        bad("no-scheme", "No scheme.", "relay.example.org", "scheme"),
        bad("other-scheme", "Another scheme.", "ftp://relay.example.org", "scheme"),
        bad("nothing", "No text.", "", "scheme"),
        bad(
            "plain-http",
            "Plain HTTP to another machine.",
            "http://relay.example.org",
            "plain-http",
        ),
        bad(
            "like-loopback",
            "A name that begins like this machine's.",
            "http://127.0.0.1.example.org",
            "plain-http",
        ),
        bad("no-host", "No host.", "https://", "malformed"),
        bad("user", "A user name.", "https://user@relay.example.org", "malformed"),
        bad("query", "A query.", "https://relay.example.org?x=1", "malformed"),
        bad("fragment", "A fragment.", "https://relay.example.org#x", "malformed"),
        bad("dots", "A path that goes up.", "https://relay.example.org/../x", "malformed"),
        bad(
            "empty-segment",
            "Two slashes in a path.",
            "https://relay.example.org/a//x",
            "malformed",
        ),
        bad(
            "percent",
            "A character that is escaped.",
            "https://relay.example.org/%41",
            "malformed",
        ),
        bad("port-zero", "Port 0.", "https://relay.example.org:0", "malformed"),
        bad(
            "port-padded",
            "A port with a zero in front.",
            "https://relay.example.org:0443",
            "malformed",
        ),
        bad("port-too-high", "Port 65536.", "https://relay.example.org:65536", "malformed"),
        bad("port-empty", "A colon and no port.", "https://relay.example.org:", "malformed"),
        bad("homograph", "A Cyrillic letter.", "https://rel\u{430}y.example.org", "malformed"),
        bad("two-dots", "An empty part of the name.", "https://relay..example.org", "malformed"),
        bad("bracket", "An address without its end.", "https://[::1", "malformed"),
        bad("line-break", "A line break behind.", "https://relay.example.org\n", "malformed"),
        bad("too-long", "256 octets.", &format!("{longest}s"), "too-long"),
    ]
}

fn id_texts() -> Vec<Case> {
    let case = |name: &str, comment: &str, text: &str| {
        Case::new("id", "id-text", name, comment).number("length", 32).text("text", text)
    };
    let id = rng::octets::<32>("id");
    let text = base64url(&id);
    let bad = |name, comment, text: &str| case(name, comment, text).fails("malformed");
    let contact = Case::new("id", "id-text", "text-contact", "A contact's id has 16 octets.");
    vec![
        case("text", "43 characters.", &text).hex("octets", id).ok(),
        case("text-zeros", "Zeros.", &"A".repeat(43)).hex("octets", [0; 32]).ok(),
        contact
            .number("length", 16)
            .text("text", &base64url(&ANNA.id()))
            .hex("octets", ANNA.id())
            .ok(),
        bad("text-padded", "A = behind.", &format!("{text}=")),
        bad("text-long", "44 characters.", &format!("{text}A")),
        bad("text-short", "42 characters.", &text[..42]),
        bad(
            "text-loose-bits",
            "The unused bits of the last character are not zero.",
            &loose(&"A".repeat(43)),
        ),
        bad("text-other-alphabet", "The alphabet with + and /.", &format!("+/{}", &text[2..])),
        bad("text-space", "A space in front.", &format!(" {}", &text[1..])),
        bad("text-nothing", "No text.", ""),
    ]
}
