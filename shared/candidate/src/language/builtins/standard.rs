//! Functions of Python's standard library that layers use: itertools, operator, copy, contextlib, collections.

use super::{
    Args, Builtin, CHECKPOINT, COLLECTIONS, CONTEXTLIB, COPY, ENVIRONMENT, ITERTOOLS, OPERATOR, TORCH_COMPILER, find,
};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;
use ruff_python_ast::Operator;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "chain",
        places: ITERTOOLS,
        signature: "*iterables",
        run: |s, a| {
            let mut all = Vec::new();
            for iterable in &a.rest {
                all.extend(s.iterate(iterable)?);
            }
            s.list(all)
        },
    },
    Builtin {
        name: "product",
        places: ITERTOOLS,
        signature: "*iterables,repeat?",
        run: |s, a| {
            let mut columns: Vec<Vec<Value>> = a.rest.iter().map(|v| s.iterate(v)).collect::<Eval<_>>()?;
            let once = columns.clone();
            for _ in 1..a.int_or(s, "repeat", 1)?.clamp(0, 64) {
                columns.extend(once.iter().cloned());
            }
            let mut rows: Vec<Vec<Value>> = vec![vec![]];
            for column in columns {
                s.length(rows.len().saturating_mul(column.len()), "product")?;
                rows = rows
                    .iter()
                    .flat_map(|row| column.iter().map(move |v| row.iter().chain([v]).cloned().collect()))
                    .collect();
            }
            s.list(rows.into_iter().map(Value::tuple).collect())
        },
    },
    Builtin {
        name: "islice",
        places: ITERTOOLS,
        signature: "iterable,stop",
        run: |s, a| {
            let n = a.size(s, "stop")?;
            let items = s.iterate(a.value("iterable"))?;
            s.list(items.into_iter().take(n).collect())
        },
    },
    Builtin {
        name: "pairwise",
        places: ITERTOOLS,
        signature: "iterable",
        run: |s, a| {
            let items = s.iterate(a.value("iterable"))?;
            s.list(items.windows(2).map(|w| Value::tuple(w.to_vec())).collect())
        },
    },
    Builtin {
        name: "accumulate",
        places: ITERTOOLS,
        signature: "iterable,func?,*,initial?",
        run: |s, a| {
            let mut items = s.iterate(a.value("iterable"))?;
            if let Some(first) = a.opt("initial") {
                items.insert(0, first.clone());
            }
            let mut out: Vec<Value> = Vec::new();
            for item in items {
                let next = match (out.last().cloned(), a.opt("func")) {
                    (None, _) => item,
                    (Some(sum), Some(f)) => s.call(f, vec![sum, item], vec![])?,
                    (Some(sum), None) => s.binary_op(Operator::Add, &sum, &item)?,
                };
                out.push(next);
            }
            s.list(out)
        },
    },
    Builtin { name: "mul", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::Mult) },
    Builtin { name: "add", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::Add) },
    Builtin { name: "sub", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::Sub) },
    Builtin { name: "truediv", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::Div) },
    Builtin { name: "floordiv", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::FloorDiv) },
    Builtin { name: "matmul", places: OPERATOR, signature: "a,b", run: |s, a| operate(s, a, Operator::MatMult) },
    Builtin {
        name: "getitem",
        places: OPERATOR,
        signature: "a,b",
        run: |s, a| s.get_item(&a.value("a").clone(), &a.value("b").clone()),
    },
    Builtin { name: "nullcontext", places: CONTEXTLIB, signature: "enter_result?", run: |_, _| Ok(Value::Silent) },
    Builtin { name: "copy|deepcopy", places: COPY, signature: "x", run: |s, a| copied(s, &a.value("x").clone()) },
    Builtin {
        name: "defaultdict",
        places: COLLECTIONS,
        signature: "default_factory?,**",
        run: |s, a| {
            let made = s.dict(Default::default())?;
            if let (Value::Dict(table), Some(factory)) = (&made, a.opt("default_factory")) {
                table.map.borrow_mut().default = Some(Box::new(factory.clone()));
            }
            Ok(made)
        },
    },
    Builtin {
        name: "deque",
        places: COLLECTIONS,
        signature: "iterable?",
        run: |s, a| {
            let items = match a.opt("iterable") {
                Some(items) => s.iterate(items)?,
                None => vec![],
            };
            s.list(items)
        },
    },
    Builtin {
        name: "namedtuple",
        places: COLLECTIONS,
        signature: "typename,field_names,*,defaults?",
        run: |s, a| {
            let name = a.string(s, "typename")?;
            let fields = match a.value("field_names") {
                Value::Str(text) => text.replace(',', " ").split_whitespace().map(Value::str).collect(),
                other => s.iterate(other)?,
            };
            let defaults = match a.opt("defaults") {
                Some(values) => s.iterate(values)?,
                None => vec![],
            };
            let plain = fields.len().saturating_sub(defaults.len());
            let mut named = Vec::new();
            for (i, field) in fields.iter().enumerate() {
                let Value::Str(field) = field else { return s.type_error("namedtuple(): field names are strings") };
                named.push((field.clone(), i.checked_sub(plain).and_then(|i| defaults.get(i).cloned())));
            }
            s.tuple_class(&name, named)
        },
    },
    Builtin {
        name: "checkpoint",
        places: CHECKPOINT,
        signature: "function,*rest,**",
        run: |s, a| {
            let own = ["use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug"];
            let named = a.extra.iter().filter(|(n, _)| !own.contains(&n.as_str())).cloned().collect();
            s.call(&a.value("function").clone(), a.rest.clone(), named)
        },
    },
    Builtin {
        name: "is_compiling|is_dynamo_compiling",
        places: TORCH_COMPILER,
        signature: "",
        run: |_, _| Ok(Value::Bool(false)),
    },
    // The environment of a candidate is empty.
    Builtin {
        name: "getenv",
        places: ENVIRONMENT,
        signature: "key,default?",
        run: |_, a| Ok(a.value("default").clone()),
    },
];

fn operate(s: &mut Interp<'_>, a: &Args, op: Operator) -> Eval<Value> {
    s.binary_op(op, &a.value("a").clone(), &a.value("b").clone())
}

/// A copy of a container, all the way down; tensors are cloned, modules are not copied.
fn copied(s: &mut Interp<'_>, value: &Value) -> Eval<Value> {
    s.tick(1)?;
    match value {
        Value::List(list) => {
            let items = list.items.borrow().clone();
            let items = items.iter().map(|v| s.deeper(|s| copied(s, v))).collect::<Eval<_>>()?;
            s.list(items)
        }
        Value::Tuple(items) => {
            let items = items.iter().map(|v| s.deeper(|s| copied(s, v))).collect::<Eval<_>>()?;
            Ok(Value::tuple(items))
        }
        Value::Dict(table) => {
            let mut dict = table.map.borrow().clone();
            for (name, value) in table.map.borrow().iter() {
                let key = s.key(name)?;
                let value = s.deeper(|s| copied(s, value))?;
                dict.insert(key, name.clone(), value);
            }
            s.dict(dict)
        }
        Value::Tensor(_) => {
            let clone = find(super::METHOD, "clone").expect("in the table");
            s.call(&Value::Native(clone), vec![value.clone()], vec![])
        }
        Value::Instance(object) if object.class.is_a("Module") => {
            s.unsupported("a copy of a module is not supported: construct it again")
        }
        other => Ok(other.clone()),
    }
}
