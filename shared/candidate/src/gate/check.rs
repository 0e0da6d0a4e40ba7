//! Putting the parts together.

use super::dependencies::{LENGTHS, chunk, dependencies};
use super::novelty::novelty;
use super::report::{Bytes, FlopsAt, GateConfig, GateReport};
use super::size::size;
use super::state::state;
use crate::cost::cost;
use crate::finding::{Finding, FindingKind};
use crate::ir::{Graph, NodeId, Op, ParamKind};
use crate::language::{Attempt, Dims, Options, attempt};

/// Check a text.
pub fn check(source: &str, config: &GateConfig) -> GateReport {
    let mut report = GateReport::default();
    let first = trace_at(source, config, 1, config.dims.time);
    report.class.clone_from(&first.class);
    let Some(traced) = first.traced else {
        if let Some(graph) = first.partial {
            partial(graph, config, &mut report);
        }
        report.add(first.findings, config);
        return report;
    };
    let mut findings = traced.hidden_state.clone();
    let uneven = trace_at(source, config, 2, LENGTHS[0]);
    let chunk = uneven.traced.as_ref().and_then(|t| chunk(t, LENGTHS[0]));
    findings.extend(size(source, config, (&traced, chunk), &mut report));
    findings.extend(dead(&traced.graph, &mut report));
    report.state = state(source, config, chunk);
    report.notes.clone_from(&traced.notes);
    findings.extend(novelty(&traced.graph, config, &mut report));
    findings.extend(dependencies(source, config, (&traced, &uneven), &mut report));
    report.add(findings, config);
    report
}

/// Trace at a shape.
pub(super) fn trace_at(source: &str, config: &GateConfig, batch: usize, time: usize) -> Attempt {
    let dims = Dims { batch, time, ..config.dims.clone() };
    attempt(source, &dims, &Options { class: config.class.clone(), limits: config.limits })
}

/// What is known of a refused program: its parameters once it could be constructed, and all that forward computed.
fn partial(mut graph: Graph, config: &GateConfig, report: &mut GateReport) {
    let mut varies = vec![false; graph.nodes().len()];
    let mut used = vec![false; graph.nodes().len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        varies[i] = matches!(node.op, Op::Input(_)) || node.inputs.iter().any(|n| varies[n.index()]);
        node.inputs.iter().for_each(|n| used[n.index()] = true);
    }
    graph.outputs = (0..varies.len()).filter(|&i| varies[i] && !used[i]).map(|i| NodeId(i as u32)).collect();
    let own = cost(&graph);
    report.parameters = Some(own.parameters);
    report.bytes = Some(Bytes { activations: own.bytes, peak: own.peak_bytes, training: None });
    report.flops.push(FlopsAt { length: config.dims.time, flops: own.flops });
    report.lines = own.lines;
    // What is not whole is no duplicate of anything.
    novelty(&graph, config, report);
}

/// Trained parameters that no output depends on.
fn dead(graph: &Graph, report: &mut GateReport) -> Vec<Finding> {
    let live = graph.reachable(&graph.outputs);
    let mut used = vec![false; graph.params.len()];
    for (node, live) in graph.nodes().iter().zip(&live) {
        if let (Op::Param(i), true) = (&node.op, live) {
            used[*i as usize] = true;
        }
    }
    let mut findings = Vec::new();
    for (param, used) in graph.params.iter().zip(used) {
        if param.kind == ParamKind::Trained && !used {
            report.dead_parameters.push(param.name.clone());
            let message = format!("no output depends on the parameter '{}'", param.name);
            findings.push(
                Finding::new(FindingKind::DeadParameter, param.span, message).hint("use it in forward or remove it"),
            );
        }
    }
    findings
}
