//! Configurations that come with the binary: the campaign files under `profiles/`.

use std::path::Path;

use super::Config;
use crate::failure::Failure;

/// A configuration by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// An hour on two cores, records confirmed: what is done when nothing is said
    Laptop,
    /// Two minutes on two cores: a first look, one seed, nothing confirmed
    Quick,
    /// The paper's exploration: 20 M parameters, 1 B tokens
    #[value(name = "explore-20m")]
    Explore20m,
    /// The paper's verification A: 340 M parameters, 1 B tokens
    #[value(name = "verify-340m")]
    Verify340m,
    /// The paper's verification B: 340 M parameters, 15 B tokens
    #[value(name = "verify-340m-15b")]
    Verify340mLong,
}

impl Profile {
    /// Its campaign file.
    pub fn text(self) -> &'static str {
        match self {
            Profile::Laptop => include_str!("../../../../profiles/laptop.toml"),
            Profile::Quick => include_str!("../../../../profiles/quick.toml"),
            Profile::Explore20m => include_str!("../../../../profiles/explore-20m.toml"),
            Profile::Verify340m => include_str!("../../../../profiles/verify-340m.toml"),
            Profile::Verify340mLong => include_str!("../../../../profiles/verify-340m-15b.toml"),
        }
    }
}

impl Config {
    /// The file or the profile that was named, or the default.
    ///
    /// # Errors
    /// The file cannot be read, or is no campaign file.
    pub fn named(file: Option<&Path>, profile: Option<Profile>) -> Result<Config, Failure> {
        match (file, profile) {
            (Some(file), _) => Config::read(file),
            (None, Some(profile)) => Ok(toml::from_str(profile.text()).expect("tests read every profile")),
            (None, None) => Ok(Config::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use clap::ValueEnum;
    use move37_events::facts::Schedule;

    use super::*;

    fn read(profile: Profile) -> Config {
        toml::from_str(profile.text()).unwrap()
    }

    #[test]
    fn every_profile_is_a_campaign_file_and_laptop_is_the_default() {
        for profile in Profile::value_variants() {
            let config = read(*profile);
            assert_eq!(Config::named(None, Some(*profile)).unwrap(), config);
        }
        assert_eq!(read(Profile::Laptop), Config::default());
    }

    #[test]
    fn the_papers_tokens_and_warm_ups_are_as_published() {
        let batch_of_tokens = 256.0 * 2048.0;
        for (profile, tokens, warmup) in [
            (Profile::Explore20m, 1e9, 1000.0 * batch_of_tokens),
            (Profile::Verify340m, 1e9, 1000.0 * batch_of_tokens),
            (Profile::Verify340mLong, 15e9, 0.5e9),
        ] {
            let training = read(profile).training;
            let seen = f64::from(training.steps) * batch_of_tokens;
            assert!((seen / tokens - 1.0).abs() < 0.05, "{profile:?} sees {seen}");
            assert!((f64::from(training.warmup) * batch_of_tokens / warmup - 1.0).abs() < 0.01, "{profile:?}");
            assert_eq!((training.batch, training.learning_rate, training.epsilon), (256, 3e-4, 1e-8));
            assert_eq!(profile == Profile::Verify340mLong, matches!(training.schedule, Schedule::Cosine { .. }));
        }
    }
}
