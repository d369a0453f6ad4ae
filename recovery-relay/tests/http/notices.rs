//! Word that something waits, to a real mail server and a real listener, with each kind of store.

use super::bad_input::{furnished, status, talk};
use super::cluster::Database;
use super::program::{Process, program};
use super::*;
use recovery_relay::Running;
use recovery_relay::notify::{Notices, Smtp};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Longer than the relay takes to look for what is due.
const SOON: Duration = Duration::from_secs(30);
/// Long enough for a notice to have come, if one were to come.
const NEVER: Duration = Duration::from_secs(5);

/// Where a relay keeps things, and what that lives in.
struct Place {
    store: StorePlace,
    _folder: Option<TempDir>,
    _database: Option<Database>,
}

fn memory() -> Option<Place> {
    Some(Place { store: StorePlace::Memory, _folder: None, _database: None })
}

fn sqlite() -> Option<Place> {
    let folder = TempDir::new().unwrap();
    let store = StorePlace::Sqlite(folder.path().join("relay.db"));
    Some(Place { store, _folder: Some(folder), _database: None })
}

/// `None` where PostgreSQL is not installed.
fn postgres() -> Option<Place> {
    let database = Database::fresh()?;
    let store = database.url().parse().unwrap();
    Some(Place { store, _folder: None, _database: Some(database) })
}

/// Each named story becomes a test with each store.
macro_rules! on_each_store {
    ($($name:ident)+) => {
        on_each_store! { in_memory = memory; $($name)+ }
        on_each_store! { in_sqlite = sqlite; $($name)+ }
        on_each_store! { in_postgres = postgres; $($name)+ }
    };
    ($store:ident = $new:ident; $($name:ident)+) => {
        mod $store { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(place) = super::$new() else { return };
                super::$name(&place).await;
            }
        )+ }
    };
}

on_each_store! {
    mail_is_sent_after_a_yes_and_says_nothing
    webhooks_and_topics_are_called
    what_fails_is_tried_again_and_counted_and_no_redirection_followed
    private_addresses_are_not_called
    nobody_is_asked_again_and_again
}

async fn start(at: &Place, notices: Notices) -> (Running, String) {
    let mut config = Config::on_free_port(at.store.clone());
    config.notices = notices;
    let running = Relay::start(config).await.unwrap();
    let address = running.url().trim_start_matches("http://").to_owned();
    (running, address)
}

async fn ask(address: &str, call: &str, fields: &[&str], body: &str) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{call} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}");
    talk(address, format!("{head}\r\n{body}").as_bytes()).await
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Waits without keeping the relay from its work.
async fn next<T: Send + 'static>(from: Receiver<T>, time: Duration) -> (Receiver<T>, Option<T>) {
    let wait = move || {
        let next = from.recv_timeout(time).ok();
        (from, next)
    };
    tokio::task::spawn_blocking(wait).await.unwrap()
}

/// A mail server in a process of its own.
struct MailServer {
    child: Child,
    _input: ChildStdin,
    port: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it; `None` where Python's aiosmtpd is missing, which on CI is a failure.
fn mail_server() -> Option<(MailServer, Receiver<Value>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/python/bin/python");
    let has_it = Command::new(&python).args(["-c", "import aiosmtpd"]).status();
    if !has_it.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "target/python lacks aiosmtpd");
        println!("SKIPPED: needs aiosmtpd in target/python (tests/python/relay-requirements.txt)");
        return None;
    }
    let mut command = Command::new(python);
    command
        .arg(root.join("tests/python/mail_sink.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap().parse().unwrap();
    let (mails, received) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = mails.send(serde_json::from_str(&line).unwrap());
        }
    });
    let input = child.stdin.take().unwrap();
    Some((MailServer { child, _input: input, port }, received))
}

/// The path of the link in a text.
fn link(text: &str) -> String {
    let at = text.find("/s/").unwrap();
    text[at..at + 3 + 43].to_owned()
}

async fn mail_is_sent_after_a_yes_and_says_nothing(at: &Place) {
    let Some((server, mails)) = mail_server() else { return };
    let smtp = Smtp {
        host: "127.0.0.1".into(),
        port: Some(server.port),
        implicit_tls: false,
        login: None,
        from: "Relay <relay@relay.example>".into(),
    };
    let (running, address) = start(at, Notices { smtp: Some(smtp), ..Notices::default() }).await;
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let path = format!("{}/subscriptions", mailbox.path);
    let subscribe = format!("POST {path}");
    let refused = ask(&address, &subscribe, &[auth], "https://example.org/hook").await;
    assert!(status(&refused) == "403" && refused.contains("not-offered"), "{refused}");
    assert!(
        ask(&address, &subscribe, &[auth], "carrier pigeon").await.contains("malformed-target")
    );
    assert_eq!(status(&ask(&address, &subscribe, &[], "mailto:anna@example.org").await), "401");
    let done = ask(&address, &subscribe, &[auth], "mailto:anna@example.org").await;
    assert_eq!(status(&done), "201", "{done}");
    let (mails, mail) = next(mails, SOON).await;
    let Some(mail) = mail else { panic!("no mail that asks") };
    assert_eq!(
        (&mail["from"], &mail["to"][0]),
        (&"relay@relay.example".into(), &"anna@example.org".into())
    );
    assert_eq!(mail["hello"], "relay.example", "the machine's name is not told");
    let page = link(mail["text"].as_str().unwrap());
    // Neither a program that opens the link nor a message makes a notice.
    assert_eq!(status(&ask(&address, &format!("GET {page}"), &[], "").await), "200");
    assert_eq!(status(&ask(&address, &mailbox.post(), &[], "one").await), "201");
    let (mails, none) = next(mails, NEVER).await;
    assert_eq!(none, None, "nobody said yes");
    assert_eq!(status(&ask(&address, &format!("POST {page}"), &[], "do=start").await), "200");
    assert_eq!(status(&ask(&address, &mailbox.post(), &[], "two").await), "201");
    let (mails, mail) = next(mails, SOON).await;
    let Some(mail) = mail else { panic!("no mail that tells") };
    assert_eq!(mail["subject"], "Something is waiting");
    let text = mail["text"].as_str().unwrap();
    assert!(
        !text.contains(&mailbox.id[..7]) && !text.contains("two") && link(text) == page,
        "{text}"
    );
    // A second message soon after makes no second mail.
    assert_eq!(status(&ask(&address, &mailbox.post(), &[], "three").await), "201");
    let (_mails, none) = next(mails, NEVER).await;
    assert_eq!(none, None);
    let list = json(&ask(&address, &format!("GET {path}"), &[auth], "").await);
    let one = &list["subscriptions"][0];
    assert_eq!((&one["kind"], &one["confirmed"]), (&"mail".into(), &true.into()), "{list}");
    assert!(one["sent_at"].as_i64().is_some() && !list.to_string().contains("anna"));
    let stop = "List-Unsubscribe=One-Click";
    assert_eq!(status(&ask(&address, &format!("POST {page}"), &[], stop).await), "200");
    let list = json(&ask(&address, &format!("GET {path}"), &[auth], "").await);
    assert_eq!(list["subscriptions"], serde_json::json!([]));
    running.stop().await.unwrap();
}

/// A server that gives each request the next of some answers, and shows what it got.
async fn listener(answers: &'static [&'static str]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (requests, received) = mpsc::channel();
    tokio::spawn(async move {
        for answer in answers.iter().chain(std::iter::repeat(&"204 No Content\r\n")) {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16_384];
            let mut length = 0;
            // The body comes with the head or right after it.
            while !String::from_utf8_lossy(&request[..length]).contains("/s/") {
                match stream.read(&mut request[length..]).await {
                    Ok(read @ 1..) => length += read,
                    _ => break,
                }
            }
            let _ = requests.send(String::from_utf8_lossy(&request[..length]).into_owned());
            let answer = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, received)
}

fn near() -> Notices {
    Notices { webhooks: true, private: vec!["127.0.0.0/8".parse().unwrap()], smtp: None }
}

async fn webhooks_and_topics_are_called(at: &Place) {
    let (hook, calls) = listener(&[]).await;
    let (running, address) = start(at, near()).await;
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let path = format!("{}/subscriptions", mailbox.path);
    let mut from = calls;
    for target in [format!("http://{hook}/hook"), format!("ntfy:http://{hook}/topic")] {
        let done = ask(&address, &format!("POST {path}"), &[auth], &target).await;
        assert_eq!(status(&done), "201", "{done}");
        let (calls, asked) = next(from, SOON).await;
        let Some(asked) = asked else { panic!("no call that asks") };
        let is_topic = target.starts_with("ntfy:");
        assert!(
            asked.starts_with(if is_topic { "POST /topic " } else { "POST /hook " }),
            "{asked}"
        );
        let page = link(&asked);
        assert_eq!(status(&ask(&address, &format!("POST {page}"), &[], "do=start").await), "200");
        assert_eq!(status(&ask(&address, &mailbox.post(), &[], &target).await), "201");
        let (calls, told) = next(calls, SOON).await;
        let Some(told) = told else { panic!("no call that tells") };
        assert!(
            told.contains(if is_topic { "Something is waiting" } else { "\"event\":\"waiting\"" }),
            "{told}"
        );
        assert!(!told.contains(&mailbox.id[..7]), "{told}");
        // Only one is told of the next message.
        let id = json(&done)["subscription"].as_str().unwrap().to_owned();
        let end = format!("DELETE {path}/{id}");
        assert_eq!(status(&ask(&address, &end, &[auth], "").await), "204");
        from = calls;
    }
    running.stop().await.unwrap();
}

async fn what_fails_is_tried_again_and_counted_and_no_redirection_followed(at: &Place) {
    let (hook, calls) = listener(&["302 Found\r\nLocation: /elsewhere\r\n"]).await;
    let mut config = Config::on_free_port(at.store.clone());
    config.notices = near();
    config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    let running = Relay::start(config).await.unwrap();
    let address = running.url().trim_start_matches("http://").to_owned();
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let path = format!("{}/subscriptions", mailbox.path);
    let target = format!("http://{hook}/hook");
    assert_eq!(status(&ask(&address, &format!("POST {path}"), &[auth], &target).await), "201");
    let (calls, asked) = next(calls, SOON).await;
    assert!(asked.is_some());
    let (_calls, followed) = next(calls, NEVER).await;
    assert_eq!(followed, None, "a redirection is not followed, and the next try is later");
    let list = json(&ask(&address, &format!("GET {path}"), &[auth], "").await);
    assert_eq!(list["subscriptions"][0]["tries"], 1);
    let figures =
        ask(&running.metrics_address().unwrap().to_string(), "GET /metrics", &[], "").await;
    let line = "recovery_relay_notices_total{way=\"webhook\",outcome=\"failed\"} 1";
    assert!(
        figures.contains(line) && figures.contains("recovery_relay_notices_failing 1"),
        "{figures}"
    );
    assert!(!figures.contains(&hook), "no addresses");
    running.stop().await.unwrap();
}

async fn private_addresses_are_not_called(at: &Place) {
    let (hook, calls) = listener(&[]).await;
    let port = hook.rsplit(':').next().unwrap().to_owned();
    let (running, address) = start(at, Notices { webhooks: true, ..Notices::default() }).await;
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let subscribe = format!("POST {}/subscriptions", mailbox.path);
    for target in [
        "http://example.org/x",
        "https://127.0.0.1/x",
        "ntfy:https://[::1]/x",
        "https://10.0.0.1/x",
    ] {
        let refused = ask(&address, &subscribe, &[auth], target).await;
        assert!(
            status(&refused) == "400" && refused.contains("malformed-target"),
            "{target}: {refused}"
        );
    }
    // A name tells only when it is looked up.
    let by_name = format!("https://localhost:{port}/hook");
    assert_eq!(status(&ask(&address, &subscribe, &[auth], &by_name).await), "201");
    let (_calls, called) = next(calls, NEVER).await;
    assert_eq!(called, None);
    let listed = ask(&address, &format!("GET {}/subscriptions", mailbox.path), &[auth], "").await;
    assert_eq!(json(&listed)["subscriptions"][0]["tries"], 1, "it was tried, and given up");
    running.stop().await.unwrap();
}

async fn nobody_is_asked_again_and_again(at: &Place) {
    let (hook, calls) = listener(&[]).await;
    let (running, address) = start(at, near()).await;
    let target = format!("http://{hook}/hook");
    let mut statuses = Vec::new();
    for n in 1..=5 {
        let mailbox = Mailbox::new(n);
        let auth = mailbox.auth[0].as_str();
        ask(&address, &format!("PUT {}", mailbox.path), &[auth], "").await;
        let subscribe = format!("POST {}/subscriptions", mailbox.path);
        statuses.push(status(&ask(&address, &subscribe, &[auth], &target).await).to_owned());
    }
    assert_eq!(statuses, ["201", "201", "201", "429", "429"]);
    drop(calls);
    running.stop().await.unwrap();
}

/// A server that takes longer to answer than relays wait before they look again for what is due.
async fn slow_listener() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (requests, received) = mpsc::channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let requests = requests.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !String::from_utf8_lossy(&request).contains("/s/") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let _ = requests.send(String::from_utf8_lossy(&request).into_owned());
                tokio::time::sleep(Duration::from_secs(3)).await;
                let answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (address, received)
}

/// How many people wait for word in the test with two relays.
const PEOPLE: u8 = 6;

/// Takes one call for each of them; the path that was called, and the path of the link in it.
async fn one_each(mut from: Receiver<String>) -> (Receiver<String>, Vec<(String, String)>) {
    let mut calls = Vec::new();
    for n in 0..PEOPLE {
        let (rest, call) = next(from, SOON).await;
        let call = call.unwrap_or_else(|| panic!("only {n} calls"));
        let path = call.split(' ').nth(1).unwrap().to_owned();
        calls.push((path, link(&call)));
        from = rest;
    }
    calls.sort();
    let paths: Vec<_> = calls.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, (1..=PEOPLE).map(|n| format!("/hook-{n}")).collect::<Vec<_>>());
    (from, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_on_one_database_tell_everybody_once() {
    let Some(database) = Database::fresh() else { return };
    let (hook, calls) = slow_listener().await;
    let home = TempDir::new().unwrap();
    let serve = || {
        let mut relay = program(home.path());
        relay.args(["serve", "--listen", "127.0.0.1:0", "--store", &database.url()]);
        relay.args(["--webhooks", "--private-targets", "127.0.0.0/8"]);
        Process::start(&mut relay)
    };
    let relays = [serve(), serve()];
    let any = |n: u8| relays[usize::from(n) % 2].address.as_str();
    for n in 1..=PEOPLE {
        let mailbox = Mailbox::new(n);
        let auth = mailbox.auth[0].as_str();
        assert_eq!(
            status(&ask(any(n), &format!("PUT {}", mailbox.path), &[auth], "").await),
            "201"
        );
        let subscribe = format!("POST {}/subscriptions", mailbox.path);
        let done = ask(any(n), &subscribe, &[auth], &format!("http://{hook}/hook-{n}")).await;
        assert_eq!(status(&done), "201", "{done}");
    }
    let (calls, asked) = one_each(calls).await;
    let (calls, more) = next(calls, NEVER).await;
    assert_eq!(more, None, "both asked");
    for ((_, page), n) in asked.iter().zip(0..) {
        assert_eq!(status(&ask(any(n), &format!("POST {page}"), &[], "do=start").await), "200");
    }
    // Each at both relays, all at once.
    for n in 1..=PEOPLE {
        let post = Mailbox::new(n).post();
        let (a, b) = tokio::join!(ask(any(0), &post, &[], "one"), ask(any(1), &post, &[], "two"));
        assert_eq!((status(&a), status(&b)), ("201", "201"));
    }
    let (calls, told) = one_each(calls).await;
    assert_eq!(told, asked, "with the same links");
    let (_calls, more) = next(calls, NEVER).await;
    assert_eq!(more, None, "both told");
    for (relay, n) in relays.into_iter().zip(0..) {
        let mailbox = Mailbox::new(n + 1);
        let path = format!("GET {}/subscriptions", mailbox.path);
        let list = json(&ask(&relay.address, &path, &[&mailbox.auth[0]], "").await);
        assert!(list["subscriptions"][0]["sent_at"].as_i64().is_some(), "{list}");
        assert_eq!(list["subscriptions"][0]["tries"], 0, "{list}");
        assert_eq!(relay.stop().0, Some(0));
    }
}
