//! SLIP-0039 over lines of text, so that another language's implementation can be held against ours.
//!
//! Requests on standard input, all fields separated by spaces, passphrases in hex ("-" if empty):
//! `split SECRET PASSPHRASE EXPONENT EXTENDABLE GROUP_THRESHOLD THRESHOLD/MEMBERS…` answers one line
//! of words for each share and an empty line; `combine PASSPHRASE`, then lines of words and an empty
//! line, answers the secret. A line that starts with `error: ` answers what cannot be done.

use rand_chacha::ChaCha20Rng;
use recovery_core::slip39::{Encryption, Group, Groups, Share, combine, split_encrypted};
use recovery_oracles::peers::seeded;
use std::{error::Error, io::BufRead};

type Outcome = Result<String, Box<dyn Error>>;

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits = if text == "-" { "" } else { text };
    let pairs = digits.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}

fn passphrase(text: &str) -> Result<String, Box<dyn Error>> {
    Ok(String::from_utf8(from_hex(text)?)?)
}

fn split(fields: &[&str], rng: &mut ChaCha20Rng) -> Outcome {
    let [secret, phrase, exponent, extendable, threshold, groups @ ..] = fields else {
        return Err("too few fields".into());
    };
    let group = |text: &&str| -> Result<Group, Box<dyn Error>> {
        let (threshold, members) = text.split_once('/').ok_or("no group")?;
        Ok(Group { threshold: threshold.parse()?, members: members.parse()? })
    };
    let groups = groups.iter().map(group).collect::<Result<Vec<_>, _>>()?;
    let groups = Groups::new(threshold.parse()?, groups)?;
    let passphrase = passphrase(phrase)?;
    let encryption = Encryption {
        passphrase: &passphrase,
        exponent: exponent.parse()?,
        extendable: *extendable == "1",
    };
    let set = split_encrypted(&from_hex(secret)?, &groups, encryption, rng)?;
    let lines = set.iter().flatten().map(|share| share.to_words().to_string() + "\n");
    Ok(lines.collect())
}

fn recover(fields: &[&str], lines: impl Iterator<Item = std::io::Result<String>>) -> Outcome {
    let texts: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let shares = texts.iter().map(|text| Share::from_words(text)).collect::<Result<Vec<_>, _>>()?;
    let phrase = passphrase(fields.first().ok_or("too few fields")?)?;
    let secret = combine(&shares, &phrase)?;
    Ok(secret.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn main() {
    let mut rng = seeded(std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed")));
    let mut lines = std::io::stdin().lock().lines();
    while let Some(Ok(line)) = lines.next() {
        let fields: Vec<_> = line.split(' ').collect();
        let outcome = match fields.as_slice() {
            ["split", fields @ ..] => split(fields, &mut rng),
            ["combine", fields @ ..] => recover(fields, &mut lines),
            _ => Err("unknown request".into()),
        };
        match outcome {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("error: {error}"),
        }
    }
}
