//! The names that belong to a function.

use std::collections::HashSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{self as ast, Expr, Stmt};

/// Names that a function's body assigns, and whether it yields.
pub fn locals_of(body: &[Stmt]) -> (HashSet<String>, bool) {
    let mut found = Locals::default();
    found.visit_body(body);
    for name in &found.outer {
        found.names.remove(name);
    }
    (found.names, found.yields)
}

#[derive(Default)]
struct Locals {
    names: HashSet<String>,
    outer: HashSet<String>,
    yields: bool,
}

impl<'a> Visitor<'a> for Locals {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // Inner blocks have names of their own.
            Stmt::FunctionDef(s) => {
                self.names.insert(s.name.to_string());
            }
            Stmt::ClassDef(s) => {
                self.names.insert(s.name.to_string());
            }
            Stmt::Global(s) => self.outer.extend(s.names.iter().map(|n| n.to_string())),
            Stmt::Nonlocal(s) => self.outer.extend(s.names.iter().map(|n| n.to_string())),
            Stmt::Import(s) => {
                for alias in &s.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.names.insert(name.split('.').next().unwrap_or(name).to_owned());
                }
            }
            Stmt::ImportFrom(s) => {
                self.names.extend(s.names.iter().map(|a| a.asname.as_ref().unwrap_or(&a.name).to_string()));
            }
            Stmt::Match(s) => {
                s.cases.iter().for_each(|c| captured(&c.pattern, &mut self.names));
                walk_stmt(self, stmt);
            }
            Stmt::Try(s) => {
                for handler in &s.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    self.names.extend(handler.name.as_ref().map(|n| n.to_string()));
                }
                walk_stmt(self, stmt);
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if matches!(name.ctx, ast::ExprContext::Store | ast::ExprContext::Del) => {
                self.names.insert(name.id.to_string());
            }
            Expr::Lambda(_) => {}
            // Targets of comprehensions are theirs; walrus targets inside are ours.
            Expr::ListComp(ast::ExprListComp { elt, generators, .. })
            | Expr::SetComp(ast::ExprSetComp { elt, generators, .. })
            | Expr::Generator(ast::ExprGenerator { elt, generators, .. }) => {
                self.visit_expr(elt);
                for g in generators {
                    self.visit_expr(&g.iter);
                    g.ifs.iter().for_each(|e| self.visit_expr(e));
                }
            }
            Expr::DictComp(d) => {
                if let Some(key) = &d.key {
                    self.visit_expr(key);
                }
                self.visit_expr(&d.value);
                for g in &d.generators {
                    self.visit_expr(&g.iter);
                    g.ifs.iter().for_each(|e| self.visit_expr(e));
                }
            }
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.yields = true;
                walk_expr(self, expr);
            }
            _ => walk_expr(self, expr),
        }
    }
}

/// The names that a pattern binds.
fn captured(pattern: &ast::Pattern, names: &mut HashSet<String>) {
    match pattern {
        ast::Pattern::MatchAs(p) => {
            names.extend(p.name.as_ref().map(|n| n.to_string()));
            p.pattern.iter().for_each(|inner| captured(inner, names));
        }
        ast::Pattern::MatchStar(p) => names.extend(p.name.as_ref().map(|n| n.to_string())),
        ast::Pattern::MatchSequence(p) => p.patterns.iter().for_each(|inner| captured(inner, names)),
        ast::Pattern::MatchMapping(p) => p.patterns.iter().for_each(|inner| captured(inner, names)),
        ast::Pattern::MatchOr(p) => p.patterns.iter().for_each(|inner| captured(inner, names)),
        ast::Pattern::MatchClass(p) => {
            p.arguments.patterns.iter().for_each(|inner| captured(inner, names));
            p.arguments.keywords.iter().for_each(|k| captured(&k.pattern, names));
        }
        ast::Pattern::MatchValue(_) | ast::Pattern::MatchSingleton(_) => {}
    }
}
