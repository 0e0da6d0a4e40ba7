//! Ending the process at a named edge, for crash tests: `MOVE37_CRASH_AT=<n>:<boundary>`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use move37_runtime::{Boundary, Failpoint};

use crate::failure::Failure;

/// The variable.
const VARIABLE: &str = "MOVE37_CRASH_AT";

/// The failpoint that the environment asks for, if it does.
pub fn from_environment() -> Result<Option<Failpoint>, Failure> {
    match std::env::var(VARIABLE) {
        Ok(text) => parse(&text).map(|(n, boundary)| Some(at(n, boundary))),
        Err(_) => Ok(None),
    }
}

fn parse(text: &str) -> Result<(u64, Boundary), Failure> {
    let bad = || {
        Failure::usage(format!(
            "{VARIABLE}={text} is no edge: write <n>:<boundary>, where boundary is before_append, appended or applied"
        ))
    };
    let (n, name) = text.split_once(':').ok_or_else(bad)?;
    let boundary = match name {
        "before_append" => Boundary::BeforeAppend,
        "appended" => Boundary::Appended,
        "applied" => Boundary::Applied,
        _ => return Err(bad()),
    };
    Ok((n.parse().ok().filter(|&n| n > 0).ok_or_else(bad)?, boundary))
}

/// End the process, without any clean-up, when the boundary is reached for the n-th time by any service.
fn at(n: u64, boundary: Boundary) -> Failpoint {
    let reached = AtomicU64::new(0);
    Arc::new(move |edge| {
        if edge == boundary && reached.fetch_add(1, Ordering::SeqCst) + 1 == n {
            std::process::abort();
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_edge_is_a_count_and_a_boundary() {
        assert_eq!(parse("3:appended").unwrap(), (3, Boundary::Appended));
        for bad in ["", "3", "0:appended", "x:applied", "1:later"] {
            assert_eq!(parse(bad).unwrap_err().code, 2, "{bad}");
        }
    }
}
