//! An owner whose key is divided among friends.

use crate::{Person, World};
use serde_json::Value;

/// An owner and friends who hold pieces of the owner's key.
#[derive(Debug)]
pub struct Family {
    /// The owner.
    pub owner: Person,
    /// The friends.
    pub friends: Vec<Person>,
}

impl Family {
    /// Anna with a first secret, and friends who accepted but hold nothing yet.
    #[must_use]
    pub fn paired(world: &World, relays: &[String], names: &[&str]) -> Self {
        let owner = world.person("Anna");
        owner.init(relays);
        owner.feed(["add", "a secret"], SECRET).done();
        let friends: Vec<Person> = names.iter().map(|name| world.person(name)).collect();
        for friend in &friends {
            friend.accept(&owner.invite(friend.name()));
        }
        owner.run(["sync"]).done();
        Self { owner, friends }
    }

    /// The same, with the key divided: any `threshold` suffice, and all hold their piece.
    #[must_use]
    pub fn protected(world: &World, relays: &[String], names: &[&str], threshold: u8) -> Self {
        let family = Self::paired(world, relays, names);
        family.protect(&["--threshold", &threshold.to_string()]);
        family
    }

    /// Anna with three friends of whom any 2 suffice, and every approval waits: at a relay, or with contacts.
    #[must_use]
    pub fn delayed(world: &World, relay: &str, delay: &str, hold_by: &str) -> Self {
        let family = Self::paired(world, &[relay.to_owned()], &["Bob", "Carol", "Dave"]);
        family.protect(&["--threshold", "2", "--delay", delay, "--hold-by", hold_by]);
        family
    }

    /// Divides the key, and everybody confirms.
    pub fn protect(&self, args: &[&str]) -> Value {
        let protected = self.owner.json(["protect"].iter().chain(args));
        for friend in &self.friends {
            friend.run(["sync"]).done();
        }
        self.owner.run(["sync"]).done();
        protected
    }

    /// A friend by place.
    #[must_use]
    pub fn friend(&self, at: usize) -> &Person {
        self.friends.get(at).expect("there is such a friend")
    }
}

/// What Anna keeps under "a secret".
pub const SECRET: &[u8] = b"\x00correct horse\r\nbattery staple\xff\n";
