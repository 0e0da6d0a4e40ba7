//! Products of matrices and vectors.

use super::{Builtin, F, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId, Reduction};
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "matmul|mm|bmm|mv",
        places: TM,
        signature: "input,other|mat2|vec",
        run: |s, a| s.matmul_values(a.value("input"), a.value("other")),
    },
    Builtin {
        name: "dot|inner|vdot",
        places: TM,
        signature: "input,other",
        run: |s, a| {
            let (x, y) = (a.float_node(s, "input")?, a.float_node(s, "other")?);
            if s.graph.shape(x).len() != 1 || s.graph.shape(y).len() != 1 {
                return s.unsupported("dot() and inner() are supported for vectors");
            }
            let node = product(s, x, y)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "outer|ger",
        places: TM,
        signature: "input,vec2|other",
        run: |s, a| {
            let (x, y) = (a.float_node(s, "input")?, a.float_node(s, "vec2")?);
            let n = s.graph.node(x).elements();
            let made = s.graph.reshape(x, &[n, 1]).and_then(|x| s.graph.mul(x, y));
            s.tensor(made)
        },
    },
    Builtin {
        name: "addmm|baddbmm",
        places: TM,
        signature: "input,batch1|mat1,batch2|mat2,*,beta?,alpha?",
        run: |s, a| {
            let product = s.matmul_values(a.value("batch1"), a.value("batch2"))?;
            let product = match a.opt("alpha") {
                Some(alpha) => s.arithmetic(crate::ir::Binary::Mul, &product, alpha)?,
                None => product,
            };
            let base = match a.opt("beta") {
                Some(beta) => s.arithmetic(crate::ir::Binary::Mul, a.value("input"), beta)?,
                None => a.value("input").clone(),
            };
            s.arithmetic(crate::ir::Binary::Add, &base, &product)
        },
    },
    Builtin {
        name: "linear",
        places: F,
        signature: "input,weight,bias?",
        run: |s, a| {
            let (x, w) = (a.float_node(s, "input")?, a.float_node(s, "weight")?);
            let bias = a.opt_node(s, "bias")?;
            let node = linear(s, x, w, bias)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "bilinear",
        places: F,
        signature: "input1,input2,weight,bias?",
        run: |s, _| s.unsupported("bilinear() is not supported; use torch.einsum('bi,oij,bj->bo', ..)"),
    },
];

impl Interp<'_> {
    /// `a @ b` of values.
    pub fn matmul_values(&mut self, a: &Value, b: &Value) -> Eval<Value> {
        let mut nodes = Vec::new();
        for value in [a, b] {
            match value {
                Value::Tensor(t) => {
                    let node = self.read(t)?;
                    if self.graph.dtype(node) != DType::F32 {
                        return Err(self
                            .fault(FindingKind::Type, "matmul needs float tensors")
                            .hint("use .float()")
                            .into());
                    }
                    nodes.push(node);
                }
                Value::Poison => return Err(Stop::Poisoned),
                other => return self.type_error(format!("matmul of {}", other.kind())),
            }
        }
        let node = product(self, nodes[0], nodes[1])?;
        self.tensor(Ok(node))
    }
}

/// `torch.matmul`: vectors count as a row (left) or a column (right).
pub fn product(s: &mut Interp<'_>, a: NodeId, b: NodeId) -> Eval<NodeId> {
    let (sa, sb) = (s.graph.shape(a).to_vec(), s.graph.shape(b).to_vec());
    match (sa.len(), sb.len()) {
        (0, _) | (_, 0) => s.raise("RuntimeError", "matmul needs at least 1 dimension"),
        (1, 1) => {
            if sa != sb {
                let message = format!("matmul of {sa:?} and {sb:?}: sizes differ");
                return Err(s.fault(FindingKind::Shape, message).into());
            }
            let made = s
                .graph
                .mul(a, b)
                .and_then(|y| s.graph.reduce(Reduction::Sum, y, &[0]))
                .and_then(|y| s.graph.reshape(y, &[]));
            s.made(made)
        }
        (1, _) => {
            let made = s.graph.reshape(a, &[1, sa[0]]).and_then(|a| s.graph.matmul(a, b));
            let y = s.made(made)?;
            let mut shape = s.graph.shape(y).to_vec();
            shape.remove(shape.len() - 2);
            let made = s.graph.reshape(y, &shape);
            s.made(made)
        }
        (_, 1) => {
            let made = s.graph.reshape(b, &[sb[0], 1]).and_then(|b| s.graph.matmul(a, b));
            let y = s.made(made)?;
            let mut shape = s.graph.shape(y).to_vec();
            shape.pop();
            let made = s.graph.reshape(y, &shape);
            s.made(made)
        }
        _ => {
            let made = s.graph.matmul(a, b);
            s.made(made)
        }
    }
}

/// `x @ w^T + bias`, `x: [.., in]`, `w: [out, in]`: one matrix product over all leading dimensions.
pub fn linear(s: &mut Interp<'_>, x: NodeId, w: NodeId, bias: Option<NodeId>) -> Eval<NodeId> {
    let (sx, sw) = (s.graph.shape(x).to_vec(), s.graph.shape(w).to_vec());
    let (Some(&k), [out, inner]) = (sx.last(), &sw[..]) else {
        let message = format!("linear(): input {sx:?} and weight {sw:?}");
        return Err(s.fault(FindingKind::Shape, message).into());
    };
    if k != *inner {
        let message = format!(
            "linear(): the input's last dimension is {k}, the weight expects {inner} (input {sx:?}, weight {sw:?})"
        );
        return Err(s.fault(FindingKind::Shape, message).into());
    }
    let rows: usize = sx[..sx.len() - 1].iter().product();
    let flat = {
        let m = s.graph.reshape(x, &[rows, k]);
        s.made(m)?
    };
    let wt = {
        let m = s.graph.transpose(w, 0, 1);
        s.made(m)?
    };
    let y = {
        let m = s.graph.matmul(flat, wt);
        s.made(m)?
    };
    let mut shape = sx[..sx.len() - 1].to_vec();
    shape.push(*out);
    let y = {
        let m = s.graph.reshape(y, &shape);
        s.made(m)?
    };
    match bias {
        Some(bias) => {
            let made = s.graph.add(y, bias);
            s.made(made)
        }
        None => Ok(y),
    }
}
