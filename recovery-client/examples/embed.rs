//! An application whose key three friends can bring back: `embed [RELAY-URL]`.
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use recovery_client::core::{address::RelayUrl, circle::Reach, name::Name, policy::Policy};
use recovery_client::{Chosen, Client, NumberProof, Way, home::Protection};
use recovery_relay::{Config, Relay, config::StorePlace};
use std::{env, error::Error, path::Path, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let relay = Relay::start(Config::on_free_port(StorePlace::Memory)).await?;
    let url: RelayUrl = env::args().nth(1).unwrap_or_else(|| relay.url()).parse()?;
    let dir = env::temp_dir().join(format!("recovery-embed-{}", std::process::id()));
    let name = |text: &str| text.parse::<Name>();
    let person = |text: &str, home: &Path| {
        let created = Client::create(home, Protection::None, name(text)?, vec![url.clone()]);
        Ok::<_, Box<dyn Error>>(created?)
    };

    // The application keeps its key in a vault that belongs to Anna.
    let key = [42; 32];
    let mut app = person("Anna", &dir.join("app"))?;
    app.add(name("signing key")?, &key).await?;

    // Anna's friends accept her invitations, each on a device of their own.
    let mut friends = Vec::new();
    for friend in ["Bob", "Carol", "Dave"] {
        let (link, _) = app.invite(name(friend)?).await?;
        let mut device = person(friend, &dir.join(friend))?;
        let accepted = device.accept(&link, Reach::default()).await?;
        println!("{friend} and Anna compare {}", accepted.number);
        friends.push(device);
    }
    app.sync(None).await?;

    // Any two of them suffice from now on.
    let people = app.device()?.contacts().iter().map(|contact| contact.card.id()).collect();
    app.protect(Policy::any(2, people)?.into(), None).await?;
    for friend in &mut friends {
        friend.sync(None).await?;
    }
    drop(app); // and the device is lost

    let home = dir.join("new");
    let who = (name("Anna")?, Some(name("new phone")?));
    let mut new = Client::start_restore(&home, Protection::None, who, &[url]).await?;
    let (link, number) = (new.request_link(false)?, new.request_number()?);
    for friend in friends.iter_mut().take(2) {
        let request = friend.open_request(&link, &name("Anna")?).await?;
        friend.approve(&link, request, NumberProof::Number(number), Way::default()).await?;
    }
    let progress = new.poll_restore(Duration::ZERO, None).await?;
    let owner = progress.candidates.first().ok_or("too few approved")?.id;
    new.restore(Chosen { owner, passphrase: None, accept_older: false }).await?;
    assert_eq!(new.device()?.vault().entry(&name("signing key")?)?.content.expose(), key);
    println!("the key is back");
    std::fs::remove_dir_all(dir)?;
    Ok(relay.stop().await?)
}
