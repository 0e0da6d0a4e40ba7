//! Which rule belongs to which operation.

use move37_candidate::ir::{Binary, DType, Error, Graph, Node, NodeId, Op, Unary};

use super::contributions::Part;
use super::{rules_elementwise, rules_matmul, rules_movement, rules_reduce};

/// What each operand that `needs` a gradient receives: (operand, part).
pub(super) type Parts = Vec<(usize, Part)>;

/// The facts that a rule works from.
pub(super) struct Context<'a> {
    /// The node that is differentiated.
    pub(super) y: NodeId,
    /// The same.
    pub(super) node: &'a Node,
    /// Gradient of `y`.
    pub(super) g: NodeId,
    /// Which operands need one.
    pub(super) needs: &'a [bool],
}

impl Context<'_> {
    /// The i-th operand.
    pub(super) fn input(&self, i: usize) -> NodeId {
        self.node.inputs[i]
    }
}

/// Whether gradients pass through an operation at all.
pub(super) fn differentiable(op: &Op) -> bool {
    match op {
        Op::Input(_) | Op::Param(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) | Op::Random { .. } => false,
        Op::Compare(_) | Op::Cast | Op::ArgMax(_) | Op::ArgSort { .. } => false,
        Op::Unary(f) => {
            !matches!(f, Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Not | Unary::Detach)
        }
        Op::Binary(f) => !matches!(f, Binary::FloorDiv | Binary::And | Binary::Or | Binary::Xor),
        Op::Where | Op::Matmul | Op::Reduce { .. } | Op::Softmax(_) | Op::LogSoftmax(_) => true,
        Op::CumSum(_) | Op::CumProd(_) | Op::Reshape | Op::Permute(_) | Op::Expand | Op::Slice { .. } => true,
        Op::SliceScatter { .. } | Op::Cat(_) | Op::Pad { .. } | Op::Flip(_) | Op::Gather(_) => true,
        Op::IndexSelect(_) | Op::ScatterAdd(_) | Op::IndexAdd(_) => true,
        Op::DepthwiseConv { .. } | Op::DepthwiseConvWeight { .. } | Op::CircularConv => true,
    }
}

/// Apply the rule of a node.
pub(super) fn parts(graph: &mut Graph, y: NodeId, node: &Node, g: NodeId, needs: &[bool]) -> Result<Parts, Error> {
    if !differentiable(&node.op) || !needs.contains(&true) {
        return Ok(Vec::new());
    }
    debug_assert_eq!(node.dtype, DType::F32);
    let ctx = Context { y, node, g, needs };
    match &node.op {
        Op::Input(_) | Op::Param(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) | Op::Random { .. } => {
            Ok(Vec::new())
        }
        Op::Compare(_) | Op::Cast | Op::ArgMax(_) | Op::ArgSort { .. } => Ok(Vec::new()),
        Op::Unary(f) => rules_elementwise::unary(graph, &ctx, *f),
        Op::Binary(f) => rules_elementwise::binary(graph, &ctx, *f),
        Op::Where => rules_elementwise::select(graph, &ctx),
        Op::Matmul => rules_matmul::matmul(graph, &ctx),
        Op::CircularConv => rules_matmul::circular(graph, &ctx),
        Op::DepthwiseConv { dilation } => rules_matmul::conv(graph, &ctx, *dilation),
        Op::DepthwiseConvWeight { dilation, .. } => rules_matmul::conv_weight(graph, &ctx, *dilation),
        Op::Reduce { kind, axes } => rules_reduce::reduce(graph, &ctx, *kind, axes),
        Op::Softmax(axis) => rules_reduce::softmax(graph, &ctx, *axis),
        Op::LogSoftmax(axis) => rules_reduce::log_softmax(graph, &ctx, *axis),
        Op::CumSum(axis) => rules_reduce::cumsum(graph, &ctx, *axis),
        Op::CumProd(axis) => rules_reduce::cumprod(graph, &ctx, *axis),
        Op::Reshape | Op::Permute(_) | Op::Expand | Op::Flip(_) | Op::Pad { .. } => {
            rules_movement::reshaping(graph, &ctx)
        }
        Op::Slice { axis, start, step } => rules_movement::slice(graph, &ctx, *axis, *start, *step),
        Op::SliceScatter { axis, start, step } => rules_movement::slice_scatter(graph, &ctx, *axis, *start, *step),
        Op::Cat(axis) => rules_movement::cat(graph, &ctx, *axis),
        Op::Gather(axis) => rules_movement::gather(graph, &ctx, *axis),
        Op::IndexSelect(axis) => rules_movement::index_select(graph, &ctx, *axis),
        Op::ScatterAdd(axis) => rules_movement::scatter_add(graph, &ctx, *axis),
        Op::IndexAdd(axis) => rules_movement::index_add(graph, &ctx, *axis),
    }
}
