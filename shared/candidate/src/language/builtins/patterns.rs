//! Ranges, triangles, grids and random numbers.

use super::{Args, Builtin, METHOD, TORCH};
use crate::finding::{Finding, FindingKind};
use crate::ir::{Compare, DType, Distribution, NodeId, Op};
use crate::language::interp::{Eval, Interp};
use crate::language::value::{Phase, Value};

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "arange|range",
        places: TORCH,
        signature: "start,end?,step?,*,dtype?,device?,requires_grad?,layout?",
        run: |s, a| {
            let (first, second) = (a.value("start").clone(), a.opt("end").cloned());
            let (start, end) = match second {
                Some(end) => (first, end),
                None => (Value::Int(0), first),
            };
            let step = a.opt("step").cloned().unwrap_or(Value::Int(1));
            let whole =
                [&start, &end, &step].iter().all(|v| matches!(v, Value::Int(_) | Value::Bool(_) | Value::Tensor(_)));
            let dtype = a.dtype(s)?.unwrap_or(if whole { DType::I64 } else { DType::F32 });
            let (start, end, step) =
                (s.scalar_of(&start, "a bound")?, s.scalar_of(&end, "a bound")?, s.scalar_of(&step, "a step")?);
            if step == 0.0 || (end - start) / step < 0.0 {
                return s.raise("RuntimeError", "arange(): the step must be non-zero and lead from start to end");
            }
            let len = ((end - start) / step).ceil();
            if len.is_nan() || len > s.limits.elements as f64 {
                return Err(s.fault(FindingKind::Limit, format!("arange() of {len} elements")).into());
            }
            let made = s.graph.arange(start, step, len as usize, dtype);
            s.tensor(made)
        },
    },
    Builtin {
        name: "linspace",
        places: TORCH,
        signature: "start,end,steps,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let (start, end, n) = (a.float(s, "start")?, a.float(s, "end")?, a.size(s, "steps")?);
            let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
            let made = s.graph.arange(start, step, n, DType::F32);
            s.tensor(made)
        },
    },
    Builtin {
        name: "logspace",
        places: TORCH,
        signature: "start,end,steps,base?,*,dtype?,device?",
        run: |s, a| {
            let (start, end, n) = (a.float(s, "start")?, a.float(s, "end")?, a.size(s, "steps")?);
            let base = a.float_or(s, "base", 10.0)?;
            s.length(n, "tensor")?;
            let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
            let data = (0..n).map(|i| base.powf(start + i as f64 * step)).collect();
            let made = s.graph.literal(&[n], data, DType::F32);
            s.tensor(made)
        },
    },
    Builtin {
        name: "eye",
        places: TORCH,
        signature: "n,m?,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let n = a.size(s, "n")?;
            let m = a.size_or(s, "m", n)?;
            let dtype = a.dtype(s)?.unwrap_or(DType::F32);
            let node = band(s, n, m, 0)?;
            let node = super::reduce::cast(s, node, dtype)?;
            s.tensor(Ok(node))
        },
    },
    Builtin { name: "tril", places: TM, signature: "input,diagonal?", run: |s, a| triangle(s, a, Compare::Le) },
    Builtin { name: "triu", places: TM, signature: "input,diagonal?", run: |s, a| triangle(s, a, Compare::Ge) },
    Builtin {
        name: "tril_indices",
        places: TORCH,
        signature: "row,col,offset?,*,dtype?,device?",
        run: |s, a| indices(s, a, true),
    },
    Builtin {
        name: "triu_indices",
        places: TORCH,
        signature: "row,col,offset?,*,dtype?,device?",
        run: |s, a| indices(s, a, false),
    },
    Builtin {
        name: "meshgrid",
        places: TORCH,
        signature: "*tensors,indexing?",
        run: |s, a| {
            if &*a.string_or(s, "indexing", "ij")? != "ij" {
                return s.unsupported("meshgrid() supports indexing='ij'");
            }
            let values = match &a.rest[..] {
                [list @ (Value::List(_) | Value::Tuple(_))] => s.iterate(list)?,
                values => values.to_vec(),
            };
            let mut nodes = Vec::new();
            for value in &values {
                let Value::Tensor(t) = value else { return s.type_error("meshgrid() needs tensors") };
                nodes.push(s.read(t)?);
            }
            let shape: Vec<usize> = nodes.iter().map(|&n| s.graph.node(n).elements()).collect();
            let mut out = Vec::new();
            for (i, node) in nodes.into_iter().enumerate() {
                let mut thin = vec![1; shape.len()];
                thin[i] = shape[i];
                let made = s.graph.reshape(node, &thin).and_then(|n| s.graph.expand(n, &shape));
                out.push(s.tensor(made)?);
            }
            Ok(Value::tuple(out))
        },
    },
    Builtin {
        name: "randn",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,generator?",
        run: |s, a| {
            let size = a.rest_sizes(s)?;
            let node = random(s, &size, Distribution::Normal)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "rand",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,generator?",
        run: |s, a| {
            let size = a.rest_sizes(s)?;
            let node = random(s, &size, Distribution::Uniform)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "randn_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let node = random(s, &dims, Distribution::Normal)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "rand_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let node = random(s, &dims, Distribution::Uniform)?;
            s.tensor(Ok(node))
        },
    },
    Builtin { name: "manual_seed", places: TORCH, signature: "seed", run: |_, _| Ok(Value::None) },
];

/// Column minus row, `[n, m]`, I64.
fn offsets(s: &mut Interp<'_>, n: usize, m: usize) -> Eval<NodeId> {
    let made = s.graph.arange(0.0, 1.0, n, DType::I64).and_then(|r| s.graph.reshape(r, &[n, 1]));
    let rows = s.made(made)?;
    let made = s.graph.arange(0.0, 1.0, m, DType::I64);
    let columns = s.made(made)?;
    let made = s.graph.sub(columns, rows);
    s.made(made)
}

fn compared(s: &mut Interp<'_>, n: usize, m: usize, compare: Compare, diagonal: i64) -> Eval<NodeId> {
    let offsets = offsets(s, n, m)?;
    let made = s.graph.full(&[], diagonal as f64, DType::I64);
    let limit = s.made(made)?;
    let made = s.graph.compare(compare, offsets, limit);
    s.made(made)
}

/// Whether `column - row == offset`, `[n, m]`.
pub fn band(s: &mut Interp<'_>, n: usize, m: usize, offset: i64) -> Eval<NodeId> {
    compared(s, n, m, Compare::Eq, offset)
}

/// Whether `column - row <= diagonal`, `[n, m]`.
pub fn lower(s: &mut Interp<'_>, n: usize, m: usize, diagonal: i64) -> Eval<NodeId> {
    compared(s, n, m, Compare::Le, diagonal)
}

fn triangle(s: &mut Interp<'_>, a: &Args, compare: Compare) -> Eval<Value> {
    let x = a.node(s, "input")?;
    let diagonal = a.int_or(s, "diagonal", 0)?;
    let shape = s.graph.shape(x).to_vec();
    let [.., n, m] = shape[..] else {
        return s.raise("RuntimeError", "tril() and triu() need at least 2 dimensions");
    };
    let mask = compared(s, n, m, compare, diagonal)?;
    let dtype = s.graph.dtype(x);
    let made = match dtype {
        DType::Bool => s.graph.binary(crate::ir::Binary::And, x, mask),
        _ => s.graph.full(&[], 0.0, dtype).and_then(|zero| s.graph.select(mask, x, zero)),
    };
    s.tensor(made)
}

fn indices(s: &mut Interp<'_>, a: &Args, lower: bool) -> Eval<Value> {
    let (n, m, offset) = (a.size(s, "row")?, a.size(s, "col")?, a.int_or(s, "offset", 0)?);
    s.length(n.saturating_mul(m), "index tensor")?;
    let inside = |i: usize, j: usize| {
        let d = j as i64 - i as i64;
        if lower { d <= offset } else { d >= offset }
    };
    let hits: Vec<(usize, usize)> =
        (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).filter(|&(i, j)| inside(i, j)).collect();
    let data = hits.iter().map(|h| h.0 as f64).chain(hits.iter().map(|h| h.1 as f64)).collect();
    let made = s.graph.literal(&[2, hits.len()], data, DType::I64);
    s.tensor(made)
}

/// Functions and methods that draw random numbers, beside those that the language has.
pub fn draws(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "bernoulli",
        "bernoulli_",
        "cauchy_",
        "exponential_",
        "geometric_",
        "gumbel_softmax",
        "log_normal_",
        "multinomial",
        "poisson",
        "randint",
        "randint_like",
        "randperm",
        "random_",
        "rrelu",
    ];
    NAMES.contains(&name)
}

/// Why random numbers are refused in forward.
pub fn random_in_forward(s: &Interp<'_>) -> Finding {
    s.fault(FindingKind::Nondeterministic, "random numbers in forward: the output would not be a function of the input")
        .hint("draw them in __init__ and keep them as a parameter or buffer")
}

/// A random leaf; allowed while the module is constructed.
pub fn random(s: &mut Interp<'_>, size: &[usize], distribution: Distribution) -> Eval<NodeId> {
    if s.phase == Phase::Forward {
        return Err(random_in_forward(s).into());
    }
    let stream = s.stream();
    let made = s.graph.push(Op::Random { distribution, stream }, &[], (size, DType::F32));
    s.made(made)
}
