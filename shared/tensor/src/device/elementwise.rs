//! Rules of elementwise operations.

use candle_core::{Result, Tensor};
use move37_candidate::ir::{Binary, Compare, DType, Node, Op, Unary};

use super::program::stored;

/// None where candle has no such function, or not with our meaning.
pub(super) fn compute(node: &Node, inputs: &[Tensor]) -> Result<Option<Tensor>> {
    match &node.op {
        Op::Unary(function) => unary(*function, &inputs[0]),
        Op::Binary(function) => binary(*function, node, &inputs[0], &inputs[1]),
        Op::Compare(comparison) => compare(*comparison, &inputs[0], &inputs[1]).map(Some),
        Op::Where => {
            let whole = |x: &Tensor| x.broadcast_as(node.shape.as_slice())?.contiguous();
            Ok(Some(whole(&inputs[0])?.where_cond(&whole(&inputs[1])?, &whole(&inputs[2])?)?))
        }
        Op::Cast if node.dtype == DType::Bool => inputs[0].ne(&inputs[0].zeros_like()?).map(Some),
        Op::Cast => inputs[0].to_dtype(stored(node.dtype)).map(Some),
        _ => Ok(None),
    }
}

fn unary(function: Unary, x: &Tensor) -> Result<Option<Tensor>> {
    Ok(Some(match function {
        Unary::Neg => x.neg()?,
        Unary::Exp => x.exp()?,
        Unary::Log => x.log()?,
        Unary::Sqrt => x.sqrt()?,
        Unary::Rsqrt => x.sqrt()?.recip()?,
        Unary::Recip => x.recip()?,
        Unary::Abs => x.abs()?,
        Unary::Sin => x.sin()?,
        Unary::Cos => x.cos()?,
        Unary::Tanh => x.tanh()?,
        Unary::Sigmoid => sigmoid(x)?,
        Unary::Silu => (x * sigmoid(x)?)?,
        Unary::Gelu => x.gelu_erf()?,
        Unary::GeluTanh => x.gelu()?,
        Unary::Relu => x.relu()?,
        Unary::Erf => x.erf()?,
        Unary::Softplus => (x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?,
        Unary::Floor => x.floor()?,
        Unary::Ceil => x.ceil()?,
        Unary::Not => x.eq(&x.zeros_like()?)?,
        Unary::Detach => x.clone(),
        // Exact where candle would cancel, or round otherwise.
        Unary::Expm1 | Unary::Log1p | Unary::Sign | Unary::Atan | Unary::Round => return Ok(None),
    }))
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

fn binary(function: Binary, node: &Node, a: &Tensor, b: &Tensor) -> Result<Option<Tensor>> {
    Ok(Some(match (function, node.dtype) {
        (Binary::Add, DType::F32 | DType::I64) => a.broadcast_add(b)?,
        (Binary::Sub, DType::F32 | DType::I64) => a.broadcast_sub(b)?,
        (Binary::Mul, DType::F32 | DType::I64) => a.broadcast_mul(b)?,
        (Binary::Div, DType::F32) => a.broadcast_div(b)?,
        (Binary::And, DType::Bool) => a.broadcast_mul(b)?,
        (Binary::Or, DType::Bool) => a.broadcast_maximum(b)?,
        (Binary::Xor, DType::Bool) => a.broadcast_ne(b)?,
        (Binary::Maximum, DType::F32) => chosen(a.broadcast_ge(b)?, node, a, b)?,
        (Binary::Minimum, DType::F32) => chosen(a.broadcast_le(b)?, node, a, b)?,
        // Candle's power has no negative base.
        _ => return Ok(None),
    }))
}

/// `a` where it wins or is not a number, else `b`: a NaN of either stays one.
fn chosen(wins: Tensor, node: &Node, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = node.shape.as_slice();
    let (a, b) = (a.broadcast_as(shape)?.contiguous()?, b.broadcast_as(shape)?.contiguous()?);
    wins.maximum(&a.ne(&a)?)?.where_cond(&a, &b)
}

fn compare(comparison: Compare, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match comparison {
        Compare::Eq => a.broadcast_eq(b),
        Compare::Ne => a.broadcast_ne(b),
        Compare::Lt => a.broadcast_lt(b),
        Compare::Le => a.broadcast_le(b),
        Compare::Gt => a.broadcast_gt(b),
        Compare::Ge => a.broadcast_ge(b),
    }
}
