//! Attributes: of objects, classes, tensors, modules and containers.

use std::rc::Rc;

use super::builtins;
use super::interp::{Eval, Interp, Stop};
use super::tensor::Role;
use super::value::{Instance, Key, Phase, Value};
use crate::finding::FindingKind;
use crate::ir::DType;

impl Interp<'_> {
    /// `object.name`.
    pub fn attribute(&mut self, object: &Value, name: &str) -> Eval<Value> {
        let plain = ["__init__", "__name__", "__class__", "__call__", "__dict__", "__version__", "__post_init__"];
        if name.starts_with("__") && !plain.contains(&name) {
            return Err(self.fault(FindingKind::Unsupported, format!("access to '{name}' is not supported")).into());
        }
        match object {
            Value::Instance(instance) => self.instance_attribute(instance, name),
            Value::Class(class) => {
                if name == "__name__" {
                    return Ok(Value::Str(class.name.clone()));
                }
                match class.find(name) {
                    Some(Value::Static(f)) => Ok(Value::Function(f)),
                    Some(Value::ClassMethod(f)) => Ok(Value::Bound(Rc::new((object.clone(), Value::Function(f))))),
                    Some(native @ Value::Native(_)) if name == "apply" && class.is_a("Function") => {
                        Ok(Value::Bound(Rc::new((object.clone(), native))))
                    }
                    Some(value) => Ok(value),
                    None => {
                        self.raise("AttributeError", format!("type object '{}' has no attribute '{name}'", class.name))
                    }
                }
            }
            Value::Super(pair) => {
                let (owner, this) = (&pair.0, &pair.1);
                let class = match this {
                    Value::Instance(instance) => instance.class.clone(),
                    Value::Class(class) => class.clone(),
                    _ => return self.type_error("super() of something that is not an object"),
                };
                let lineage = class.lineage();
                let after = lineage.iter().position(|c| Rc::ptr_eq(c, owner)).map_or(0, |i| i + 1);
                let found = lineage[after..].iter().find_map(|c| c.attrs.borrow().get_str(name).cloned());
                match found {
                    Some(value) => self.bind_method(this, value),
                    None if name == "__init__" => Ok(Value::Native(builtins::nothing())),
                    None => self.raise("AttributeError", format!("'super' object has no attribute '{name}'")),
                }
            }
            Value::Module(module) => self.module_attribute(module, name),
            Value::Complex(complex) => self.complex_attribute(&complex.clone(), name),
            Value::Tensor(tensor) => {
                let tensor = tensor.clone();
                match name {
                    "shape" => Ok(Value::shape(&self.dims(&tensor)?)),
                    "ndim" => Ok(Value::Int(self.dims(&tensor)?.len() as i64)),
                    "dtype" => Ok(Value::DType(match self.dtype(&tensor)? {
                        DType::F32 => "float32",
                        DType::I64 => "int64",
                        DType::Bool => "bool",
                    })),
                    "device" => Ok(Value::Device),
                    "data" => match self.phase {
                        super::value::Phase::Construct => Ok(object.clone()),
                        super::value::Phase::Forward => self.call_method(object, "detach", vec![]),
                    },
                    "is_cuda" => Ok(Value::Bool(self.accelerated)),
                    "real" => Ok(object.clone()),
                    "requires_grad" => {
                        let node = self.read(&tensor)?;
                        let parameter = matches!(tensor.storage.role.get(), Role::Parameter(true));
                        Ok(Value::Bool(parameter || self.differentiable[node.index()]))
                    }
                    "grad" => Ok(Value::None),
                    "T" | "mT" => {
                        // Called directly: the method of that name would be this attribute again.
                        let method = builtins::find(builtins::METHOD, if name == "T" { "t" } else { "mT" });
                        self.call(&Value::Native(method.expect("in the table")), vec![object.clone()], vec![])
                    }
                    _ => match builtins::find(builtins::METHOD, name) {
                        Some(method) => Ok(Value::Bound(Rc::new((object.clone(), Value::Native(method))))),
                        // `x.mul_(y)` is `x.mul(y)` written back.
                        None if name
                            .strip_suffix('_')
                            .is_some_and(|n| builtins::find(builtins::METHOD, n).is_some()) =>
                        {
                            let method = builtins::find(builtins::METHOD, &name[..name.len() - 1]).expect("just found");
                            let write = Value::Native(builtins::in_place_call());
                            Ok(Value::Partial(Rc::new((write, vec![object.clone(), Value::Native(method)], vec![]))))
                        }
                        None => {
                            let plain = name.strip_suffix('_').unwrap_or(name);
                            match self.library_method(plain)? {
                                Some(method) if plain == name => Ok(Value::Bound(Rc::new((object.clone(), method)))),
                                Some(method) => {
                                    let write = Value::Native(builtins::in_place_call());
                                    Ok(Value::Partial(Rc::new((write, vec![object.clone(), method], vec![]))))
                                }
                                None if self.phase == Phase::Forward && builtins::draws(name) => {
                                    Err(builtins::random_in_forward(self).into())
                                }
                                None => {
                                    let known = builtins::names(builtins::METHOD).chain(super::library::methods());
                                    self.unknown("tensor method", name, known)
                                }
                            }
                        }
                    },
                }
            }
            Value::Function(f) if name == "__name__" => Ok(Value::Str(f.name.clone())),
            Value::Type("dict") if name == "fromkeys" => Ok(Value::Native(builtins::from_keys())),
            Value::Type(kind) if name == "__name__" => Ok(Value::str(kind)),
            Value::DType(kind) => match name {
                "is_floating_point" => Ok(Value::Bool(super::value::dtype_of(kind) == DType::F32)),
                _ => self.raise("AttributeError", format!("torch.dtype has no attribute '{name}'")),
            },
            Value::Device if name == "type" => Ok(Value::str(if self.accelerated { "cuda" } else { "cpu" })),
            Value::Device if name == "index" => Ok(Value::None),
            Value::Typing => Ok(Value::Typing),
            Value::Silent | Value::Missing(_) => Ok(object.clone()),
            Value::Poison => Err(Stop::Poisoned),
            // What `max`, `sort` and `topk` return is a pair with names.
            Value::Tuple(pair) if pair.len() == 2 && matches!(name, "values" | "indices") => {
                Ok(pair[usize::from(name == "indices")].clone())
            }
            Value::Str(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Float(_)
            | Value::Int(_) => {
                let place = match object {
                    Value::Str(_) => builtins::STR,
                    Value::List(_) | Value::Tuple(_) => builtins::LIST,
                    Value::Dict(_) => builtins::DICT,
                    Value::Set(_) => builtins::SET,
                    _ => builtins::NUMBER,
                };
                match builtins::find(place, name) {
                    Some(method) => Ok(Value::Bound(Rc::new((object.clone(), Value::Native(method))))),
                    None => {
                        self.raise("AttributeError", format!("'{}' object has no attribute '{name}'", object.kind()))
                    }
                }
            }
            other => self.raise("AttributeError", format!("'{}' object has no attribute '{name}'", other.kind())),
        }
    }

    fn instance_attribute(&mut self, instance: &Rc<Instance>, name: &str) -> Eval<Value> {
        if let Some(value) = instance.get(name) {
            if let Value::Tensor(t) = &value
                && t.storage.complex.get()
            {
                let view = builtins::find(builtins::TORCH, "view_as_complex").expect("in the table");
                return self.call(&Value::Native(view), vec![value], vec![]);
            }
            return Ok(value);
        }
        let this = Value::Instance(instance.clone());
        match name {
            "__class__" => return Ok(Value::Class(instance.class.clone())),
            "__dict__" => {
                let dict = instance.attrs.borrow().clone();
                return self.dict(dict);
            }
            "__call__" if instance.class.is_a("Module") => return self.attribute(&this, "forward"),
            _ => {}
        }
        match instance.class.find(name) {
            Some(value) => self.bind_method(&this, value),
            None => {
                let attrs = instance.attrs.borrow();
                let mut known: Vec<String> = attrs.strings().map(|(n, _)| n.to_string()).collect();
                for class in instance.class.lineage() {
                    known.extend(class.attrs.borrow().strings().map(|(n, _)| n.to_string()));
                }
                let near = super::suggest(name, known.iter().map(String::as_str));
                let near = near.map(|n| format!(" (did you mean '{n}'?)")).unwrap_or_default();
                self.raise(
                    "AttributeError",
                    format!("'{}' object has no attribute '{name}'{near}", instance.class.name),
                )
            }
        }
    }

    /// A class's attribute, as its object sees it.
    fn bind_method(&mut self, this: &Value, value: Value) -> Eval<Value> {
        match value {
            Value::Property(f) => self.call_function(&f, vec![this.clone()], vec![]),
            Value::Static(f) => Ok(Value::Function(f)),
            Value::ClassMethod(f) => {
                let class = match this {
                    Value::Instance(instance) => Value::Class(instance.class.clone()),
                    other => other.clone(),
                };
                Ok(Value::Bound(Rc::new((class, Value::Function(f)))))
            }
            Value::Partial(ref p) if matches!(p.0, Value::Native(n) if n.name == "no_grad call") => {
                Ok(Value::Bound(Rc::new((this.clone(), value))))
            }
            Value::Function(_) | Value::Native(_) => Ok(Value::Bound(Rc::new((this.clone(), value)))),
            other => Ok(other),
        }
    }

    /// A method with a double-underscore name that a class of the text defines for its objects.
    pub fn special(&self, object: &Rc<Instance>, name: &str) -> Option<Value> {
        let defined = object.class.lineage().into_iter().filter(|c| c.user);
        let found = defined.into_iter().find_map(|c| c.attrs.borrow().get_str(name).cloned())?;
        match found {
            Value::Function(_) => Some(Value::Bound(Rc::new((Value::Instance(object.clone()), found)))),
            _ => None,
        }
    }

    /// Call a method by name.
    pub fn call_method(&mut self, object: &Value, name: &str, args: Vec<Value>) -> Eval<Value> {
        let method = self.attribute(object, name)?;
        self.call(&method, args, vec![])
    }

    /// `del object.name`.
    pub fn delete_attribute(&mut self, object: &Value, name: &str) -> Eval<()> {
        let Value::Instance(instance) = object else {
            return self.unsupported(format!("'{name}' cannot be deleted from a {}", object.kind()));
        };
        self.outlives(instance.born, name)?;
        let removed = instance.attrs.borrow_mut().remove(&Key::Str(name.into()));
        match removed {
            Some(_) => Ok(()),
            None => self.raise("AttributeError", format!("'{}' object has no attribute '{name}'", instance.class.name)),
        }
    }

    /// `object.name = value`.
    pub fn set_attribute(&mut self, object: &Value, name: &str, value: Value) -> Eval<()> {
        match object {
            Value::Instance(instance) => {
                if name.starts_with("__") {
                    return self.unsupported(format!("assignment to '{name}' is not supported"));
                }
                if let Some(Value::Function(setter)) = instance.class.find(&format!("{name}@set")) {
                    return self.call_function(&setter, vec![object.clone(), value], vec![]).map(drop);
                }
                self.outlives(instance.born, name)?;
                instance.set(name, value);
                Ok(())
            }
            Value::Silent => Ok(()),
            Value::Missing(finding) => Err(self.missing(finding)),
            Value::Tensor(tensor) if name == "data" => {
                let Value::Tensor(value) = value else {
                    return self.type_error("data must be a tensor");
                };
                let node = self.read(&value)?;
                let dims = self.dims(tensor)?;
                if self.graph.shape(node) != dims {
                    return self.unsupported("assignment to .data with another shape is not supported");
                }
                self.write_in_place(tensor, node)
            }
            Value::Tensor(tensor) if name == "requires_grad" => {
                let wanted = self.truth(&value)?;
                if let Role::Parameter(_) = tensor.storage.role.get() {
                    tensor.storage.role.set(Role::Parameter(wanted));
                }
                Ok(())
            }
            // Optimiser hints such as `p._no_weight_decay = True` mean nothing here.
            Value::Tensor(_) => {
                self.note(format!("the attribute '{name}' of a tensor is ignored"));
                Ok(())
            }
            Value::Class(class) => {
                self.outlives(super::value::Phase::Construct, name)?;
                class.attrs.borrow_mut().insert_str(name, value);
                Ok(())
            }
            Value::Poison => Err(Stop::Poisoned),
            other => self.unsupported(format!("attributes of a {} cannot be set", other.kind())),
        }
    }
}
