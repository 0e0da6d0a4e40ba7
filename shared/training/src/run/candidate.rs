//! The candidate's text as a graph, and the names of its tensors.

use move37_candidate::language::{Dims, Options, Traced, trace};

use super::JobSpec;
use crate::Error;

/// Trace the text at the job's `[batch, length, d_model]`.
///
/// # Errors
/// [`Error::Candidate`] with the first finding, and the number of further ones.
pub(super) fn traced(job: &JobSpec, length: usize) -> Result<Traced, Error> {
    let dims = Dims {
        batch: job.training.batch,
        time: length,
        d_model: job.dims.d_model,
        num_heads: job.dims.heads,
        args: job.layer.args.clone(),
    };
    let options = Options { class: job.layer.class.clone(), ..Options::default() };
    match trace(&job.source, &dims, &options) {
        Ok(traced) => Ok(traced),
        Err(findings) => Err(Error::Candidate(match findings.as_slice() {
            [] => "it was refused".to_owned(),
            [only] => only.to_string(),
            [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        })),
    }
}
