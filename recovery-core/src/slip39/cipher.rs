//! The passphrase's encryption: a Feistel network of four rounds of PBKDF2-HMAC-SHA256.
//!
//! Any passphrase decrypts to something: a wrong one is not noticed, as the standard wants it.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

/// PBKDF2 iterations of one round at exponent 0; all four rounds make 10,000.
const ITERATIONS: u32 = 2_500;

/// What the encryption of one share set depends on.
pub(super) struct Cipher<'a> {
    pub(super) passphrase: &'a str,
    pub(super) identifier: u16,
    pub(super) extendable: bool,
    pub(super) exponent: u8,
}

impl Cipher<'_> {
    /// Encrypts a master secret of even length.
    pub(super) fn encrypt(&self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
        self.rounds([0, 1, 2, 3], secret)
    }

    /// Decrypts to a master secret of the same length.
    pub(super) fn decrypt(&self, encrypted: &[u8]) -> Zeroizing<Vec<u8>> {
        self.rounds([3, 2, 1, 0], encrypted)
    }

    fn rounds(&self, numbers: [u8; 4], input: &[u8]) -> Zeroizing<Vec<u8>> {
        let (left, right) = input.split_at(input.len() / 2);
        let mut left = Zeroizing::new(left.to_vec());
        let mut right = Zeroizing::new(right.to_vec());
        for number in numbers {
            let mask = self.round(number, &right);
            left.iter_mut().zip(mask.iter()).for_each(|(octet, mask)| *octet ^= mask);
            std::mem::swap(&mut left, &mut right);
        }
        let mut output = Zeroizing::new(Vec::with_capacity(input.len()));
        output.extend_from_slice(&right);
        output.extend_from_slice(&left);
        output
    }

    /// PBKDF2 with the password `number ‖ passphrase` and the salt `prefix ‖ half`.
    ///
    /// The prefix is empty for an extendable set, else `"shamir" ‖ identifier`.
    fn round(&self, number: u8, half: &[u8]) -> Zeroizing<Vec<u8>> {
        let passphrase = self.passphrase.as_bytes();
        let mut password = Zeroizing::new(Vec::with_capacity(1 + passphrase.len()));
        password.push(number);
        password.extend_from_slice(passphrase);
        let mut salt = Zeroizing::new(Vec::with_capacity(8 + half.len()));
        if !self.extendable {
            salt.extend_from_slice(b"shamir");
            salt.extend_from_slice(&self.identifier.to_be_bytes());
        }
        salt.extend_from_slice(half);
        let mut mask = Zeroizing::new(vec![0; half.len()]);
        pbkdf2_hmac::<Sha256>(&password, &salt, ITERATIONS << (self.exponent & 15), &mut mask);
        mask
    }
}
