//! The candidate's text as a graph.

use std::collections::BTreeMap;

use move37_candidate::ir::Graph;
use move37_candidate::language::{Dims, Options, trace};

use super::JobSpec;
use crate::Error;

/// Trace the text at the job's `[batch, length, d_model]`.
///
/// # Errors
/// [`Error::Candidate`] with the first finding, and the number of further ones.
pub(super) fn traced(job: &JobSpec, length: usize) -> Result<Graph, Error> {
    let dims = Dims {
        batch: job.training.batch,
        time: length,
        d_model: job.dims.d_model,
        num_heads: job.dims.heads,
        args: BTreeMap::new(),
    };
    match trace(&job.source, &dims, &Options::default()) {
        Ok(traced) => Ok(traced.graph),
        Err(findings) => Err(Error::Candidate(match findings.as_slice() {
            [] => "it was refused".to_owned(),
            [only] => only.to_string(),
            [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        })),
    }
}
