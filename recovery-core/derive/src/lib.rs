//! `#[derive(Decode)]` for values of recovery-core: the attributes of minicbor's derive, and the same octets.
//!
//! minicbor's `Decode` also takes what nobody may send here: arrays of indefinite length, unknown places, variants that
//! it does not know. `wire::decode` refuses all of that afterwards, because it encodes differently. This one refuses it
//! at once and reads the places one after another, so its program is a third as large: a browser has to load it before
//! a friend sees anything.

mod attributes;
mod decode;

use proc_macro2::TokenStream;
use syn::{DeriveInput, Error, Result};

/// Reads a value whose places have the numbers from 0 up: `#[n(0)]`, or `#[cbor(n(0), with = "minicbor::bytes")]`.
/// Enums of names alone have `#[cbor(index_only)]`.
#[proc_macro_derive(Decode, attributes(n, cbor))]
pub fn derive_decode(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input, decode::implement)
}

fn derive(
    input: proc_macro::TokenStream,
    implement: fn(&DeriveInput) -> Result<TokenStream>,
) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    let plain = match input.generics.params.first() {
        None => Ok(()),
        Some(parameter) => {
            Err(Error::new_spanned(parameter, "a value of the wire has no parameters"))
        }
    };
    let implemented = plain.and_then(|()| implement(&input));
    implemented.unwrap_or_else(|error| error.to_compile_error()).into()
}
