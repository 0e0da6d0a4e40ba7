//! What a campaign is unless told otherwise: sizes that suit a laptop.

use move37_events::facts::{Complexity, EarlyMode, Equalise, Formula, Policy, Schedule};
use move37_events::genome::Genome;
use move37_training::profile::LAPTOP;
use move37_training::run;

use super::TaskSection;
use super::file::{
    BeliefSection, BudgetSection, Config, GateSection, ModelSection, Programs, SamplingSection, TrainingSection,
    WatchSection,
};

impl Default for Config {
    fn default() -> Config {
        Config {
            name: "campaign".to_owned(),
            seed: 1,
            lanes: 1,
            text: None,
            programs: Programs::default(),
            budget: BudgetSection::default(),
            model: ModelSection::default(),
            training: TrainingSection::default(),
            gate: GateSection::default(),
            sampling: SamplingSection::default(),
            belief: BeliefSection::default(),
            watch: WatchSection::default(),
            tasks: TaskSection::laptop(),
        }
    }
}

impl Default for Programs {
    fn default() -> Programs {
        let published = Genome::published().into_iter().map(|(name, _)| name.to_owned()).collect();
        Programs { published, files: Vec::new() }
    }
}

impl Default for BudgetSection {
    fn default() -> BudgetSection {
        BudgetSection { experiments: 20, failures: None, flops: None }
    }
}

impl Default for ModelSection {
    fn default() -> ModelSection {
        let dims = LAPTOP.dims;
        ModelSection {
            d_model: whole(dims.d_model),
            layers: whole(dims.layers),
            heads: whole(dims.heads),
            swiglu: whole(dims.swiglu),
            equalise: Equalise::Parameters,
        }
    }
}

impl Default for TrainingSection {
    fn default() -> TrainingSection {
        let training = LAPTOP.training;
        TrainingSection {
            steps: training.steps,
            batch: whole(training.batch),
            learning_rate: training.learning_rate,
            warmup: training.warmup,
            weight_decay: training.weight_decay,
            epsilon: training.epsilon,
            clip: training.clip,
            seeds: LAPTOP.seeds,
            baseline_seeds: Some(8),
            attempts: 3,
            validation: whole(training.validation),
            schedule: schedule(training.schedule),
        }
    }
}

impl TaskSection {
    fn laptop() -> Vec<TaskSection> {
        let mut copying = TaskSection::named("mad-mini-selective-copying").expect("a setting that has a name");
        if let TaskSection::Mad { copied, .. } = &mut copying {
            *copied = Some(whole(LAPTOP.copied));
        }
        vec![
            TaskSection::Bytes { sequence: whole(LAPTOP.bytes_length) },
            TaskSection::Mqar {
                sequence: whole(LAPTOP.recall_length),
                vocabulary: whole(LAPTOP.recall_vocabulary),
                pairs: whole(LAPTOP.recall_pairs),
            },
            copying,
        ]
    }
}

fn schedule(schedule: run::Schedule) -> Schedule {
    match schedule {
        run::Schedule::Cosine { floor } => Schedule::Cosine { floor },
        run::Schedule::Wsd { decay, floor } => Schedule::Wsd { decay, floor },
    }
}

fn whole(size: usize) -> u32 {
    u32::try_from(size).expect("a profile's sizes are small")
}

impl Default for GateSection {
    fn default() -> GateSection {
        GateSection {
            max_complexity: Complexity::LogLinear,
            admit_unproved: false,
            max_parameters: 2.0,
            max_flops: 4.0,
        }
    }
}

impl Default for SamplingSection {
    fn default() -> SamplingSection {
        SamplingSection { pool: 50, parents: 10, references_to: 50, references: 4, policy: Policy::Ranks }
    }
}

impl Default for BeliefSection {
    fn default() -> BeliefSection {
        BeliefSection {
            fitness: Formula::Noise,
            confidence: 0.95,
            confirm: true,
            promote: 0.8,
            promotions: 8,
            alpha: 0.05,
            looks: vec![3, 6, 12],
        }
    }
}

impl Default for WatchSection {
    fn default() -> WatchSection {
        WatchSection {
            slow: 3.0,
            // What is over in less is not worth stopping, however busy the machine was.
            least_seconds: 180.0,
            implausible_language: 0.5,
            implausible_others: 0.1,
            peers: 3,
            early: EarlyMode::Shadow,
            early_at: vec![0.5, 0.75],
            early_quantile: 0.8,
            early_peers: 8,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_campaign_file_says_the_same_as_what_it_was_printed_from() {
        let config = Config { seed: 7, text: Some("texts".into()), ..Config::default() };
        assert_eq!(toml::from_str::<Config>(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn what_a_campaign_file_leaves_out_is_the_default() {
        let config: Config = toml::from_str("seed = 7\n[training]\nsteps = 5\n").unwrap();
        let mut expected = Config { seed: 7, ..Config::default() };
        expected.training.steps = 5;
        assert_eq!(config, expected);
    }

    #[test]
    fn an_unknown_key_is_refused_wherever_it_stands() {
        for text in ["sed = 7", "[training]\nstep = 5", "[[tasks]]\nkind = \"bytes\"\nsequence = 8\npairs = 4"] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
