//! Every message, one struct each: what people, devices and slots say to each other.

macro_rules! message {
    ($name:ident, $text:literal, $max:expr $(, $kind:ident)?) => {
        impl Wire for $name {
            const NAME: &'static str = $text;
            const MAX: usize = $max;
        }
        $(impl Statement for $name {
            const KIND: Kind = Kind::$kind;
        })?
    };
}

mod circle;
mod pairing;
mod recovery;
mod succession;

pub use circle::*;
pub use pairing::*;
pub use recovery::*;
pub use succession::*;
