//! Text to syntax tree, within bounds.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_text_size::TextSize;

use crate::finding::{Finding, FindingKind};
use crate::ir::Span;

/// The longest text accepted, in bytes.
pub const MAX_SOURCE: usize = 256 * 1024;
/// The deepest nesting of the syntax tree.
const MAX_NESTING: usize = 300;

/// The most characters that can each open a level of recursion in the parser.
const MAX_OPENERS: usize = 20_000;

/// Where lines start.
pub struct Lines {
    starts: Vec<u32>,
    text: String,
}

impl Lines {
    /// Of a text.
    pub fn new(source: &str) -> Self {
        let starts = std::iter::once(0).chain(source.match_indices('\n').map(|(i, _)| i as u32 + 1)).collect();
        Self { starts, text: source.to_owned() }
    }

    /// Line and column (in characters) of an offset.
    pub fn span(&self, offset: TextSize) -> Span {
        let offset = offset.to_u32();
        let line = self.starts.partition_point(|&s| s <= offset).max(1);
        let start = self.starts[line - 1] as usize;
        let column = self.text.get(start..offset as usize).map_or(0, |s| s.chars().count());
        Span { line: line as u32, column: column as u32 + 1 }
    }

    /// Whether the text has one of these names in it.
    pub fn mentions(&self, names: &[&str]) -> bool {
        names.iter().any(|n| self.text.contains(n))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Parse a module. Call it on a thread with a large stack: the parser recurses.
pub fn parse(lines: &Lines) -> Result<ModModule, Vec<Finding>> {
    let parsed = match ruff_python_parser::parse_module(lines.text()) {
        Ok(parsed) => parsed.into_syntax(),
        Err(error) => {
            let span = lines.span(error.location.start());
            return Err(vec![Finding::new(FindingKind::Syntax, span, format!("not valid Python: {}", error.error))]);
        }
    };
    let mut depth = Depth { now: 0, too_deep: None };
    depth.visit_body(&parsed.body);
    match depth.too_deep {
        Some(offset) => Err(vec![Finding::new(
            FindingKind::Limit,
            lines.span(offset),
            format!("expressions or blocks nested more than {MAX_NESTING} deep"),
        )]),
        None => Ok(parsed),
    }
}

/// Refuse what cannot be parsed safely before parsing it.
pub fn precheck(source: &str) -> Option<Finding> {
    let at = |line: usize| Span { line: line as u32, column: 1 };
    if source.len() > MAX_SOURCE {
        let message = format!("the text has {} bytes (at most {MAX_SOURCE})", source.len());
        return Some(Finding::new(FindingKind::Limit, at(1), message));
    }
    if source.trim().is_empty() {
        return Some(
            Finding::new(FindingKind::Syntax, at(1), "the text is empty")
                .hint("define a class that derives from nn.Module"),
        );
    }
    if source.chars().filter(|c| "([{-+~*".contains(*c)).count() > MAX_OPENERS {
        let message = format!("the text has more than {MAX_OPENERS} brackets and signs");
        return Some(Finding::new(FindingKind::Limit, at(1), message));
    }
    source.contains('\0').then(|| Finding::new(FindingKind::Syntax, at(1), "the text contains a null byte"))
}

struct Depth {
    now: usize,
    too_deep: Option<TextSize>,
}

impl<'a> Visitor<'a> for Depth {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.now += 1;
        if self.now > MAX_NESTING {
            self.too_deep.get_or_insert(ruff_text_size::Ranged::start(stmt));
        } else {
            walk_stmt(self, stmt);
        }
        self.now -= 1;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.now += 1;
        if self.now > MAX_NESTING {
            self.too_deep.get_or_insert(ruff_text_size::Ranged::start(expr));
        } else {
            walk_expr(self, expr);
        }
        self.now -= 1;
    }
}
