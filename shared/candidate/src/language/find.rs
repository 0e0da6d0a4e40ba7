//! Which class of the text is the layer.

use std::collections::HashMap;

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{self as ast, Expr, Stmt};

use super::Options;
use crate::finding::{Finding, FindingKind};
use crate::ir::Span;

/// Classes to try: those that nothing else in the text names, the last first.
pub fn candidates(module: &ast::ModModule, options: &Options) -> Result<Vec<String>, Finding> {
    let mut classes: Vec<&ast::StmtClassDef> = Vec::new();
    defined(&module.body, &mut classes);
    if let Some(wanted) = &options.class {
        return match classes.iter().any(|c| c.name.as_str() == wanted) {
            true => Ok(vec![wanted.clone()]),
            false => {
                let finding = Finding::new(
                    FindingKind::Name,
                    Span { line: 1, column: 1 },
                    format!("the text defines no class '{wanted}'"),
                );
                let names: Vec<_> = classes.iter().map(|c| c.name.as_str()).collect();
                Err(finding.hint(format!("it defines {}", names.join(", "))))
            }
        };
    }
    // Whether a class derives from nn.Module, as far as its bases' names tell.
    let mut modules: Vec<&str> = Vec::new();
    for class in &classes {
        let bases = class.arguments.as_ref().map(|a| &a.args[..]).unwrap_or_default();
        let derives = bases.iter().any(|b| match b {
            Expr::Name(n) => {
                modules.contains(&n.id.as_str())
                    || !classes.iter().any(|c| c.name.as_str() == n.id.as_str()) && n.id.as_str() != "object"
            }
            _ => true,
        });
        if derives {
            modules.push(class.name.as_str());
        }
    }
    let mut used: HashMap<String, usize> = HashMap::new();
    for class in &classes {
        let mut names = Names::default();
        class.body.iter().for_each(|s| names.visit_stmt(s));
        class.arguments.iter().for_each(|a| names.visit_arguments(a));
        names.0.retain(|n| n != class.name.as_str());
        names.0.into_iter().for_each(|n| *used.entry(n).or_default() += 1);
    }
    let free: Vec<String> = modules.iter().rev().filter(|n| !used.contains_key(**n)).map(|n| (*n).to_owned()).collect();
    let rest = modules.iter().rev().filter(|n| used.contains_key(**n)).map(|n| (*n).to_owned());
    Ok(free.iter().cloned().chain(rest).collect())
}

/// The classes of a block, those in its branches included.
fn defined<'a>(body: &'a [Stmt], found: &mut Vec<&'a ast::StmtClassDef>) {
    for stmt in body {
        match stmt {
            Stmt::ClassDef(class) => found.push(class),
            Stmt::If(branch) => {
                defined(&branch.body, found);
                branch.elif_else_clauses.iter().for_each(|clause| defined(&clause.body, found));
            }
            Stmt::Try(attempt) => {
                defined(&attempt.body, found);
                for ast::ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                    defined(&handler.body, found);
                }
                defined(&attempt.orelse, found);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Names(Vec<String>);

impl<'a> Visitor<'a> for Names {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            self.0.push(name.id.to_string());
        }
        walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}
}
