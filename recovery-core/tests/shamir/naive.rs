//! GF(2^8) as taught at school: bit by bit, one octet at a time, nothing secret about it.

/// Product modulo 0x11B.
pub(crate) fn product(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        let carry = a & 0x80 != 0;
        a = (a << 1) ^ if carry { 0x1B } else { 0 };
        b >>= 1;
    }
    product
}

/// The other factor of 1.
pub(crate) fn inverse(a: u8) -> u8 {
    (1..=255).find(|b| product(a, *b) == 1).expect("zero has no inverse")
}

/// What the value at each of `xs` counts for at `x`, by Lagrange's formula.
pub(crate) fn weights(xs: &[u8], x: u8) -> Vec<u8> {
    let weight = |xi: &u8| {
        let others = xs.iter().filter(|xj| *xj != xi);
        others.fold(1, |weight, xj| product(weight, product(x ^ xj, inverse(xi ^ xj))))
    };
    xs.iter().map(weight).collect()
}

/// The sum of all products.
pub(crate) fn sum(weights: &[u8], values: impl IntoIterator<Item = u8>) -> u8 {
    weights.iter().zip(values).fold(0, |sum, (weight, value)| sum ^ product(*weight, value))
}
