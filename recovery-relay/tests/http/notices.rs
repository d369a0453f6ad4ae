//! Word that something waits, to a real mail server and a real listener.

use super::bad_input::{furnished, status, talk};
use super::*;
use recovery_relay::Running;
use recovery_relay::notify::{Notices, Smtp};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Longer than the relay takes to look for what is due.
const SOON: Duration = Duration::from_secs(30);
/// Long enough for a notice to have come, if one were to come.
const NEVER: Duration = Duration::from_secs(5);

async fn start(notices: Notices) -> (Running, String) {
    let mut config = Config::on_free_port(StorePlace::Memory);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_sent_after_a_yes_and_says_nothing() {
    let Some((server, mails)) = mail_server() else { return };
    let smtp = Smtp {
        host: "127.0.0.1".into(),
        port: Some(server.port),
        implicit_tls: false,
        login: None,
        from: "Relay <relay@relay.example>".into(),
    };
    let (running, address) = start(Notices { smtp: Some(smtp), ..Notices::default() }).await;
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
    let mail = mail.expect("a mail that asks");
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
    let mail = mail.expect("a mail that tells");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_and_topics_are_called() {
    let (hook, calls) = listener(&[]).await;
    let (running, address) = start(near()).await;
    let mailbox = furnished(&address).await;
    let auth = mailbox.auth[0].as_str();
    let path = format!("{}/subscriptions", mailbox.path);
    let mut from = calls;
    for target in [format!("http://{hook}/hook"), format!("ntfy:http://{hook}/topic")] {
        let done = ask(&address, &format!("POST {path}"), &[auth], &target).await;
        assert_eq!(status(&done), "201", "{done}");
        let (calls, asked) = next(from, SOON).await;
        let asked = asked.expect("a call that asks");
        let is_topic = target.starts_with("ntfy:");
        assert!(
            asked.starts_with(if is_topic { "POST /topic " } else { "POST /hook " }),
            "{asked}"
        );
        let page = link(&asked);
        assert_eq!(status(&ask(&address, &format!("POST {page}"), &[], "do=start").await), "200");
        assert_eq!(status(&ask(&address, &mailbox.post(), &[], &target).await), "201");
        let (calls, told) = next(calls, SOON).await;
        let told = told.expect("a call that tells");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_tried_again_and_counted_and_no_redirection_followed() {
    let (hook, calls) = listener(&["302 Found\r\nLocation: /elsewhere\r\n"]).await;
    let mut config = Config::on_free_port(StorePlace::Memory);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_not_called() {
    let (hook, calls) = listener(&[]).await;
    let port = hook.rsplit(':').next().unwrap().to_owned();
    let (running, address) = start(Notices { webhooks: true, ..Notices::default() }).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_again_and_again() {
    let (hook, calls) = listener(&[]).await;
    let (running, address) = start(near()).await;
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
