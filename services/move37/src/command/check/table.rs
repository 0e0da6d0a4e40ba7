//! Many candidates at a glance.

use std::path::{Path, PathBuf};

use move37_candidate::gate::GateReport;

use super::proof;
use crate::view::one_line;

/// Lines of one width, and how many were admitted so far.
pub struct Table {
    name: usize,
    files: usize,
    admitted: usize,
}

impl Table {
    /// Wide enough for these files.
    pub fn new(files: &[PathBuf]) -> Table {
        let widest = files.iter().map(|file| name(file).chars().count()).max().unwrap_or(0);
        Table { name: widest.clamp(7, 32), files: 0, admitted: 0 }
    }

    /// The names of the columns.
    pub fn head(&self) -> String {
        let width = self.name;
        format!("{:width$}  verdict   causality  batch     growth         first finding", "program")
    }

    /// One file.
    pub fn row(&mut self, file: &Path, report: &GateReport) -> String {
        self.files += 1;
        self.admitted += usize::from(report.admitted);
        let width = self.name;
        let growth = report.complexity.map_or_else(String::new, |growth| growth.class.to_string());
        let finding = report.findings.first().map_or_else(String::new, |finding| {
            let more = report.findings.len() - 1;
            let more = if more > 0 { format!(" (+{more})") } else { String::new() };
            format!("{}:{} {}{more}", finding.kind, finding.line, one_line(&finding.message, 60))
        });
        let line = format!(
            "{:width$}  {:<8}  {:<9}  {:<8}  {growth:<13}  {finding}",
            name(file),
            if report.admitted { "admitted" } else { "refused" },
            proof(report.causality),
            proof(report.batch_independence),
        );
        line.trim_end().to_owned()
    }

    /// How many were admitted.
    pub fn sum(&self) -> String {
        format!("{} of {} admitted", self.admitted, self.files)
    }
}

fn name(file: &Path) -> String {
    file.file_stem().map_or_else(|| file.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}
