//! The tables. Times are milliseconds since 1970; `seal` is the record's own hash (see `sql/rows.rs`).

/// Says that a file is a relay's store: "RCRY" as the application id in the file's header.
pub(super) const APPLICATION_ID: i32 = 0x5243_5259;
/// The newest layout this program knows.
pub(super) const VERSION: i32 = LAYOUTS.len() as i32;

/// What leads from each layout to the next, from none to layout 1 on. Ordinary rowid tables: a table without rowids
/// takes several times the room for such rows.
pub(super) const LAYOUTS: [&str; 2] = ["
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL,
    messages INTEGER NOT NULL,      -- visible and held
    octets INTEGER NOT NULL,        -- of their bodies
    ends INTEGER,                   -- NULL: when closed
    seal BLOB NOT NULL
);
CREATE INDEX mailboxes_ends ON mailboxes (ends) WHERE ends IS NOT NULL;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    seq INTEGER,                    -- NULL while held
    posted INTEGER NOT NULL,
    due INTEGER,                    -- NULL if it was never held
    hold_a BLOB,
    hold_b BLOB,
    gone INTEGER,                   -- when deleted; the body is then empty and the rest is kept for a while
    hash BLOB NOT NULL,             -- SHA-256 of the body
    seal BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX messages_hash ON messages (mailbox, hash);
CREATE INDEX messages_seq ON messages (mailbox, seq, gone);
CREATE INDEX messages_due ON messages (due) WHERE seq IS NULL AND due IS NOT NULL;
CREATE INDEX messages_hold_a ON messages (hold_a) WHERE seq IS NULL AND hold_a IS NOT NULL;
CREATE INDEX messages_hold_b ON messages (hold_b) WHERE seq IS NULL AND hold_b IS NOT NULL;
CREATE INDEX messages_gone ON messages (gone) WHERE gone IS NOT NULL;
CREATE TABLE slots (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    ends INTEGER,                   -- NULL: when deleted
    hash BLOB NOT NULL,
    seal BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX slots_ends ON slots (ends) WHERE ends IS NOT NULL;
CREATE TABLE vetoes (
    id INTEGER PRIMARY KEY,
    hold BLOB NOT NULL,
    mailbox BLOB NOT NULL,          -- empty: any
    ends INTEGER NOT NULL,
    seal BLOB NOT NULL,
    UNIQUE (hold, mailbox)
);
CREATE INDEX vetoes_ends ON vetoes (ends);
", "
ALTER TABLE mailboxes ADD COLUMN session INTEGER NOT NULL DEFAULT 0;    -- 1: of a session on a closed relay
ALTER TABLE mailboxes ADD COLUMN pass BLOB;                             -- under which pass it was opened
ALTER TABLE mailboxes ADD COLUMN subscribers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE slots ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
ALTER TABLE slots ADD COLUMN pass BLOB;
CREATE TABLE passes (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    label BLOB NOT NULL,            -- what the operator calls it, in UTF-8
    most_mailboxes INTEGER NOT NULL,
    most_slots INTEGER NOT NULL,
    most_octets INTEGER NOT NULL,
    mailboxes INTEGER NOT NULL,     -- opened, and given to guest passes
    slots INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    made INTEGER NOT NULL,
    ends INTEGER,                   -- NULL: when revoked
    revoked INTEGER NOT NULL,
    parent BLOB,                    -- of a guest pass
    seal BLOB NOT NULL
);
CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    mailbox INTEGER NOT NULL,
    target BLOB NOT NULL,           -- where to, in UTF-8
    confirmed INTEGER NOT NULL,
    ends INTEGER,                   -- NULL once it is confirmed
    due INTEGER,                    -- when there is something to be sent, or a lease ends
    tries INTEGER NOT NULL,
    sent INTEGER,
    ticket INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    again INTEGER NOT NULL,
    seal BLOB NOT NULL
);
CREATE INDEX subscriptions_mailbox ON subscriptions (mailbox);
CREATE INDEX subscriptions_due ON subscriptions (due) WHERE due IS NOT NULL;
CREATE INDEX subscriptions_ends ON subscriptions (ends) WHERE ends IS NOT NULL;
"];
