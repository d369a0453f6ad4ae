//! The screens of the guide for friends are real: each is shown again in a terminal, typed at as a friend would,
//! and compared, but for what differs in every run. `UPDATE_GUIDE=1` writes what stands there now.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say; a story is told in one piece"
)]

use recovery_tests::{Family, Person, SECRET, Terminal, World};
use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

/// A screen of the guide, by its name there.
type Screens = BTreeMap<&'static str, String>;

/// How long approvals are held back: longer than the story takes.
const DELAY: &str = "30m";

struct Story {
    world: World,
    screens: Screens,
    /// The address of the relay, which is another one in every run.
    relay: String,
}

impl Story {
    /// A command of a person's that asks nothing.
    fn shows(&mut self, name: &'static str, person: &Person, args: &[&str]) {
        let terminal = Terminal::run(&self.world, person, args);
        self.keep(name, args, &terminal.ends());
    }

    /// Keeps a screen under its name, with the command that led to it; several in the order in which they came.
    fn keep(&mut self, name: &'static str, args: &[&str], screen: &str) {
        let quoted = args
            .iter()
            .map(|arg| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() });
        let command = quoted.collect::<Vec<_>>().join(" ");
        let text = self.screens.entry(name).or_default();
        let relay = &self.relay;
        let shown =
            format!("$ recovery {command}\n{screen}\n").replace(relay, "https://relay.example.org");
        writeln!(text, "{}", shown.trim_end()).unwrap();
    }
}

/// What differs in every run is written the same: digits, links, ids.
fn normal(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(['\'', '.', ',', '(', ')']);
        let is_id = [22, 43].contains(&bare.len())
            && bare.bytes().all(|o| o.is_ascii_alphanumeric() || matches!(o, b'-' | b'_'));
        if bare.starts_with("https://relay.example.org") {
            return "LINK".to_owned();
        }
        if is_id {
            return word.replace(bare, "ID");
        }
        let digits = |c: char| if c.is_ascii_digit() { '1' } else { c };
        word.chars().map(digits).collect()
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let text = text.lines().map(line).collect::<Vec<_>>().join("\n");
    // A time that is told in words: "just now" and "2 minutes ago" are both right.
    ["1 minutes ago", "1 minute ago"].iter().fold(text, |text, time| text.replace(time, "just now"))
}

/// The guide with these screens in the places of those that stand there.
fn with_screens(guide: &str, screens: &Screens) -> String {
    let (mut written, mut rest, mut seen) = (String::new(), guide, 0);
    while let Some((before, after)) = rest.split_once("<!-- screen: ") {
        let (name, after) = after.split_once(" -->\n```console\n").unwrap();
        let (_, after) = after.split_once("```").unwrap();
        let screen = screens.get(name).unwrap_or_else(|| panic!("no screen {name}"));
        write!(written, "{before}<!-- screen: {name} -->\n```console\n{screen}```").unwrap();
        (rest, seen) = (after, seen + 1);
    }
    assert_eq!(seen, screens.len(), "each screen stands in the guide once");
    written + rest
}

#[test]
fn the_guide_shows_what_friends_see() {
    if !Terminal::is_there() {
        assert!(env::var_os("CI").is_none(), "tmux is missing");
        return eprintln!("SKIPPED: needs tmux");
    }
    let screens = played();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/friends.md");
    let guide = fs::read_to_string(&path).unwrap();
    let now = with_screens(&guide, &screens);
    if env::var_os("UPDATE_GUIDE").is_some() {
        return fs::write(&path, now).unwrap();
    }
    assert_eq!(normal(&now), normal(&guide), "UPDATE_GUIDE=1 writes it anew");
}

/// The whole story: invited, asked, called, sure; held back, reported, stopped; come back; rehearsed.
fn played() -> Screens {
    let world = World::new();
    let relay = world.relay("relay");
    let mut story = Story { relay: relay.url(), world, screens: Screens::new() };
    let anna = story.world.person("Anna");
    anna.init(&[relay.url()]);
    anna.feed(["add", "a secret"], SECRET).done();

    // S0: invited.
    let bob = story.world.person("Bob");
    let link = anna.invite("Bob");
    let args = ["accept", &link, "--no-passphrase"];
    let terminal = Terminal::run(&story.world, &bob, &args);
    terminal.sees("Do you want to help Anna?", 1).presses("y");
    terminal.sees("A way to reach them that you trust", 1).types("0151 234 567");
    terminal.sees("A second way", 1).types("her sister Eva, 089 765");
    terminal.sees("A question that only they can answer", 1).types("What did we cook in Lisbon?");
    terminal.sees("Your name, as your friends know you", 1).types("Bob");
    let screen = terminal.ends();
    story.keep("invitation", &args, &screen);
    let friends: Vec<Person> =
        ["Carol", "Dave"].iter().map(|name| story.world.person(name)).collect();
    friends.iter().for_each(|friend| drop(friend.accept(&anna.invite(friend.name()))));
    anna.run(["sync"]).done();
    let family = Family { owner: anna, friends: [vec![bob], friends].concat() };
    family.protect(&["--threshold", "2", "--delay", DELAY]);
    let [bob, carol, dave] = [0, 1, 2].map(|at| family.friend(at).clone());
    let anna = family.owner;

    // S2 to S7: somebody asks; Bob is walked through it.
    let new = story.world.person("Anna's new device");
    let args =
        ["restore", "--no-wait", "--name", "Anna", "--no-passphrase", "--relay", &relay.url()];
    let asked = new.ask(args).not_yet();
    let word = |field: &str| asked[field].as_str().unwrap().to_owned();
    let (request, link, number) = (word("request"), word("link"), word("number"));
    let groups: Vec<&str> = (0..5).map(|at| &number[3 * at..3 * at + 3]).collect();
    let slip = format!("{}{}", &number[..14], (number.as_bytes()[14] - b'0' + 1) % 10);
    let args = ["approve", &link];
    let terminal = Terminal::run(&story.world, &bob, &args);
    terminal.sees("Whose request do you believe it is?", 1).presses("Enter");
    terminal.sees("How did you reach them?", 1).presses("Enter");
    terminal.sees("Are you sure that it is Anna?", 1).presses("y");
    let ask = "Ask Anna to read the 15 digits";
    terminal.sees(ask, 1).types(&slip).sees(ask, 2).types(&groups.join(" "));
    terminal.sees("I have spoken to Anna myself", 1).types("anna");
    let screen = terminal.ends();
    story.keep("approval", &args, &screen);
    story.shows("held", &bob, &["requests"]);

    // S8: Carol hears a strange voice; Dave, who looks later, is told so.
    let args = ["decline", &link, "--owner", "Anna", "--impostor", "--reason", "a strange voice"];
    story.shows("report", &carol, &args);
    let args = ["approve", &link];
    let terminal = Terminal::run(&story.world, &dave, &args);
    terminal.sees("Whose request do you believe it is?", 1).presses("Enter");
    terminal.sees("How did you reach them?", 1).presses("Down").presses("Down").presses("Enter");
    let screen = terminal.ends();
    story.keep("warning", &args, &screen);

    // S9: Anna's own device says so at every command, and stops it.
    anna.run(["sync"]).done();
    story.shows("alert", &anna, &["list"]);
    story.shows("alert", &anna, &["veto", &request]);
    story.shows("stopped", &bob, &["sync"]);
    let by_number = ["approve", &link, "--owner", "Anna", "--number", &number];
    story.shows("stopped", &bob, &by_number);

    // S11: a rehearsal.
    let drill = anna.json(["drill", "--contact", "Bob"]);
    let (id, number) = (drill["drill"].as_str().unwrap(), drill["number"].as_str().unwrap());
    story.shows("rehearsal", &bob, &["sync"]);
    story.shows("rehearsal", &bob, &["drill", "--answer", id, "--number", number]);

    // S10: she came back without a delay, and it is over.
    anna.json(["protect", "--threshold", "2"]);
    [&bob, &carol, &dave].iter().for_each(|friend| drop(friend.run(["sync"]).done()));
    anna.run(["sync"]).done();
    anna.lose();
    let (link, number) = anna.asks_for_help(&relay.url());
    for friend in [&bob, &carol] {
        friend.approve(&link, "Anna", &number);
    }
    anna.json(["restore", "--no-wait"]);
    story.shows("after", &bob, &["sync"]);
    story.shows("after-unknown", &dave, &["sync"]);
    let args = ["leave", "Anna"];
    let terminal = Terminal::run(&story.world, &dave, &args);
    terminal.sees("and tell them?", 1).presses("y");
    let screen = terminal.ends();
    story.keep("leaving", &args, &screen);
    story.screens
}
