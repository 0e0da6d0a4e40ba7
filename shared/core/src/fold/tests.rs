use proptest::prelude::*;

use super::*;
use crate::testing::given;
use crate::{Ctx, FactType, Rejection, Timestamp};

/// Counts facts up and down; owes "begin" until the first, then one effect for every level it stands on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stairs {
    begun: bool,
    level: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Up,
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hold(String);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(&'static str);

impl Rejection for Refusal {
    fn is_early(&self) -> bool {
        self.0 == "too early"
    }
}

impl Owed for Hold {
    fn id(&self) -> EffectId {
        self.0.clone()
    }
}

impl Decider for Stairs {
    type Input = Step;
    type Event = Step;
    type Effect = Hold;
    type Rejection = Refusal;

    fn decide(&self, input: &Step, _: &Ctx) -> Result<Option<Step>, Refusal> {
        match (input, self.level) {
            (Step::Down, 0) => Err(Refusal("too early")),
            (Step::Up, 3) => Err(Refusal("too high")),
            (Step::Up, 2) => Ok(None),
            (step, _) => Ok(Some(*step)),
        }
    }

    fn evolve(&mut self, event: &Step) {
        self.begun = true;
        match event {
            Step::Up => self.level += 1,
            Step::Down => self.level = self.level.saturating_sub(1),
        }
    }

    fn effects(&self) -> Vec<Hold> {
        match self.begun {
            false => vec![Hold("begin".to_owned())],
            true => (1..=self.level).map(|level| Hold(format!("hold {level}"))).collect(),
        }
    }
}

fn apply(fold: &mut Fold<Stairs>, step: Step) {
    let fact = FactType { name: "step.taken".to_owned(), version: 1 };
    let (key, source) = ("k".parse().expect("a name"), "s".parse().expect("a name"));
    let envelope = fold.head().next(&key, &source, fact, Timestamp::default());
    fold.apply(&Recorded { envelope, body: format!("{step:?}").into_bytes() }, &step);
}

fn folded(steps: &[Step]) -> Fold<Stairs> {
    let mut fold = Fold::default();
    steps.iter().for_each(|step| apply(&mut fold, *step));
    fold
}

fn owed(fold: &Fold<Stairs>) -> Vec<String> {
    let text = |(effect, cause): (Hold, Option<EventId>)| match cause {
        Some(cause) => format!("{} by {cause}", effect.0),
        None => effect.0,
    };
    fold.owed().into_iter().map(text).collect()
}

#[test]
fn what_the_empty_state_owes_has_no_cause() {
    assert_eq!(owed(&Fold::default()), ["begin"]);
    assert_eq!(owed(&folded(&[Step::Up])), ["hold 1 by k/s/1"]);
}

#[test]
fn an_effect_keeps_the_cause_that_opened_it_until_it_is_settled() {
    use Step::{Down, Up};
    assert_eq!(owed(&folded(&[Up, Up])), ["hold 1 by k/s/1", "hold 2 by k/s/2"]);
    assert_eq!(owed(&folded(&[Up, Up, Down])), ["hold 1 by k/s/1"]);
    assert_eq!(owed(&folded(&[Up, Up, Down, Up])), ["hold 1 by k/s/1", "hold 2 by k/s/4"]);
}

#[test]
fn the_state_hash_is_the_states() {
    use Step::{Down, Up};
    assert_eq!(folded(&[Up]).state_hash(), folded(&[Up, Up, Down]).state_hash());
    assert_ne!(folded(&[Up]).state_hash(), folded(&[Up, Up]).state_hash());
    assert_ne!(folded(&[Up]).head(), folded(&[Up, Up, Down]).head());
}

#[test]
fn a_rules_test_reads_as_a_sentence() {
    given::<Stairs>([]).when(Step::Down).held();
    given::<Stairs>([Step::Up]).when(Step::Up).then(Step::Up);
    given::<Stairs>([Step::Up]).when(Step::Up).and().when(Step::Up).nothing();
    assert_eq!(given::<Stairs>([Step::Up; 3]).when(Step::Up).rejection().to_string(), "too high");
    assert_eq!(given::<Stairs>([Step::Up; 2]).owes(), ["hold 1", "hold 2"]);
    assert_eq!(given::<Stairs>([Step::Up]).state().level, 1);
}

#[test]
#[should_panic(expected = "expected an early input, got the refusal: too high")]
fn a_refusal_is_not_held() {
    given::<Stairs>([Step::Up; 3]).when(Step::Up).held();
}

#[test]
#[should_panic(expected = "expected a fact, nothing followed")]
fn nothing_is_no_fact() {
    given::<Stairs>([Step::Up; 2]).when(Step::Up).then(Step::Up);
}

proptest! {
    /// A snapshot and the rest give what the whole gives.
    #[test]
    fn a_checkpoint_and_the_rest_are_the_whole(ups in prop::collection::vec(any::<bool>(), 0..20), cut in 0..20_usize) {
        let steps: Vec<_> = ups.into_iter().map(|up| if up { Step::Up } else { Step::Down }).collect();
        let cut = cut.min(steps.len());
        let whole = folded(&steps);
        let text = serde_json::to_string(&folded(&steps[..cut]).checkpoint()).expect("it has a JSON form");
        let mut resumed = Fold::resume(serde_json::from_str(&text).expect("it reads back"));
        steps[cut..].iter().for_each(|step| apply(&mut resumed, *step));
        prop_assert_eq!(resumed.checkpoint(), whole.checkpoint());
        prop_assert_eq!(resumed.state_hash(), whole.state_hash());
        prop_assert_eq!(owed(&resumed), owed(&whole));
    }
}
