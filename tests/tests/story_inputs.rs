//! What people, files, terminals and chat programs do to a command.

use recovery_tests::{Family, SECRET, World, copy_folder};
use serde_json::json;
use std::{
    fs::{self, File, Permissions},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn names_of_every_kind() {
    let world = World::new();
    let relay = world.relay("relay");
    let anna = world.person("\u{202e}annA\u{200b} 👵🏽");
    anna.init(&[relay.url()]);
    let long = "é".repeat(100);
    let names = [
        "O'Hara; rm -rf /",
        "../../etc/passwd",
        "\u{2066}Bob\u{feff}",
        "<b>Carol</b>",
        long.as_str(),
    ];
    for name in names {
        anna.feed(["add", name], name.as_bytes()).done();
        assert_eq!(anna.run(["show", name]).done().stdout, name.as_bytes());
        let friend = world.person("F");
        friend
            .run(["--quiet", "accept", &anna.invite(name), "--name", "F", "--no-passphrase"])
            .done();
        friend.lose();
    }
    anna.feed(["add", "  around  "], b"x").done();
    anna.json(["show", "around"]);
    for args in [["list"], ["sync"], ["contacts"], ["status"]] {
        let said = anna.run(args).done();
        let harmful = ['\u{202e}', '\u{200b}', '\u{2066}', '\u{feff}', '\u{1b}'];
        assert!(!said.text().contains(harmful) && !said.stderr.contains(harmful), "{said}");
    }
    assert!(anna.run(["list"]).done().text().contains("<U+2066>Bob<U+FEFF>"));
    let listed = anna.json(["list"]);
    assert_eq!(listed["entries"][2]["label"], "\u{2066}Bob\u{feff}", "scripts get it as it is");
    for bad in
        ["\u{1b}]0;title\u{7}", "two\nlines", "a\ttab", "\u{9b}31m", "", " ", &"x".repeat(201)]
    {
        anna.ask(["invite", bad]).error("usage");
        let told = anna.run(["invite", bad]).ended(2);
        assert!(!told.stderr.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{told}");
    }
}

#[test]
fn links_on_their_way() {
    let world = World::new();
    let relay = world.relay("relay");
    let (anna, bob) = (world.person("Anna"), world.person("Bob"));
    anna.init(&[relay.url()]);
    let link = anna.invite("Bob");
    let (place, secret) = link.split_once('#').unwrap();
    let accept = |link: &str| bob.ask(["accept", link, "--name", "Bob", "--no-passphrase"]);
    for mangled in [
        place,
        &format!("{place}%23{secret}"),
        &format!("{place}#{}", secret.split_once('.').unwrap().0),
        &link[..link.len() - 1],
        &format!("{link}…"),
        &link.replace("http://", "javascript:"),
        &link.to_uppercase(),
        &"a".repeat(10_000),
    ] {
        let error = accept(mangled).error("bad-link");
        assert!(!error.to_string().contains(secret), "no part of it is repeated: {error}");
    }
    let last = link.chars().last().unwrap();
    let changed = format!("{}{}", &link[..link.len() - 2], ["Aw", "Qw"][usize::from(last == 'A')]);
    accept(&changed).error("bad-link");
    let moved = link.replace("/i#", "/i#A");
    accept(&moved[..moved.len() - 1]).error("bad-link");
    assert!(!bob.home().exists());
    // Spaces and line ends around it, brackets and quotes as mail programs put them.
    let said = bob.feed(
        ["accept", "-", "--name", "Bob", "--no-passphrase"],
        format!("\n  <{link}>\r\n").as_bytes(),
    );
    said.done();
}

#[test]
fn files_in_and_out() {
    let world = World::new();
    let relay = world.relay("relay");
    let anna = world.person("Anna");
    anna.init(&[relay.url()]);
    let add = |label: &str, path: &Path| anna.ask(["add", label, path.to_str().unwrap()]);
    let full = vec![0xa5; 65_536];
    add("full", &world.file("full", &full)).done();
    assert_eq!(anna.run(["show", "full"]).done().stdout, full);
    anna.feed(["add", "full, piped"], &full).done();
    let over = [full.as_slice(), b"!"].concat();
    let named = add("over", &world.file("over", &over)).error("file-too-large");
    assert!(named["message"].as_str().unwrap().contains("65536"), "{named}");
    anna.feed(["--json", "add", "over"], &over).error("too-long");
    add("empty", &world.file("empty", b"")).error("empty");
    add("folder", &world.path("")).error("file-failed");
    add("missing", &world.path("missing")).error("file-missing");
    let (loop_a, loop_b) = (world.path("loop a"), world.path("loop b"));
    symlink(&loop_a, &loop_b).and_then(|()| symlink(&loop_b, &loop_a)).unwrap();
    add("loop", &loop_a).error("file-failed");
    let link = world.path("link");
    symlink(world.path("full"), &link).unwrap();
    add("through a link", &link).done();
    let fifo = world.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let writer =
        Command::new("sh").arg("-c").arg("printf 'from a pipe' > \"$0\"").arg(&fifo).spawn();
    add("piped", &fifo).done();
    writer.unwrap().wait().unwrap();
    assert_eq!(anna.run(["show", "piped"]).done().stdout, b"from a pipe");
    add("zeros", Path::new("/dev/zero")).error("file-too-large");
    add("nothing", Path::new("/dev/null")).error("empty");
    if !rustix::process::geteuid().is_root() {
        let closed = world.file("closed", b"x");
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        add("closed", &closed).error("file-denied");
    }
    for label in ["over", "empty", "folder", "missing", "loop", "zeros", "nothing"] {
        anna.ask(["show", label]).error("no-such-label");
    }

    let out = world.path("out");
    let show = |force: &[&str]| {
        let args = ["show", "piped", "--output", out.to_str().unwrap()];
        anna.ask(args.iter().chain(force))
    };
    show(&[]).done();
    fs::write(&out, b"mine").unwrap();
    show(&[]).error("file-exists");
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    show(&["--force"]).done();
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o600);
    for place in ["/nowhere/out", "/dev/null", world.path("").to_str().unwrap()] {
        let failed = anna.ask(["show", "piped", "--force", "--output", place]);
        assert!(failed.code == 1 && failed.stdout.is_empty(), "{failed}");
    }
}

#[test]
fn terminals_pipes_and_environments() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob"], 1);
    let anna = &family.owner;
    // A pipe that closes early, closed streams, nothing in the environment.
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        let program = recovery_tests::binary("recovery");
        command.env_clear().env("PATH", "/usr/bin:/bin").env("R", program).env("H", anna.home());
        command.arg("-c").arg(script).output().unwrap()
    };
    let out = shell("\"$R\" --home \"$H\" completions bash | head -1");
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    let out = shell("\"$R\" --home \"$H\" --json add x <&-");
    assert!(String::from_utf8_lossy(&out.stderr).contains("\"empty\""), "{out:?}");
    let out = shell("\"$R\" --home \"$H\" show 'a secret' >&-");
    assert!(!String::from_utf8_lossy(&out.stderr).contains("panicked"), "{out:?}");
    let out = shell("\"$R\" --home \"$H\" show 'a secret' > /dev/full");
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let out = shell("\"$R\" --home \"$H\" list 2>&-");
    assert!(out.status.success() && !out.stdout.is_empty(), "{out:?}");
    let out = shell(
        "umask 000; \"$R\" --home \"$H/../open\" init --name U --no-passphrase && ls -ld \"$H/../open\"",
    );
    assert!(String::from_utf8_lossy(&out.stdout).contains("drwx------"), "{out:?}");
    for entry in fs::read_dir(world.path("open")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{}", entry.path().display());
    }
    for narrow in
        [("COLUMNS", "1"), ("LANG", "C"), ("LC_ALL", "POSIX"), ("TERM", "dumb"), ("NO_COLOR", "1")]
    {
        let anna = anna.clone().with(narrow.0, narrow.1);
        for args in [&["status"][..], &["list"], &["contacts"], &["--help"], &["protect", "--help"]]
        {
            let said = anna.run(args).done();
            assert!(!said.text().contains('\u{1b}'), "{said}");
        }
    }
    let coloured = anna.run(["--color", "always", "list", "--relay", "http://127.0.0.1:1"]).done();
    assert!(!coloured.text().contains('\u{1b}'), "{coloured}");
    let failed = anna.run(["--color", "always", "show", "x"]).ended(1);
    assert!(failed.stderr.contains("\u{1b}["), "{failed}");

    let mut quiet = anna.command(["--quiet", "protect", "--threshold", "1"]);
    assert!(quiet.output().unwrap().stderr.is_empty());
    // Without HOME and --home there is still an answer.
    let mut lost = Command::new(recovery_tests::binary("recovery"));
    let out =
        lost.env_clear().env("XDG_DATA_HOME", world.path("data")).arg("list").output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{out:?}");
}

#[test]
fn the_default_home_and_settings_in_the_environment() {
    let world = World::new();
    let relay = world.relay("relay");
    let run = |args: &[&str]| {
        let mut command = Command::new(recovery_tests::binary("recovery"));
        command.env_clear().env("HOME", world.path("user")).env("RECOVERY_RELAY", relay.url());
        command.args(args).output().unwrap()
    };
    fs::create_dir(world.path("user")).unwrap();
    assert!(run(&["init", "--name", "A", "--no-passphrase"]).status.success());
    let home = world.path("user/.local/share/recovery");
    assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
    let link = run(&["invite", "B"]).stdout;
    assert!(String::from_utf8(link).unwrap().starts_with(&relay.url()));
    // Files that others could read are closed, and that is told.
    fs::set_permissions(home.join("key"), Permissions::from_mode(0o644)).unwrap();
    let out = run(&["list"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("others could read"), "{out:?}");
    assert!(run(&["list"]).stderr.is_empty());
    // A copied home works, if it has no passphrase.
    copy_folder(&home, &world.path("home of copy"));
    world.person("copy").run(["list"]).done();
    if !rustix::process::geteuid().is_root() {
        fs::set_permissions(&home, Permissions::from_mode(0o500)).unwrap();
        let out = run(&["add", "x", "/etc/hostname"]);
        fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(out.status.code(), Some(1));
    }
}

#[test]
fn two_commands_at_once() {
    let world = World::new();
    let relay = world.relay("relay");
    let family = Family::protected(&world, &[relay.url()], &["Bob"], 1);
    let anna = &family.owner;
    // Eight at once: each waits for its turn, and nothing is lost.
    let labels: Vec<String> = (0..8).map(|n| format!("entry {n}")).collect();
    std::thread::scope(|scope| {
        for label in &labels {
            scope.spawn(move || anna.feed(["add", label], label.as_bytes()).done());
        }
    });
    assert_eq!(anna.json(["list"])["entries"].as_array().unwrap().len(), 9);
    assert_eq!(anna.json(["status"])["synced"], true);
    // Somebody else holds the lock for a moment.
    let lock = File::open(anna.home().join("lock")).unwrap();
    lock.lock().unwrap();
    let started = Instant::now();
    let mut child = anna.command(["list"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(600));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    lock.unlock().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(10));
    let mut listed = String::new();
    child.stdout.unwrap().read_to_string(&mut listed).unwrap();
    assert!(listed.contains("entry 7"), "{listed}");
}

#[test]
fn passphrases() {
    let world = World::new();
    let relay = world.relay("relay");
    let anna = world.person("Anna");
    let file = world.file("passphrase", "mellon ☃\r\n".as_bytes());
    let init = ["init", "--name", "Anna", "--relay", &relay.url()].map(str::to_owned);
    let needed = anna.ask(init.iter().chain(&["--no-input".to_owned()])).error("input-needed");
    assert!(needed["message"].as_str().unwrap().contains("--passphrase-file"), "{needed}");
    anna.clone().with("RECOVERY_PASSPHRASE", "").ask(&init).error("empty-passphrase");
    let by_file = ["--passphrase-file".to_owned(), file.display().to_string()];
    anna.json(init.iter().chain(&by_file));
    assert!(!anna.home().join("key").exists());
    let needed = anna.ask(["list"]).error("input-needed");
    assert!(needed["hint"].as_str().unwrap().contains("--passphrase-file"), "{needed}");
    let knows = anna.clone().with("RECOVERY_PASSPHRASE", "mellon ☃");
    assert_eq!(knows.json(["list"]), json!({ "entries": [] }));
    knows.feed(["add", "a secret"], SECRET).done();
    let wrong = anna.clone().with("RECOVERY_PASSPHRASE", "mellon");
    wrong.ask(["list"]).error("wrong-passphrase");
    assert_eq!(
        anna.json(by_file.iter().map(String::as_str).chain(["list"]))["entries"][0]["size"],
        SECRET.len()
    );
    let bad = world.file("not text", b"\xff\xfe");
    anna.ask(["--passphrase-file", bad.to_str().unwrap(), "list"]).error("bad-passphrase-file");
    anna.ask(["--passphrase-file", "/nowhere", "list"]).error("file-missing");
}
