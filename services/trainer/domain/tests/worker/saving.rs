//! States that are kept, and runs that go on from them.

use super::*;

const RUN: &str = "1-explore-bytes-0";

fn checkpoint(step: u32) -> Checkpoint {
    Checkpoint { hash: Hash::of(&step.to_le_bytes()), size: 1000, step }
}

fn saved(name: &str, attempt: u32, step: u32) -> Input {
    let (campaign, run, spend) = ("c".parse().unwrap(), run(name), sample::spend(4e8));
    Input::Outcome(Outcome::Saved { campaign, run, attempt, steps: 20, checkpoint: checkpoint(step), spend })
}

fn checkpoint_of(fact: RunFact) -> Option<Checkpoint> {
    let RunFact::RunFinished(body) = fact else { panic!("{fact:?}") };
    body.checkpoint
}

#[test]
fn a_run_goes_on_from_where_the_dispatch_says() {
    let Input::Fact { id, fact: move37_events::Fact::Trainer(TrainerFact::RunDispatched(body)) } =
        dispatched(RUN, 2, 2, "w.1")
    else {
        unreachable!()
    };
    let body = RunDispatched { resume: Some(checkpoint(10)), ..body };
    let resumed = given::<Worker>([joined(1)]).when(Input::Fact { id, fact: TrainerFact::from(body).into() });
    let fact = resumed.fact();
    let RunFact::RunAccepted(RunAccepted { resume, attempt, .. }) = &fact else { panic!("{fact:?}") };
    assert_eq!((resume, *attempt), (&Some(checkpoint(10)), 2));
    let worker = given::<Worker>([joined(1), fact]);
    let effects = move37_core::Decider::effects(worker.state());
    let trained = effects.into_iter().find_map(|effect| match effect {
        move37_trainer_domain::worker::Effect::Train { resume, .. } => Some(resume),
        _ => None,
    });
    assert_eq!(trained, Some(Some(checkpoint(10))));
}

#[test]
fn what_was_saved_is_told() {
    let fact = busy().when(saved(RUN, 1, 10)).fact();
    let RunFact::CheckpointSaved(CheckpointSaved { step, steps, checkpoint: told, spend, .. }) = fact else {
        panic!("{fact:?}")
    };
    assert_eq!((step, steps, told, spend.flops), (10, 20, checkpoint(10), 4e8));
    busy().when(saved(RUN, 2, 10)).nothing();
}

#[test]
fn a_run_that_stops_or_faults_ends_with_its_last_checkpoint() {
    let told = || busy().when(saved(RUN, 1, 10)).and().when(saved(RUN, 1, 15)).and();
    assert_eq!(checkpoint_of(told().when(finished(RUN, Ended::Stopped)).fact()), Some(checkpoint(15)));
    assert_eq!(checkpoint_of(told().when(finished(RUN, Ended::Faulted("no".into()))).fact()), Some(checkpoint(15)));
    assert_eq!(checkpoint_of(told().when(finished(RUN, Ended::Failed("no".into()))).fact()), None);
    assert_eq!(checkpoint_of(busy().when(finished(RUN, Ended::Stopped)).fact()), None);
}
