//! The operations of the graph and what each of them means.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Element type of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit float; the only dtype that carries gradients.
    F32,
    /// 64-bit signed integer: indices, positions.
    I64,
    /// Truth values: masks.
    Bool,
}

/// A dimension index, counted from 0 at the left.
pub type Axis = usize;

/// Where in the candidate's text a node was made; line 0 means "not from the text".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
}

/// A real constant that can be hashed and compared bit by bit.
#[derive(Clone, Copy)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}
impl Eq for Real {}
impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}
impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Elementwise functions of one F32 argument (`Not`: Bool).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the function of that name")]
pub enum Unary {
    Neg,
    Exp,
    Expm1,
    Log,
    Log1p,
    Sqrt,
    Rsqrt,
    Recip,
    Abs,
    Sign,
    Sin,
    Cos,
    Tanh,
    Atan,
    Sigmoid,
    /// `x * sigmoid(x)`
    Silu,
    /// Exact GELU: `x * Phi(x)` by erf.
    Gelu,
    /// GELU by the tanh approximation.
    GeluTanh,
    Relu,
    Erf,
    /// `log(1 + exp(x))`, stable at both ends.
    Softplus,
    Floor,
    Ceil,
    Round,
    Not,
    /// The value itself, through which no gradient passes.
    Detach,
}

/// Elementwise functions of two arguments of one dtype, with NumPy broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the function of that name")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// True division (F32).
    Div,
    /// Division rounded down (I64 and F32).
    FloorDiv,
    /// Python remainder: the sign of the divisor.
    Rem,
    Pow,
    Maximum,
    Minimum,
    /// Bool only.
    And,
    /// Bool only.
    Or,
    /// Bool only.
    Xor,
}

/// Elementwise comparisons with broadcasting; the result is Bool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the comparison of that name")]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// How a reduction combines elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the reduction of that name")]
pub enum Reduction {
    Sum,
    Max,
    Min,
    Prod,
}

/// The distribution of a random leaf (parameter initialisation only).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform on [0, 1).
    Uniform,
    /// Standard normal.
    Normal,
}

/// One operation. Its operands are the node's `inputs`, in the order given here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The i-th entry of [`Graph::inputs`](super::Graph::inputs).
    Input(u32),
    /// The i-th entry of [`Graph::params`](super::Graph::params).
    Param(u32),
    /// Every element has this value (Bool: 0 or 1).
    Full(Real),
    /// 1-D: element i is `start + i * step`.
    Arange {
        /// First value.
        start: Real,
        /// Difference of neighbours.
        step: Real,
    },
    /// Row-major literal data.
    Literal(Arc<[Real]>),
    /// A random leaf; allowed only below a parameter's initial value. The stream makes each draw its own.
    Random {
        /// What is drawn.
        distribution: Distribution,
        /// Number of this draw within the program.
        stream: u32,
    },

    /// `f(x)`
    Unary(Unary),
    /// `f(a, b)`, broadcasting
    Binary(Binary),
    /// `a ? b`, broadcasting, Bool result
    Compare(Compare),
    /// `where(cond: Bool, a, b)`, broadcasting
    Where,
    /// Convert to the node's dtype (F32 to I64 truncates; to Bool: non-zero).
    Cast,

    /// `a [.., M, K] @ b [.., K, N]`, batch dimensions broadcast; rank of both at least 2.
    Matmul,
    /// Reduce over these axes (sorted, distinct); they stay with size 1.
    Reduce {
        /// How elements combine.
        kind: Reduction,
        /// Axes to reduce.
        axes: Vec<Axis>,
    },
    /// Softmax along an axis.
    Softmax(Axis),
    /// Log-softmax along an axis.
    LogSoftmax(Axis),
    /// Inclusive running sum along an axis.
    CumSum(Axis),
    /// Inclusive running product along an axis.
    CumProd(Axis),
    /// Index of the (first) maximum along an axis, which stays with size 1; I64.
    ArgMax(Axis),
    /// Indices that sort along an axis (stable); I64. Values follow by [`Op::Gather`].
    ArgSort {
        /// Axis to sort along.
        axis: Axis,
        /// Largest first.
        descending: bool,
    },

    /// Same elements, row-major, in the node's shape.
    Reshape,
    /// Output axis i is input axis `perm[i]`.
    Permute(Vec<Axis>),
    /// Broadcast to the node's shape (same rank; axes of size 1 grow).
    Expand,
    /// Elements `start, start+step, ..` of an axis; the length is the node's. `step >= 1`.
    Slice {
        /// Axis that is cut.
        axis: Axis,
        /// First index.
        start: usize,
        /// Stride.
        step: usize,
    },
    /// `(base, value)`: base with `value` written at `start, start+step, ..` of an axis.
    SliceScatter {
        /// Axis that is written.
        axis: Axis,
        /// First index.
        start: usize,
        /// Stride.
        step: usize,
    },
    /// Concatenate along an axis; one or more operands.
    Cat(Axis),
    /// Constant padding of one axis.
    Pad {
        /// Axis that grows.
        axis: Axis,
        /// Elements put before.
        before: usize,
        /// Elements put after.
        after: usize,
        /// Their value.
        value: Real,
    },
    /// Reverse an axis.
    Flip(Axis),

    /// `(x, index: I64)` of equal rank: `out[..i..] = x[..index[..i..]..]` along an axis (torch.gather).
    Gather(Axis),
    /// `(x, index: I64 [N])`: rows of x along an axis (torch.index_select).
    IndexSelect(Axis),
    /// `(base, index: I64, src)`: base plus src added at the indices along an axis (torch.scatter_add).
    ScatterAdd(Axis),
    /// `(base, index: I64 [N], src)`: base plus src's slices added at the indices along an axis (torch.index_add).
    IndexAdd(Axis),

    /// `(x [B, C, T], w [C, K])`: `y[b,c,t] = sum_k w[c,k] * x[b,c,t + k*dilation]`, no padding:
    /// T' = T - (K-1)*dilation.
    DepthwiseConv {
        /// Distance of taps.
        dilation: usize,
    },
    /// `(a [.., N], b [.., N])`, batch dimensions broadcast: `y[.., t] = sum_j a[.., j] * b[.., (t - j) mod N]`. What a
    /// product of discrete Fourier transforms of length N means in time.
    CircularConv,
    /// `(x [B, C, T], dy [B, C, T'])`: `dw[c,k] = sum_bt dy[b,c,t] * x[b,c,t + k*dilation]`, the weight's gradient.
    DepthwiseConvWeight {
        /// Distance of taps.
        dilation: usize,
        /// Number of taps K.
        taps: usize,
    },
}
