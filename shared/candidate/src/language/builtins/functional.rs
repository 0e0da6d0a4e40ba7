//! Functions of `torch.nn.functional` beyond single elements.

use super::elementwise::constant;
use super::patterns::lower;
use super::{Builtin, F};
use crate::ir::{DType, Unary};

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "glu",
        places: F,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axis = a.dim_or(s, "dim", -1, s.graph.shape(x).len())?;
            let n = s.graph.shape(x)[axis];
            if n % 2 != 0 {
                return s.raise("RuntimeError", format!("glu(): the dimension of size {n} is not even"));
            }
            let left = {
                let m = s.graph.slice(x, axis, 0, n / 2, 1);
                s.made(m)?
            };
            let right = {
                let m = s.graph.slice(x, axis, n / 2, n / 2, 1);
                s.made(m)?
            };
            let made = s.graph.unary(Unary::Sigmoid, right).and_then(|g| s.graph.mul(left, g));
            s.tensor(made)
        },
    },
    Builtin {
        name: "scaled_dot_product_attention",
        places: F,
        signature: "query,key,value,attn_mask?,dropout_p?,is_causal?,scale?,enable_gqa?",
        run: |s, a| {
            let (q, k, v) = (a.float_node(s, "query")?, a.float_node(s, "key")?, a.float_node(s, "value")?);
            if a.float_or(s, "dropout_p", 0.0)? > 0.0 {
                s.note("dropout is treated as the identity");
            }
            if a.bool_or(s, "enable_gqa", false)? {
                return s.unsupported("scaled_dot_product_attention() with enable_gqa is not supported; use repeat_interleave on key and value");
            }
            let mask = a.opt_node(s, "attn_mask")?;
            let causal = a.bool_or(s, "is_causal", false)?;
            let width = s.graph.shape(q).last().copied().unwrap_or(1);
            let scale = a.float_or(s, "scale", 1.0 / (width as f64).sqrt())?;
            let rank = s.graph.shape(k).len();
            if rank < 2 || s.graph.shape(q).len() < 2 {
                return s.raise("RuntimeError", "scaled_dot_product_attention() needs at least 2 dimensions");
            }
            let kt = {
                let m = s.graph.transpose(k, rank - 1, rank - 2);
                s.made(m)?
            };
            let scores = {
                let m = s.graph.matmul(q, kt).and_then(|y| s.graph.scale(y, scale));
                s.made(m)?
            };
            let shape = s.graph.shape(scores).to_vec();
            let low = constant(s, f64::NEG_INFINITY)?;
            let mut scores = scores;
            if causal {
                let allowed = lower(s, shape[shape.len() - 2], shape[shape.len() - 1], 0)?;
                let made = s.graph.select(allowed, scores, low);
                scores = s.made(made)?;
            }
            if let Some(mask) = mask {
                let made = match s.graph.dtype(mask) {
                    DType::Bool => s.graph.select(mask, scores, low),
                    _ => s.graph.add(scores, mask),
                };
                scores = s.made(made)?;
            }
            let axis = s.graph.shape(scores).len() - 1;
            let made = s.graph.softmax(scores, axis).and_then(|p| s.graph.matmul(p, v));
            s.tensor(made)
        },
    },
];
