//! The values of the language.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::builtins::Builtin;
use super::complex::Complex;
use super::tensor::Tensor;
use crate::finding::Finding;
use crate::ir::DType;

/// Any value. Containers are shared and mutable as in Python.
#[derive(Clone)]
pub enum Value {
    None,
    Ellipsis,
    /// Stands for a value whose computation was refused and reported; silently spreads.
    Poison,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    Tuple(Rc<[Value]>),
    List(Rc<List>),
    Dict(Rc<Table>),
    Set(Rc<Table>),
    Range(i64, i64, i64),
    Slice(Rc<[Value; 3]>),
    Function(Rc<Function>),
    Native(&'static Builtin),
    Class(Rc<Class>),
    Instance(Rc<Instance>),
    Bound(Rc<(Value, Value)>),
    /// `functools.partial(f, *args, **kwargs)`.
    Partial(Rc<Call>),
    Super(Rc<(Rc<Class>, Value)>),
    Module(&'static str),
    /// A built-in type: `int`, `str`, `torch.Tensor`.
    Type(&'static str),
    /// Something from `typing`; means nothing at run time.
    Typing,
    /// A logger and the like: whatever it offers does nothing and is false.
    Silent,
    /// Something that was imported and is not there: refused once it is used.
    Missing(Rc<Finding>),
    DType(&'static str),
    Device,
    Tensor(Rc<Tensor>),
    Complex(Rc<Complex>),
    Decorator(&'static str),
    Property(Rc<Function>),
    Static(Rc<Function>),
    ClassMethod(Rc<Function>),
}

/// A function with some of its arguments.
pub type Call = (Value, Vec<Value>, Vec<(String, Value)>);

/// The fields of a dataclass and their defaults, in order.
pub type Fields = Vec<(Rc<str>, Option<Value>)>;

/// A list and the phase in which it was made.
pub struct List {
    pub items: RefCell<Vec<Value>>,
    pub born: Phase,
}

/// A dict (or set) and the phase in which it was made.
pub struct Table {
    pub map: RefCell<Dict>,
    pub born: Phase,
}

/// Construction of the module, or a call of its forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Construct,
    Forward,
}

/// A hashable value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    None,
    Int(i64),
    Float(u64),
    Str(Rc<str>),
    Tuple(Vec<Key>),
    Named(&'static str),
    /// An object, by its address.
    Object(usize),
}

/// An insertion-ordered map.
#[derive(Clone, Default)]
pub struct Dict {
    index: HashMap<Key, usize>,
    entries: Vec<(Key, Value, Value)>,
    /// What makes a missing entry (`collections.defaultdict`).
    pub default: Option<Box<Value>>,
}

impl Dict {
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.index.get(key).map(|&i| &self.entries[i].2)
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.get(&Key::Str(key.into()))
    }

    pub fn insert(&mut self, key: Key, name: Value, value: Value) {
        match self.index.get(&key) {
            Some(&i) => self.entries[i].2 = value,
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, name, value));
            }
        }
    }

    pub fn insert_str(&mut self, key: &str, value: Value) {
        self.insert(Key::Str(key.into()), Value::Str(key.into()), value);
    }

    pub fn remove(&mut self, key: &Key) -> Option<Value> {
        let at = self.index.remove(key)?;
        let (_, _, value) = self.entries.remove(at);
        for i in self.index.values_mut() {
            *i -= usize::from(*i > at);
        }
        Some(value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keys and values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.entries.iter().map(|(_, name, value)| (name, value))
    }

    /// String keys and their values, oldest first.
    pub fn strings(&self) -> impl Iterator<Item = (Rc<str>, &Value)> {
        self.entries.iter().filter_map(|(key, _, value)| match key {
            Key::Str(name) => Some((name.clone(), value)),
            _ => None,
        })
    }
}

/// A function, lambda or method of the text.
pub struct Function {
    pub name: Rc<str>,
    /// Index of its code in the interpreter.
    pub code: usize,
    pub closure: Rc<Scope>,
    /// Defaults by parameter name.
    pub defaults: HashMap<String, Value>,
    /// The class whose body defines it, for `super()`.
    pub owner: RefCell<Option<Rc<Class>>>,
}

/// A class, of the text or built in.
pub struct Class {
    pub name: Rc<str>,
    pub bases: Vec<Rc<Class>>,
    pub attrs: RefCell<Dict>,
    /// Fields in order, where it is a dataclass.
    pub fields: RefCell<Option<Fields>>,
    pub user: bool,
}

impl Class {
    /// Itself and its bases, nearest first (depth first, without repetition).
    pub fn lineage(self: &Rc<Self>) -> Vec<Rc<Class>> {
        let mut found: Vec<Rc<Class>> = vec![self.clone()];
        for base in &self.bases {
            for class in base.lineage() {
                // The last place wins, so that a shared base comes after all that derive from it.
                found.retain(|c| !Rc::ptr_eq(c, &class));
                found.push(class);
            }
        }
        found
    }

    pub fn is_a(self: &Rc<Self>, name: &str) -> bool {
        self.lineage().iter().any(|c| !c.user && &*c.name == name)
    }

    pub fn find(self: &Rc<Self>, name: &str) -> Option<Value> {
        self.lineage().iter().find_map(|c| c.attrs.borrow().get_str(name).cloned())
    }
}

/// An object.
pub struct Instance {
    pub class: Rc<Class>,
    pub attrs: RefCell<Dict>,
    /// Names of registered buffers, and whether they are part of the `state_dict`.
    pub buffers: RefCell<Vec<(Rc<str>, bool)>>,
    pub born: Phase,
}

impl Instance {
    pub fn get(&self, name: &str) -> Option<Value> {
        self.attrs.borrow().get_str(name).cloned()
    }

    /// The entries of a named tuple, in order.
    pub fn tuple_items(&self) -> Vec<Value> {
        let fields = self.class.lineage().into_iter().find_map(|c| c.fields.borrow().clone()).unwrap_or_default();
        fields.iter().map(|(name, _)| self.get(name).unwrap_or(Value::None)).collect()
    }

    pub fn set(&self, name: &str, value: Value) {
        self.attrs.borrow_mut().insert_str(name, value);
    }
}

/// What kind of block a scope belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    Module,
    Class,
    Function,
    /// A comprehension: walrus targets belong to the scope around it.
    Comprehension,
}

/// Names and their values.
pub struct Scope {
    pub kind: ScopeKind,
    pub vars: RefCell<HashMap<String, Value>>,
    pub parent: Option<Rc<Scope>>,
    /// Names that the block assigns (functions only): never looked up further out.
    pub locals: Rc<HashSet<String>>,
    pub globals: RefCell<HashSet<String>>,
    pub nonlocals: RefCell<HashSet<String>>,
    pub yields: RefCell<Option<Vec<Value>>>,
    /// The function that runs here, and its first argument, for `super()`.
    pub frame: RefCell<Option<(Rc<Function>, Option<Value>)>>,
}

impl Scope {
    pub fn new(kind: ScopeKind, parent: Option<Rc<Scope>>, locals: Rc<HashSet<String>>) -> Rc<Self> {
        Rc::new(Self {
            kind,
            vars: RefCell::default(),
            parent,
            locals,
            globals: RefCell::default(),
            nonlocals: RefCell::default(),
            yields: RefCell::new(None),
            frame: RefCell::new(None),
        })
    }
}

impl Value {
    pub fn str(text: &str) -> Self {
        Self::Str(text.into())
    }

    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(items.into())
    }

    pub fn shape(dims: &[usize]) -> Self {
        Self::tuple(dims.iter().map(|&d| Self::Int(d as i64)).collect())
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Name of the type, for messages.
    pub fn kind(&self) -> String {
        match self {
            Self::None => "None".into(),
            Self::Ellipsis => "Ellipsis".into(),
            Self::Poison => "refused value".into(),
            Self::Bool(_) => "bool".into(),
            Self::Int(_) => "int".into(),
            Self::Float(_) => "float".into(),
            Self::Str(_) => "str".into(),
            Self::Tuple(_) => "tuple".into(),
            Self::List(_) => "list".into(),
            Self::Dict(_) => "dict".into(),
            Self::Set(_) => "set".into(),
            Self::Range(..) => "range".into(),
            Self::Slice(_) => "slice".into(),
            Self::Function(_) | Self::Native(_) | Self::Bound(_) | Self::Partial(_) => "function".into(),
            Self::Static(_) | Self::ClassMethod(_) | Self::Decorator(_) => "function".into(),
            Self::Property(_) => "property".into(),
            Self::Class(_) | Self::Type(_) | Self::Typing => "type".into(),
            Self::Silent => "logger".into(),
            Self::Missing(_) => "missing import".into(),
            Self::Instance(object) => object.class.name.to_string(),
            Self::Super(_) => "super".into(),
            Self::Module(name) => format!("module '{name}'"),
            Self::DType(_) => "torch.dtype".into(),
            Self::Device => "torch.device".into(),
            Self::Tensor(_) => "Tensor".into(),
            Self::Complex(_) => "complex Tensor".into(),
        }
    }

    /// The key under which a dict finds it; `None` where Python says "unhashable".
    pub fn key(&self) -> Option<Key> {
        Some(match self {
            Self::None => Key::None,
            Self::Bool(b) => Key::Int(i64::from(*b)),
            Self::Int(i) => Key::Int(*i),
            // Equal numbers are equal keys, as in Python.
            Self::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Key::Int(*x as i64),
            Self::Float(x) => Key::Float(x.to_bits()),
            Self::Str(s) => Key::Str(s.clone()),
            Self::Tuple(items) => Key::Tuple(items.iter().map(Value::key).collect::<Option<_>>()?),
            Self::DType(name) | Self::Type(name) | Self::Module(name) => Key::Named(name),
            Self::Instance(object) => Key::Object(Rc::as_ptr(object) as usize),
            Self::Class(class) => Key::Object(Rc::as_ptr(class) as usize),
            Self::Function(f) => Key::Object(Rc::as_ptr(f) as usize),
            Self::Tensor(t) => Key::Object(Rc::as_ptr(t) as usize),
            _ => return None,
        })
    }
}

/// The IR's dtype for a torch dtype's name.
pub fn dtype_of(name: &str) -> DType {
    match name {
        "bool" => DType::Bool,
        "int64" | "long" | "int32" | "int" | "int16" | "short" | "int8" | "uint8" => DType::I64,
        _ => DType::F32,
    }
}
