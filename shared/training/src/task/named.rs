//! Synthetic tasks by name.

use super::TaskSpec;
use super::mad::{MINI, published};

/// `mqar` settings: the paper's four and the repository's small one (zoology), and one for two cores.
const MQAR: [(&str, usize, usize, usize); 6] = [
    ("mqar-mini", 32, 16, 4),
    ("mqar-basic", 256, 64, 4),
    ("mqar-64", 8192, 64, 4),
    ("mqar-128", 8192, 128, 8),
    ("mqar-256", 8192, 256, 16),
    ("mqar-512", 8192, 512, 64),
];

/// All settings that have a name: `mqar-mini`, `mqar-basic`, .., `mad-memorization`, `mad-memorization/vocabulary-512`, ..,
/// `mad-mini-memorization`, ..
pub fn named() -> Vec<(String, TaskSpec)> {
    let mqar =
        MQAR.map(|(name, vocabulary, length, pairs)| (name.to_owned(), TaskSpec::Mqar { vocabulary, length, pairs }));
    let mini = MINI.map(|spec| (format!("mad-mini-{}", spec.puzzle.name()), TaskSpec::Mad(spec)));
    let mad = published().into_iter().map(|(name, spec)| (format!("mad-{name}"), TaskSpec::Mad(spec)));
    mqar.into_iter().chain(mini).chain(mad).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::task::Task;

    #[test]
    fn every_named_setting_makes_sense_and_has_a_name_of_its_own() {
        let all = named();
        for (name, spec) in &all {
            Task::prepare(spec, Path::new("unused")).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(all.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().filter(|(name, _)| name.starts_with("mad-") && !name.contains("mini")).count(), 66);
    }

    #[test]
    fn a_variation_changes_one_number() {
        let find = |name: &str| named().into_iter().find(|(known, _)| known == name).unwrap().1;
        let (TaskSpec::Mad(base), TaskSpec::Mad(noisy)) =
            (find("mad-noisy-in-context-recall"), find("mad-noisy-in-context-recall/noise-0.4"))
        else {
            panic!("tasks of MAD")
        };
        assert_eq!((base.vocabulary, base.length, base.instances), (noisy.vocabulary, noisy.length, noisy.instances));
        assert_ne!(base, noisy);
    }
}
