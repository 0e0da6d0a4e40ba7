//! Arguments of built-in functions, bound to their parameters.

use std::rc::Rc;

use super::Builtin;
use crate::finding::FindingKind;
use crate::ir::{Axis, DType, NodeId};
use crate::language::interp::{Eval, Interp};
use crate::language::number::number;
use crate::language::suggest;
use crate::language::tensor::Tensor;
use crate::language::value::{Value, dtype_of};

/// Bound arguments. A missing optional one and one that is `None` look the same to [`Args::opt`].
pub struct Args {
    pub name: &'static str,
    values: Vec<(&'static str, Value)>,
    pub rest: Vec<Value>,
    pub extra: Vec<(String, Value)>,
}

impl Args {
    pub fn bind(s: &mut Interp<'_>, f: &'static Builtin, args: Vec<Value>, named: Vec<(String, Value)>) -> Eval<Self> {
        let name = f.name.split('|').next().unwrap_or(f.name);
        let mut bound = Self { name, values: Vec::new(), rest: Vec::new(), extra: Vec::new() };
        let mut args = args.into_iter();
        let mut named = named;
        // Functions of tensors know numpy's names of their options too, those of torch.nn.functional do not.
        let tensors = f.places & (super::TORCH | super::METHOD) != 0 && f.places & super::F == 0;
        for (name, _) in named.iter_mut().filter(|_| tensors) {
            let other = match name.as_str() {
                "keepdims" => "keepdim",
                "axis" => "dim",
                _ => continue,
            };
            let mut known = f.signature.split(',').flat_map(|p| p.trim_end_matches('?').split('|'));
            if known.any(|p| p == other) && !f.signature.contains(name.as_str()) {
                *name = other.to_owned();
            }
        }
        let mut any_keyword = false;
        let mut positional = 0;
        for part in f.signature.split(',').filter(|p| !p.is_empty()) {
            if part == "**" {
                any_keyword = true;
            } else if part == "*" {
                // Keyword-only from here on: nothing positional is left over by then.
            } else if let Some(rest) = part.strip_prefix('*') {
                bound.rest = args.by_ref().collect();
                // `size=(..)` where `*size` is also accepted by name.
                if let Some(i) = named.iter().position(|(n, _)| n == rest) {
                    bound.rest.push(named.remove(i).1);
                }
            } else {
                positional += 1;
                let (names, optional) = match part.strip_suffix('?') {
                    Some(names) => (names, true),
                    None => (part, false),
                };
                let first = names.split('|').next().unwrap_or(names);
                let by_name = named.iter().position(|(n, _)| names.split('|').any(|m| m == n));
                match (args.next(), by_name) {
                    (Some(_), Some(_)) => {
                        return s.type_error(format!("{name}() got multiple values for argument '{first}'"));
                    }
                    (Some(value), None) => bound.values.push((first, value)),
                    (None, Some(i)) => bound.values.push((first, named.remove(i).1)),
                    (None, None) if optional => {}
                    (None, None) => return s.type_error(format!("{name}() missing required argument '{first}'")),
                }
            }
        }
        if args.next().is_some() {
            return s.type_error(format!("{name}() takes at most {positional} positional arguments"));
        }
        if let Some((unknown, _)) = named.first()
            && !any_keyword
        {
            let known: Vec<&str> = f
                .signature
                .split(',')
                .flat_map(|p| p.trim_end_matches('?').trim_start_matches('*').split('|'))
                .filter(|p| !p.is_empty())
                .collect();
            let finding = s.fault(FindingKind::Unsupported, format!("{name}() has no argument '{unknown}'"));
            return Err(match suggest(unknown, known.iter().copied()) {
                Some(near) => finding.hint(format!("did you mean '{near}'?")),
                None => finding.hint(format!("it takes {}", known.join(", "))),
            }
            .into());
        }
        bound.extra = named;
        Ok(bound)
    }

    /// The value, if it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The value, if it was given and is not `None`.
    pub fn opt(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|v| !v.is_none())
    }

    pub fn value(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::None)
    }

    fn wrong<T>(&self, s: &Interp<'_>, name: &str, wanted: &str, got: &Value) -> Eval<T> {
        s.type_error(format!("{}(): argument '{name}' must be {wanted}, not {}", self.name, got.kind()))
    }

    pub fn tensor(&self, s: &mut Interp<'_>, name: &str) -> Eval<Rc<Tensor>> {
        match self.value(name) {
            Value::Tensor(tensor) => Ok(tensor.clone()),
            other => self.wrong(s, name, "a Tensor", other),
        }
    }

    pub fn node(&self, s: &mut Interp<'_>, name: &str) -> Eval<NodeId> {
        let tensor = self.tensor(s, name)?;
        s.read(&tensor)
    }

    /// A float tensor's node; integers and bools are converted.
    pub fn float_node(&self, s: &mut Interp<'_>, name: &str) -> Eval<NodeId> {
        let node = self.node(s, name)?;
        let made = s.graph.cast(node, DType::F32);
        s.made(made)
    }

    pub fn opt_node(&self, s: &mut Interp<'_>, name: &str) -> Eval<Option<NodeId>> {
        self.opt(name).map(|_| self.node(s, name)).transpose()
    }

    pub fn int(&self, s: &mut Interp<'_>, name: &str) -> Eval<i64> {
        self.int_of(s, name, self.value(name))
    }

    pub fn int_of(&self, s: &mut Interp<'_>, name: &str, value: &Value) -> Eval<i64> {
        match value {
            Value::Int(i) => Ok(*i),
            Value::Bool(b) => Ok(i64::from(*b)),
            Value::Tensor(t) if s.dtype(t)? == DType::I64 => Ok(s.scalar_of(value, "a size")? as i64),
            other => self.wrong(s, name, "an int", other),
        }
    }

    pub fn int_or(&self, s: &mut Interp<'_>, name: &str, default: i64) -> Eval<i64> {
        match self.opt(name) {
            Some(_) => self.int(s, name),
            None => Ok(default),
        }
    }

    pub fn size(&self, s: &mut Interp<'_>, name: &str) -> Eval<usize> {
        let value = self.int(s, name)?;
        self.size_of(s, value)
    }

    pub fn size_of(&self, s: &mut Interp<'_>, value: i64) -> Eval<usize> {
        match usize::try_from(value) {
            Ok(size) => Ok(size),
            Err(_) => s.raise("RuntimeError", format!("{}(): negative size {value}", self.name)),
        }
    }

    pub fn size_or(&self, s: &mut Interp<'_>, name: &str, default: usize) -> Eval<usize> {
        match self.opt(name) {
            Some(_) => self.size(s, name),
            None => Ok(default),
        }
    }

    pub fn float(&self, s: &mut Interp<'_>, name: &str) -> Eval<f64> {
        let value = self.value(name).clone();
        match (&value, number(&value)) {
            (_, Some(x)) => Ok(x),
            (Value::Tensor(_), _) => s.scalar_of(&value, "a number"),
            (other, _) => self.wrong(s, name, "a number", other),
        }
    }

    pub fn float_or(&self, s: &mut Interp<'_>, name: &str, default: f64) -> Eval<f64> {
        match self.opt(name) {
            Some(_) => self.float(s, name),
            None => Ok(default),
        }
    }

    pub fn bool_or(&self, s: &mut Interp<'_>, name: &str, default: bool) -> Eval<bool> {
        match self.opt(name) {
            Some(value) => s.truth(value),
            None => Ok(default),
        }
    }

    pub fn string(&self, s: &mut Interp<'_>, name: &str) -> Eval<Rc<str>> {
        match self.value(name) {
            Value::Str(text) => Ok(text.clone()),
            other => self.wrong(s, name, "a str", other),
        }
    }

    pub fn string_or(&self, s: &mut Interp<'_>, name: &str, default: &str) -> Eval<Rc<str>> {
        match self.opt(name) {
            Some(_) => self.string(s, name),
            None => Ok(default.into()),
        }
    }

    /// Integers: one, a tuple or a list.
    pub fn ints(&self, s: &mut Interp<'_>, name: &str) -> Eval<Vec<i64>> {
        match self.value(name) {
            value @ (Value::Tuple(_) | Value::List(_) | Value::Range(..)) => {
                let items = s.iterate(value)?;
                items.iter().map(|v| self.int_of(s, name, v)).collect()
            }
            value => Ok(vec![self.int_of(s, name, value)?]),
        }
    }

    /// Integers given as separate arguments or as one tuple.
    pub fn rest_ints(&self, s: &mut Interp<'_>) -> Eval<Vec<i64>> {
        let items = match &self.rest[..] {
            [value @ (Value::Tuple(_) | Value::List(_))] => s.iterate(value)?,
            items => items.to_vec(),
        };
        items.iter().map(|v| self.int_of(s, "size", v)).collect()
    }

    /// Sizes given as separate arguments or as one tuple.
    pub fn rest_sizes(&self, s: &mut Interp<'_>) -> Eval<Vec<usize>> {
        let ints = self.rest_ints(s)?;
        ints.into_iter().map(|i| self.size_of(s, i)).collect()
    }

    /// A dimension of a tensor of this rank; negative counts from the right.
    pub fn dim(&self, s: &mut Interp<'_>, name: &str, rank: usize) -> Eval<Axis> {
        let dim = self.int(s, name)?;
        axis(s, dim, rank)
    }

    pub fn dim_or(&self, s: &mut Interp<'_>, name: &str, default: i64, rank: usize) -> Eval<Axis> {
        let dim = self.int_or(s, name, default)?;
        axis(s, dim, rank)
    }

    /// Dimensions to reduce: all of them when not given.
    pub fn dims(&self, s: &mut Interp<'_>, name: &str, rank: usize) -> Eval<Vec<Axis>> {
        match self.opt(name) {
            None => Ok((0..rank).collect()),
            Some(_) => {
                let dims = self.ints(s, name)?;
                match dims.is_empty() {
                    true => Ok((0..rank).collect()),
                    false => dims.into_iter().map(|d| axis(s, d, rank)).collect(),
                }
            }
        }
    }

    /// The `dtype` argument.
    pub fn dtype(&self, s: &mut Interp<'_>) -> Eval<Option<DType>> {
        match self.opt("dtype") {
            None => Ok(None),
            Some(Value::DType(name)) => {
                s.note_dtype(name);
                Ok(Some(dtype_of(name)))
            }
            Some(Value::Type(name)) if matches!(*name, "float" | "int" | "bool") => Ok(Some(dtype_of(name))),
            Some(other) => self.wrong(s, "dtype", "a torch.dtype", other),
        }
    }

    /// A list of tensors.
    pub fn tensors(&self, s: &mut Interp<'_>, name: &str) -> Eval<Vec<Rc<Tensor>>> {
        let value = self.value(name).clone();
        let items = match &value {
            Value::Tensor(_) => return self.wrong(s, name, "a list of tensors", &value),
            value => s.iterate(value)?,
        };
        items
            .into_iter()
            .map(|item| match item {
                Value::Tensor(t) => Ok(t),
                Value::Poison => Err(crate::language::interp::Stop::Poisoned),
                other => self.wrong(s, name, "a list of tensors", &other),
            })
            .collect()
    }
}

/// A dimension counted from the left.
pub fn axis(s: &Interp<'_>, dim: i64, rank: usize) -> Eval<Axis> {
    let at = if dim < 0 { dim.saturating_add(rank as i64) } else { dim };
    match usize::try_from(at) {
        Ok(at) if at < rank => Ok(at),
        // PyTorch lets a 0-d tensor be addressed by 0 and -1, which no caller here can use.
        _ => s.raise("IndexError", format!("dimension {dim} is out of range for a tensor of {rank} dimensions")),
    }
}
