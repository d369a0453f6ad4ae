//! Lists of what only an owner's device keeps: secrets, contacts, circles, invites.
//!
//! With the feature `owner` they are vectors. A program for friends alone is built without it: these lists are then
//! always empty, so the compiler leaves out whatever would read, change or decode what stands in them. Data with
//! anything in such a list does not decode there. What an owner does can be called, and keeps nothing.

/// A list of what only an owner's device keeps.
#[cfg(feature = "owner")]
pub type Own<T> = Vec<T>;

#[cfg(not(feature = "owner"))]
pub use none::Own;

#[cfg(not(feature = "owner"))]
mod none {
    use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
    use std::{
        marker::PhantomData,
        ops::{Deref, DerefMut, RangeBounds},
        option::IntoIter,
        slice::{Iter, IterMut},
    };

    /// A list that is always empty; it has what is used of a vector.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Own<T>(PhantomData<T>);

    impl<T> Default for Own<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<T> Deref for Own<T> {
        type Target = [T];
        fn deref(&self) -> &[T] {
            &[]
        }
    }

    impl<T> DerefMut for Own<T> {
        fn deref_mut(&mut self) -> &mut [T] {
            &mut []
        }
    }

    impl<T> Own<T> {
        /// An empty list.
        #[must_use]
        pub const fn new() -> Self {
            Self(PhantomData)
        }

        /// Keeps nothing.
        pub fn push(&mut self, _: T) {}

        /// Keeps nothing.
        pub fn extend(&mut self, _: impl IntoIterator<Item = T>) {}

        /// There is nothing to clear.
        pub fn clear(&mut self) {}

        /// There is nothing to drop.
        pub fn retain(&mut self, _: impl FnMut(&T) -> bool) {}

        /// There is nothing to drop.
        pub fn retain_mut(&mut self, _: impl FnMut(&mut T) -> bool) {}

        /// There is nothing to take out.
        pub fn drain(&mut self, _: impl RangeBounds<usize>) -> IntoIter<T> {
            None.into_iter()
        }

        /// There is nothing to take out.
        pub fn extract_if(
            &mut self,
            _: impl RangeBounds<usize>,
            _: impl FnMut(&mut T) -> bool,
        ) -> IntoIter<T> {
            None.into_iter()
        }
    }

    impl<T> IntoIterator for Own<T> {
        type Item = T;
        type IntoIter = IntoIter<T>;
        fn into_iter(self) -> IntoIter<T> {
            None.into_iter()
        }
    }

    impl<'a, T> IntoIterator for &'a Own<T> {
        type Item = &'a T;
        type IntoIter = Iter<'a, T>;
        fn into_iter(self) -> Iter<'a, T> {
            self.iter()
        }
    }

    impl<'a, T> IntoIterator for &'a mut Own<T> {
        type Item = &'a mut T;
        type IntoIter = IterMut<'a, T>;
        fn into_iter(self) -> IterMut<'a, T> {
            self.iter_mut()
        }
    }

    impl<C, T> Encode<C> for Own<T> {
        fn encode<W: encode::Write>(
            &self,
            e: &mut Encoder<W>,
            _: &mut C,
        ) -> Result<(), encode::Error<W::Error>> {
            e.array(0)?.ok()
        }
    }

    impl<'b, C, T> Decode<'b, C> for Own<T> {
        fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
            match d.array()? {
                Some(0) => Ok(Self::new()),
                _ => Err(decode::Error::message("only an owner's device has that")),
            }
        }
    }
}
