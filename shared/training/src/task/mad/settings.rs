//! The published settings by name, and small ones of our own.

use super::{MadSpec, Puzzle};

/// The six baselines; 12,800 training instances but for memorization.
const BASELINES: [MadSpec; 6] = [
    MadSpec { puzzle: Puzzle::InContextRecall, vocabulary: 16, length: 128, instances: 12_800 },
    MadSpec {
        puzzle: Puzzle::NoisyInContextRecall { noise_vocabulary: 16, noise: 0.2 },
        vocabulary: 32,
        length: 128,
        instances: 12_800,
    },
    MadSpec {
        puzzle: Puzzle::FuzzyInContextRecall { key: 3, value: 3 },
        vocabulary: 16,
        length: 128,
        instances: 12_800,
    },
    MadSpec { puzzle: Puzzle::Memorization, vocabulary: 256, length: 32, instances: 256 },
    MadSpec { puzzle: Puzzle::Compression, vocabulary: 16, length: 32, instances: 12_800 },
    MadSpec { puzzle: Puzzle::SelectiveCopying { copied: 16 }, vocabulary: 16, length: 256, instances: 12_800 },
];

/// The same six at sizes for two cores, for widths of 32 to 64. Sizes are such that a model of two layers and 400 steps tells
/// mixing layers apart, attention behind a short convolution near 1 and one without mixing at chance; `docs/tasks.md` has the
/// figures.
pub const MINI: [MadSpec; 6] = [
    MadSpec { puzzle: Puzzle::InContextRecall, vocabulary: 16, length: 32, instances: 3_200 },
    MadSpec {
        puzzle: Puzzle::NoisyInContextRecall { noise_vocabulary: 8, noise: 0.2 },
        vocabulary: 16,
        length: 24,
        instances: 3_200,
    },
    MadSpec { puzzle: Puzzle::FuzzyInContextRecall { key: 2, value: 2 }, vocabulary: 6, length: 16, instances: 3_200 },
    MadSpec { puzzle: Puzzle::Memorization, vocabulary: 64, length: 32, instances: 256 },
    MadSpec { puzzle: Puzzle::Compression, vocabulary: 8, length: 6, instances: 3_200 },
    MadSpec { puzzle: Puzzle::SelectiveCopying { copied: 4 }, vocabulary: 16, length: 32, instances: 3_200 },
];

/// All 66 published settings: the baselines by the name of their task, then each with one number changed, as
/// `fuzzy-in-context-recall/vocabulary-32`.
pub fn published() -> Vec<(String, MadSpec)> {
    let mut all = Vec::with_capacity(66);
    for baseline in BASELINES {
        let name = baseline.puzzle.name();
        all.push((name.to_owned(), baseline));
        all.extend(variations(&baseline).into_iter().map(|(what, spec)| (format!("{name}/{what}"), spec)));
    }
    all
}

fn variations(base: &MadSpec) -> Vec<(String, MadSpec)> {
    let (vocabularies, lengths): (&[usize], &[usize]) = match base.puzzle {
        Puzzle::InContextRecall | Puzzle::FuzzyInContextRecall { .. } => (&[32, 64, 128], &[256, 512, 1024]),
        Puzzle::NoisyInContextRecall { .. } => (&[48, 80, 144], &[256, 512, 1024]),
        Puzzle::Memorization => (&[512, 1024, 2048, 4096, 8192], &[]),
        Puzzle::Compression => (&[32, 64, 128], &[64, 128, 256]),
        Puzzle::SelectiveCopying { .. } => (&[32, 64, 128], &[512, 1024]),
    };
    let instances: &[usize] =
        if matches!(base.puzzle, Puzzle::Memorization) { &[] } else { &[6_400, 3_200, 1_600, 800] };
    let mut all: Vec<(String, MadSpec)> = Vec::new();
    all.extend(vocabularies.iter().map(|&n| (format!("vocabulary-{n}"), MadSpec { vocabulary: n, ..*base })));
    all.extend(lengths.iter().map(|&n| (format!("length-{n}"), MadSpec { length: n, ..*base })));
    all.extend(instances.iter().map(|&n| (format!("instances-{n}"), MadSpec { instances: n, ..*base })));
    match base.puzzle {
        Puzzle::NoisyInContextRecall { noise_vocabulary, .. } => {
            let noisy = |noise| MadSpec { puzzle: Puzzle::NoisyInContextRecall { noise_vocabulary, noise }, ..*base };
            all.extend([0.4, 0.6, 0.8].map(|noise| (format!("noise-{noise}"), noisy(noise))));
        }
        Puzzle::SelectiveCopying { .. } => {
            let copying = |copied| MadSpec { puzzle: Puzzle::SelectiveCopying { copied }, ..*base };
            all.extend([32, 64, 96].map(|copied| (format!("copied-{copied}"), copying(copied))));
        }
        _ => {}
    }
    all
}
