//! Copies, dtypes, devices, and what a tensor says of itself.

use std::rc::Rc;

use super::{Args, Builtin, METHOD, TORCH};
use crate::ir::{DType, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::{Layout, Tensor};
use crate::language::value::{Value, dtype_of};

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "contiguous",
        places: METHOD,
        signature: "input,memory_format?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            match x.layout {
                Layout::Contiguous => Ok(Value::Tensor(x)),
                Layout::Strided => {
                    let node = s.read(&x)?;
                    Ok(Value::Tensor(Tensor::fresh(node, Layout::Contiguous)))
                }
                Layout::Unknown => {
                    let node = s.read(&x)?;
                    Ok(Value::Tensor(Tensor::perhaps_view(&x, node)))
                }
            }
        },
    },
    Builtin {
        name: "clone",
        places: TM,
        signature: "input,*,memory_format?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            copy(s, &x)
        },
    },
    Builtin {
        name: "detach",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let node = s.read(&x)?;
            if s.own_gradient > 0 || !s.differentiable[node.index()] {
                return Ok(Value::Tensor(x.alias()));
            }
            let made = s.graph.unary(Unary::Detach, node);
            let node = s.made(made)?;
            Ok(Value::Tensor(Tensor::perhaps_view(&x, node)))
        },
    },
    Builtin { name: "float", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::F32) },
    Builtin {
        name: "double",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            s.note_dtype("float64");
            to(s, a, DType::F32)
        },
    },
    Builtin {
        name: "half|bfloat16",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            s.note_dtype("bfloat16");
            to(s, a, DType::F32)
        },
    },
    Builtin { name: "long|int", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::I64) },
    Builtin { name: "bool", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::Bool) },
    Builtin {
        name: "type_as",
        places: METHOD,
        signature: "input,other",
        run: |s, a| {
            let other = a.tensor(s, "other")?;
            let dtype = s.dtype(&other)?;
            to(s, a, dtype)
        },
    },
    Builtin {
        name: "type",
        places: METHOD,
        signature: "input,dtype",
        run: |s, a| {
            let dtype = a.dtype(s)?.unwrap_or(DType::F32);
            to(s, a, dtype)
        },
    },
    Builtin {
        name: "to",
        places: METHOD,
        signature: "input,*rest,dtype?,device?,copy?,non_blocking?,memory_format?",
        run: |s, a| {
            let mut dtype = a.dtype(s)?;
            for value in &a.rest {
                match value {
                    Value::DType(name) => {
                        s.note_dtype(name);
                        dtype = Some(dtype_of(name));
                    }
                    Value::Tensor(other) => dtype = Some(s.dtype(other)?),
                    Value::Device | Value::Str(_) | Value::Bool(_) | Value::None => {}
                    other => {
                        return s.type_error(format!(
                            "to(): argument must be a dtype, device or tensor, not {}",
                            other.kind()
                        ));
                    }
                }
            }
            match dtype {
                Some(dtype) => to(s, a, dtype),
                None => Ok(a.value("input").clone()),
            }
        },
    },
    Builtin { name: "cuda|cpu", places: METHOD, signature: "input,**", run: |_, a| Ok(a.value("input").clone()) },
    Builtin {
        name: "size",
        places: METHOD,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            match a.opt("dim") {
                None => Ok(Value::shape(&dims)),
                Some(_) => Ok(Value::Int(dims[a.dim(s, "dim", dims.len())?] as i64)),
            }
        },
    },
    Builtin {
        name: "dim|ndimension",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Int(s.dims(&x)?.len() as i64))
        },
    },
    Builtin {
        name: "numel|nelement",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Int(s.dims(&x)?.iter().product::<usize>() as i64))
        },
    },
    Builtin {
        name: "is_contiguous",
        places: METHOD,
        signature: "input",
        run: |s, a| match a.tensor(s, "input")?.layout {
            Layout::Contiguous => Ok(Value::Bool(true)),
            Layout::Strided => Ok(Value::Bool(false)),
            Layout::Unknown => s.unsupported("is_contiguous() of this tensor is not known"),
        },
    },
    Builtin {
        name: "is_floating_point",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Bool(s.dtype(&x)? == DType::F32))
        },
    },
    Builtin {
        name: "item",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let value = s.scalar_of(a.value("input"), "item()")?;
            Ok(match s.dtype(&x)? {
                DType::F32 => Value::Float(value),
                DType::I64 => Value::Int(value as i64),
                DType::Bool => Value::Bool(value != 0.0),
            })
        },
    },
    Builtin {
        name: "tolist",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            match dims.len() {
                0 => s.call_method(&Value::Tensor(x), "item", vec![]),
                _ => {
                    let rows = s.iterate(&Value::Tensor(x))?;
                    let rows = rows
                        .iter()
                        .map(|row| s.deeper(|s| s.call_method(row, "tolist", vec![])))
                        .collect::<Eval<_>>()?;
                    s.list(rows)
                }
            }
        },
    },
    Builtin {
        name: "copy_",
        places: METHOD,
        signature: "input,src,non_blocking?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            s.write_value(&x, a.value("src"))?;
            Ok(Value::Tensor(x))
        },
    },
    Builtin {
        name: "requires_grad_",
        places: METHOD,
        signature: "input,requires_grad?",
        run: |s, a| {
            let on = a.bool_or(s, "requires_grad", true)?;
            s.set_attribute(a.value("input"), "requires_grad", Value::Bool(on))?;
            Ok(a.value("input").clone())
        },
    },
    Builtin { name: "element_size", places: METHOD, signature: "input", run: |_, _| Ok(Value::Int(4)) },
];

fn copy(s: &mut Interp<'_>, x: &Rc<Tensor>) -> Eval<Value> {
    let node = s.read(x)?;
    Ok(Value::Tensor(Tensor::fresh(node, x.layout)))
}

fn to(s: &mut Interp<'_>, a: &Args, dtype: DType) -> Eval<Value> {
    let x = a.tensor(s, "input")?;
    if s.dtype(&x)? == dtype {
        return Ok(Value::Tensor(x));
    }
    let node = s.read(&x)?;
    let made = s.graph.cast(node, dtype);
    let node = s.made(made)?;
    Ok(Value::Tensor(Tensor::fresh(node, x.layout)))
}
