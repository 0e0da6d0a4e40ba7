//! What the user asks for on the command line: a file, and flags over it.

use std::path::{Path, PathBuf};

use move37_core::{CampaignId, Hash};
use move37_events::facts::{Campaign, TaskKind};

use super::{Config, Profile, Text, difference, resolve};
use crate::failure::Failure;
use crate::journal::pick;
use crate::seeds;
use crate::view::Book;

/// The flags of `run` that shape a campaign.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Wish {
    /// Campaign file (TOML); flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A configuration that comes with the binary, instead of a file; flags override it
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    profile: Option<Profile>,
    /// Experiments, beyond the seed programs, that reach an insight; 0 measures the seed programs alone
    #[arg(long, value_name = "N")]
    experiments: Option<u32>,
    /// Runs per program and task, each with its own seed; the baseline has at least as many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: Option<u32>,
    /// Parallel loops; with one, the campaign is deterministic from its seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lanes: Option<u32>,
    /// Seed of every draw
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A PyTorch file to start from as well; may be given several times
    #[arg(long = "seed-program", value_name = "FILE")]
    seed_programs: Vec<PathBuf>,
    /// Start as well from the programs that this campaign of the same log promoted, best first: they are measured anew at this
    /// campaign's sizes, and confirmed anew
    #[arg(long = "from", value_name = "CAMPAIGN")]
    finalists_of: Option<CampaignId>,
    /// A text to learn language from, instead of Shakespeare's works: a file or folder, FILE.jsonl#FIELD, FILE.parquet#COLUMN, or
    /// hf:OWNER/NAME[/PATH][#COLUMN] from the Hugging Face hub
    #[arg(long, value_name = "PATH")]
    text: Option<PathBuf>,
}

impl Wish {
    /// The file with the flags over it.
    pub fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::named(self.config.as_deref(), self.profile)?;
        config.budget.experiments = self.experiments.unwrap_or(config.budget.experiments);
        if let Some(seeds) = self.seeds {
            let baseline = config.training.baseline_seeds.unwrap_or(config.training.seeds);
            config.training.seeds = seeds;
            config.training.baseline_seeds = Some(baseline.max(seeds));
        }
        config.lanes = self.lanes.unwrap_or(config.lanes);
        config.seed = self.seed.unwrap_or(config.seed);
        config.programs.files.extend(self.seed_programs.iter().cloned());
        config.text = self.text.clone().or(config.text);
        Ok(config)
    }

    /// Whether it names another campaign.
    pub fn needs_history(&self) -> bool {
        self.finalists_of.is_some()
    }

    /// The campaign that is wished for.
    ///
    /// # Errors
    /// The wish makes no campaign.
    pub fn campaign(&self, book: &Book, data: &Path, tell: &mut dyn FnMut(&str)) -> Result<Campaign, Failure> {
        let mut campaign = resolve(&self.config()?, data, tell)?;
        if let Some(from) = &self.finalists_of {
            seeds::add_finalists(&mut campaign.programs, &pick(book, Some(from))?)?;
        }
        Ok(campaign)
    }

    /// How the wish contradicts a campaign that is under way, if it does. What is not asked for contradicts nothing.
    pub fn contradiction(&self, there: &Campaign, book: &Book, data: &Path) -> Result<Option<String>, Failure> {
        if self.config.is_some() || self.profile.is_some() || self.finalists_of.is_some() {
            let wished = self.campaign(book, data, &mut |_| {})?;
            return Ok(difference(there, &wished));
        }
        let differs = |flag: &str, there: u64, wished: Option<u64>| {
            wished.filter(|wished| *wished != there).map(|wished| format!("{flag} is {there} there, not {wished}"))
        };
        let number = differs("--seed", there.seed, self.seed)
            .or_else(|| differs("--lanes", there.lanes.into(), self.lanes.map(u64::from)))
            .or_else(|| differs("--experiments", there.budget.experiments.into(), self.experiments.map(u64::from)))
            .or_else(|| differs("--seeds", there.training.seeds.into(), self.seeds.map(u64::from)));
        if number.is_some() {
            return Ok(number);
        }
        for path in &self.seed_programs {
            let hash = Hash::of(seeds::read(path)?.as_bytes());
            if !there.programs.iter().any(|program| program.hash == hash) {
                return Ok(Some(format!("--seed-program {} is not among its programs", path.display())));
            }
        }
        if let Some(path) = &self.text {
            let text = Text::import(path, data)?;
            if there.tasks.iter().any(|task| !is_on(&task.kind, text.hash())) {
                return Ok(Some(format!("it learns from another text than --text {}", path.display())));
            }
        }
        Ok(None)
    }
}

/// Whether a task is on this text, or on none.
fn is_on(kind: &TaskKind, text: Hash) -> bool {
    match kind {
        TaskKind::Bytes { corpus } | TaskKind::Tokens { corpus, .. } => corpus.hash == text,
        TaskKind::Examples { .. } | TaskKind::Mqar { .. } | TaskKind::Mad { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_testkit::sample;

    use super::*;

    fn contradiction(wish: Wish) -> Option<String> {
        // None of these wishes reads or stores a text.
        wish.contradiction(&sample::campaign(), &Book::default(), Path::new("no-such-folder")).unwrap()
    }

    #[test]
    fn what_is_not_asked_for_contradicts_nothing() {
        assert_eq!(contradiction(Wish::default()), None);
        let there = sample::campaign();
        let same = Wish { seed: Some(there.seed), lanes: Some(there.lanes), ..Wish::default() };
        assert_eq!(contradiction(same), None);
    }

    #[test]
    fn another_number_is_named_with_both_values() {
        let wish = Wish { experiments: Some(9), ..Wish::default() };
        assert_eq!(contradiction(wish), Some("--experiments is 3 there, not 9".to_owned()));
        let wish = Wish { seeds: Some(30), ..Wish::default() };
        assert_eq!(contradiction(wish), Some("--seeds is 1 there, not 30".to_owned()));
    }

    #[test]
    fn the_baseline_has_at_least_as_many_seeds_as_the_others() {
        let seeds = |seeds| {
            let training = Wish { seeds: Some(seeds), ..Wish::default() }.config().unwrap().training;
            (training.seeds, training.baseline_seeds)
        };
        assert_eq!(seeds(30), (30, Some(30)));
        assert_eq!(seeds(1), (1, Config::default().training.baseline_seeds));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/candidate/seeds/delta_net.py");
        let wish = Wish { seed_programs: vec![file.into()], ..Wish::default() };
        assert!(contradiction(wish).unwrap().ends_with("delta_net.py is not among its programs"));
    }

    #[test]
    fn flags_win_over_the_defaults() {
        let config = Wish { lanes: Some(3), seed: Some(11), ..Wish::default() }.config().unwrap();
        assert_eq!((config.lanes, config.seed), (3, 11));
        assert_eq!(config.budget, Config::default().budget);
    }

    #[test]
    fn two_configurations_part_at_their_first_difference() {
        let mut wished = sample::campaign();
        assert_eq!(difference(&sample::campaign(), &wished), None);
        wished.training.steps = 99;
        assert_eq!(difference(&sample::campaign(), &wished), Some("training.steps is 20 there, not 99".to_owned()));
    }
}
