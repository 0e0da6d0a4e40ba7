//! What a layer is constructed with.

use std::collections::BTreeMap;
use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};

use super::interp::{Eval, Interp};
use super::root::Fail;
use super::value::{Class, Value};
use super::{ArgValue, Configuration, Construction, Dims};
use crate::finding::{Finding, FindingKind};
use crate::ir::Span;

/// Names that constructors use for D.
pub const WIDTH: &[&str] =
    &["d_model", "hidden_size", "dim", "embed_dim", "n_embd", "model_dim", "embedding_dim", "d_embed", "n_embed"];
/// Names for the number of heads.
pub const HEADS: &[&str] =
    &["num_heads", "n_heads", "heads", "n_head", "num_attention_heads", "nheads", "nhead", "num_head"];

/// Keyword arguments.
type Named = Vec<(String, Value)>;

/// What the constructor is called with; and the fields of the configuration object among it that were set.
pub fn constructor_arguments(
    s: &mut Interp<'_>,
    class: &Rc<Class>,
    dims: &Dims,
    place: Span,
) -> Result<(Named, Named), Fail> {
    let Some(Value::Function(init)) = class.find("__init__") else {
        return Ok((vec![], vec![]));
    };
    let code = s.codes[init.code];
    let Some(params) = code.params else { return Ok((vec![], vec![])) };
    let mut named = Vec::new();
    // What the configuration object takes, and what was set of it.
    let (mut taken, mut set): (Vec<String>, Named) = Default::default();
    let all: Vec<&ast::ParameterWithDefault> =
        params.posonlyargs.iter().chain(&params.args).skip(1).chain(&params.kwonlyargs).collect();
    let names: Vec<&str> = all.iter().map(|p| p.parameter.name.as_str()).collect();
    let head_dim = dims.d_model / dims.num_heads.max(1);
    for (p, &name) in all.iter().zip(&names) {
        let required = p.default.is_none();
        let int = |n: usize| Some(Value::Int(n as i64));
        let value = match name {
            name if dims.args.contains_key(name) => Some(argument(&dims.args[name])),
            name if WIDTH.contains(&name) => int(dims.d_model),
            name if HEADS.contains(&name) && dims.num_heads > 0 => int(dims.num_heads),
            "hidden_dim" | "width" | "d" | "input_dim" | "d_in" | "in_features" | "in_dim" | "output_dim" | "d_out"
            | "out_dim" | "channels" | "features"
                if required =>
            {
                int(dims.d_model)
            }
            "head_dim" | "d_head" | "dim_head" | "head_size" if required && dims.num_heads > 0 => int(head_dim),
            "config" | "cfg" | "args" if required && !dims.args.contains_key(name) => {
                configuration(s, p, dims)?.map(|configured| {
                    (taken, set) = (configured.fields, configured.set);
                    configured.object
                })
            }
            name if required => assumed(name).and_then(int),
            _ => None,
        };
        match value {
            Some(value) => named.push((name.to_owned(), value)),
            None if required => {
                let finding = Finding::new(
                    FindingKind::Type,
                    place,
                    format!("{} needs the constructor argument '{name}'", class.name),
                );
                return Err(Fail::Unfit(finding.hint(format!("give it a default, or pass --arg {name}=VALUE"))));
            }
            None => {}
        }
    }
    for (name, value) in &dims.args {
        if !names.contains(&name.as_str()) && !taken.contains(name) {
            match params.kwarg {
                Some(_) => named.push((name.clone(), argument(value))),
                None => {
                    let known: Vec<&str> = names.iter().copied().chain(taken.iter().map(String::as_str)).collect();
                    let near = super::suggest(name, known.iter().copied());
                    let hint = near
                        .map_or_else(|| format!("it takes {}", known.join(", ")), |n| format!("did you mean '{n}'?"));
                    let message = format!("{} has no constructor argument '{name}'", class.name);
                    return Err(Finding::new(FindingKind::Name, place, message).hint(hint).into_stop());
                }
            }
        }
    }
    Ok((named, set))
}

/// What else is required and does not depend on the model's dimensions.
fn assumed(name: &str) -> Option<usize> {
    match name {
        "layer_idx" | "layer_id" | "layer" => Some(0),
        "n_layers" | "num_layers" | "n_layer" | "num_hidden_layers" | "depth" => Some(1),
        "l_max"
        | "max_seq_len"
        | "max_seqlen"
        | "max_length"
        | "max_len"
        | "seq_len"
        | "seq_length"
        | "seqlen"
        | "block_size"
        | "context_length"
        | "ctx_len"
        | "max_position_embeddings"
        | "max_sequence_length" => Some(2048),
        "vocab_size" => Some(256),
        _ => None,
    }
}

/// The arguments in the form in which they are told: a configuration object by its class and the fields that were set.
pub fn construction(named: &[(String, Value)], fields: &[(String, Value)]) -> Construction {
    let simple = |pairs: &[(String, Value)]| -> BTreeMap<String, ArgValue> {
        pairs.iter().filter_map(|(name, value)| Some((name.clone(), told(value)?))).collect()
    };
    let config = named.iter().find_map(|(parameter, value)| match value {
        Value::Instance(object) => Some(Configuration {
            parameter: parameter.clone(),
            class: object.class.name.to_string(),
            fields: simple(fields),
        }),
        _ => None,
    });
    Construction { arguments: simple(named), config }
}

fn told(value: &Value) -> Option<ArgValue> {
    Some(match value {
        Value::None => ArgValue::None,
        Value::Bool(b) => ArgValue::Bool(*b),
        Value::Int(i) => ArgValue::Int(*i),
        Value::Float(x) => ArgValue::Float(*x),
        Value::Str(text) => ArgValue::Str(text.to_string()),
        Value::Tuple(items) => ArgValue::Tuple(items.iter().map(told).collect::<Option<_>>()?),
        _ => return None,
    })
}

/// A configuration object, the fields that it can have, and those that were set.
struct Configured {
    object: Value,
    fields: Vec<String>,
    set: Named,
}

/// An object of the annotated configuration class, its fields set from the model's dimensions.
fn configuration(s: &mut Interp<'_>, p: &ast::ParameterWithDefault, dims: &Dims) -> Result<Option<Configured>, Fail> {
    let annotated = match p.parameter.annotation.as_deref() {
        Some(Expr::Name(name)) => Some(name.id.to_string()),
        Some(Expr::StringLiteral(text)) => Some(text.value.to_str().to_owned()),
        _ => None,
    };
    let found = {
        let vars = s.globals.vars.borrow();
        let of_text = |v: &Value| matches!(v, Value::Class(c) if c.user && c.name.ends_with("Config"));
        annotated.and_then(|name| vars.get(&name).cloned()).filter(|v| matches!(v, Value::Class(_))).or_else(|| {
            let mut configs: Vec<&Value> = vars.values().filter(|v| of_text(v)).collect();
            (configs.len() == 1).then(|| configs.remove(0).clone())
        })
    };
    // A configuration that is defined elsewhere has the names of the model's dimensions.
    let class = match found {
        Some(Value::Class(class)) => class,
        _ => match s.library_attribute("transformers", "PretrainedConfig")? {
            Value::Class(class) => class,
            _ => return Ok(None),
        },
    };
    let init = match class.find("__init__") {
        Some(Value::Function(init)) => s.codes[init.code].params,
        _ => None,
    };
    let fields: Vec<(Rc<str>, bool)> = match (class.fields.borrow().clone(), init) {
        (Some(fields), _) => fields.into_iter().map(|(name, default)| (name, default.is_none())).collect(),
        (None, Some(params)) => {
            let own = params.args.iter().skip(1).chain(&params.kwonlyargs);
            let own = own.map(|p| (p.parameter.name.as_str().into(), p.default.is_none()));
            let open = params.kwarg.is_some() && params.args.len() == 1;
            let all = WIDTH.iter().chain(HEADS).copied().chain(dims.args.keys().map(String::as_str));
            own.chain(all.filter(|_| open).map(|name| (name.into(), false))).collect()
        }
        (None, None) => return Ok(None),
    };
    let mut named = Vec::new();
    for (field, required) in &fields {
        let value = match &**field {
            name if dims.args.contains_key(name) => argument(&dims.args[name]),
            name if WIDTH.contains(&name) => Value::Int(dims.d_model as i64),
            name if HEADS.contains(&name) && dims.num_heads > 0 => Value::Int(dims.num_heads as i64),
            name if *required => match assumed(name) {
                Some(n) => Value::Int(n as i64),
                None => continue,
            },
            _ => continue,
        };
        named.push((field.to_string(), value));
    }
    let fields = fields.iter().map(|(name, _)| name.to_string()).collect();
    Ok(Some(Configured { object: s.instantiate(&class, vec![], named.clone())?, fields, set: named }))
}

impl Interp<'_> {
    /// What a configuration that is defined elsewhere usually says, where the text asks for it.
    pub(super) fn configured(&mut self, object: &Value, name: &str) -> Eval<Option<Value>> {
        let Value::Instance(config) = object else { return Ok(None) };
        let known = |c: &Rc<Class>| &*c.name == "PretrainedConfig";
        if name.starts_with("__") || !config.class.lineage().iter().any(known) {
            return Ok(None);
        }
        let usual = self.library_attribute("transformers", "usual")?;
        let value = self.call(&usual, vec![object.clone(), Value::str(name)], vec![])?;
        if let Value::Silent = value {
            return Ok(None);
        }
        let text = self.repr(&value)?;
        self.note(format!("config.{name} is taken as {text}; --arg chooses another value"));
        Ok(Some(value))
    }
}

fn argument(value: &ArgValue) -> Value {
    match value {
        ArgValue::None => Value::None,
        ArgValue::Bool(b) => Value::Bool(*b),
        ArgValue::Int(i) => Value::Int(*i),
        ArgValue::Float(x) => Value::Float(*x),
        ArgValue::Str(text) => Value::str(text),
        ArgValue::Tuple(items) => Value::tuple(items.iter().map(argument).collect()),
    }
}
