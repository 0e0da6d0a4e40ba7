//! Policy: a program's difference from its parent's text.

use similar::TextDiff;

/// Unified diff with three lines of context, as `git apply` and `patch` read it; from nothing where there is no
/// parent.
pub fn unified(parent: Option<&str>, child: &str) -> String {
    let from = if parent.is_some() { "a/candidate.py" } else { "/dev/null" };
    TextDiff::from_lines(parent.unwrap_or(""), child)
        .unified_diff()
        .context_radius(3)
        .header(from, "b/candidate.py")
        .to_string()
}
