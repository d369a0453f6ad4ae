//! What stands beside fields and variants.

use syn::{Attribute, Error, Field, Fields, Ident, LitInt, Path, Result, Type, Variant};

/// A field, its place, and how it is encoded if not as its type is.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) number: u32,
    pub(crate) with: Option<Path>,
    /// `Option` or `Vec`, or another name that says nothing.
    pub(crate) kind: String,
}

/// The fields in the order of their places.
pub(crate) fn places(fields: &Fields) -> Result<Vec<Place<'_>>> {
    let mut places = fields.iter().map(place).collect::<Result<Vec<_>>>()?;
    places.sort_by_key(|place| place.number);
    match places.iter().zip(0..).find(|(place, number)| place.number != *number) {
        None => Ok(places),
        Some((place, _)) => {
            Err(Error::new_spanned(place.name, "places are numbered from 0, without gaps"))
        }
    }
}

fn place(field: &Field) -> Result<Place<'_>> {
    let name = field.ident.as_ref();
    let name = name.ok_or_else(|| Error::new_spanned(field, "a place needs a name"))?;
    let said = Said::of(&field.attrs)?;
    let kind = match &field.ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    };
    let (number, kind) = (said.number(name)?, kind.unwrap_or_default());
    Ok(Place { name, number, with: said.with, kind })
}

/// The number of a variant.
pub(crate) fn number(variant: &Variant) -> Result<u32> {
    Said::of(&variant.attrs)?.number(&variant.ident)
}

/// Whether an enum has names alone.
pub(crate) fn index_only(attributes: &[Attribute]) -> Result<bool> {
    Ok(Said::of(attributes)?.index_only)
}

/// What attributes say.
#[derive(Default)]
struct Said {
    number: Option<u32>,
    with: Option<Path>,
    index_only: bool,
}

impl Said {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut said = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("n") {
                said.number = Some(attribute.parse_args::<LitInt>()?.base10_parse()?);
            }
            if attribute.path().is_ident("cbor") {
                attribute.parse_nested_meta(|meta| said.read(&meta))?;
            }
        }
        Ok(said)
    }

    fn read(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("n") {
            let content;
            syn::parenthesized!(content in meta.input);
            self.number = Some(content.parse::<LitInt>()?.base10_parse()?);
        } else if meta.path.is_ident("with") {
            self.with = Some(meta.value()?.parse::<syn::LitStr>()?.parse()?);
        } else if meta.path.is_ident("index_only") {
            self.index_only = true;
        } else {
            return Err(meta.error("only n, with and index_only"));
        }
        Ok(())
    }

    fn number(&self, of: &Ident) -> Result<u32> {
        self.number.ok_or_else(|| Error::new_spanned(of, "it has no number"))
    }
}
