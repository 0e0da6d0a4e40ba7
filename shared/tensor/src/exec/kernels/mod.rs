//! The loops. Each works on plain slices with shapes already checked by the graph; none allocates its result.

pub(super) mod compute;
pub(super) mod conv;
pub(super) mod copy;
pub(super) mod fft;
pub(super) mod index;
pub(super) mod integer;
pub(super) mod math;
pub(super) mod matmul;
pub(super) mod reduce;
pub(super) mod scan;
pub(super) mod softmax;
pub(super) mod tile;
