//! Rules of elementwise functions.

use std::f64::consts::{FRAC_2_SQRT_PI, PI, SQRT_2};

use move37_candidate::ir::{Binary, Compare, Error, Graph, NodeId, Unary};

use super::contributions::Part;
use super::rules::{Context, Parts};
use super::tools::{constant, from, neg, shift, unbroadcast, zeros};

/// `dx = g * f'(x)`, with the forward value used where it is cheaper.
pub(super) fn unary(graph: &mut Graph, ctx: &Context<'_>, f: Unary) -> Result<Parts, Error> {
    let (x, y, g) = (ctx.input(0), ctx.y, ctx.g);
    let dx = match f {
        Unary::Neg => neg(graph, g)?,
        Unary::Exp => graph.mul(g, y)?,
        Unary::Expm1 => {
            let e = shift(graph, y, 1.0)?;
            graph.mul(g, e)?
        }
        Unary::Log => graph.div(g, x)?,
        Unary::Log1p => {
            let d = shift(graph, x, 1.0)?;
            graph.div(g, d)?
        }
        Unary::Sqrt => {
            let half = graph.scale(g, 0.5)?;
            graph.div(half, y)?
        }
        Unary::Rsqrt => {
            let square = graph.mul(y, y)?;
            let cube = graph.mul(square, y)?;
            let half = graph.scale(g, -0.5)?;
            graph.mul(half, cube)?
        }
        Unary::Recip => {
            let square = graph.mul(y, y)?;
            let part = graph.mul(g, square)?;
            neg(graph, part)?
        }
        Unary::Abs => {
            let sign = graph.unary(Unary::Sign, x)?;
            graph.mul(g, sign)?
        }
        Unary::Sin => {
            let cos = graph.unary(Unary::Cos, x)?;
            graph.mul(g, cos)?
        }
        Unary::Cos => {
            let sin = graph.unary(Unary::Sin, x)?;
            let part = graph.mul(g, sin)?;
            neg(graph, part)?
        }
        Unary::Atan => {
            let square = graph.mul(x, x)?;
            let one = graph.scalar(1.0)?;
            let below = graph.add(square, one)?;
            graph.div(g, below)?
        }
        Unary::Tanh => {
            let square = graph.mul(y, y)?;
            let slope = from(graph, 1.0, square)?;
            graph.mul(g, slope)?
        }
        Unary::Sigmoid => {
            let rest = from(graph, 1.0, y)?;
            let slope = graph.mul(y, rest)?;
            graph.mul(g, slope)?
        }
        Unary::Silu => {
            let s = graph.unary(Unary::Sigmoid, x)?;
            let rest = from(graph, 1.0, s)?;
            let tilt = graph.mul(x, rest)?;
            let tilt = shift(graph, tilt, 1.0)?;
            let slope = graph.mul(s, tilt)?;
            graph.mul(g, slope)?
        }
        Unary::Gelu => {
            let slope = gelu_slope(graph, x)?;
            graph.mul(g, slope)?
        }
        Unary::GeluTanh => {
            let slope = gelu_tanh_slope(graph, x)?;
            graph.mul(g, slope)?
        }
        Unary::Relu => {
            let zero = graph.scalar(0.0)?;
            let on = graph.compare(Compare::Gt, x, zero)?;
            graph.select(on, g, zero)?
        }
        Unary::Erf => {
            let bell = bell(graph, x, -1.0, FRAC_2_SQRT_PI)?;
            graph.mul(g, bell)?
        }
        Unary::Softplus => {
            let slope = graph.unary(Unary::Sigmoid, x)?;
            graph.mul(g, slope)?
        }
        Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::Not | Unary::Detach => return Ok(Vec::new()),
    };
    Ok(vec![(0, Part::Whole(dx))])
}

/// `scale * exp(rate * x^2)`
fn bell(graph: &mut Graph, x: NodeId, rate: f64, scale: f64) -> Result<NodeId, Error> {
    let square = graph.mul(x, x)?;
    let square = graph.scale(square, rate)?;
    let e = graph.unary(Unary::Exp, square)?;
    graph.scale(e, scale)
}

/// `Phi(x) + x * phi(x)`
fn gelu_slope(graph: &mut Graph, x: NodeId) -> Result<NodeId, Error> {
    let scaled = graph.scale(x, 1.0 / SQRT_2)?;
    let erf = graph.unary(Unary::Erf, scaled)?;
    let phi = shift(graph, erf, 1.0)?;
    let phi = graph.scale(phi, 0.5)?;
    let density = bell(graph, x, -0.5, 1.0 / (2.0 * PI).sqrt())?;
    let tail = graph.mul(x, density)?;
    graph.add(phi, tail)
}

/// With `u = sqrt(2/pi) (x + 0.044715 x^3)`, `t = tanh u`: `(1 + t)/2 + x (1 - t^2)/2 * u'`
fn gelu_tanh_slope(graph: &mut Graph, x: NodeId) -> Result<NodeId, Error> {
    let (root, cubic) = ((2.0 / PI).sqrt(), 0.044_715);
    let square = graph.mul(x, x)?;
    let inner = graph.scale(square, cubic)?;
    let inner = shift(graph, inner, 1.0)?;
    let u = graph.mul(x, inner)?;
    let u = graph.scale(u, root)?;
    let t = graph.unary(Unary::Tanh, u)?;
    let du = graph.scale(square, 3.0 * cubic)?;
    let du = shift(graph, du, 1.0)?;
    let du = graph.scale(du, root)?;
    let t2 = graph.mul(t, t)?;
    let slope = from(graph, 1.0, t2)?;
    let slope = graph.mul(slope, du)?;
    let slope = graph.mul(slope, x)?;
    let whole = graph.add(t, slope)?;
    let whole = shift(graph, whole, 1.0)?;
    graph.scale(whole, 0.5)
}

/// Both operands of an arithmetic operation, summed back to their shapes.
pub(super) fn binary(graph: &mut Graph, ctx: &Context<'_>, f: Binary) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    for operand in [0, 1] {
        if !ctx.needs[operand] {
            continue;
        }
        let Some(d) = binary_operand(graph, ctx, f, operand)? else { continue };
        let shape = graph.shape(ctx.input(operand)).to_vec();
        parts.push((operand, Part::Whole(unbroadcast(graph, d, &shape)?)));
    }
    Ok(parts)
}

fn binary_operand(graph: &mut Graph, ctx: &Context<'_>, f: Binary, operand: usize) -> Result<Option<NodeId>, Error> {
    let (a, b, y, g) = (ctx.input(0), ctx.input(1), ctx.y, ctx.g);
    let first = operand == 0;
    Ok(Some(match f {
        Binary::Add => g,
        Binary::Sub if first => g,
        Binary::Sub => neg(graph, g)?,
        Binary::Mul if first => graph.mul(g, b)?,
        Binary::Mul => graph.mul(g, a)?,
        Binary::Div if first => graph.div(g, b)?,
        Binary::Div => {
            let part = graph.mul(g, y)?;
            let part = graph.div(part, b)?;
            neg(graph, part)?
        }
        Binary::Rem if first => g,
        Binary::Rem => {
            let whole = graph.binary(Binary::FloorDiv, a, b)?;
            let part = graph.mul(g, whole)?;
            neg(graph, part)?
        }
        Binary::Pow if first => power_base(graph, a, b, g)?,
        Binary::Pow => power_exponent(graph, a, b, y, g)?,
        Binary::Maximum | Binary::Minimum => {
            let (wins, half) = extreme(graph, f, a, b, first, g)?;
            let tie = graph.compare(Compare::Eq, a, b)?;
            graph.select(tie, half, wins)?
        }
        Binary::FloorDiv | Binary::And | Binary::Or | Binary::Xor => return Ok(None),
    }))
}

/// (gradient where there is no tie, gradient at a tie)
fn extreme(
    graph: &mut Graph,
    f: Binary,
    a: NodeId,
    b: NodeId,
    first: bool,
    g: NodeId,
) -> Result<(NodeId, NodeId), Error> {
    let larger = match (f == Binary::Maximum) == first {
        true => Compare::Gt,
        false => Compare::Lt,
    };
    let wins = graph.compare(larger, a, b)?;
    let zero = graph.scalar(0.0)?;
    Ok((graph.select(wins, g, zero)?, graph.scale(g, 0.5)?))
}

/// `g * b * a^(b-1)`, and 0 where b = 0.
fn power_base(graph: &mut Graph, a: NodeId, b: NodeId, g: NodeId) -> Result<NodeId, Error> {
    if let Some(exponent) = constant(graph, b) {
        if exponent == 0.0 {
            let shape = graph.shape(g).to_vec();
            return zeros(graph, &shape);
        }
        let shape = graph.shape(b).to_vec();
        let lower = graph.full(&shape, exponent - 1.0, move37_candidate::ir::DType::F32)?;
        let power = match exponent {
            2.0 => a,
            _ => graph.binary(Binary::Pow, a, lower)?,
        };
        let scaled = graph.scale(g, exponent)?;
        return graph.mul(scaled, power);
    }
    let lower = shift(graph, b, -1.0)?;
    let power = graph.binary(Binary::Pow, a, lower)?;
    let slope = graph.mul(b, power)?;
    let zero = graph.scalar(0.0)?;
    let flat = graph.compare(Compare::Eq, b, zero)?;
    let slope = graph.select(flat, zero, slope)?;
    graph.mul(g, slope)
}

/// `g * y * ln a`, and 0 where a = 0 and b >= 0.
fn power_exponent(graph: &mut Graph, a: NodeId, b: NodeId, y: NodeId, g: NodeId) -> Result<NodeId, Error> {
    let zero = graph.scalar(0.0)?;
    let log = graph.unary(Unary::Log, a)?;
    let slope = graph.mul(y, log)?;
    let none = graph.compare(Compare::Eq, a, zero)?;
    let upward = graph.compare(Compare::Ge, b, zero)?;
    let flat = graph.binary(Binary::And, none, upward)?;
    let slope = graph.select(flat, zero, slope)?;
    graph.mul(g, slope)
}

/// The branch that was taken receives the gradient.
pub(super) fn select(graph: &mut Graph, ctx: &Context<'_>) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    for operand in [1, 2] {
        if !ctx.needs[operand] {
            continue;
        }
        let zero = graph.scalar(0.0)?;
        let d = match operand {
            1 => graph.select(ctx.input(0), ctx.g, zero)?,
            _ => graph.select(ctx.input(0), zero, ctx.g)?,
        };
        let shape = graph.shape(ctx.input(operand)).to_vec();
        parts.push((operand, Part::Whole(unbroadcast(graph, d, &shape)?)));
    }
    Ok(parts)
}
