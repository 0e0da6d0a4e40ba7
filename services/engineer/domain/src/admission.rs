//! Policy: the verdict on what the gate found, by the campaign's own standards.

use move37_core::ExperimentId;
use move37_events::facts::{
    Campaign, CandidateAdmitted, CandidateRefused, CodeDiffProposed, Complexity, EngineerFact, Finding, GatePolicy,
    GateReport, Proof, Sizes,
};

use crate::equalise::{self, size};
use crate::state::Engineer;

/// Findings that a reason in words names; the others are counted.
const NAMED: usize = 3;

/// Why a program was refused, in one sentence.
pub(crate) fn in_words(report: &GateReport) -> String {
    let named = report.findings.iter().take(NAMED).map(|finding| {
        let place = if finding.line > 0 { format!(" in line {}", finding.line) } else { String::new() };
        format!("{}{place}: {}", finding.kind, finding.message)
    });
    let mut words: Vec<String> = named.collect();
    match report.findings.len().saturating_sub(NAMED) {
        0 => {}
        more => words.push(format!("and {more} more")),
    }
    match words.is_empty() {
        true => "refused by the gate, which gave no reason".to_owned(),
        false => format!("refused: {}", words.join("; ")),
    }
}

impl Engineer {
    /// Admit or refuse a proposed program. Programs given at the start are held to what is true of them, not to what
    /// the search may cost: one that costs too much is measured, but no parent.
    pub(crate) fn verdict(
        &self,
        proposed: &CodeDiffProposed,
        campaign: &Campaign,
        report: &GateReport,
    ) -> EngineerFact {
        let policy = &campaign.gate;
        let seed = proposed.parent.is_none();
        let duplicate_of = report.graph_hash.and_then(|graph| self.graphs.get(&graph)).copied();
        let mut against: Vec<Finding> = Vec::new();
        against.extend(duplicate_of.map(duplicate));
        against.extend(unproved(policy, report));
        let mut costs = self.costs(policy, report);
        let sizes = self.sizes(campaign, proposed, report, &mut costs);
        if !seed {
            against.extend(costs.iter().cloned());
        }
        if let (true, true, Some(sizes)) = (report.admitted, against.is_empty(), sizes) {
            let mut gate = report.clone();
            if !sizes.comparable {
                gate.findings.extend(costs.iter().cloned());
            }
            return CandidateAdmitted {
                experiment: proposed.experiment,
                attempt: proposed.attempt,
                brief: proposed.brief.clone(),
                genome: proposed.genome.clone(),
                source: proposed.source.clone(),
                program: proposed.program,
                baseline: proposed.baseline,
                parent: costs.is_empty(),
                sizes,
                gate,
            }
            .into();
        }
        let mut gate = GateReport { admitted: false, ..report.clone() };
        gate.findings.extend(against);
        CandidateRefused { experiment: proposed.experiment, attempt: proposed.attempt, gate, duplicate_of }.into()
    }

    /// The sizes at which a program is trained; what speaks against them is added to the findings. None where the gate
    /// counted nothing.
    fn sizes(
        &self,
        campaign: &Campaign,
        proposed: &CodeDiffProposed,
        report: &GateReport,
        findings: &mut Vec<Finding>,
    ) -> Option<Sizes> {
        let baseline = if proposed.baseline { None } else { self.baseline };
        let (sizes, against) = equalise::sizes(&campaign.model, baseline, size(report)?);
        findings.extend(against);
        Some(sizes)
    }

    /// What makes a program unfit to be a parent: steeper or larger than the campaign allows.
    fn costs(&self, policy: &GatePolicy, report: &GateReport) -> Vec<Finding> {
        let mut findings = Vec::new();
        let most = policy.max_complexity;
        match report.complexity {
            Some(growth) if growth <= most => {}
            Some(growth) => findings.push(finding(
                "complexity",
                format!("cost grows with {}, the campaign admits {}", in_o(growth), in_o(most)),
                "use a chunked or recurrent form, or a filter of fixed length",
            )),
            None => findings.push(finding(
                "complexity",
                "its cost grows faster than O(n^2), or its growth could not be measured".to_owned(),
                "make it run at twice and four times the length",
            )),
        }
        if let (Some(baseline), Some(size)) = (self.baseline, size(report)) {
            let over = |what: &str, ratio: f64, most: f64, hint: &str| {
                let message = format!("{ratio:.2} times the baseline's {what}, the campaign admits {most:.2}");
                (ratio > most).then(|| finding("over_budget", message, hint))
            };
            let parameters = size.parameters as f64 / (baseline.parameters as f64).max(1.0);
            let flops = size.flops / baseline.flops.max(1.0);
            findings.extend(over("parameters", parameters, policy.max_parameters, "share or drop projections"));
            findings.extend(over("FLOPs", flops, policy.max_flops, "drop a path or shorten a filter"));
        }
        findings
    }
}

fn duplicate(of: ExperimentId) -> Finding {
    finding(
        "duplicate",
        format!("experiment {of} has the same graph"),
        "change what is computed, not how it is written",
    )
}

/// Properties that must be proved, unless the campaign admits what can be neither proved nor refuted.
fn unproved(policy: &GatePolicy, report: &GateReport) -> Vec<Finding> {
    let properties = [("causality", report.causality), ("independence of the batch", report.batch_independence)];
    let open = properties.into_iter().filter_map(|(property, proof)| match proof {
        Proof::Proved => None,
        Proof::Unproved if policy.admit_unproved => None,
        Proof::Unproved => Some(finding(
            "unproved",
            format!("its {property} could not be proved"),
            "avoid masks and indices that depend on data",
        )),
        // The gate names the leak itself; this covers a report that forgot to.
        Proof::Refuted if report.admitted => {
            Some(finding("unproved", format!("its {property} is refuted"), "remove the leak"))
        }
        Proof::Refuted => None,
    });
    // A program that could not even be traced has its own findings.
    if report.class.is_some() { open.collect() } else { Vec::new() }
}

fn in_o(growth: Complexity) -> &'static str {
    match growth {
        Complexity::Linear => "O(n)",
        Complexity::LogLinear => "O(n log n)",
        Complexity::Quadratic => "O(n^2)",
    }
}

pub(crate) fn finding(kind: &str, message: String, hint: &str) -> Finding {
    Finding { kind: kind.to_owned(), line: 0, column: 0, message, hint: hint.to_owned(), witness: None }
}
