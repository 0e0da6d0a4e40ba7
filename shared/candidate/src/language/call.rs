//! Calls: of functions, methods, classes, modules and built-ins.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};

use super::builtins::Args;
use super::interp::{Body, Eval, Interp, Stop};
use super::stmt::Flow;
use super::value::{Class, Dict, Function, Instance, Scope, ScopeKind, Value};
use crate::finding::FindingKind;

type Named = Vec<(String, Value)>;

/// Methods that give the same memory another shape in place, with an underscore.
const RESHAPED: &[&str] = &["unsqueeze", "squeeze", "transpose", "t", "swapaxes", "swapdims"];

impl<'a> Interp<'a> {
    /// A call in the text.
    pub fn call_expr(&mut self, e: &'a ast::ExprCall, scope: &Rc<Scope>) -> Eval<Value> {
        if let Expr::Name(name) = &*e.func
            && name.id.as_str() == "super"
            && e.arguments.args.is_empty()
        {
            self.at_offset(e.range_start);
            return self.zero_super(scope);
        }
        let function = self.expr(&e.func, scope)?;
        let args = self.items(&e.arguments.args, scope)?;
        let mut named = Vec::new();
        for keyword in &e.arguments.keywords {
            let value = self.expr(&keyword.value, scope)?;
            match (&keyword.arg, value) {
                (Some(name), value) => named.push((name.to_string(), value)),
                (None, Value::Dict(dict)) => {
                    for (name, value) in dict.map.borrow().strings() {
                        named.push((name.to_string(), value.clone()));
                    }
                }
                (None, Value::Poison) => return Err(Stop::Poisoned),
                (None, other) => return self.type_error(format!("** needs a dict, got {}", other.kind())),
            }
        }
        // The name that is called is where a reader looks.
        match &*e.func {
            Expr::Attribute(attribute) => self.at(&attribute.attr),
            other => self.at(other),
        }
        let here = self.span;
        if let (Expr::Attribute(attribute), Value::Missing(_) | Value::Partial(_)) = (&*e.func, &function)
            && let Some(plain) = RESHAPED.iter().find(|n| attribute.attr.strip_suffix('_') == Some(n))
        {
            return self.reshaped(&attribute.value, plain, args, named, scope);
        }
        let result = self.call(&function, args, named)?;
        self.at_span(here);
        Ok(result)
    }

    /// `x.unsqueeze_(0)`: the name stands for the new shape from here on.
    fn reshaped(
        &mut self,
        target: &'a Expr,
        plain: &'static str,
        mut args: Vec<Value>,
        named: Named,
        scope: &Rc<Scope>,
    ) -> Eval<Value> {
        let object = self.expr(target, scope)?;
        let method = self.attribute(&object, plain)?;
        let result = self.call(&method, std::mem::take(&mut args), named)?;
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), result.clone(), scope)?,
            // What a call has just made has no other name.
            Expr::Call(_) => {}
            _ => {
                return Err(self
                    .fault(FindingKind::Unsupported, format!("{plain}_() of something other than a name"))
                    .hint(format!("assign the result of {plain}()"))
                    .into());
            }
        }
        Ok(result)
    }

    fn zero_super(&mut self, scope: &Rc<Scope>) -> Eval<Value> {
        let mut place = Some(scope.clone());
        while let Some(inner) = place {
            if let Some((function, Some(this))) = &*inner.frame.borrow()
                && let Some(owner) = &*function.owner.borrow()
            {
                return Ok(Value::Super(Rc::new((owner.clone(), this.clone()))));
            }
            place = inner.parent.clone();
        }
        self.raise("RuntimeError", "super(): no arguments")
    }

    /// Call a value.
    pub fn call(&mut self, function: &Value, mut args: Vec<Value>, named: Named) -> Eval<Value> {
        self.tick(1)?;
        match function {
            Value::Function(f) | Value::Static(f) => self.call_function(f, args, named),
            Value::Native(builtin) => self.call_native(builtin, args, named),
            Value::Bound(bound) => {
                args.insert(0, bound.0.clone());
                self.call(&bound.1, args, named)
            }
            Value::Partial(partial) => {
                let mut all = partial.1.clone();
                all.extend(args);
                let mut names: Named =
                    partial.2.iter().filter(|(n, _)| !named.iter().any(|(m, _)| m == n)).cloned().collect();
                names.extend(named);
                self.call(&partial.0, all, names)
            }
            Value::Class(class) => self.instantiate(class, args, named),
            Value::Instance(object) => {
                let method = match object.class.is_a("Module") {
                    true => "forward",
                    false => "__call__",
                };
                let bound = self.attribute(function, method)?;
                self.call(&bound, args, named)
            }
            Value::Silent => Ok(Value::Silent),
            Value::Missing(finding) => Err(self.missing(finding)),
            Value::Type(name) => self.convert(name, args, named),
            Value::Decorator(name) => self.decorate(name, args, named),
            // `Optional[int](x)` and the like do not occur; `TypeVar("T")` does.
            Value::Typing => Ok(match args.len() {
                2 => args.remove(1),
                _ => Value::Typing,
            }),
            Value::DType(_) => self.type_error("a dtype cannot be called; use x.to(dtype)"),
            Value::Poison => Err(Stop::Poisoned),
            other => self.type_error(format!("'{}' object is not callable", other.kind())),
        }
    }

    fn call_native(
        &mut self,
        builtin: &'static super::builtins::Builtin,
        args: Vec<Value>,
        named: Named,
    ) -> Eval<Value> {
        if args.iter().chain(named.iter().map(|(_, v)| v)).any(|v| matches!(v, Value::Poison)) {
            return Err(Stop::Poisoned);
        }
        let missing = args.iter().chain(named.iter().map(|(_, v)| v)).find_map(|v| match v {
            Value::Missing(finding) if !matches!(builtin.name, "isinstance" | "callable" | "partial" | "print") => {
                Some(finding)
            }
            _ => None,
        });
        if let Some(finding) = missing {
            return Err(self.missing(finding));
        }
        use super::builtins::{EINOPS, F, FFT, LINALG, METHOD, TORCH};
        let tensors = builtin.places & (EINOPS | F | FFT | LINALG | METHOD | TORCH) != 0;
        if tensors && args.iter().any(super::complex::is_complex) && !super::complex::knows_complex(builtin.name) {
            return self.complex_call(builtin, args, named);
        }
        let args = Args::bind(self, builtin, args, named)?;
        (builtin.run)(self, &args)
    }

    /// Call a function of the text.
    pub fn call_function(&mut self, f: &Rc<Function>, args: Vec<Value>, named: Named) -> Eval<Value> {
        if self.calls >= self.limits.calls {
            let message = format!("calls are nested more than {} deep", self.limits.calls);
            return Err(self.fault(FindingKind::Limit, message).into());
        }
        let code = self.codes[f.code];
        let (locals, yields) = self.locals[f.code].clone();
        self.tick(match code.body {
            Body::Block(body) => body.len() as u64,
            Body::Expr(_) => 1,
        })?;
        let scope = self.scope(ScopeKind::Function, &f.closure, locals);
        *scope.frame.borrow_mut() = Some((f.clone(), args.first().cloned()));
        self.bind_parameters(f, code.params, args, named, &scope)?;
        if yields {
            *scope.yields.borrow_mut() = Some(Vec::new());
        }
        self.calls += 1;
        self.library_depth += usize::from(code.library);
        let result = match code.body {
            Body::Expr(e) => self.expr(e, &scope).map(Flow::Return),
            Body::Block(body) => self.block(body, &scope),
        };
        self.library_depth -= usize::from(code.library);
        self.calls -= 1;
        let value = match result? {
            Flow::Return(value) => value,
            _ => Value::None,
        };
        match scope.yields.take() {
            Some(items) => self.list(items),
            None => Ok(value),
        }
    }

    fn bind_parameters(
        &mut self,
        f: &Function,
        params: Option<&'a ast::Parameters>,
        args: Vec<Value>,
        named: Named,
        scope: &Rc<Scope>,
    ) -> Eval<()> {
        let given = args.len();
        let mut args = args.into_iter();
        let mut named = named;
        let mut vars = scope.vars.borrow_mut();
        let mut take = |name: &str| named.iter().position(|(n, _)| n == name).map(|i| named.remove(i).1);
        let mut missing = Vec::new();
        let mut most = 0;
        if let Some(params) = params {
            for (i, p) in params.posonlyargs.iter().chain(&params.args).enumerate() {
                let name = p.parameter.name.as_str();
                most = i + 1;
                let value = match args.next() {
                    Some(value) => {
                        if take(name).is_some() && i >= params.posonlyargs.len() {
                            drop(vars);
                            return self.type_error(format!("{}() got multiple values for argument '{name}'", f.name));
                        }
                        Some(value)
                    }
                    None => take(name).or_else(|| f.defaults.get(name).cloned()),
                };
                match value {
                    Some(value) => drop(vars.insert(name.to_owned(), value)),
                    None => missing.push(name.to_owned()),
                }
            }
            if let Some(rest) = &params.vararg {
                vars.insert(rest.name.to_string(), Value::tuple(args.by_ref().collect()));
            }
            for p in &params.kwonlyargs {
                let name = p.parameter.name.as_str();
                match take(name).or_else(|| f.defaults.get(name).cloned()) {
                    Some(value) => drop(vars.insert(name.to_owned(), value)),
                    None => missing.push(name.to_owned()),
                }
            }
        }
        if args.next().is_some() {
            drop(vars);
            return self.type_error(format!("{}() takes {most} positional arguments but {given} were given", f.name));
        }
        if let Some(rest) = params.and_then(|p| p.kwarg.as_ref()) {
            let mut dict = Dict::default();
            named.drain(..).for_each(|(name, value)| dict.insert_str(&name, value));
            let dict = self.dict(dict)?;
            vars.insert(rest.name.to_string(), dict);
        } else if let Some((name, _)) = named.first() {
            drop(vars);
            let known: Vec<_> = params
                .map(|p| {
                    p.posonlyargs
                        .iter()
                        .chain(&p.args)
                        .chain(&p.kwonlyargs)
                        .map(|p| p.parameter.name.as_str())
                        .collect()
                })
                .unwrap_or_default();
            let near =
                super::suggest(name, known.into_iter()).map(|n| format!(" (did you mean '{n}'?)")).unwrap_or_default();
            return self.type_error(format!("{}() got an unexpected keyword argument '{name}'{near}", f.name));
        }
        drop(vars);
        match missing.is_empty() {
            true => Ok(()),
            false => self.type_error(format!("{}() missing required argument '{}'", f.name, missing.join("', '"))),
        }
    }

    /// Make an object.
    pub fn instantiate(&mut self, class: &Rc<Class>, args: Vec<Value>, named: Named) -> Eval<Value> {
        if args.iter().chain(named.iter().map(|(_, v)| v)).any(|v| matches!(v, Value::Poison)) {
            return Err(Stop::Poisoned);
        }
        match &*class.name {
            "Parameter" if !class.user => return super::builtins::make_parameter(self, args, named),
            "Buffer" if !class.user => return super::builtins::make_buffer(self, args, named),
            _ => {}
        }
        if class.is_a("Enum") {
            return self.enumerated(class, args, named);
        }
        const OWNERS: &[&str] = &["Linear", "Conv1d", "LayerNorm", "RMSNorm", "GroupNorm", "Embedding"];
        let owns = class.user || OWNERS.contains(&&*class.name);
        if class.is_a("Module") && owns && self.phase == super::value::Phase::Forward {
            return Err(self
                .fault(
                    FindingKind::Unsupported,
                    format!("{} is made in forward: its parameters would be new at every call", class.name),
                )
                .hint("make it in __init__")
                .into());
        }
        let object = Rc::new(Instance {
            class: class.clone(),
            attrs: Default::default(),
            buffers: Default::default(),
            born: self.phase,
        });
        self.objects.push(Rc::downgrade(&object));
        // The first module that is made is the layer itself: others are made by its constructor.
        if class.is_a("Module") && self.begun.is_none() {
            self.begun = Some(object.clone());
        }
        let this = Value::Instance(object.clone());
        if class.is_a("BaseException") && class.find("__init__").is_none() {
            object.set("args", Value::tuple(args));
            return Ok(this);
        }
        if class.is_a("Module") {
            object.set("training", Value::Bool(self.training));
        }
        if let Some(fields) = class.lineage().iter().find_map(|c| c.fields.borrow().clone())
            && !matches!(class.find("__init__"), Some(Value::Function(_)))
        {
            self.dataclass_init(&object, &fields, args, named)?;
            if let Some(after) = class.find("__post_init__") {
                self.call(&Value::Bound(Rc::new((this.clone(), after))), vec![], vec![])?;
            }
            return Ok(this);
        }
        match class.find("__init__") {
            Some(init) => {
                self.call(&Value::Bound(Rc::new((this.clone(), init))), args, named)?;
            }
            None if args.is_empty() && named.is_empty() => {}
            None => return self.type_error(format!("{}() takes no arguments", class.name)),
        }
        Ok(this)
    }

    fn dataclass_init(
        &mut self,
        object: &Rc<Instance>,
        fields: &[(Rc<str>, Option<Value>)],
        args: Vec<Value>,
        mut named: Named,
    ) -> Eval<()> {
        let mut args = args.into_iter();
        for (name, default) in fields {
            let value = match args.next() {
                Some(value) => Some(value),
                None => named.iter().position(|(n, _)| **n == **name).map(|i| named.remove(i).1).or(default.clone()),
            };
            match value {
                Some(value) => object.set(name, value),
                None => return self.type_error(format!("{}() missing required argument '{name}'", object.class.name)),
            }
        }
        match (args.next(), named.first()) {
            (None, None) => Ok(()),
            (_, Some((name, _))) => {
                self.type_error(format!("{}() got an unexpected keyword argument '{name}'", object.class.name))
            }
            _ => self.type_error(format!("{}() takes {} positional arguments", object.class.name, fields.len())),
        }
    }
}
