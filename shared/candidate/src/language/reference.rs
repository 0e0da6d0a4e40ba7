//! The reference page of the language, made from the tables that implement it.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::builtins;
use super::class::MODULES;

/// One page: what a candidate may import and call.
pub fn reference() -> String {
    let mut page = String::from("# The candidate language\n\n");
    page.push_str("One PyTorch file. The layer is an `nn.Module` whose forward maps [B, T, D] to [B, T, D].\n\n");
    let _ = writeln!(page, "Imports: {}.\n", MODULES.join(", "));
    for (title, place) in [
        ("torch", builtins::TORCH),
        ("torch.nn.functional", builtins::F),
        ("Tensor methods", builtins::METHOD),
        ("einops", builtins::EINOPS),
        ("math", builtins::MATH),
        ("torch.nn.init", builtins::INIT),
        ("Python", builtins::PYTHON),
    ] {
        let names: BTreeSet<&str> = builtins::names(place).collect();
        let _ = writeln!(page, "{title}: {}.\n", names.into_iter().collect::<Vec<_>>().join(", "));
    }
    let classes: BTreeSet<&str> = builtins::classes().collect();
    let _ = writeln!(page, "torch.nn: {}.", classes.into_iter().collect::<Vec<_>>().join(", "));
    page
}
