//! `torch.fft` of real signals, and making complex tensors.

use ruff_python_ast::Operator;

use super::{Complex, real, value};
use crate::finding::FindingKind;
use crate::ir::{Binary, DType, NodeId, Op, Unary};
use crate::language::builtins::{Args, Builtin, FFT, METHOD, TORCH, find};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

const TRANSFORM: &str = "input,n?,dim?,norm?";

pub const TABLE: &[Builtin] = &[
    Builtin { name: "rfft", places: FFT, signature: TRANSFORM, run: |s, a| forward(s, a, true) },
    Builtin { name: "fft", places: FFT, signature: TRANSFORM, run: |s, a| forward(s, a, false) },
    Builtin { name: "irfft", places: FFT, signature: TRANSFORM, run: |s, a| inverse(s, a, true) },
    Builtin { name: "ifft", places: FFT, signature: TRANSFORM, run: |s, a| inverse(s, a, false) },
    Builtin {
        name: "rfftfreq",
        places: FFT,
        signature: "n,d?,device?,dtype?",
        run: |s, a| {
            let n = a.size(s, "n")?;
            let spacing = a.float_or(s, "d", 1.0)?;
            let made = s.graph.arange(0.0, 1.0 / (n as f64 * spacing), n / 2 + 1, DType::F32);
            s.tensor(made)
        },
    },
    Builtin {
        name: "complex",
        places: TORCH,
        signature: "real,imag",
        run: |s, a| {
            let (re, im) = (a.float_node(s, "real")?, a.float_node(s, "imag")?);
            paired(s, re, im)
        },
    },
    Builtin {
        name: "polar",
        places: TORCH,
        signature: "abs,angle",
        run: |s, a| {
            let (size, angle) = (a.float_node(s, "abs")?, a.float_node(s, "angle")?);
            s.polar(size, angle)
        },
    },
    Builtin {
        name: "view_as_complex",
        places: TORCH,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let shape = s.graph.shape(x).to_vec();
            if shape.last() != Some(&2) {
                return s.raise("RuntimeError", "view_as_complex(): the last dimension must have size 2");
            }
            let axis = shape.len() - 1;
            let mut part = |i: usize| {
                let made = s.graph.slice(x, axis, i, 1, 1).and_then(|p| s.graph.reshape(p, &shape[..axis]));
                s.made(made)
            };
            Ok(value(Complex::Pair(part(0)?, part(1)?)))
        },
    },
    Builtin {
        name: "view_as_real",
        places: TORCH,
        signature: "input",
        run: |s, a| {
            let (re, im) = complex(s, a)?;
            let rank = s.graph.shape(re).len();
            let mut shape = s.graph.shape(re).to_vec();
            shape.push(1);
            let made = s.graph.reshape(re, &shape).and_then(|re| {
                let im = s.graph.reshape(im, &shape)?;
                s.graph.cat(&[re, im], rank)
            });
            s.tensor(made)
        },
    },
    Builtin { name: "real", places: TORCH, signature: "input", run: |s, a| part(s, a, "real") },
    Builtin { name: "imag", places: TORCH, signature: "input", run: |s, a| part(s, a, "imag") },
    Builtin {
        name: "conj",
        places: TORCH | METHOD,
        signature: "input",
        run: |s, a| match a.value("input") {
            Value::Tensor(_) => Ok(a.value("input").clone()),
            // The conjugate of a real signal's spectrum is that of the signal run backwards around the circle.
            Value::Complex(c) if matches!(**c, Complex::Spectrum { .. }) => {
                let Complex::Spectrum { signal, from_right, half } = **c else { unreachable!("just matched") };
                let axis = s.graph.shape(signal).len() - 1 - from_right;
                let n = s.graph.shape(signal)[axis];
                let made = s.graph.apply(Op::Flip(axis), &[signal]).and_then(|back| {
                    let last = s.graph.slice(back, axis, n - 1, 1, 1)?;
                    let rest = s.graph.slice(back, axis, 0, n - 1, 1)?;
                    s.graph.cat(&[last, rest], axis)
                });
                let signal = s.made(made)?;
                Ok(value(Complex::Spectrum { signal, from_right, half }))
            }
            _ => {
                let (re, im) = complex(s, a)?;
                let made = s.graph.unary(Unary::Neg, im);
                let im = s.made(made)?;
                Ok(value(Complex::Pair(re, im)))
            }
        },
    },
    Builtin {
        name: "angle",
        places: TORCH | METHOD,
        signature: "input",
        run: |s, a| {
            let (re, im) = match a.value("input") {
                Value::Complex(c) => s.parts(&c.clone())?,
                _ => {
                    let re = a.float_node(s, "input")?;
                    let shape = s.graph.shape(re).to_vec();
                    let zero = s.graph.full(&shape, 0.0, DType::F32);
                    (re, s.made(zero)?)
                }
            };
            let atan2 = s.library_attribute("torch", "torch_atan2")?;
            s.call(&atan2, vec![real(im), real(re)], vec![])
        },
    },
    Builtin {
        name: "is_complex",
        places: TORCH | METHOD,
        signature: "input",
        run: |_, a| Ok(Value::Bool(matches!(a.value("input"), Value::Complex(_)))),
    },
];

/// Names of functions that take complex tensors as they are.
pub fn knows_complex(name: &str) -> bool {
    TABLE.iter().any(|b| b.name == name)
        || matches!(name, "Parameter" | "isinstance" | "callable" | "hasattr" | "getattr" | "print")
        || matches!(name, "is_tensor" | "append" | "partial" | "len" | "register_buffer" | "setattr" | "list" | "tuple")
        || matches!(name, "checkpoint" | "zip" | "enumerate" | "map" | "update" | "id" | "no_grad call" | "__init__")
}

fn complex(s: &mut Interp<'_>, a: &Args) -> Eval<(NodeId, NodeId)> {
    match a.value("input") {
        Value::Complex(c) => s.parts(&c.clone()),
        other => s.type_error(format!("{}(): input must be a complex tensor, not {}", a.name, other.kind())),
    }
}

fn part(s: &mut Interp<'_>, a: &Args, name: &str) -> Eval<Value> {
    match a.value("input") {
        Value::Complex(c) => s.complex_attribute(&c.clone(), name),
        Value::Tensor(_) if name == "real" => Ok(a.value("input").clone()),
        other => s.type_error(format!("{name}(): input must be a complex tensor, not {}", other.kind())),
    }
}

pub(super) fn paired(s: &mut Interp<'_>, re: NodeId, im: NodeId) -> Eval<Value> {
    let made = crate::ir::broadcast(s.graph.shape(re), s.graph.shape(im));
    match made {
        Ok(shape) => {
            let (re, im) = (spread(s, re, &shape)?, spread(s, im, &shape)?);
            Ok(value(Complex::Pair(re, im)))
        }
        Err(error) => s.made(Err(error)).map(|_| Value::None),
    }
}

fn spread(s: &mut Interp<'_>, x: NodeId, shape: &[usize]) -> Eval<NodeId> {
    let mut own = vec![1; shape.len() - s.graph.shape(x).len()];
    own.extend(s.graph.shape(x));
    let made = s.graph.reshape(x, &own).and_then(|x| s.graph.expand(x, shape));
    s.made(made)
}

/// What a transform of length n is multiplied with, forward and back.
fn scales(s: &mut Interp<'_>, a: &Args, n: usize) -> Eval<(f64, f64)> {
    let n = n as f64;
    match &*a.string_or(s, "norm", "backward")? {
        "backward" => Ok((1.0, 1.0)),
        "ortho" => Ok((n.powf(-0.5), n.powf(0.5))),
        "forward" => Ok((1.0 / n, n)),
        other => s.value_error(format!("norm '{other}' is not backward, ortho or forward")),
    }
}

fn forward(s: &mut Interp<'_>, a: &Args, half: bool) -> Eval<Value> {
    if let Value::Complex(c) = a.value("input") {
        return whole(s, a, &c.clone(), half);
    }
    let x = a.float_node(s, "input")?;
    let shape = s.graph.shape(x).to_vec();
    let axis = a.dim_or(s, "dim", -1, shape.len())?;
    let n = a.size_or(s, "n", shape[axis])?;
    if n == 0 {
        return s.raise("RuntimeError", "a transform of length 0");
    }
    let made = match n.cmp(&shape[axis]) {
        std::cmp::Ordering::Less => s.graph.slice(x, axis, 0, n, 1),
        std::cmp::Ordering::Equal => Ok(x),
        std::cmp::Ordering::Greater => s.graph.pad(x, axis, 0, n - shape[axis], 0.0),
    };
    let mut signal = s.made(made)?;
    let (scale, _) = scales(s, a, n)?;
    if scale != 1.0 {
        let made = s.graph.scale(signal, scale);
        signal = s.made(made)?;
    }
    Ok(value(Complex::Spectrum { signal, from_right: shape.len() - 1 - axis, half }))
}

/// The transform of a complex tensor: that of its real part, and of its imaginary part turned by i.
fn whole(s: &mut Interp<'_>, a: &Args, c: &Complex, half: bool) -> Eval<Value> {
    if half {
        return s.raise("RuntimeError", "rfft expects a real input tensor");
    }
    let fft = find(FFT, "fft").expect("in the table");
    let (re, im) = s.parts(c)?;
    let mut transformed = |x: NodeId| {
        let named = ["n", "dim", "norm"].iter().filter_map(|n| Some(((*n).to_owned(), a.opt(n)?.clone()))).collect();
        s.call(&Value::Native(fft), vec![real(x)], named)
    };
    let (re, im) = (transformed(re)?, transformed(im)?);
    let i = s.complex_number(0.0, 1.0)?;
    let turned = s.complex_binary(Operator::Mult, &im, &i)?;
    s.complex_binary(Operator::Add, &re, &turned)
}

fn inverse(s: &mut Interp<'_>, a: &Args, half: bool) -> Eval<Value> {
    let Value::Complex(c) = a.value("input") else {
        return s.type_error(format!("{}(): input must be a complex tensor", a.name));
    };
    let shape = s.complex_shape(c);
    let axis = a.dim_or(s, "dim", -1, shape.len())?;
    let n = a.size_or(s, "n", if half { 2 * shape[axis].saturating_sub(1) } else { shape[axis] })?;
    let (_, scale) = scales(s, a, n)?;
    let at = shape.len() - 1 - axis;
    let (re, im) = match **c {
        Complex::Spectrum { signal, from_right, half: own }
            if from_right == at && own == half && s.graph.shape(signal)[axis] == n =>
        {
            let zero = s.graph.scalar(0.0);
            (signal, s.made(zero)?)
        }
        _ => {
            let parts = s.parts(&c.clone())?;
            if n == 0 || shape[axis] != if half { n / 2 + 1 } else { n } {
                return Err(s
                    .fault(FindingKind::Unsupported, "an inverse transform of another length than the spectrum's")
                    .hint("give n as it was given to the transform")
                    .into());
            }
            s.untransformed(parts, at, n, half)?
        }
    };
    let mut scaled = |x: NodeId| {
        let made = if scale == 1.0 { Ok(x) } else { s.graph.scale(x, scale) };
        s.made(made)
    };
    let (re, im) = (scaled(re)?, scaled(im)?);
    if half { Ok(real(re)) } else { paired(s, re, im) }
}

impl Interp<'_> {
    /// `size * exp(i angle)`
    pub fn polar(&mut self, size: NodeId, angle: NodeId) -> Eval<Value> {
        let (cos, sin) = (self.graph.unary(Unary::Cos, angle), self.graph.unary(Unary::Sin, angle));
        let (cos, sin) = (self.made(cos)?, self.made(sin)?);
        let (re, im) = (self.graph.mul(size, cos), self.graph.mul(size, sin));
        let re = self.made(re)?;
        Ok(value(Complex::Pair(re, self.made(im)?)))
    }

    /// Move an axis, counted from the right, to the right end.
    pub(super) fn axis_to_end(&mut self, x: NodeId, from_right: usize) -> Eval<NodeId> {
        let rank = self.graph.shape(x).len();
        let axis = rank - 1 - from_right;
        let perm: Vec<usize> = (0..rank).filter(|&i| i != axis).chain([axis]).collect();
        let made = self.graph.permute(x, &perm);
        self.made(made)
    }

    /// Undo [`Interp::axis_to_end`].
    pub(super) fn axis_from_end(&mut self, x: NodeId, from_right: usize) -> Eval<NodeId> {
        let rank = self.graph.shape(x).len();
        let axis = rank - 1 - from_right;
        let mut perm: Vec<usize> = (0..rank - 1).collect();
        perm.insert(axis, rank - 1);
        let made = self.graph.permute(x, &perm);
        self.made(made)
    }

    /// Cosines and sines of `2 pi j k / n`, `[rows, columns]`.
    fn waves(&mut self, n: usize, rows: usize, columns: usize) -> Eval<(NodeId, NodeId)> {
        let g = &mut self.graph;
        let made = g.arange(0.0, 1.0, rows, DType::I64).and_then(|j| {
            let j = g.reshape(j, &[rows, 1])?;
            let k = g.arange(0.0, 1.0, columns, DType::I64)?;
            let jk = g.mul(j, k)?;
            let n_node = g.full(&[], n as f64, DType::I64)?;
            let turn = g.binary(Binary::Rem, jk, n_node)?;
            let turn = g.cast(turn, DType::F32)?;
            let angle = g.scale(turn, 2.0 * std::f64::consts::PI / n as f64)?;
            Ok((g.unary(Unary::Cos, angle)?, g.unary(Unary::Sin, angle)?))
        });
        match made {
            Ok((cos, sin)) => {
                let cos = self.made(Ok(cos))?;
                Ok((cos, self.made(Ok(sin))?))
            }
            Err(error) => self.made(Err(error)).map(|x| (x, x)),
        }
    }

    /// The spectrum of a signal as a pair, by the Fourier matrix.
    pub(super) fn transformed(&mut self, signal: NodeId, from_right: usize, half: bool) -> Eval<(NodeId, NodeId)> {
        let x = self.axis_to_end(signal, from_right)?;
        let n = *self.graph.shape(x).last().expect("a signal has an axis");
        let (cos, sin) = self.waves(n, n, if half { n / 2 + 1 } else { n })?;
        let x = self.rows(x)?;
        let (re, im) = (self.graph.matmul(x, cos), self.graph.matmul(x, sin));
        let (re, im) = (self.made(re)?, self.made(im)?);
        let im = self.graph.unary(Unary::Neg, im);
        let im = self.made(im)?;
        let rank = self.graph.shape(signal).len();
        Ok((self.unrows(re, rank, from_right)?, self.unrows(im, rank, from_right)?))
    }

    /// The inverse transform of a pair, by the Fourier matrix; of a half spectrum the imaginary part is zero.
    fn untransformed(
        &mut self,
        (re, im): (NodeId, NodeId),
        from_right: usize,
        n: usize,
        half: bool,
    ) -> Eval<(NodeId, NodeId)> {
        let rank = self.graph.shape(re).len();
        let (re, im) = (self.axis_to_end(re, from_right)?, self.axis_to_end(im, from_right)?);
        let (mut re, mut im) = (self.rows(re)?, self.rows(im)?);
        let m = if half { n / 2 + 1 } else { n };
        if half {
            // Frequencies that stand for two count twice.
            let weights = (0..m).map(|k| if k == 0 || 2 * k == n { 1.0 } else { 2.0 }).collect();
            let weights = self.graph.literal(&[m], weights, DType::F32);
            let weights = self.made(weights)?;
            let (r, i) = (self.graph.mul(re, weights), self.graph.mul(im, weights));
            (re, im) = (self.made(r)?, self.made(i)?);
        }
        let (cos, sin) = self.waves(n, m, n)?;
        let g = &mut self.graph;
        let made = (|| {
            let (rc, is) = (g.matmul(re, cos)?, g.matmul(im, sin)?);
            let x = g.sub(rc, is)?;
            let y = match half {
                true => g.scalar(0.0)?,
                false => {
                    let (rs, ic) = (g.matmul(re, sin)?, g.matmul(im, cos)?);
                    let y = g.add(rs, ic)?;
                    g.scale(y, 1.0 / n as f64)?
                }
            };
            Ok((g.scale(x, 1.0 / n as f64)?, y))
        })();
        match made {
            Ok((x, y)) => {
                let (x, y) = (self.made(Ok(x))?, self.made(Ok(y))?);
                let x = self.unrows(x, rank, from_right)?;
                Ok((x, if half { y } else { self.unrows(y, rank, from_right)? }))
            }
            Err(error) => self.made(Err(error)).map(|x| (x, x)),
        }
    }

    /// At least two axes, for a product with a matrix.
    fn rows(&mut self, x: NodeId) -> Eval<NodeId> {
        let shape = self.graph.shape(x).to_vec();
        let made = if shape.len() == 1 { self.graph.reshape(x, &[1, shape[0]]) } else { Ok(x) };
        self.made(made)
    }

    fn unrows(&mut self, x: NodeId, rank: usize, from_right: usize) -> Eval<NodeId> {
        let n = *self.graph.shape(x).last().expect("a matrix has axes");
        let made = if rank == 1 { self.graph.reshape(x, &[n]) } else { Ok(x) };
        let x = self.made(made)?;
        self.axis_from_end(x, from_right)
    }
}
