//! Functions of complex tensors: linear ones part by part, products by the rule of products.

use std::rc::Rc;

use super::{Complex, real, value};
use crate::ir::Unary;
use crate::language::builtins::{self, Builtin};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

/// Linear functions of one tensor (or of a list of them).
const LINEAR: &[&str] = &[
    "reshape",
    "view",
    "permute",
    "transpose",
    "unsqueeze",
    "squeeze",
    "flatten",
    "unflatten",
    "expand",
    "expand_as",
    "broadcast_to",
    "repeat",
    "repeat_interleave",
    "tile",
    "contiguous",
    "clone",
    "detach",
    "sum",
    "mean",
    "cumsum",
    "flip",
    "roll",
    "stack",
    "cat",
    "concat",
    "chunk",
    "split",
    "unbind",
    "narrow",
    "select",
    "index_select",
    "gather",
    "movedim",
    "swapaxes",
    "t",
    "diagonal",
    "rearrange",
    "repeat",
    "reduce",
    "pad",
    "tril",
    "triu",
    "view_as",
    "cuda",
    "cpu",
    "neg",
    "negative",
    "masked_fill",
    "take_along_dim",
];

/// Functions that are linear in each operand.
const BILINEAR: &[&str] = &["einsum", "matmul", "bmm", "mm", "outer", "dot", "inner"];

type Named = Vec<(String, Value)>;

/// The axes of one side of a pattern; a group is one.
fn axes(side: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0usize);
    for c in side.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match c.is_whitespace() && depth == 0 {
            true => found.push(String::new()),
            false => found.last_mut().expect("starts with one").push(c),
        }
    }
    found.retain(|n| !n.is_empty());
    found
}

/// The shape that a reshape asks for, and where in it an axis stays by itself.
fn reshaped(old: &[usize], axis: usize, sizes: &[Value]) -> Option<(Vec<usize>, usize)> {
    let sizes = match sizes {
        [Value::Tuple(items)] => items.to_vec(),
        [Value::List(list)] => list.items.borrow().clone(),
        sizes => sizes.to_vec(),
    };
    let ints: Vec<i64> =
        sizes.iter().map(|v| if let Value::Int(i) = v { Some(*i) } else { None }).collect::<Option<_>>()?;
    let known: i64 = ints.iter().filter(|i| **i >= 0).product();
    let all = old.iter().product::<usize>() as i64;
    let new: Vec<usize> = ints.iter().map(|&i| if i < 0 { all / known.max(1) } else { i } as usize).collect();
    let before: usize = old[..axis].iter().product();
    let fits = |at: &usize| new[*at] == old[axis] && new[..*at].iter().product::<usize>() == before;
    let whole = new.iter().product::<usize>() as i64 == all;
    let at = (0..new.len()).find(fits).filter(|_| whole)?;
    Some((new, at))
}

/// Whether a value is or holds a complex tensor.
pub fn is_complex(value: &Value) -> bool {
    match value {
        Value::Complex(_) => true,
        Value::List(list) => list.items.borrow().iter().any(|v| matches!(v, Value::Complex(_))),
        Value::Tuple(items) => items.iter().any(|v| matches!(v, Value::Complex(_))),
        _ => false,
    }
}

impl Interp<'_> {
    /// Call a built-in function some of whose arguments are complex.
    pub fn complex_call(&mut self, f: &'static Builtin, mut args: Vec<Value>, named: Named) -> Eval<Value> {
        let name = f.name.split('|').next().unwrap_or(f.name);
        let own = |n: &str| f.name.split('|').any(|m| m == n);
        let first = args.first().cloned();
        if let (Some(Value::Complex(c)), true) = (&first, LINEAR.iter().any(|n| own(n)))
            && let Some(moved) = self.moved_spectrum(f, c, &args, &named)?
        {
            return Ok(moved);
        }
        match (name, &first) {
            ("exp", Some(Value::Complex(c))) => {
                let (re, im) = self.parts(c)?;
                let size = self.graph.unary(Unary::Exp, re);
                let size = self.made(size)?;
                self.polar(size, im)
            }
            ("abs", Some(Value::Complex(c))) => {
                let (re, im) = self.parts(c)?;
                let g = &mut self.graph;
                let made = g.mul(re, re).and_then(|r| {
                    let i = g.mul(im, im)?;
                    let sum = g.add(r, i)?;
                    g.unary(Unary::Sqrt, sum)
                });
                self.tensor(made)
            }
            ("to" | "type" | "type_as", Some(Value::Complex(_))) => Ok(first.expect("just seen")),
            ("is_floating_point", Some(Value::Complex(_))) => Ok(Value::Bool(false)),
            ("size", Some(Value::Complex(c))) => {
                let shape = self.complex_shape(c);
                match args.get(1) {
                    Some(Value::Int(i)) => {
                        let at = if *i < 0 { *i + shape.len() as i64 } else { *i };
                        let size = usize::try_from(at).ok().and_then(|i| shape.get(i));
                        size.map_or_else(
                            || self.raise("IndexError", "dimension out of range"),
                            |n| Ok(Value::Int(*n as i64)),
                        )
                    }
                    _ => Ok(Value::shape(&shape)),
                }
            }
            ("dim", Some(Value::Complex(c))) => Ok(Value::Int(self.complex_shape(c).len() as i64)),
            ("numel", Some(Value::Complex(c))) => {
                Ok(Value::Int(self.complex_shape(c).iter().product::<usize>() as i64))
            }
            ("mul" | "multiply", Some(_)) if args.len() == 2 => {
                self.complex_binary(ruff_python_ast::Operator::Mult, &args[0], &args[1])
            }
            ("add", Some(_)) if args.len() == 2 => {
                self.complex_binary(ruff_python_ast::Operator::Add, &args[0], &args[1])
            }
            ("sub", Some(_)) if args.len() == 2 => {
                self.complex_binary(ruff_python_ast::Operator::Sub, &args[0], &args[1])
            }
            ("div" | "divide", Some(_)) if args.len() == 2 => {
                self.complex_binary(ruff_python_ast::Operator::Div, &args[0], &args[1])
            }
            ("cumprod", Some(_)) => {
                let product = self.library_attribute("torch", "complex_cumprod")?;
                self.call(&product, args, named)
            }
            ("square", Some(c)) => self.complex_binary(ruff_python_ast::Operator::Mult, c, c),
            ("pow", Some(_)) if args.len() == 2 => {
                self.complex_binary(ruff_python_ast::Operator::Pow, &args[0], &args[1])
            }
            _ if LINEAR.iter().any(|n| own(n)) => self.by_parts(f, &args, &named),
            _ if BILINEAR.iter().any(|n| own(n)) => {
                let at: Vec<usize> = (0..args.len()).filter(|&i| matches!(args[i], Value::Complex(_))).collect();
                match at[..] {
                    [_] => self.by_parts(f, &args, &named),
                    [i, j] => {
                        let (Value::Complex(a), Value::Complex(b)) = (args[i].clone(), args[j].clone()) else {
                            unreachable!("just found")
                        };
                        let ((ar, ai), (br, bi)) = (self.parts(&a)?, self.parts(&b)?);
                        let mut term = |s: &mut Self, x, y| {
                            (args[i], args[j]) = (real(x), real(y));
                            let made = s.call(&Value::Native(f), args.clone(), named.clone())?;
                            s.node_of_any(&made)
                        };
                        let (rr, ii) = (term(self, ar, br)?, term(self, ai, bi)?);
                        let (ri, ir) = (term(self, ar, bi)?, term(self, ai, br)?);
                        let (re, im) = (self.graph.sub(rr, ii), self.graph.add(ri, ir));
                        let re = self.made(re)?;
                        Ok(value(Complex::Pair(re, self.made(im)?)))
                    }
                    _ => self.unsupported(format!("{name}() of more than two complex tensors is not supported")),
                }
            }
            _ => Err(self
                .fault(
                    crate::finding::FindingKind::Unsupported,
                    format!("{name}() of a complex tensor is not supported"),
                )
                .hint("take .real and .imag, or torch.view_as_real")
                .into()),
        }
    }

    /// The same by the function's name in `torch`.
    pub fn complex_call_by_name(&mut self, name: &str, args: Vec<Value>) -> Eval<Value> {
        let f = builtins::find(builtins::TORCH, name).expect("in the table");
        self.complex_call(f, args, vec![])
    }

    /// A linear function, applied to real and imaginary parts.
    fn by_parts(&mut self, f: &'static Builtin, args: &[Value], named: &Named) -> Eval<Value> {
        let mut halves = Vec::new();
        for imaginary in [false, true] {
            let args = args.iter().map(|v| self.part(v, imaginary)).collect::<Eval<Vec<_>>>()?;
            halves.push(self.call(&Value::Native(f), args, named.clone())?);
        }
        let im = halves.pop().expect("two halves");
        self.paired(&halves[0], &im)
    }

    fn paired(&mut self, re: &Value, im: &Value) -> Eval<Value> {
        match (re, im) {
            (Value::Tensor(re), Value::Tensor(im)) => Ok(value(Complex::Pair(self.read(re)?, self.read(im)?))),
            // Several pieces.
            _ => {
                let (re, im) = (self.iterate(re)?, self.iterate(im)?);
                let pairs = re.iter().zip(&im).map(|(r, i)| self.paired(r, i)).collect::<Eval<Vec<_>>>()?;
                Ok(Value::tuple(pairs))
            }
        }
    }

    /// One part of an argument; a real tensor within a list of complex ones has no imaginary part.
    fn part(&mut self, v: &Value, imaginary: bool) -> Eval<Value> {
        match v {
            Value::Complex(c) => {
                let (re, im) = self.parts(c)?;
                Ok(real(if imaginary { im } else { re }))
            }
            Value::List(_) | Value::Tuple(_) if is_complex(v) => {
                let items = self.iterate(v)?;
                let parts = items
                    .iter()
                    .map(|v| match v {
                        Value::Tensor(t) if imaginary => {
                            let shape = self.dims(t)?;
                            let zeros = self.graph.full(&shape, 0.0, crate::ir::DType::F32);
                            self.tensor(zeros)
                        }
                        other => self.part(other, imaginary),
                    })
                    .collect::<Eval<Vec<_>>>()?;
                self.list(parts)
            }
            other => Ok(other.clone()),
        }
    }

    /// A movement of axes that leaves the frequencies in one axis, done on the signal.
    fn moved_spectrum(
        &mut self,
        f: &'static Builtin,
        c: &Rc<Complex>,
        args: &[Value],
        named: &Named,
    ) -> Eval<Option<Value>> {
        let Complex::Spectrum { signal, from_right, half } = **c else { return Ok(None) };
        let rank = self.graph.shape(signal).len() as i64;
        let axis = rank - 1 - from_right as i64;
        let int = |i: usize| match args.get(i) {
            Some(Value::Int(d)) => Some(*d),
            _ => None,
        };
        let wrap = |d: i64, n: i64| if d < 0 { d + n } else { d };
        let to = match f.name.split('|').next().unwrap_or(f.name) {
            "unsqueeze" => {
                let Some(d) = int(1) else { return Ok(None) };
                let d = wrap(d, rank + 1);
                rank - if d <= axis { axis + 1 } else { axis }
            }
            "transpose" | "swapaxes" => {
                let (Some(a), Some(b)) = (int(1), int(2)) else { return Ok(None) };
                let (a, b) = (wrap(a, rank), wrap(b, rank));
                rank - 1
                    - if axis == a {
                        b
                    } else if axis == b {
                        a
                    } else {
                        axis
                    }
            }
            "clone" | "contiguous" | "detach" | "neg" => from_right as i64,
            "view" | "reshape" => {
                let old = self.complex_shape(c);
                let Some((new, at)) = reshaped(&old, axis as usize, &args[1..]) else { return Ok(None) };
                let n = self.graph.shape(signal)[axis as usize];
                let sizes = new.iter().enumerate().map(|(i, d)| Value::Int(if i == at { n } else { *d } as i64));
                let args = [vec![real(signal)], sizes.collect()].concat();
                let moved = self.call(&Value::Native(f), args, vec![])?;
                let signal = self.node_of_any(&moved)?;
                return Ok(Some(value(Complex::Spectrum { signal, from_right: new.len() - 1 - at, half })));
            }
            "rearrange" => {
                let Some(Value::Str(pattern)) = args.get(1) else { return Ok(None) };
                let Some((left, right)) = pattern.split_once("->") else { return Ok(None) };
                let left = axes(left);
                let rest = (rank as usize + 1).saturating_sub(left.len());
                let spread = |names: Vec<String>| -> Vec<String> {
                    let each = |n: String| match &*n {
                        "..." => (0..rest).map(|i| format!(".{i}")).collect(),
                        _ => vec![n],
                    };
                    names.into_iter().flat_map(each).collect()
                };
                let (left, right) = (spread(left), spread(axes(right)));
                let Some(name) = left.get(axis as usize).filter(|n| !n.starts_with('(')) else { return Ok(None) };
                let Some(at) = right.iter().position(|n| n == name) else { return Ok(None) };
                right.len() as i64 - 1 - at as i64
            }
            _ => return Ok(None),
        };
        let mut args = args.to_vec();
        args[0] = real(signal);
        let Value::Tensor(moved) = self.call(&Value::Native(f), args, named.clone())? else { return Ok(None) };
        let signal = self.read(&moved)?;
        Ok(usize::try_from(to).ok().map(|from_right| value(Complex::Spectrum { signal, from_right, half })))
    }

    /// `c[index]`
    pub fn complex_item(&mut self, c: &Rc<Complex>, index: &Value) -> Eval<Value> {
        if let Complex::Spectrum { signal, from_right, half } = **c {
            let parts = match index {
                Value::Tuple(parts) => parts.to_vec(),
                other => vec![other.clone()],
            };
            let whole = |v: &Value| matches!(v, Value::Slice(p) if p.iter().all(Value::is_none));
            let plain = |v: &Value| v.is_none() || matches!(v, Value::Slice(_) | Value::Int(_) | Value::Ellipsis);
            let ellipsis = parts.iter().position(|v| matches!(v, Value::Ellipsis));
            // Whatever is taken of other axes, and new ones, leave the frequencies alone.
            if parts.iter().all(plain) {
                let rank = self.graph.shape(signal).len();
                let used = parts.iter().filter(|v| matches!(v, Value::Slice(_) | Value::Int(_))).count();
                let mut entries = parts.clone();
                let at = ellipsis.unwrap_or(entries.len());
                let filler =
                    vec![Value::Slice(Rc::new([Value::None, Value::None, Value::None])); rank.saturating_sub(used)];
                entries.splice(at..(at + usize::from(ellipsis.is_some())), filler);
                let axis = rank - 1 - from_right;
                let place = entries.iter().enumerate().filter(|(_, v)| !v.is_none()).nth(axis);
                if let Some(place) = place.filter(|(_, v)| whole(v)).map(|(i, _)| i)
                    && let Value::Tensor(t) = self.get_item(&real(signal), index)?
                {
                    let signal = self.read(&t)?;
                    let from_right = entries[place + 1..].iter().filter(|v| !matches!(v, Value::Int(_))).count();
                    return Ok(value(Complex::Spectrum { signal, from_right, half }));
                }
            }
        }
        let (re, im) = self.parts(c)?;
        let (re, im) = (self.get_item(&real(re), index)?, self.get_item(&real(im), index)?);
        self.paired(&re, &im)
    }
}
