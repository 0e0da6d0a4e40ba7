//! What a run will cost, counted without running it.

use super::JobSpec;
use super::candidate::traced;
use super::trainer::differentiate;
use crate::Error;
use crate::model::{flops, language_model, measured};

/// Sizes of a run, known from shapes alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Trained parameters of the whole model.
    pub parameters: u64,
    /// Those of them that are not embedding or head.
    pub body: u64,
    /// Tokens of the whole run.
    pub tokens: u64,
    /// Training FLOPs of the whole run (a multiply-add is 2).
    pub flops: f64,
}

/// Count what a job over sequences of this length and vocabulary takes. The job's task is not looked at, so its data need not
/// be there. Counted on one sequence, which costs what each of a batch costs.
///
/// # Errors
/// Settings that make no sense, a text that cannot be traced or does not fit the model.
pub fn predict(job: &JobSpec, vocabulary: usize, length: usize) -> Result<Prediction, Error> {
    job.check()?;
    let mut one = job.clone();
    one.training.batch = 1;
    let candidate = traced(&one, length)?;
    let mut network = language_model(&candidate.graph, &job.dims, vocabulary, 1, length, job.task.readout())?;
    let loss = measured(&mut network)?.mean_loss;
    let mut graph = network.graph;
    differentiate(&mut graph, loss)?;
    let sequences = f64::from(job.training.steps) * job.training.batch as f64;
    let parameters = graph.parameter_count() as u64;
    Ok(Prediction {
        parameters,
        body: parameters - 2 * (vocabulary * job.dims.d_model) as u64,
        tokens: job.tokens(job.training.steps, length),
        flops: sequences * flops(&graph),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::path::Path;

    use super::*;
    use crate::fixtures;
    use crate::run::{Cancel, Silent, run};

    #[test]
    fn a_run_costs_what_was_predicted() {
        let source = include_str!("../../../candidate/seeds/delta_net.py");
        let job = JobSpec { source: source.to_owned(), ..fixtures::job(2) };
        let predicted = predict(&job, 16, 12).unwrap();
        let outcome = run(&job, Path::new("unused"), None, &mut Silent, &Cancel::default()).unwrap();
        assert_eq!((predicted.parameters, predicted.tokens), (outcome.parameters, outcome.tokens));
        assert_eq!(predicted.body, predicted.parameters - 2 * 16 * 8);
        // The optimiser's and the weights' own operations are shared by a batch.
        assert!((predicted.flops / outcome.flops - 1.0).abs() < 0.1, "{} {}", predicted.flops, outcome.flops);
    }
}
