//! Running loops with the widest vector instructions that this CPU has.

use pulp::{Arch, Simd, WithSimd};

struct Call<A, F>(A, F);

impl<A, R, F: FnOnce(A) -> R> WithSimd for Call<A, F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> R {
        (self.1)(self.0)
    }
}

/// Call `body(arguments)` compiled for the CPU's vector features. `body` must be a function marked
/// `#[inline(always)]`: only what is inlined here is compiled so.
#[inline]
pub(crate) fn vectorised<A, R>(arguments: A, body: impl FnOnce(A) -> R) -> R {
    Arch::new().dispatch(Call(arguments, body))
}
