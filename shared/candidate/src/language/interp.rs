//! The interpreter's state, its bounds, and how it fails.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextSize};

use super::parse::Lines;
use super::tensor::{Layout, Tensor};
use super::value::{Class, Phase, Scope, ScopeKind, Value};
use super::{Note, suggest};
use crate::finding::{Finding, FindingKind};
use crate::ir::{DType, Graph, NodeId, Op, Span, Unary};

/// How evaluation stops early.
pub enum Stop {
    /// The text is refused here.
    Fault(Box<Finding>),
    /// A Python exception, which `try` may catch.
    Raise(Box<Raised>),
    /// It depends on something that was refused and reported before.
    Poisoned,
}

/// A Python exception on its way.
pub struct Raised {
    /// The exception object.
    pub value: Value,
    /// Name of its class.
    pub class: Rc<Class>,
    /// Its text.
    pub message: String,
    /// Where it was raised.
    pub span: Span,
}

/// The result of evaluating something.
pub type Eval<T> = Result<T, Stop>;

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Fault(Box::new(finding))
    }
}

/// What a program may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps of the interpreter.
    pub ticks: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Nesting of calls.
    pub calls: usize,
    /// Nesting of expressions, statements and calls together.
    pub depth: usize,
    /// Elements of one tensor.
    pub elements: usize,
    /// Characters of a string, entries of a list or dict.
    pub length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ticks: 2_000_000, nodes: 20_000, calls: 200, depth: 4000, elements: 1 << 31, length: 200_000 }
    }
}

/// A function's code.
#[derive(Clone, Copy)]
pub struct Code<'a> {
    pub params: Option<&'a ast::Parameters>,
    pub body: Body<'a>,
    /// It belongs to a library, not to the candidate.
    pub library: bool,
}

/// What runs when it is called.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    Block(&'a [ast::Stmt]),
    Expr(&'a ast::Expr),
}

/// The tracer.
pub struct Interp<'a> {
    pub graph: Graph,
    pub lines: &'a Lines,
    pub limits: Limits,
    pub ticks: u64,
    pub calls: usize,
    pub depth: usize,
    pub span: Span,
    pub phase: Phase,
    /// Nesting of `torch.no_grad()`.
    pub no_grad: usize,
    /// Nesting of forwards whose gradient is of their own: nothing within them cuts it.
    pub own_gradient: usize,
    /// Backwards that were found to be derivatives.
    pub compared: std::collections::HashSet<Vec<NodeId>>,
    pub try_depth: usize,
    /// The text runs as on a machine with an accelerator and the packages that need one.
    pub accelerated: bool,
    /// What `self.training` is.
    pub training: bool,
    /// The library's names and which of its parts were read, once it was imported from.
    pub library: Option<(Rc<Scope>, Vec<bool>)>,
    /// Nesting of the library's text.
    pub library_depth: usize,
    /// Where in the library's text the trace is.
    pub library_offset: u32,
    /// The choices of the forward pass.
    pub path: super::path::Path,
    pub codes: Vec<Code<'a>>,
    /// Per code: the names it assigns, and whether it yields.
    pub locals: Vec<(Rc<std::collections::HashSet<String>>, bool)>,
    pub scopes: Vec<std::rc::Weak<Scope>>,
    pub objects: Vec<std::rc::Weak<super::value::Instance>>,
    /// Classes of the text, whose methods know their class.
    pub user_classes: Vec<std::rc::Weak<Class>>,
    /// The layer under construction, so that what it has is known even if its constructor fails.
    pub begun: Option<Rc<super::value::Instance>>,
    pub classes: HashMap<&'static str, Rc<Class>>,
    pub globals: Rc<Scope>,
    pub findings: Vec<Finding>,
    pub notes: Vec<Note>,
    pub streams: u32,
    /// Per node, whether gradients flow through it.
    pub differentiable: Vec<bool>,
    /// Attributes assigned during forward, and where.
    pub writes: RefCell<Vec<(String, Span)>>,
    /// Values of constant nodes, where control flow asks for them.
    pub constants: crate::ir::Constants,
}

impl<'a> Interp<'a> {
    pub fn new(lines: &'a Lines, limits: Limits) -> Self {
        Self {
            graph: Graph::default(),
            lines,
            limits,
            ticks: 0,
            calls: 0,
            depth: 0,
            span: Span::default(),
            phase: Phase::Construct,
            no_grad: 0,
            own_gradient: 0,
            compared: Default::default(),
            try_depth: 0,
            accelerated: false,
            training: true,
            library: None,
            library_depth: 0,
            library_offset: 0,
            path: super::path::Path::default(),
            codes: Vec::new(),
            locals: Vec::new(),
            scopes: Vec::new(),
            objects: Vec::new(),
            user_classes: Vec::new(),
            begun: None,
            classes: HashMap::new(),
            globals: Scope::new(ScopeKind::Module, None, Rc::default()),
            findings: Vec::new(),
            notes: Vec::new(),
            streams: 0,
            differentiable: Vec::new(),
            writes: RefCell::default(),
            constants: crate::ir::Constants::default(),
        }
    }

    /// A new scope, remembered so that its cycles can be cut.
    pub fn scope(
        &mut self,
        kind: ScopeKind,
        parent: &Rc<Scope>,
        locals: Rc<std::collections::HashSet<String>>,
    ) -> Rc<Scope> {
        let scope = Scope::new(kind, Some(parent.clone()), locals);
        self.scopes.push(Rc::downgrade(&scope));
        scope
    }

    /// A class of the text, remembered so that its cycles can be cut.
    pub fn new_class(&mut self, class: Class) -> Rc<Class> {
        let class = Rc::new(class);
        self.user_classes.push(Rc::downgrade(&class));
        class
    }

    /// Cut the cycles between scopes, functions, classes and objects, so that memory is given back.
    pub fn release(&mut self) {
        self.globals.vars.borrow_mut().clear();
        self.begun = None;
        for scope in self.scopes.drain(..).filter_map(|s| s.upgrade()) {
            scope.vars.borrow_mut().clear();
            scope.frame.borrow_mut().take();
            scope.yields.borrow_mut().take();
        }
        for class in self.user_classes.drain(..).filter_map(|c| c.upgrade()) {
            std::mem::take(&mut *class.attrs.borrow_mut());
            class.fields.borrow_mut().take();
        }
        for object in self.objects.drain(..).filter_map(|o| o.upgrade()) {
            std::mem::take(&mut *object.attrs.borrow_mut());
        }
    }

    /// Blame what follows on this piece of text.
    pub fn at(&mut self, node: &impl Ranged) {
        self.at_offset(node.start());
    }

    pub fn at_offset(&mut self, offset: TextSize) {
        if self.library_depth > 0 {
            self.library_offset = offset.to_u32();
            return;
        }
        self.span = self.lines.span(offset);
        self.graph.span = self.span;
    }

    /// Blame what follows on this place.
    pub fn at_span(&mut self, span: Span) {
        self.span = span;
        self.graph.span = span;
    }

    /// Use up ticks.
    pub fn tick(&mut self, n: u64) -> Eval<()> {
        self.ticks = self.ticks.saturating_add(n);
        match self.ticks > self.limits.ticks {
            true => Err(self
                .fault(FindingKind::Limit, format!("the program takes more than {} steps", self.limits.ticks))
                .hint("use a chunked or parallel form instead of a long Python loop")
                .into()),
            false => Ok(()),
        }
    }

    /// Refuse a container or string of this length.
    pub fn length(&mut self, n: usize, what: &str) -> Eval<()> {
        self.tick(n as u64 / 4 + 1)?;
        match n > self.limits.length {
            true => Err(self
                .fault(FindingKind::Limit, format!("a {what} of length {n} (at most {})", self.limits.length))
                .into()),
            false => Ok(()),
        }
    }

    /// Run something one level deeper.
    pub fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        if self.depth >= self.limits.depth {
            return Err(self.fault(FindingKind::Limit, "the program is nested too deeply").into());
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// A finding here.
    pub fn fault(&self, kind: FindingKind, message: impl Into<String>) -> Finding {
        Finding::new(kind, self.span, message)
    }

    pub fn unsupported<T>(&self, message: impl Into<String>) -> Eval<T> {
        Err(self.fault(FindingKind::Unsupported, message).into())
    }

    pub fn type_error<T>(&self, message: impl Into<String>) -> Eval<T> {
        self.raise("TypeError", message)
    }

    pub fn value_error<T>(&self, message: impl Into<String>) -> Eval<T> {
        self.raise("ValueError", message)
    }

    /// A Python exception that the interpreter itself raises.
    pub fn raise<T>(&self, class: &str, message: impl Into<String>) -> Eval<T> {
        let message = message.into();
        let class = self.classes.get(class).expect("a built-in exception").clone();
        let value = Value::Instance(Rc::new(super::value::Instance {
            class: class.clone(),
            attrs: RefCell::default(),
            buffers: RefCell::default(),
            born: self.phase,
        }));
        Err(Stop::Raise(Box::new(Raised { value, class, message, span: self.span })))
    }

    /// An unknown name, with the nearest known one.
    pub fn unknown<'s, T>(&self, what: &str, name: &str, known: impl Iterator<Item = &'s str>) -> Eval<T> {
        let finding = self.fault(FindingKind::Name, format!("unknown {what} '{name}'"));
        Err(match suggest(name.rsplit('.').next().unwrap_or(name), known) {
            Some(near) => finding.hint(format!("did you mean '{near}'?")),
            None => finding,
        }
        .into())
    }

    /// Take what the graph made, or say why it could not.
    pub fn made(&mut self, made: Result<NodeId, crate::ir::Error>) -> Eval<NodeId> {
        let id = match made {
            Ok(id) => id,
            Err(error) => return Err(self.fault(FindingKind::Shape, error.to_string()).into()),
        };
        if self.graph.nodes().len() > self.limits.nodes {
            return Err(self
                .fault(FindingKind::Limit, format!("the graph has more than {} nodes", self.limits.nodes))
                .hint("use a chunked or parallel form instead of a Python loop over time")
                .into());
        }
        let node = self.graph.node(id);
        if node.elements() > self.limits.elements {
            let message = format!("a tensor of shape {:?} has more than {} elements", node.shape, self.limits.elements);
            return Err(self.fault(FindingKind::Limit, message).into());
        }
        self.update_differentiable();
        match self.no_grad > 0
            && self.own_gradient == 0
            && self.phase == Phase::Forward
            && self.differentiable[id.index()]
        {
            true => {
                let id = self.graph.unary(Unary::Detach, id).expect("a float node");
                self.update_differentiable();
                Ok(id)
            }
            false => Ok(id),
        }
    }

    fn update_differentiable(&mut self) {
        while self.differentiable.len() < self.graph.nodes().len() {
            let node = &self.graph.nodes()[self.differentiable.len()];
            let own = match node.op {
                Op::Input(_) => true,
                Op::Unary(Unary::Detach) => false,
                Op::Param(i) => self.graph.params[i as usize].kind == crate::ir::ParamKind::Trained,
                _ => node.inputs.iter().any(|i| self.differentiable[i.index()]),
            };
            self.differentiable.push(own && node.dtype == DType::F32);
        }
    }

    /// Run something as if outside `torch.no_grad()`.
    pub fn with_grad<T>(&mut self, f: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        let outer = std::mem::take(&mut self.no_grad);
        let result = f(self);
        self.no_grad = outer;
        result
    }

    /// A new tensor of a node, laid out row-major.
    pub fn tensor(&mut self, made: Result<NodeId, crate::ir::Error>) -> Eval<Value> {
        let node = self.made(made)?;
        Ok(Value::Tensor(Tensor::fresh(node, Layout::Contiguous)))
    }

    /// Remember something that the reader of the report should know, once.
    pub fn note(&mut self, text: impl Into<String>) {
        let note = Note { line: self.span.line, text: text.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Next stream of random numbers.
    pub fn stream(&mut self) -> u32 {
        self.streams += 1;
        self.streams - 1
    }
}
