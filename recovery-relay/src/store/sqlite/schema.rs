//! The tables. Times are milliseconds since 1970; `seal` is the record's own hash (see `rows.rs`).

/// Says that a file is a relay's store: "RCRY" as the application id in the file's header.
pub(super) const APPLICATION_ID: i32 = 0x5243_5259;
/// The newest layout this program knows.
pub(super) const VERSION: i32 = 1;

/// Layout 1. Ordinary rowid tables: a table without rowids takes several times the room for such rows.
pub(super) const LAYOUT: &str = "
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
";
