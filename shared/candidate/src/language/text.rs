//! Values as text, and what can be walked over.

use super::interp::{Eval, Interp, Stop};
use super::number::{number, range_len};
use super::value::Value;

impl Interp<'_> {
    /// The values of an iterable.
    pub fn iterate(&mut self, value: &Value) -> Eval<Vec<Value>> {
        let items = match value {
            Value::Tuple(items) => items.to_vec(),
            Value::List(list) => list.items.borrow().clone(),
            Value::Dict(table) | Value::Set(table) => table.map.borrow().iter().map(|(name, _)| name.clone()).collect(),
            Value::Str(text) => text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect(),
            Value::Range(start, stop, step) => {
                let n = range_len(*start, *stop, *step);
                self.length(n, "range")?;
                (0..n as i64).map(|i| Value::Int(start + i * step)).collect()
            }
            Value::Tensor(tensor) => {
                let Some(&n) = self.dims(tensor)?.first() else {
                    return self.type_error("iteration over a 0-d tensor");
                };
                self.length(n, "tensor to iterate over")?;
                (0..n as i64).map(|i| self.get_item(value, &Value::Int(i))).collect::<Eval<_>>()?
            }
            Value::Instance(object)
                if ["ModuleList", "Sequential", "ParameterList"].iter().any(|c| object.class.is_a(c)) =>
            {
                super::builtins::children(object).into_iter().map(|(_, v)| v).collect()
            }
            Value::Instance(object) if ["ModuleDict", "ParameterDict"].iter().any(|c| object.class.is_a(c)) => {
                super::builtins::children(object).into_iter().map(|(n, _)| Value::Str(n)).collect()
            }
            Value::Instance(object) if object.class.is_a("NamedTuple") => object.tuple_items(),
            Value::Class(class) if class.is_a("Enum") => {
                let attrs = class.attrs.borrow();
                attrs.strings().filter(|(_, v)| matches!(v, Value::Instance(_))).map(|(_, v)| v.clone()).collect()
            }
            Value::Instance(object) if self.special(object, "__iter__").is_some() => {
                let method = self.special(object, "__iter__").expect("just found");
                let items = self.call(&method, vec![], vec![])?;
                return self.deeper(|s| s.iterate(&items));
            }
            Value::Missing(finding) => return Err(self.missing(finding)),
            Value::Poison => return Err(Stop::Poisoned),
            other => return self.type_error(format!("'{}' object is not iterable", other.kind())),
        };
        self.tick(items.len() as u64 / 8 + 1)?;
        Ok(items)
    }

    /// `str(value)`.
    pub fn text(&mut self, value: &Value) -> Eval<String> {
        match value {
            Value::Str(s) => Ok(s.to_string()),
            Value::Instance(object) if object.class.is_a("BaseException") => match object.get("args") {
                Some(Value::Tuple(args)) if args.len() == 1 => self.deeper(|s| s.text(&args[0])),
                _ => self.repr(value),
            },
            _ => self.repr(value),
        }
    }

    /// `repr(value)`.
    pub fn repr(&mut self, value: &Value) -> Eval<String> {
        self.tick(1)?;
        let text = match value {
            Value::None => "None".into(),
            Value::Bool(b) => if *b { "True" } else { "False" }.into(),
            Value::Int(i) => i.to_string(),
            Value::Float(x) => float_text(*x),
            Value::Str(s) => format!("'{s}'"),
            Value::Ellipsis => "Ellipsis".into(),
            Value::Tuple(items) => {
                let inner = self.joined(items)?;
                format!("({inner}{})", if items.len() == 1 { "," } else { "" })
            }
            Value::List(list) => {
                let items = list.items.borrow().clone();
                format!("[{}]", self.joined(&items)?)
            }
            Value::Dict(table) => {
                let entries: Vec<_> = table.map.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect();
                let mut parts = Vec::new();
                for (name, value) in entries {
                    parts.push(format!("{}: {}", self.repr(&name)?, self.deeper(|s| s.repr(&value))?));
                }
                format!("{{{}}}", parts.join(", "))
            }
            Value::DType(name) => format!("torch.{name}"),
            Value::Device => "cpu".into(),
            Value::Class(class) => format!("<class '{}'>", class.name),
            Value::Poison => return Err(Stop::Poisoned),
            other => format!("<{}>", other.kind()),
        };
        self.length(text.len(), "string")?;
        Ok(text)
    }

    pub fn joined(&mut self, items: &[Value]) -> Eval<String> {
        let mut parts = Vec::new();
        let mut total = 0;
        for item in items {
            let part = self.deeper(|s| s.repr(item))?;
            total += part.len();
            self.length(total, "string")?;
            parts.push(part);
        }
        Ok(parts.join(", "))
    }
}

pub fn float_text(x: f64) -> String {
    match x {
        x if x.is_nan() => "nan".into(),
        x if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
        x if x != 0.0 && (x.abs() >= 1e16 || x.abs() < 1e-4) => {
            let text = format!("{x:e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("+", exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        x if x.fract() == 0.0 => format!("{x:.1}"),
        x => x.to_string(),
    }
}

/// Apply a format specification; what is not understood is shown plainly (text reaches only messages).
pub fn format(value: &Value, shown: &str, spec: &str) -> String {
    match (number(value), spec.strip_prefix('.')) {
        (Some(x), Some(rest)) => {
            match (rest.trim_end_matches(['f', 'g', 'e', '%']).parse::<usize>(), rest.chars().last()) {
                (Ok(digits), Some('f')) if digits <= 50 => format!("{x:.digits$}"),
                (Ok(digits), Some('%')) if digits <= 50 => format!("{:.digits$}%", x * 100.0),
                _ => shown.to_owned(),
            }
        }
        _ => match (value, spec.trim_end_matches('d').parse::<usize>()) {
            (Value::Int(i), Ok(width)) if width <= 100 && spec.starts_with('0') => format!("{i:0width$}"),
            (_, Ok(width)) if width <= 100 => format!("{shown:>width$}"),
            _ => shown.to_owned(),
        },
    }
}
