//! Sums of digests: order and grouping of the terms do not matter, their number and sign do.

/// A number modulo 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sum([u64; 4]);

impl Sum {
    /// One term.
    pub(super) fn of(digest: blake3::Hash) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.as_bytes().chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("chunks of 8"));
        }
        Self(words)
    }

    /// The digest of a sum.
    pub(super) fn digest(self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for word in self.0 {
            hasher.update(&word.to_le_bytes());
        }
        hasher.finalize()
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|i| {
            let (sum, first) = self.0[i].overflowing_add(other.0[i]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            sum
        }))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        let one = Self([1, 0, 0, 0]);
        self.plus(Self(other.0.map(|word| !word)).plus(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_form_a_group() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|t| Sum::of(blake3::hash(t)));
        assert_eq!(a.plus(b).plus(c), c.plus(b.plus(a)));
        assert_eq!(a.minus(b).plus(b), a);
        assert_eq!(a.minus(a), Sum::default());
        assert_ne!(a.plus(a), a);
        assert_ne!(a.minus(b), b.minus(a));
    }
}
