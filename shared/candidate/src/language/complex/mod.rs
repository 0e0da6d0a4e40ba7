//! Complex tensors, as far as layers need them: spectra of real signals, rotations, diagonal state spaces.
//!
//! The graph knows real tensors only. A complex tensor is either a pair of them, or the spectrum of a real signal, kept
//! as the signal itself: a product of spectra is then a circular convolution in time ([`Op::CircularConv`]), which costs
//! n log n and whose dependencies are exact: a convolution padded to twice the length is seen to be causal, one that is
//! not is seen to wrap around. A spectrum that is used in another way becomes a pair by an explicit Fourier matrix, at
//! its honest cost of n^2.
//!
//! [`Op::CircularConv`]: crate::ir::Op::CircularConv

mod calls;
mod fourier;

use std::rc::Rc;

use ruff_python_ast::Operator;

pub use calls::is_complex;
pub use fourier::{TABLE, knows_complex};

use super::interp::{Eval, Interp};
use super::number::number;
use super::tensor::{Layout, Tensor};
use super::value::Value;
use crate::ir::{DType, NodeId, Op, Unary};

/// A complex tensor.
#[derive(Clone, Copy, Debug)]
pub enum Complex {
    /// Real and imaginary part.
    Pair(NodeId, NodeId),
    /// The transform of a real signal along an axis, counted from the right.
    Spectrum {
        signal: NodeId,
        /// 0 is the last axis.
        from_right: usize,
        /// Whether the frequencies above n / 2 are left out (`rfft`).
        half: bool,
    },
}

/// The value of a complex tensor.
pub fn value(complex: Complex) -> Value {
    Value::Complex(Rc::new(complex))
}

fn real(node: NodeId) -> Value {
    Value::Tensor(Tensor::fresh(node, Layout::Contiguous))
}

impl Interp<'_> {
    /// Shape of a complex tensor.
    pub fn complex_shape(&self, c: &Complex) -> Vec<usize> {
        match *c {
            Complex::Pair(re, _) => self.graph.shape(re).to_vec(),
            Complex::Spectrum { signal, from_right, half } => {
                let mut shape = self.graph.shape(signal).to_vec();
                let axis = shape.len() - 1 - from_right;
                shape[axis] = if half { shape[axis] / 2 + 1 } else { shape[axis] };
                shape
            }
        }
    }

    /// Real and imaginary part.
    pub fn parts(&mut self, c: &Complex) -> Eval<(NodeId, NodeId)> {
        match *c {
            Complex::Pair(re, im) => Ok((re, im)),
            Complex::Spectrum { signal, from_right, half } => self.transformed(signal, from_right, half),
        }
    }

    /// The complex number `re + i im` of rank 0.
    pub fn complex_number(&mut self, re: f64, im: f64) -> Eval<Value> {
        let parts = [re, im].map(|x| self.graph.scalar(x));
        let [re, im] = parts;
        let pair = Complex::Pair(self.made(re)?, self.made(im)?);
        Ok(value(pair))
    }

    /// `a op b` where one is complex.
    pub fn complex_binary(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<Value> {
        if let Some(spectrum) = self.spectral(op, a, b)? {
            return Ok(spectrum);
        }
        if let (Operator::Pow, Value::Complex(_), Value::Int(n @ 0..=64)) = (op, a, b) {
            let mut product = self.complex_number(1.0, 0.0)?;
            for _ in 0..*n {
                product = self.complex_binary(Operator::Mult, &product, a)?;
            }
            return Ok(product);
        }
        let ((ar, ai), (br, bi)) = (self.complex_parts(a)?, self.complex_parts(b)?);
        let g = &mut self.graph;
        let made = (|| {
            Ok(Some(match op {
                Operator::Add => (g.add(ar, br)?, g.add(ai, bi)?),
                Operator::Sub => (g.sub(ar, br)?, g.sub(ai, bi)?),
                Operator::Mult => product(g, (ar, ai), (br, bi))?,
                Operator::Div => {
                    let (br2, bi2) = (g.mul(br, br)?, g.mul(bi, bi)?);
                    let size = g.add(br2, bi2)?;
                    let conjugate = g.unary(Unary::Neg, bi)?;
                    let (re, im) = product(g, (ar, ai), (br, conjugate))?;
                    (g.div(re, size)?, g.div(im, size)?)
                }
                _ => return Ok(None),
            }))
        })();
        match made {
            Ok(Some((re, im))) => {
                let (re, im) = (self.made(Ok(re))?, self.made(Ok(im))?);
                fourier::paired(self, re, im)
            }
            Ok(None) if op == Operator::MatMult => self.complex_call_by_name("matmul", vec![a.clone(), b.clone()]),
            Ok(None) => self.unsupported(format!("{} of complex tensors is not supported", op.as_str())),
            Err(error) => self.made(Err(error)).map(|_| Value::None),
        }
    }

    /// Products and sums of spectra, and their multiples, in time.
    fn spectral(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<Option<Value>> {
        if let (Value::Complex(x), Value::Complex(y)) = (a, b)
            && let Complex::Spectrum { signal: s, from_right: p, half } = **x
            && let Complex::Spectrum { signal: r, from_right: q, half: other } = **y
            && (p, half) == (q, other)
        {
            let (n, m) = (self.graph.shape(s).len(), self.graph.shape(r).len());
            if self.graph.shape(s)[n - 1 - p] != self.graph.shape(r)[m - 1 - q] {
                return Ok(None);
            }
            let signal = match op {
                Operator::Add => self.graph.add(s, r),
                Operator::Sub => self.graph.sub(s, r),
                Operator::Mult => {
                    let (s, r) = (self.axis_to_end(s, p)?, self.axis_to_end(r, p)?);
                    let made = self.graph.apply(Op::CircularConv, &[s, r]);
                    let made = self.made(made)?;
                    Ok(self.axis_from_end(made, p)?)
                }
                _ => return Ok(None),
            };
            let signal = self.made(signal)?;
            return Ok(Some(value(Complex::Spectrum { signal, from_right: p, half })));
        }
        // A real factor that does not vary along the frequencies.
        let (spectrum, factor) = match (op, a, b) {
            (Operator::Mult | Operator::Div, Value::Complex(x), factor) => (x, factor),
            (Operator::Mult, factor, Value::Complex(x)) => (x, factor),
            _ => return Ok(None),
        };
        let Complex::Spectrum { signal, from_right, half } = **spectrum else { return Ok(None) };
        let even = match factor {
            Value::Tensor(t) => {
                let shape = self.dims(t)?;
                shape.len() <= from_right || shape[shape.len() - 1 - from_right] == 1
            }
            _ => number(factor).is_some(),
        };
        if !even {
            return Ok(None);
        }
        let Value::Tensor(t) = self.binary_op(op, &real(signal), factor)? else { return Ok(None) };
        let signal = self.read(&t)?;
        Ok(Some(value(Complex::Spectrum { signal, from_right, half })))
    }

    /// Parts of a complex tensor, a real one or a number.
    fn complex_parts(&mut self, v: &Value) -> Eval<(NodeId, NodeId)> {
        let re = match v {
            Value::Complex(c) => return self.parts(c),
            Value::Tensor(t) => {
                let node = self.read(t)?;
                let made = self.graph.cast(node, DType::F32);
                self.made(made)?
            }
            _ => match number(v) {
                Some(x) => {
                    let made = self.graph.scalar(x);
                    self.made(made)?
                }
                None => return self.type_error(format!("a complex tensor and a {} do not go together", v.kind())),
            },
        };
        let zero = self.graph.scalar(0.0);
        Ok((re, self.made(zero)?))
    }

    /// `-c`
    pub fn complex_negative(&mut self, c: &Complex) -> Eval<Value> {
        let minus = Value::Float(-1.0);
        self.complex_binary(Operator::Mult, &value(*c), &minus)
    }

    /// `c.name`
    pub fn complex_attribute(&mut self, c: &Rc<Complex>, name: &str) -> Eval<Value> {
        match name {
            "real" => Ok(real(self.parts(c)?.0)),
            "imag" => Ok(real(self.parts(c)?.1)),
            "shape" => Ok(Value::shape(&self.complex_shape(c))),
            "ndim" => Ok(Value::Int(self.complex_shape(c).len() as i64)),
            "dtype" => Ok(Value::DType("complex64")),
            "device" => Ok(Value::Device),
            "requires_grad" | "is_cuda" => Ok(Value::Bool(false)),
            "T" | "mT" | "H" | "mH" => {
                let axes = vec![Value::Int(-2), Value::Int(-1)];
                let turned = self.call_method(&value(**c), "transpose", axes)?;
                match name {
                    "T" | "mT" => Ok(turned),
                    _ => self.call_method(&turned, "conj", vec![]),
                }
            }
            _ => {
                let this = Value::Complex(c.clone());
                match super::builtins::find(super::builtins::METHOD, name) {
                    Some(method) => Ok(Value::Bound(Rc::new((this, Value::Native(method))))),
                    None if matches!(name, "conj" | "angle" | "is_complex") => {
                        let method = super::builtins::find(super::builtins::TORCH, name).expect("in the table");
                        Ok(Value::Bound(Rc::new((this, Value::Native(method)))))
                    }
                    None => self.unknown("tensor method", name, super::builtins::names(super::builtins::METHOD)),
                }
            }
        }
    }
}

fn product(
    g: &mut crate::ir::Graph,
    a: (NodeId, NodeId),
    b: (NodeId, NodeId),
) -> Result<(NodeId, NodeId), crate::ir::Error> {
    let (rr, ii) = (g.mul(a.0, b.0)?, g.mul(a.1, b.1)?);
    let (ri, ir) = (g.mul(a.0, b.1)?, g.mul(a.1, b.0)?);
    Ok((g.sub(rr, ii)?, g.add(ri, ir)?))
}
