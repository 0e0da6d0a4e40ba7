//! Islands: several searches side by side that exchange their best now and then.
//!
//! An experiment's island follows from its number, so every island has its turn and none needs to be recorded or can starve.

use move37_core::ExperimentId;
use move37_events::facts::Standing;

/// The ranks that an experiment may take its parent from, best first, and what they are: its island; in every `migrate`-th round
/// the next one; the whole pool where that has no candidate.
pub(super) fn members(pool: &[Standing], experiment: ExperimentId, islands: u32, migrate: u32) -> (String, Vec<usize>) {
    let islands = islands.max(1);
    let island = |experiment: ExperimentId| experiment.0.saturating_sub(1) % islands;
    let round = experiment.0.saturating_sub(1) / islands;
    let migrates = migrate > 0 && round > 0 && round.is_multiple_of(migrate);
    let from = (island(experiment) + u32::from(migrates)) % islands;
    let ranks = pool.iter().zip(1..).filter(|(standing, _)| island(standing.experiment) == from).map(|(_, rank)| rank);
    let ranks: Vec<usize> = ranks.collect();
    match (ranks.is_empty(), migrates) {
        (true, _) => (format!("all islands, since island {} is empty", from + 1), (1..=pool.len()).collect()),
        (false, true) => (format!("island {}, from which island {} takes", from + 1, island(experiment) + 1), ranks),
        (false, false) => (format!("island {}", from + 1), ranks),
    }
}
