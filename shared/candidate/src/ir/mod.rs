//! The tensor graph (IR): a flat, topologically ordered, hash-consed list of typed nodes.
//!
//! Every node knows its shape, its dtype and the source line it came from. The operation set is small on purpose:
//! differentiation, taint, cost and execution each need one rule per [`Op`], and convenience (einsum, mean, masks,
//! short convolutions of several groups) is lowered to it while tracing.

mod canonical;
mod constant;
pub mod eval;
mod graph;
mod hash;
mod op;
mod pullback;
mod scalar;
mod scatter;
mod shape;
mod sketch;
mod sum;
mod walk;

pub use canonical::canonical;
pub use constant::Constants;
pub use graph::{Graph, InputSpec, Node, NodeId, Param, ParamKind};
pub use hash::{Digest, canonical_hash};
pub use op::{Axis, Binary, Compare, DType, Distribution, Op, Real, Reduction, Span, Unary};
pub use pullback::{Agreement, Pullback, agrees, is_product};
pub use shape::{Error, broadcast, infer};
pub use sketch::{Sketch, SketchError};
