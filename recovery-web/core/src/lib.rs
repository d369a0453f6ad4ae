//! A friend's device in a browser: [`call`] is all there is.
//!
//! The page knows nothing of the protocol. It keeps the octets of a home, encrypted; each call takes them with the
//! time, 32 random octets and what to do, and gives an answer and the home as it is then. What is to be sent comes
//! out as HTTP calls ([`net`]); the page makes them and says what came of each. So all of it can be called twice, and
//! a page that is closed half way loses nothing.
//!
//! - [`calls`]: everything that can be asked, and the answers
//! - `home`: what a home holds
//! - `files`: what travels as files, where there is no relay
//! - [`friend`]: invites, requests, rehearsals
//! - [`net`]: steps of the protocol to HTTP calls and back
//! - [`card`]: the key card, by which a friend comes back in another browser
//! - [`view`]: what the page shows
//! - [`value`]: CBOR for JavaScript

pub mod calls;
pub mod card;
mod export;
mod files;
pub mod friend;
mod home;
pub mod net;
pub mod value;
pub mod view;

use calls::{Answer, Call, Code, Input, Output};
use chacha20::ChaCha20Rng;
use home::Home;
use rand_core::SeedableRng;
use recovery_core::{flows::Context, kdf::KdfCost};
use value::{Octets, Out};

/// Longest input that is read: a home and the largest answer of a relay.
const INPUT_MAX: usize = 64 * 1_024 * 1_024;

/// Acts on one [`Input`], in CBOR; gives one [`Output`], in CBOR. Without a home in it, the home is as it was.
#[must_use]
pub fn call(input: &[u8]) -> Vec<u8> {
    let read = || Input::read(input);
    let input = Some(()).filter(|()| input.len() <= INPUT_MAX).and_then(|()| read());
    let output = match input {
        Some(input) if input.seed.len() == 32 => act(input),
        _ => failed("call"),
    };
    Out::write(&output)
}

/// Same as [`call`] for an input that was read.
fn act(input: Input) -> Output {
    let mut seed = [0; 32];
    seed.copy_from_slice(&input.seed);
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut ctx = Context { now: input.now, rng: &mut rng, cost: KdfCost::STANDARD };
    let before = input.home;
    let home = match before.as_ref().map(|octets| Home::decode(octets)).transpose() {
        Ok(home) => home,
        Err(()) => return failed("home-damaged"),
    };
    match run(home, input.call, &mut ctx) {
        Ok((home, answer)) => {
            let after = home.map(|home| Octets(home.encode().to_vec()));
            let home = after.filter(|after| before.as_ref() != Some(after));
            Output { home, answer: Some(answer), error: None }
        }
        Err(code) => failed(&code),
    }
}

fn failed(code: &str) -> Output {
    Output { home: None, answer: None, error: Some(code.to_owned()) }
}

/// Calls that need no home, those that make one, and those that need one.
fn run(
    home: Option<Home>,
    call: Call,
    ctx: &mut Context<'_>,
) -> Result<(Option<Home>, Answer), Code> {
    match call {
        Call::Link { text } => Ok((home, friend::parse_link(&text)?)),
        Call::Invite { link, boxed } => Ok((home, friend::look_at_invite(&link, &boxed, ctx.now)?)),
        Call::Create { name } if home.is_none() => made(Home::create(&name, ctx)?, ctx),
        Call::Boxed { link, file } => Ok((home, files::boxed(&link, &file)?)),
        Call::CardSlot { words, relay } => Ok((home, card::slot_of(&words, &relay)?)),
        Call::OpenCard { words, boxed } if home.is_none() => made(card::open(&words, &boxed)?, ctx),
        Call::OpenFile { words, file } if home.is_none() => {
            made(card::open_file(&words, &file)?, ctx)
        }
        call => {
            let mut home = home.ok_or_else(|| Code::from("no-home"))?;
            let answer = with_home(&mut home, call, ctx)?;
            Ok((Some(home), answer))
        }
    }
}

fn made(home: Home, ctx: &Context<'_>) -> Result<(Option<Home>, Answer), Code> {
    let view = view::of(&home, ctx.now);
    Ok((Some(home), Answer::View(view)))
}

fn with_home(home: &mut Home, call: Call, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    match call {
        Call::View => Ok(Answer::View(view::of(home, ctx.now))),
        Call::Accept { link, boxed, reach } => friend::accept(home, &link, &boxed, reach, ctx),
        Call::Pairing { owner } => friend::pairing(home, &owner, ctx),
        Call::Verify { owner, number } => friend::verify(home, &owner, &number, ctx),
        Call::OpenRequest { link, boxed, owner } => {
            friend::open_request(home, (&link, boxed.as_deref()), &owner, ctx)
        }
        Call::Try { request, number } => friend::try_number(home, &request, &number, ctx),
        Call::Approve { request, way } => friend::approve(home, &request, &way, ctx),
        Call::Decline { request, reason } => friend::decline(home, &request, reason, ctx),
        Call::Report { request, reason } => friend::report(home, &request, reason, ctx),
        Call::Drill { drill, number } => friend::drill(home, &drill, &number, ctx),
        Call::Leave { owner } => friend::leave(home, &owner, ctx),
        Call::Outbox => Ok(Answer::Calls(net::outbox(home))),
        Call::Sent { id, status, code } => net::sent(home, id, status, &code),
        Call::Reads => Ok(Answer::Reads(net::reads(home)?)),
        Call::Took { read, epoch, body } => net::took(home, &read, &epoch, &body, ctx),
        Call::TakeFile { file } => files::take(home, &file, ctx),
        Call::GiveFile => Ok(files::give(home, ctx.now)),
        Call::Tidy => net::tidy(home, ctx),
        Call::AlarmSlots { request } => friend::alarm_slots(home, &request),
        Call::Alarms { request, found } => friend::alarms(home, &request, &found),
        Call::Uploads => Ok(Answer::Uploads(net::uploads(home, ctx)?)),
        Call::Uploaded { relay, etag, version } => net::uploaded(home, &relay, etag, version),
        Call::Card => Ok(card::show(home)?),
        Call::CardFile => card::file(home, ctx),
        Call::CardKept => Ok(card::kept(home, ctx.now)),
        _ => Err("home-there".into()),
    }
}
