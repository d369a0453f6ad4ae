//! The least of CBOR, written from `docs/spec/wire.md` and not from recovery-core: what is made here
//! and read there has two authors.

/// A value of the wire.
#[derive(Clone)]
pub(crate) enum Cbor {
    Uint(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Cbor>),
    Bool(bool),
    Null,
    /// Octets as they are: for encodings that must be refused.
    Raw(Vec<u8>),
}

pub(crate) fn uint(number: u64) -> Cbor {
    Cbor::Uint(number)
}

pub(crate) fn bytes(octets: impl AsRef<[u8]>) -> Cbor {
    Cbor::Bytes(octets.as_ref().to_vec())
}

pub(crate) fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

pub(crate) fn array(items: impl Into<Vec<Cbor>>) -> Cbor {
    Cbor::Array(items.into())
}

pub(crate) fn raw(octets: impl AsRef<[u8]>) -> Cbor {
    Cbor::Raw(octets.as_ref().to_vec())
}

/// A place that may be empty but is not the last one.
pub(crate) fn or_null(item: Option<Cbor>) -> Cbor {
    item.unwrap_or(Cbor::Null)
}

impl Cbor {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// The same array with another item at `at`.
    pub(crate) fn with(&self, at: usize, item: Cbor) -> Self {
        let mut items = self.items();
        items[at] = item;
        Self::Array(items)
    }

    /// The same array with one more item.
    pub(crate) fn and(&self, item: Cbor) -> Self {
        let mut items = self.items();
        items.push(item);
        Self::Array(items)
    }

    fn items(&self) -> Vec<Self> {
        match self {
            Self::Array(items) => items.clone(),
            _ => panic!("not an array"),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Uint(number) => head(0, *number, out),
            Self::Bytes(octets) => {
                head(2, octets.len() as u64, out);
                out.extend_from_slice(octets);
            }
            Self::Text(text) => {
                head(3, text.len() as u64, out);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Array(items) => {
                head(4, items.len() as u64, out);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Bool(value) => out.push(0xF4 + u8::from(*value)),
            Self::Null => out.push(0xF6),
            Self::Raw(octets) => out.extend_from_slice(octets),
        }
    }
}

/// Major type and argument in the shortest form.
fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let octets = argument.to_be_bytes();
    let (info, length) = match argument {
        0..=23 => (argument as u8, 0),
        24..=0xFF => (24, 1),
        0x100..=0xFFFF => (25, 2),
        0x1_0000..=0xFFFF_FFFF => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&octets[8 - length..]);
}
