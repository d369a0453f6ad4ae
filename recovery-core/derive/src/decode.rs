//! Reading.

use crate::attributes::{Place, index_only, number, places};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, Variant};

pub(crate) fn implement(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(it) => {
            let value = value(&quote!(Self), &it.fields)?;
            quote!(Ok(#value))
        }
        Data::Enum(it) => {
            let alone = index_only(&input.attrs)?;
            let arms = it.variants.iter().map(|variant| arm(variant, alone));
            let arms = arms.collect::<Result<Vec<_>>>()?;
            let number = match alone {
                true => quote!(decoder.u32()?),
                false => quote!(::recovery_core::wire::places::variant(decoder)?),
            };
            quote! {
                match #number {
                    #(#arms)*
                    _ => Err(::recovery_core::wire::places::wrong()),
                }
            }
        }
        Data::Union(_) => return Err(Error::new_spanned(name, "a union has no places")),
    };
    Ok(quote! {
        impl<'bytes, Context> ::minicbor::Decode<'bytes, Context> for #name {
            fn decode(
                decoder: &mut ::minicbor::Decoder<'bytes>,
                context: &mut Context,
            ) -> ::core::result::Result<Self, ::minicbor::decode::Error> {
                #body
            }
        }
    })
}

/// One variant, by its number.
fn arm(variant: &Variant, alone: bool) -> Result<TokenStream> {
    let (name, number) = (&variant.ident, number(variant)?);
    if alone {
        return Ok(quote!(#number => Ok(Self::#name),));
    }
    let value = value(&quote!(Self::#name), &variant.fields)?;
    Ok(quote!(#number => Ok(#value),))
}

/// An array, and a value from its places in their order.
fn value(name: &TokenStream, fields: &Fields) -> Result<TokenStream> {
    let places = places(fields)?;
    let (count, fields) = (places.len() as u64, places.iter().map(field));
    Ok(quote! {{
        let mut left = ::recovery_core::wire::places::begin(decoder, #count)?;
        let places = &mut left;
        #name { #(#fields)* }
    }})
}

fn field(Place { name, with, kind, .. }: &Place<'_>) -> TokenStream {
    let way = match (kind.as_str(), with) {
        ("Option", None) => quote!(next_option(places, decoder, context)),
        ("Option", Some(with)) => {
            quote!(next_option_with(places, decoder, context, #with::decode))
        }
        ("Vec", None) => quote!(next_list(places, decoder, context)),
        (_, None) => quote!(next(places, decoder, context)),
        (_, Some(with)) => quote!(next_with(places, decoder, context, #with::decode)),
    };
    quote!(#name: ::recovery_core::wire::places::#way?,)
}
