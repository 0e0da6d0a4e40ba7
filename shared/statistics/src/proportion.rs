//! Exact bounds of a share that was counted (Clopper and Pearson, 1934).

use statrs::distribution::{Beta, ContinuousCDF};

/// The share of `hits` in `of` is at most this with the given one-sided confidence.
pub fn upper(hits: u64, of: u64, confidence: f64) -> f64 {
    if hits >= of {
        return 1.0;
    }
    Beta::new(hits as f64 + 1.0, (of - hits) as f64).map_or(1.0, |beta| beta.inverse_cdf(confidence))
}

/// The share of `hits` in `of` is at least this with the given one-sided confidence.
pub fn lower(hits: u64, of: u64, confidence: f64) -> f64 {
    1.0 - upper(of.saturating_sub(hits), of, confidence)
}
