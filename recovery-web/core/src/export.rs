//! What the browser calls: room for the input, the call, and where the answer is.
//!
//! Nothing here follows a pointer. The page writes its input into the module's memory where [`room`] says, calls
//! [`call`], and reads the answer from where [`answer`] says; on this side both are vectors. The word `unsafe`
//! is about the names alone: a name that is exported must not stand for anything else in the module.

#![expect(unsafe_code, reason = "a function that JavaScript calls needs an exported name")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// The input, then the answer.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn buffer() -> MutexGuard<'static, Vec<u8>> {
    BUFFER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for an input of so many octets; gives where it begins.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *const u8 {
    let mut buffer = buffer();
    buffer.zeroize();
    buffer.resize(length, 0);
    buffer.as_ptr()
}

/// Acts on the input; gives the length of the answer.
#[unsafe(no_mangle)]
extern "C" fn call() -> usize {
    let mut buffer = buffer();
    let input = Zeroizing::new(std::mem::take(&mut *buffer));
    *buffer = crate::call(&input);
    buffer.len()
}

/// Where the answer begins.
#[unsafe(no_mangle)]
extern "C" fn answer() -> *const u8 {
    buffer().as_ptr()
}
