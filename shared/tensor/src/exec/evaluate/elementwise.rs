//! Elementwise operations that clusters leave out: those that touch integers.

use move37_candidate::ir::{DType, Node, Op};

use crate::exec::kernels::copy;
use crate::exec::kernels::integer::{self, ByZero};
use crate::exec::value::{Buffer, Data, Value};

/// Elements of an operand, broadcast to `shape`, row-major.
fn spread<T: Copy + Default>(buffer: &Buffer<'_, T>, value: &Value<'_>, shape: &[usize]) -> Vec<T> {
    let layout = value.layout.expand(shape);
    let mut out = vec![T::default(); layout.elements()];
    copy::copy(buffer.as_slice(), &layout, &mut out);
    out
}

fn integers(value: &Value<'_>, shape: &[usize]) -> Vec<i64> {
    match &value.data {
        Data::I64(b) => spread(b, value, shape),
        _ => unreachable!("the graph's type rules ask for integers here"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast to integers truncates")]
pub(crate) fn compute<'a>(node: &Node, inputs: &[Value<'a>]) -> Result<Value<'a>, ByZero> {
    let shape = &node.shape;
    Ok(match &node.op {
        Op::Unary(f) => Value::i64(integer::unary(*f, &integers(&inputs[0], shape)), shape),
        Op::Binary(f) => {
            Value::i64(integer::binary(*f, &integers(&inputs[0], shape), &integers(&inputs[1], shape))?, shape)
        }
        Op::Compare(c) => {
            Value::bool(integer::compare(*c, &integers(&inputs[0], shape), &integers(&inputs[1], shape)), shape)
        }
        Op::Where => {
            let Data::Bool(mask) = &inputs[0].data else { unreachable!("a condition is Bool") };
            let mask = spread(mask, &inputs[0], shape);
            let (a, b) = (integers(&inputs[1], shape), integers(&inputs[2], shape));
            let pick = mask.iter().zip(a.iter().zip(&b)).map(|(&m, (&a, &b))| if m == 0 { b } else { a });
            Value::i64(pick.collect(), shape)
        }
        _ => match (&inputs[0].data, node.dtype) {
            (Data::I64(b), DType::F32) => {
                Value::f32(spread(b, &inputs[0], shape).iter().map(|&x| x as f32).collect(), shape)
            }
            (Data::I64(b), DType::Bool) => {
                Value::bool(spread(b, &inputs[0], shape).iter().map(|&x| u8::from(x != 0)).collect(), shape)
            }
            (Data::F32(b), _) => Value::i64(spread(b, &inputs[0], shape).iter().map(|&x| x as i64).collect(), shape),
            (Data::Bool(b), _) => {
                Value::i64(spread(b, &inputs[0], shape).iter().map(|&x| i64::from(x)).collect(), shape)
            }
            (Data::I64(_), DType::I64) => inputs[0].clone(),
        },
    })
}
