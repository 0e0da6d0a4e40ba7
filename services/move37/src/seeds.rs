//! Programs to start from: published designs that come with the binary, and files of the user's.

use std::path::Path;

use move37_core::Hash;
use move37_events::facts::SeedProgram;
use move37_events::genome::Genome;

use crate::failure::Failure;
use crate::view::CampaignView;

/// Larger files are no candidates.
const MOST_BYTES: u64 = 1 << 20;

macro_rules! texts {
    ($($name:literal),+ $(,)?) => {
        /// Texts by name.
        const TEXTS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../shared/candidate/seeds/", $name, ".py")))),+];
    };
}

texts!["delta_net", "gated_delta_net", "decay_linear_attention", "softmax_attention", "two_path_mixer"];

/// A published design by name.
pub fn published(name: &str) -> Result<SeedProgram, Failure> {
    let genome = Genome::published().into_iter().find(|(known, _)| *known == name).map(|(_, genome)| genome);
    let text = TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let Some(text) = text else {
        let names: Vec<&str> = TEXTS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(format!(
            "there is no published program {name:?}: choose from {}",
            names.join(", ")
        )));
    };
    Ok(program(name, text.to_owned(), genome))
}

/// A file of the user's, named by its stem.
pub fn from_file(path: &Path) -> Result<SeedProgram, Failure> {
    let text = read(path)?;
    let name = path.file_stem().map_or("program".into(), |stem| stem.to_string_lossy());
    Ok(program(&name, text, None))
}

/// Add the programs that a campaign promoted, best first, but for those that are there already.
///
/// # Errors
/// It promoted none but its baseline.
pub fn add_finalists(programs: &mut Vec<SeedProgram>, view: &CampaignView) -> Result<(), Failure> {
    let promoted = |experiment: &u32| view.experiments.get(experiment).filter(|known| known.verified.is_some());
    let admitted = |experiment: u32| promoted(&experiment)?.admitted.as_ref().filter(|admitted| !admitted.baseline);
    let finalists: Vec<_> = view.leaderboard().iter().filter_map(|standing| admitted(standing.experiment.0)).collect();
    if finalists.is_empty() {
        let why = format!("campaign {} has promoted none but its baseline: let it run on, or name programs", view.id);
        return Err(Failure::usage(format!("{why} with --seed-program FILE")));
    }
    for admitted in finalists {
        if programs.iter().any(|program| program.hash == admitted.program) {
            continue;
        }
        let name = &admitted.brief.name;
        let taken = programs.iter().any(|program| program.name == *name);
        let name = if taken { format!("{name}-{}", admitted.experiment) } else { name.clone() };
        programs.push(program(&name, admitted.source.clone(), admitted.genome.clone()));
    }
    Ok(())
}

/// The text of a program file.
pub fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{shown} cannot be read ({error}): name a PyTorch file with one nn.Module"))
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(Failure::usage(format!(
            "{shown} has {size} bytes, more than a program's {MOST_BYTES}: name a PyTorch file"
        )));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{shown} is no UTF-8 text: name a PyTorch file with one nn.Module")))?;
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{shown} is empty: write a PyTorch file with one nn.Module")));
    }
    Ok(text)
}

fn program(name: &str, source: String, genome: Option<Genome>) -> SeedProgram {
    SeedProgram { name: name.to_owned(), hash: Hash::of(source.as_bytes()), source, genome }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_published_design_comes_with_its_text() {
        let names: Vec<_> = Genome::published().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, TEXTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for name in names {
            let program = published(name).unwrap();
            assert!(program.genome.is_some());
            assert!(program.source.contains("nn.Module"), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_wrong_usage_and_the_known_ones_are_listed() {
        let failure = published("transformer").unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.to_string().contains("delta_net"), "{failure}");
    }
}
