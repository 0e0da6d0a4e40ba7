//! Whether a graph is known already, or nearly so.

use super::report::{GateConfig, GateReport, Nearest};
use crate::finding::{Finding, FindingKind};
use crate::ir::{Graph, Sketch, Span, canonical_hash};
use crate::language::Note;

/// A known graph nearer than this is noted whatever the policy.
const NOTED: f64 = 0.1;

/// Identify a graph, and compare it with the known ones.
pub(super) fn novelty(graph: &Graph, config: &GateConfig, report: &mut GateReport) -> Vec<Finding> {
    let (hash, sketch) = (canonical_hash(graph).to_hex().to_string(), Sketch::of(graph));
    let distances = config.known.iter().filter_map(|known| {
        let distance = if known.hash == hash { 0.0 } else { sketch.distance(&known.sketch?) };
        Some(Nearest { hash: known.hash.clone(), distance })
    });
    let nearest =
        distances.min_by(|a, b| a.distance.total_cmp(&b.distance).then((b.hash == hash).cmp(&(a.hash == hash))));
    let mut findings = Vec::new();
    if let Some(near) = &nearest {
        let short = &near.hash[..near.hash.len().min(12)];
        let message = format!("the known graph {short} is at distance {:.2}", near.distance);
        if near.hash == hash {
            let finding = Finding::new(FindingKind::Duplicate, Span::default(), "this graph is known already");
            findings.push(finding.hint("change what is computed, not how it is written"));
        } else if config.min_distance.is_some_and(|least| near.distance < least) {
            let finding = Finding::new(FindingKind::NearDuplicate, Span::default(), message);
            findings.push(finding.hint("change more of what is computed"));
        } else if near.distance < NOTED {
            report.notes.push(Note { line: 0, text: message });
        }
    }
    (report.graph_hash, report.sketch, report.nearest) = (Some(hash), Some(sketch), nearest);
    findings
}
