//! Writing.

use crate::attributes::{Place, index_only, number, places};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, Variant};

pub(crate) fn implement(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(it) => arm(&quote!(Self), &quote!(), &it.fields)?,
        Data::Enum(it) => {
            let alone = index_only(&input.attrs)?;
            let arms = it.variants.iter().map(|it| variant(it, alone));
            let arms = arms.collect::<Result<Vec<_>>>()?;
            quote!(#(#arms)*)
        }
        Data::Union(_) => return Err(Error::new_spanned(name, "a union has no places")),
    };
    Ok(quote! {
        impl<Context> ::minicbor::Encode<Context> for #name {
            fn encode<Writer: ::minicbor::encode::Write>(
                &self,
                encoder: &mut ::minicbor::Encoder<Writer>,
                context: &mut Context,
            ) -> ::core::result::Result<(), ::minicbor::encode::Error<Writer::Error>> {
                match self { #body }
                Ok(())
            }
        }
    })
}

/// One variant: its number, or an array of its number and what belongs to it.
fn variant(variant: &Variant, alone: bool) -> Result<TokenStream> {
    let (name, number) = (&variant.ident, number(variant)?);
    if alone {
        return Ok(quote!(Self::#name => { encoder.u32(#number)?; }));
    }
    arm(&quote!(Self::#name), &quote!(encoder.array(2)?.u32(#number)?;), &variant.fields)
}

/// A value's array, behind what comes before it: as many places as there are up to the last that is not absent.
fn arm(name: &TokenStream, head: &TokenStream, fields: &Fields) -> Result<TokenStream> {
    let places = places(fields)?;
    let least = places.iter().rposition(|place| !place.is_option()).map_or(0, |at| at + 1) as u64;
    let (always, rest) = places.split_at(least as usize);
    let names = places.iter().map(|place| place.name);
    let counts = rest.iter().map(|Place { name, number, .. }| {
        let count = u64::from(*number) + 1;
        quote!(if #name.is_some() { count = #count; })
    });
    let count = match rest.is_empty() {
        true => quote!(let count = #least;),
        false => quote!(let mut count = #least; #(#counts)*),
    };
    let (always, rest) = (
        always.iter().map(write),
        rest.iter().map(|place| {
            let (number, write) = (u64::from(place.number), write(place));
            quote!(if count > #number { #write })
        }),
    );
    Ok(quote! {
        #name { #(#names),* } => {
            #head
            #count
            encoder.array(count)?;
            #(#always)*
            #(#rest)*
        }
    })
}

fn write(Place { name, with, .. }: &Place<'_>) -> TokenStream {
    match with {
        None => quote!(::minicbor::Encode::encode(#name, encoder, context)?;),
        Some(with) => quote!(#with::encode(#name, encoder, context)?;),
    }
}
