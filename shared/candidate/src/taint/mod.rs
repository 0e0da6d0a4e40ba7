//! Taint: does an output depend on a later input, or on another row of the batch?
//!
//! An abstract interpretation of the graph, element by element. Every element carries, per row of the batch, the
//! latest time step of the input that it can depend on, and its value where that is the same for all inputs and
//! parameters ([`Element`]). Exact zeros cut dependencies: masks by multiplication, `where`, softmax over masked
//! scores, powers of strictly triangular matrices.
//!
//! **Proved** holds for all parameter values, all inputs, at the analysed shape. Buffers count by their initial value.
//! Assumed:
//! - `0 * x` is 0 and `x - inf` is -inf: a NaN or an infinity of the other operand does not travel through them;
//! - ordinary values are far above -1e8, so that a score with such a mask added has a softmax weight of exactly zero;
//! - constants are folded in double precision: one that is zero there is zero.
//!
//! **Refuted** means that the dependency is there in the structure. Algebra that cancels it (`x - x`) is not seen.
//! **Unproved** is said where the dependency rests on a choice made by data: a gather at a computed index, a `where`
//! with a computed condition, a sort.

mod element;
mod index;
mod mask;
mod mix;
mod run;
mod shift;
mod source;
mod tensor;
#[cfg(test)]
mod tests;
mod transfer;
mod verdict;
mod witness;

pub use element::{Element, Latest, MASK, Value};
pub(crate) use run::all_elements;
pub use run::{Error, analyse, analyse_split, output_elements};
pub(crate) use tensor::Tensor as Known;
pub use verdict::{Taint, Verdict, Witness};
