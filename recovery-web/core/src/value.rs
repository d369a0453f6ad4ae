//! What goes over the boundary: CBOR with names for places, read and written here by hand. A general library for it
//! would be a tenth of the module.

use minicbor::{Decoder, Encoder, data::Type};
use std::ops::Deref;

/// How deep values stand in each other at most.
const DEPTH: usize = 6;

/// Octets; in CBOR not a list of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl Deref for Octets {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A value as it came in.
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(u64),
    Text(&'a str),
    Octets(&'a [u8]),
    List(Vec<Value<'a>>),
    Map(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads one value with nothing behind it.
    pub(crate) fn read(octets: &'a [u8]) -> Option<Self> {
        let mut decoder = Decoder::new(octets);
        let value = Self::next(&mut decoder, DEPTH)?;
        (decoder.position() == octets.len()).then_some(value)
    }

    fn next(decoder: &mut Decoder<'a>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        Some(match decoder.datatype().ok()? {
            Type::Null => decoder.null().map(|()| Self::Null).ok()?,
            Type::Bool => Self::Bool(decoder.bool().ok()?),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Self::Number(decoder.u64().ok()?),
            Type::String => Self::Text(decoder.str().ok()?),
            Type::Bytes => Self::Octets(decoder.bytes().ok()?),
            Type::Array => {
                let count = decoder.array().ok()??;
                Self::List((0..count).map(|_| Self::next(decoder, depth)).collect::<Option<_>>()?)
            }
            Type::Map => {
                let count = decoder.map().ok()??;
                let mut pair = || Some((decoder.str().ok()?, Self::next(decoder, depth)?));
                Self::Map((0..count).map(|_| pair()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// What stands under a name of a map; nothing for anything else.
    pub(crate) fn at(&self, name: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        if let Self::Bool(value) = self.at(name)? { Some(*value) } else { None }
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        if let Self::Number(value) = self.at(name)? { Some(*value) } else { None }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        if let Self::Text(value) = self.at(name)? { Some((*value).to_owned()) } else { None }
    }

    pub(crate) fn octets(&self, name: &str) -> Option<Octets> {
        self.at(name)?.as_octets()
    }

    /// A list of octets.
    pub(crate) fn all_octets(&self, name: &str) -> Option<Vec<Octets>> {
        let Self::List(values) = self.at(name)? else { return None };
        values.iter().map(Self::as_octets).collect()
    }

    fn as_octets(&self) -> Option<Octets> {
        if let Self::Octets(value) = self { Some(Octets(value.to_vec())) } else { None }
    }

    /// What `get` finds under a name, or nothing where there is none.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        get: impl FnOnce(&Self, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.at(name) {
            None | Some(Self::Null) => Some(None),
            Some(_) => get(self, name).map(Some),
        }
    }
}

/// Where values go out.
pub(crate) struct Out(Encoder<Vec<u8>>);

impl Out {
    /// The octets of a value.
    pub(crate) fn write(value: &impl Put) -> Vec<u8> {
        let mut out = Self(Encoder::new(Vec::new()));
        value.put(&mut out);
        out.0.into_writer()
    }

    /// A map begins, with so many pairs.
    pub(crate) fn map(&mut self, pairs: usize) {
        let _ = self.0.map(pairs as u64);
    }

    /// A pair of a map.
    pub(crate) fn pair(&mut self, name: &str, value: &dyn Put) {
        name.put(self);
        value.put(self);
    }
}

/// A value that goes out. Writing to memory does not fail.
pub(crate) trait Put {
    fn put(&self, out: &mut Out);
}

impl Put for bool {
    fn put(&self, out: &mut Out) {
        let _ = out.0.bool(*self);
    }
}

impl Put for u64 {
    fn put(&self, out: &mut Out) {
        let _ = out.0.u64(*self);
    }
}

impl Put for str {
    fn put(&self, out: &mut Out) {
        let _ = out.0.str(self);
    }
}

impl Put for &str {
    fn put(&self, out: &mut Out) {
        (**self).put(out);
    }
}

impl Put for String {
    fn put(&self, out: &mut Out) {
        self.as_str().put(out);
    }
}

impl Put for Octets {
    fn put(&self, out: &mut Out) {
        let _ = out.0.bytes(self);
    }
}

impl<T: Put> Put for Option<T> {
    fn put(&self, out: &mut Out) {
        match self {
            Some(value) => value.put(out),
            None => drop(out.0.null()),
        }
    }
}

impl<T: Put> Put for Vec<T> {
    fn put(&self, out: &mut Out) {
        let _ = out.0.array(self.len() as u64);
        self.iter().for_each(|value| value.put(out));
    }
}

/// Says under which names the places of a value go out.
macro_rules! put {
    ($type:ty { $($field:ident: $name:literal),* $(,)? }) => {
        impl $crate::value::Put for $type {
            fn put(&self, out: &mut $crate::value::Out) {
                out.map([$($name),*].len());
                $(out.pair($name, &self.$field);)*
            }
        }
    };
}
pub(crate) use put;
