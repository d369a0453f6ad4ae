//! Every state of a request on a friend's device, of a generation of the owner's, and of an owner with a friend,
//! against everything that can happen: made by doing it, and printed into docs/spec/states.md. `UPDATE_STATES=1` writes the page anew.
#![cfg(feature = "testkit")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test stops at what can't be; a table of everything that can happen is long"
)]

#[path = "states/succession.rs"]
mod succession;

use recovery_core::{
    circle::{OpenedState, Stage},
    flows::{
        approve::{ApproveError, Consent},
        protect::Plan,
        request::{NewDevice, RequestError},
    },
    ids::CircleId,
    policy::Policy,
    testkit::table::{Table, named},
    wire::messages::HoldBy,
};
use std::{env, fs, path::Path};

const DAY: u64 = 86_400;

/// A request on Bob's device, who holds a piece of Anna's key.
struct Case {
    table: Table,
    new: NewDevice,
}

/// What a request can be.
const STATES: [&str; 9] = [
    "open",
    "checked",
    "approved, held by a relay",
    "approved, held by this device",
    "approved, sent",
    "declined",
    "burnt",
    "cancelled",
    "stopped",
];

/// What can happen to it.
const ACTS: [&str; 14] = [
    "friend types the right number",
    "friend types a wrong number",
    "friend types the third wrong number",
    "friend approves",
    "friend scans and approves",
    "friend scans and overrides",
    "friend declines",
    "friend reports an impostor",
    "friend takes it for another owner's",
    "owner stops it",
    "new device cancels, seen",
    "another request is under the link",
    "a day passes",
    "14 days pass",
];

fn case(state: &str) -> Case {
    let by = if state.contains("this device") { HoldBy::Contacts } else { HoldBy::Relay };
    let delay = if state.contains("held") { DAY } else { 0 };
    let mut table = Table::new(1, &["Anna", "Bob", "Carol", "Zoe"]);
    for owner in [0, 3] {
        (1..3).for_each(|friend| table.pair(owner, friend));
        let policy = Policy::any(2, vec![table.id(1), table.id(2)]).unwrap();
        let plan = Plan { delay, hold_by: by, ..policy.into() };
        let made = table.with(owner, |device, ctx| device.protect(plan, ctx)).unwrap();
        table.put(made.step);
        table.settle();
    }
    let new = table.ask("Anna");
    let anna = table.id(0);
    table.open(1, &new.link(false), anna).unwrap();
    table.settle();
    let mut case = Case { table, new };
    match state {
        "open" => {}
        "checked" => drop(case.act("friend types the right number")),
        "declined" => drop(case.act("friend declines")),
        "burnt" => drop(case.act("friend types the third wrong number")),
        "cancelled" => drop(case.act("new device cancels, seen")),
        "stopped" => drop(case.act("owner stops it")),
        _ => drop(case.act("friend scans and approves")),
    }
    assert_eq!(case.state(), state);
    case
}

impl Case {
    fn state(&self) -> &'static str {
        let id = self.new.id();
        let opened = self.table.people[1].opened().iter().find(|opened| opened.id == id).unwrap();
        match (opened.state, opened.held.map(|held| held.by)) {
            (OpenedState::Open, _) if opened.checked => "checked",
            (OpenedState::Open, _) => "open",
            (OpenedState::Approved, _) if opened.is_out(self.table.now) => "approved, sent",
            (OpenedState::Approved, Some(HoldBy::Relay)) => "approved, held by a relay",
            (OpenedState::Approved, Some(HoldBy::Contacts)) => "approved, held by this device",
            (OpenedState::Approved, None) => "approved, sent",
            (OpenedState::Declined, _) => "declined",
            (OpenedState::Burnt, _) => "burnt",
            (OpenedState::Cancelled, _) => "cancelled",
            (OpenedState::Vetoed, _) => "stopped",
            (OpenedState::Impostor, _) => "impostor",
        }
    }

    /// Does it; gives why it was refused.
    fn act(&mut self, act: &str) -> Result<(), String> {
        let (id, link, code) = (self.new.id(), self.new.link(false), self.new.link(true));
        let (anna, zoe) = (self.table.id(0), self.table.id(3));
        let before = self.table.people[1].encode();
        let consent = |scanned, overrides| Consent { scanned, overrides, ..Consent::default() };
        let done = match act {
            "friend types the right number" => self.type_number(true),
            "friend types a wrong number" => self.type_number(false),
            "friend types the third wrong number" => {
                (0..2).for_each(|_| drop(self.type_number(false)));
                self.type_number(false)
            }
            "friend approves" => self.approve(consent(None, false)),
            "friend scans and approves" => self.approve(consent(Some(&code), false)),
            "friend scans and overrides" => self.approve(consent(Some(&code), true)),
            "friend declines" => {
                let sent = self.table.with(1, |device, ctx| device.decline(id, None, ctx));
                sent.map(|sent| drop(self.table.put(sent.to_requester))).map_err(refusal)
            }
            "friend reports an impostor" => {
                let step = self.table.with(1, |d, ctx| d.report_impostor(id, None, ctx));
                step.map(|step| drop(self.table.put(step))).map_err(refusal)
            }
            "friend takes it for another owner's" => {
                let step = self.table.with(1, |device, ctx| device.choose_owner(id, zoe, ctx));
                step.map(|step| drop(self.table.put(step))).map_err(|e| refusal(e.into()))
            }
            "owner stops it" => {
                let step = self.table.with(0, |device, ctx| device.veto(id, ctx)).unwrap();
                self.table.put(step);
                self.table.settle();
                Ok(())
            }
            "new device cancels, seen" => {
                let step = self.table.context(|ctx| self.new.cancel(ctx)).unwrap();
                self.table.put(step);
                self.table.open(1, &link, anna).map(drop).map_err(|e| refusal(e.into()))
            }
            "another request is under the link" => {
                let other = self.table.ask("Anna");
                let boxed = self.table.rebox(&other, &link);
                let opened = self.table.with(1, |d, ctx| d.open_request(&link, &boxed, anna, ctx));
                opened.map(drop).map_err(|e| refusal(e.into()))
            }
            "a day passes" => {
                self.table.now += DAY;
                let step = self.table.with(1, |device, ctx| device.tidy(ctx));
                self.table.put(step);
                Ok(())
            }
            "14 days pass" => {
                self.table.now += 14 * DAY;
                self.approve(consent(Some(&code), false))
            }
            other => panic!("{other}"),
        };
        if done.is_err() && act != "friend types the third wrong number" {
            assert_eq!(
                self.table.people[1].encode(),
                before,
                "{act} was refused, and changed something"
            );
        }
        done
    }

    fn approve(&mut self, consent: Consent<'_>) -> Result<(), String> {
        let id = self.new.id();
        let sent = self.table.with(1, |device, ctx| device.approve(id, consent, ctx));
        sent.map(|sent| drop(self.table.put(sent.to_requester))).map_err(refusal)
    }

    fn type_number(&mut self, right: bool) -> Result<(), String> {
        let id = self.new.id();
        let number = self.table.context(|ctx| self.new.number(ctx)).unwrap();
        let digits: u64 = number.digits().parse().unwrap();
        let near = (digits.saturating_sub(99)..digits + 99).filter(|other| *other != digits);
        let other = near.filter_map(|other| format!("{other:015}").parse().ok()).next().unwrap();
        let typed = if right { number } else { other };
        let tried = self.table.with(1, |device, ctx| device.try_number(id, &typed, ctx));
        tried.map(|(_, step)| drop(self.table.put(step))).map_err(refusal)
    }
}

fn refusal(error: ApproveError) -> String {
    match error {
        ApproveError::AlreadyApproved => "already approved",
        ApproveError::AlreadyDeclined => "already declined",
        ApproveError::Burnt => "burnt",
        ApproveError::Cancelled => "cancelled",
        ApproveError::Vetoed => "stopped",
        ApproveError::Impostor => "reported",
        ApproveError::Unchecked => "not checked",
        ApproveError::Expired => "expired",
        ApproveError::Request(RequestError::Changed) => "another request",
        ApproveError::Request(RequestError::Expired) => "expired",
        ApproveError::Request(RequestError::Decided) => "already approved",
        other => panic!("{other}"),
    }
    .to_owned()
}

/// The cells of one table: rows are what happens, columns are states.
fn rows(states: &[&str], acts: &[&str], cell: impl Fn(&str, &str) -> String) -> String {
    let mut text = format!("| | {} |\n|---|{}\n", states.join(" | "), "---|".repeat(states.len()));
    for act in acts {
        let cells: Vec<String> = states.iter().map(|state| cell(state, act)).collect();
        text.push_str(&format!("| {act} | {} |\n", cells.join(" | ")));
    }
    text
}

fn requests() -> String {
    let impostor = |act: &str| {
        let mut case = case("open");
        case.act("friend reports an impostor").unwrap();
        outcome("impostor", case, act)
    };
    let mut states = STATES.to_vec();
    states.push("impostor");
    rows(&states, &ACTS, |state, act| match state {
        "impostor" => impostor(act),
        _ => outcome(state, case(state), act),
    })
}

fn outcome(before: &str, mut case: Case, act: &str) -> String {
    // Wrong numbers are for requests that wait.
    let done = case.act(act);
    match (done, case.state()) {
        (Err(why), after) if after == before => format!("*{why}*"),
        (_, after) if after == before => "·".to_owned(),
        (_, after) => format!("**{after}**"),
    }
}

/// What a generation can be.
const STAGES: [&str; 4] = ["pending", "live", "superseded", "retired"];

const CIRCLE_ACTS: [&str; 9] = [
    "one contact proves the newest",
    "enough contacts prove the newest",
    "all contacts prove the newest",
    "a contact sends a wrong proof",
    "owner renews",
    "owner ends the renewal",
    "a contact leaves",
    "a contact is removed",
    "owner changes the vault",
];

/// Anna's key with 2 of 4, and a generation in this stage.
fn generation(stage: &str) -> (Table, CircleId) {
    let mut table = Table::new(2, &["Anna", "Bob", "Carol", "Dora", "Emil"]);
    let first = table.circle(0, 2, &[1, 2, 3, 4]).circle;
    if stage == "live" {
        return (table, first);
    }
    let made = table.with(0, |device, ctx| device.renew(None, ctx)).unwrap();
    table.put(made.step);
    table.upload(0);
    match stage {
        "pending" => (table, made.circle),
        "superseded" => {
            prove(&mut table, 3);
            (table, first)
        }
        _ => {
            table.settle();
            (table, first)
        }
    }
}

fn stage(table: &Table, id: CircleId) -> &'static str {
    match table.people[0].vault().circles.iter().find(|circle| circle.id == id) {
        Some(circle) => match circle.stage {
            Stage::Pending => "pending",
            Stage::Live => "live",
            Stage::Superseded => "superseded",
        },
        None if table.people[0].vault().retired.iter().any(|old| old.id == id) => "retired",
        None => "dropped",
    }
}

/// The first so many messages arrive, and what answers them.
fn prove(table: &mut Table, count: usize) {
    for _ in 0..count.min(table.mail().len()) {
        let later: Vec<_> = table.mail().drain(1..).collect();
        table.settle();
        table.mail().extend(later);
    }
}

fn circle_outcome(before: &str, act: &str) -> String {
    let (mut table, id) = generation(before);
    let now = table.now;
    let refused = match act {
        "one contact proves the newest" => {
            prove(&mut table, 1);
            None
        }
        "enough contacts prove the newest" => {
            prove(&mut table, 3);
            None
        }
        "all contacts prove the newest" => {
            table.settle();
            None
        }
        "a contact sends a wrong proof" => {
            let newest = table.people[0].vault().circles.last().unwrap().id;
            let receipt = table.receipt(1, 0, newest, [7; 32]);
            let source = recovery_core::flows::Source::Contact(table.id(1));
            let step = table.with(0, |device, ctx| device.handle(source, &receipt, ctx));
            table.put(step);
            None
        }
        "owner renews" => {
            let made = table.with(0, |device, ctx| device.renew(None, ctx)).unwrap();
            table.put(made.step);
            None
        }
        "owner ends the renewal" => {
            let step = table.with(0, |device, ctx| device.finish_renewal(ctx));
            step.map(|step| drop(table.put(step))).err().map(|_| "too few proofs")
        }
        "a contact leaves" => {
            let anna = table.id(0);
            let step = table.with(4, |device, ctx| device.leave(anna, ctx)).unwrap();
            let body = step.outbox.iter().find_map(|delivery| match delivery {
                recovery_core::flows::Delivery::Post { body, .. } => Some(body.clone()),
                _ => None,
            });
            let source = recovery_core::flows::Source::Contact(table.id(4));
            let body = body.unwrap();
            let step = table.with(0, |device, ctx| device.handle(source, &body, ctx));
            table.put(step);
            None
        }
        "a contact is removed" => {
            table.people[0].remove_contact(&named("Emil"), now).unwrap();
            None
        }
        "owner changes the vault" => {
            table.people[0].add(named("more"), b"x", now).unwrap();
            table.upload(0);
            None
        }
        other => panic!("{other}"),
    };
    match (refused, stage(&table, id)) {
        (Some(why), after) if after == before => format!("*{why}*"),
        (_, after) if after == before => "·".to_owned(),
        (_, after) => format!("**{after}**"),
    }
}

fn page() -> String {
    format!(
        "# States\n\n\
         Made by doing everything in every state (`recovery-core/tests/states.rs`). **Bold** is the state afterwards, \
         · is no change, and *a refusal* changes nothing either. Only what is open, checked, held or stopped can still change. A report warns the owner and the other contacts in every state but sent.\n\n\
         ## A request on a friend's device\n\n{}\n\
         ## A generation of shares, with its owner\n\n\
         2 of 4 contacts; the newest generation is the pending one where there is one.\n\n{}\n\
         ## An owner, with a friend who holds a piece\n\n\
         2 of 4 contacts, of whom two others always approve. *Succeeded*: a new device took the lost one's place here.\n\n{}",
        requests(),
        rows(&STAGES, &CIRCLE_ACTS, circle_outcome),
        succession::page(),
    )
}

#[test]
fn the_page_says_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec/states.md");
    let page = page();
    if env::var_os("UPDATE_STATES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "run UPDATE_STATES=1 cargo test --features testkit --test states\n{page}"
    );
}

#[test]
fn what_is_final_stays() {
    for state in ["declined", "burnt", "cancelled", "approved, sent"] {
        for act in ACTS {
            let mut case = case(state);
            let _ = case.act(act);
            assert_eq!(case.state(), state, "{act}");
        }
    }
    for act in ACTS {
        let mut case = case("open");
        case.act("friend reports an impostor").unwrap();
        let _ = case.act(act);
        assert_eq!(case.state(), "impostor", "{act}");
    }
    for act in CIRCLE_ACTS {
        assert_eq!(circle_outcome("retired", act).replace("*too few proofs*", "·"), "·", "{act}");
    }
}
