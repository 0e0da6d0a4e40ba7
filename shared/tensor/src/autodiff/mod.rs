//! Reverse-mode differentiation: a graph goes in, the same graph with derivative nodes comes out.
//!
//! One rule per [`Op`](move37_candidate::ir::Op) says what each operand receives ([`rules`], by kind of operation);
//! [`sweep`] walks the nodes once from the last to the first, visits only nodes on a path from what is asked for, and
//! moves the first contribution in instead of adding it to zeros. Nothing recurses, so depth does not matter. Derivative
//! nodes are ordinary nodes: they keep the source line of the node they differentiate, and can be differentiated again.

mod contributions;
mod rules;
mod rules_elementwise;
mod rules_matmul;
mod rules_movement;
mod rules_reduce;
mod sweep;
mod tools;

pub use sweep::gradients;
