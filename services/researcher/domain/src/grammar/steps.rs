//! Every architecture that is one change away.

use move37_events::facts::Standing;
use move37_events::genome::{Decay, Feature, Fusion, Genome, MAX_PATHS, OutputGate, Path};

use super::Kind;

const CONVOLUTIONS: [u32; 4] = [0, 2, 4, 8];
const HEADS: [u32; 5] = [1, 2, 4, 8, 16];
/// Narrower heads hold next to nothing.
const NARROWEST_HEAD: u32 = 8;
const TAPS: [u32; 6] = [3, 5, 7, 15, 31, 63];
const FLOORS: [u32; 4] = [0, 2, 5, 10];
const FEATURES: [Feature; 4] = [Feature::Identity, Feature::Silu, Feature::Relu, Feature::EluPlusOne];
const DECAYS: [Decay; 3] = [Decay::None, Decay::Fixed, Decay::Head];
const ROUTER: Fusion = Fusion::Router { temperature: true, floor: 5 };

/// Within which bounds changes are made.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Width of the model.
    pub width: u32,
    /// Whether quadratic paths are allowed.
    pub quadratic: bool,
    /// Others to take components from.
    pub references: &'a [Standing],
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// What exactly is changed.
    pub detail: String,
    /// The architecture after it.
    pub genome: Genome,
    /// The reference that it was taken from.
    pub from: Option<String>,
}

/// Every change that leads to another possible architecture.
pub fn neighbours(genome: &Genome, scope: &Scope<'_>) -> Vec<Step> {
    let mut list = List { origin: genome, steps: Vec::new() };
    list.projections(scope);
    list.paths(scope);
    list.fusion();
    list.output();
    list.crossover(scope);
    let mut steps = list.steps;
    steps.retain(|step| {
        let quadratic = step.genome.paths.contains(&Path::Attention);
        step.genome != *genome && step.genome.check(scope.width).is_ok() && (scope.quadratic || !quadratic)
    });
    steps
}

struct List<'a> {
    origin: &'a Genome,
    steps: Vec<Step>,
}

impl List<'_> {
    fn push(&mut self, kind: Kind, detail: impl Into<String>, change: impl FnOnce(&mut Genome)) {
        let mut genome = self.origin.clone();
        change(&mut genome);
        self.steps.push(Step { kind, detail: detail.into(), genome: genome.canonical(), from: None });
    }

    fn projections(&mut self, scope: &Scope<'_>) {
        let origin = self.origin;
        for taps in CONVOLUTIONS.into_iter().filter(|taps| *taps != origin.short_convolution) {
            let longer = taps > origin.short_convolution;
            let kind = if longer { Kind::LongerConvolution } else { Kind::ShorterConvolution };
            let detail = format!("the short convolution goes from {} to {taps} taps", origin.short_convolution);
            self.push(kind, detail, |genome| genome.short_convolution = taps);
        }
        let fits = |heads: &u32| scope.width.is_multiple_of(*heads) && scope.width / heads >= NARROWEST_HEAD;
        for heads in HEADS.into_iter().filter(|heads| *heads != origin.heads).filter(fits) {
            let kind = if heads > origin.heads { Kind::MoreHeads } else { Kind::FewerHeads };
            self.push(kind, format!("heads go from {} to {heads}", origin.heads), |genome| genome.heads = heads);
        }
        for feature in FEATURES {
            let name = match feature {
                Feature::Identity => "no function",
                Feature::Silu => "SiLU",
                Feature::Relu => "ReLU",
                Feature::EluPlusOne => "elu + 1",
            };
            let detail = format!("{name} is applied to queries and keys");
            self.push(Kind::FeatureMap, detail, |genome| genome.feature = feature);
        }
        let (kind, detail) = match origin.unit_qk {
            true => (Kind::FreeKeys, "queries and keys keep their length"),
            false => (Kind::UnitKeys, "queries and keys get unit length"),
        };
        self.push(kind, detail, |genome| genome.unit_qk = !genome.unit_qk);
    }

    fn paths(&mut self, scope: &Scope<'_>) {
        for (i, path) in self.origin.paths.iter().enumerate() {
            match *path {
                Path::Delta { decay, negative } => {
                    self.decays(i, decay, |decay| Path::Delta { decay, negative });
                    let (kind, detail) = match negative {
                        true => (Kind::PositiveEigenvalues, "beta reaches 1 instead of 2"),
                        false => (Kind::NegativeEigenvalues, "beta reaches 2 instead of 1"),
                    };
                    self.replace(i, kind, detail, Path::Delta { decay, negative: !negative });
                    let detail = "linear attention takes the place of the delta rule";
                    self.replace(i, Kind::LinearAttention, detail, Path::Linear { decay });
                }
                Path::Linear { decay } => {
                    self.decays(i, decay, |decay| Path::Linear { decay });
                    let detail = "the delta rule takes the place of linear attention";
                    self.replace(i, Kind::DeltaRule, detail, Path::Delta { decay, negative: false });
                }
                Path::Fir { taps } => {
                    for other in TAPS.into_iter().filter(|other| *other != taps) {
                        let kind = if other > taps { Kind::LongerFilter } else { Kind::ShorterFilter };
                        let detail = format!("the filter of {taps} taps gets {other}");
                        self.replace(i, kind, detail, Path::Fir { taps: other });
                    }
                }
                Path::Attention | Path::Value | Path::Program { .. } => {}
            }
            // An operator's program stays in all that is built around it.
            if !matches!(path, Path::Program { .. }) {
                self.push(Kind::DropPath, format!("the path of the {path} is dropped"), |genome| {
                    genome.paths.remove(i);
                });
            }
        }
        if self.origin.paths.len() < MAX_PATHS {
            for (kind, path) in additions(scope) {
                self.add(kind, path);
            }
        }
    }

    fn decays(&mut self, i: usize, decay: Decay, path: impl Fn(Decay) -> Path) {
        for other in DECAYS.into_iter().filter(|other| *other != decay) {
            let kind = match other {
                Decay::None => Kind::NoDecay,
                Decay::Fixed => Kind::FixedDecay,
                Decay::Head => Kind::LearnedDecay,
            };
            let detail = format!("the {} becomes the {}", path(decay), path(other));
            self.replace(i, kind, detail, path(other));
        }
    }

    fn replace(&mut self, i: usize, kind: Kind, detail: impl Into<String>, path: Path) {
        self.push(kind, detail, |genome| genome.paths[i] = path);
    }

    /// A second path brings a fusion with it; a third one joins the fusion that is there.
    fn add(&mut self, kind: Kind, path: Path) {
        let single = self.origin.paths.len() == 1;
        let fusions = if single { vec![ROUTER, Fusion::Gates, Fusion::Sum] } else { vec![self.origin.fusion] };
        for fusion in fusions {
            let detail = match (single, fusion) {
                (false, _) => format!("a path is added: {path}"),
                (true, Fusion::Sum) => format!("a path is added, and the two are summed: {path}"),
                (true, Fusion::Router { .. }) => format!("a path is added, and a router weighs the two: {path}"),
                (true, Fusion::Gates) => format!("a path is added, each of the two behind a gate: {path}"),
            };
            self.push(kind, detail, |genome| {
                genome.paths.push(path);
                genome.fusion = fusion;
                // What the first path with keys needs to be read at all.
                if path.uses_keys() && !self.origin.uses_keys() {
                    genome.feature = Feature::Silu;
                    genome.unit_qk = true;
                    genome.output_norm = true;
                }
            });
        }
    }

    fn fusion(&mut self) {
        if self.origin.paths.len() > 1 {
            self.push(Kind::SumFusion, "the paths are summed", |genome| genome.fusion = Fusion::Sum);
            if !matches!(self.origin.fusion, Fusion::Router { .. }) {
                self.push(Kind::RouterFusion, "a softmax router weighs the paths", |genome| genome.fusion = ROUTER);
            }
        }
        self.push(Kind::GateFusion, "every path gets a sigmoid gate", |genome| genome.fusion = Fusion::Gates);
        if self.origin.fusion == Fusion::Gates && self.origin.paths.len() == 1 {
            self.push(Kind::SumFusion, "the gate of the path goes", |genome| genome.fusion = Fusion::Sum);
        }
        if let Fusion::Router { temperature, floor } = self.origin.fusion {
            let detail = if temperature { "the router loses its temperature" } else { "the router gets a temperature" };
            self.push(Kind::RouterTemperature, detail, |genome| {
                genome.fusion = Fusion::Router { temperature: !temperature, floor };
            });
            for other in FLOORS.into_iter().filter(|other| *other != floor) {
                let detail = format!("the router's floor goes from {floor} % to {other} %");
                self.push(Kind::RouterFloor, detail, |genome| {
                    genome.fusion = Fusion::Router { temperature, floor: other };
                });
            }
        }
    }

    fn output(&mut self) {
        let (kind, detail) = match self.origin.output_norm {
            true => (Kind::NoOutputNorm, "the norm per head goes"),
            false => (Kind::OutputNorm, "each head's output is normalised"),
        };
        self.push(kind, detail, |genome| genome.output_norm = !genome.output_norm);
        for (gate, kind, detail) in [
            (OutputGate::None, Kind::NoOutputGate, "the gate on the output goes"),
            (OutputGate::Sigmoid, Kind::OutputGate, "the output gets a sigmoid gate"),
            (OutputGate::Silu, Kind::OutputGate, "the output gets a SiLU gate"),
        ] {
            self.push(kind, detail, |genome| genome.output_gate = gate);
        }
    }

    /// One component of a reference in the place of the parent's.
    fn crossover(&mut self, scope: &Scope<'_>) {
        for reference in scope.references {
            let Some(other) = &reference.genome else { continue };
            let name = &reference.name;
            let first = self.steps.len();
            for path in other.paths.iter().filter(|path| !matches!(path, Path::Program { .. })) {
                let place = self.origin.paths.iter().position(|own| own.collides(path));
                let verb = if matches!(path, Path::Value) { "are" } else { "is" };
                let detail = format!("the {path} {verb} taken from {name}");
                self.push(Kind::Crossover, detail, |genome| match place {
                    Some(place) => genome.paths[place] = *path,
                    None => {
                        genome.paths.push(*path);
                        genome.fusion = if genome.fusion == Fusion::Sum { other.fusion } else { genome.fusion };
                    }
                });
            }
            self.push(Kind::Crossover, format!("the fusion of paths is taken from {name}"), |genome| {
                genome.fusion = other.fusion;
            });
            self.push(Kind::Crossover, format!("the treatment of queries and keys is taken from {name}"), |genome| {
                genome.short_convolution = other.short_convolution;
                genome.feature = other.feature;
                genome.unit_qk = other.unit_qk;
            });
            self.push(Kind::Crossover, format!("norm and gate of the output are taken from {name}"), |genome| {
                genome.output_norm = other.output_norm;
                genome.output_gate = other.output_gate;
            });
            self.push(Kind::Crossover, format!("the number of heads is taken from {name}"), |genome| {
                genome.heads = other.heads;
            });
            self.steps[first..].iter_mut().for_each(|step| step.from = Some(name.clone()));
        }
    }
}

fn additions(scope: &Scope<'_>) -> Vec<(Kind, Path)> {
    let mut additions: Vec<_> = TAPS.into_iter().map(|taps| (Kind::AddFilter, Path::Fir { taps })).collect();
    additions.push((Kind::AddValues, Path::Value));
    additions.extend(DECAYS.into_iter().map(|decay| (Kind::AddDelta, Path::Delta { decay, negative: false })));
    additions.extend([Decay::Fixed, Decay::Head].into_iter().map(|decay| (Kind::AddLinear, Path::Linear { decay })));
    if scope.quadratic {
        additions.push((Kind::AddAttention, Path::Attention));
    }
    additions
}
