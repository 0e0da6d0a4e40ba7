//! What a graph costs: parameters, floating point operations, bytes, by source line; and how that grows with T.
//!
//! Convention: one multiply and one add are 2 FLOPs; an elementwise function or comparison is 1 per result element,
//! softmax 5 and log-softmax 4 per element, a reduction or running sum 1 per operand element, a sort `n log2 n` per
//! row; moving elements is free. What depends on constants alone is computed once and costs nothing. A backward pass
//! is not included.

mod count;
mod growth;

pub use count::{Cost, LineCost, cost, flops};
pub use growth::{ComplexityClass, Growth, growth};
