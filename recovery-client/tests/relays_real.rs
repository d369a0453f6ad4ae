//! Every call against a real relay: both sides of the protocol mean the same.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that panics has said what it has to say"
)]

use recovery_client::relays::{Hold, If, Posted, Put, Read, RelayError, Relays};
use recovery_core::{
    address::RelayUrl,
    ids::{HoldToken, MailboxToken, SlotToken},
    wire::limits::{MESSAGE_MAX, SLOT_MAX},
};
use recovery_relay::{Config, Relay, Running, config::StorePlace};
use std::time::{Duration, Instant};

async fn start() -> (Running, RelayUrl, Relays) {
    let running = Relay::start(Config::on_free_port(StorePlace::Memory)).await.unwrap();
    let url = running.url().parse().unwrap();
    (running, url, Relays::new().unwrap())
}

fn read(after: u64, wait: u64) -> Read {
    Read { after, limit: 256, wait }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_from_opening_to_closing() {
    let (running, url, relays) = start().await;
    let token = MailboxToken::new([1; 32]);
    let id = token.id();
    assert!(relays.post(&url, id, b"x", None).await.unwrap_err().is_gone());
    assert!(relays.read(&url, &token, read(0, 0)).await.unwrap_err().is_gone());
    relays.open_mailbox(&url, &token, Some(60)).await.unwrap();
    relays.open_mailbox(&url, &token, None).await.unwrap();
    let large = vec![7; MESSAGE_MAX];
    assert_eq!(relays.post(&url, id, b"first", None).await, Ok(Posted::Seq(1)));
    assert_eq!(relays.post(&url, id, &large, None).await, Ok(Posted::Seq(2)));
    assert_eq!(relays.post(&url, id, b"first", None).await, Ok(Posted::Seq(1)), "the same again");
    let refused = relays.post(&url, id, &vec![7; MESSAGE_MAX + 1], None).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_transient()), (Some("body-too-large"), false));

    let page = relays.read(&url, &token, read(0, 0)).await.unwrap();
    let bodies: Vec<_> =
        page.messages.iter().map(|message| (message.seq, &message.body[..])).collect();
    assert_eq!(bodies, [(1, &b"first"[..]), (2, &large)]);
    assert!(page.messages[0].posted_at > 1_700_000_000 && page.damaged.is_empty());
    let rest = relays.read(&url, &token, read(1, 0)).await.unwrap();
    assert_eq!((rest.messages.len(), &rest.epoch), (1, &page.epoch));
    let one = relays.read(&url, &token, Read { after: 0, limit: 1, wait: 0 }).await.unwrap();
    assert_eq!(one.messages.len(), 1);

    let wait = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        relays.post(&url, id, b"third", None).await
    };
    let start = Instant::now();
    let (polled, _) = tokio::join!(relays.read(&url, &token, read(2, 30)), wait);
    assert_eq!(polled.unwrap().messages[0].body, b"third");
    assert!(start.elapsed() < Duration::from_secs(10));

    for _ in 0..2 {
        relays.delete_message(&url, &token, 1).await.unwrap();
    }
    assert_eq!(relays.read(&url, &token, read(0, 0)).await.unwrap().messages[0].seq, 2);
    for _ in 0..2 {
        relays.close_mailbox(&url, &token).await.unwrap();
    }
    assert!(relays.read(&url, &token, read(0, 0)).await.unwrap_err().is_gone());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_from_writing_to_deleting() {
    let (running, url, relays) = start().await;
    let token = SlotToken::new([2; 32]);
    let put = |only_if| Put { only_if, ttl: Some(3_600) };
    assert_eq!(relays.get_slot(&url, token.id()).await, Ok(None));
    let large = vec![9; SLOT_MAX];
    let v1 = relays.put_slot(&url, &token, &large, &put(If::None)).await.unwrap();
    assert_eq!(relays.get_slot(&url, token.id()).await, Ok(Some((v1.clone(), large))));
    assert!(relays.put_slot(&url, &token, b"two", &put(If::None)).await.unwrap_err().is_conflict());
    let v2 = relays.put_slot(&url, &token, b"two", &put(If::Match(v1.clone()))).await.unwrap();
    assert_ne!(v1, v2);
    assert!(
        relays.put_slot(&url, &token, b"x", &put(If::Match(v1))).await.unwrap_err().is_conflict()
    );
    assert_eq!(relays.get_slot(&url, token.id()).await, Ok(Some((v2, b"two".to_vec()))));
    for _ in 0..2 {
        relays.delete_slot(&url, &token).await.unwrap();
    }
    assert_eq!(relays.get_slot(&url, token.id()).await, Ok(None));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_comes_late_or_never() {
    let (running, url, relays) = start().await;
    let mailbox = MailboxToken::new([3; 32]);
    let (owner, friend) = (HoldToken::new([4; 32]), HoldToken::new([5; 32]));
    relays.open_mailbox(&url, &mailbox, None).await.unwrap();
    let hold = |seconds| Hold { id: owner.id(), also: Some(friend.id()), seconds };
    let posted = relays.post(&url, mailbox.id(), b"soon", Some(&hold(1))).await.unwrap();
    assert!(matches!(posted, Posted::Held { release_at } if release_at > 1_700_000_000));
    assert_eq!(relays.post(&url, mailbox.id(), b"soon", Some(&hold(1))).await, Ok(posted));
    assert!(relays.read(&url, &mailbox, read(0, 0)).await.unwrap().messages.is_empty());
    let page = relays.read(&url, &mailbox, read(0, 30)).await.unwrap();
    assert_eq!(page.messages[0].body, b"soon");

    relays.post(&url, mailbox.id(), b"never", Some(&hold(604_800))).await.unwrap();
    relays.veto(&url, &friend, Some(mailbox.id())).await.unwrap();
    let refused = relays.post(&url, mailbox.id(), b"again", Some(&hold(1))).await.unwrap_err();
    assert!(refused.is_vetoed() && !refused.is_transient(), "{refused}");
    relays.veto(&url, &owner, None).await.unwrap();
    assert_eq!(relays.read(&url, &mailbox, read(1, 0)).await.unwrap().messages, []);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_up_says_so() {
    let (running, url, relays) = start().await;
    relays.healthy(&url).await.unwrap();
    let elsewhere: RelayUrl = format!("{url}/elsewhere").parse().unwrap();
    let token = MailboxToken::new([6; 32]);
    // Not "gone": what was to be sent must be kept.
    for error in [
        relays.healthy(&elsewhere).await.unwrap_err(),
        relays.post(&elsewhere, token.id(), b"x", None).await.unwrap_err(),
        relays.get_slot(&elsewhere, SlotToken::new([6; 32]).id()).await.unwrap_err(),
    ] {
        assert!(matches!(error, RelayError::Answer { .. }) && error.is_transient(), "{error}");
    }
    running.stop().await.unwrap();
    assert!(relays.healthy(&url).await.unwrap_err().is_transient());
}
