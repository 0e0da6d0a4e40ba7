//! Leaving: asked to, out of patience, or replaced.

use super::*;

const RUN: &str = "1-explore-bytes-0";

fn leaving() -> Input {
    Input::Outcome(Outcome::Leaving { why: "shutdown".into() })
}

fn withdrew() -> RunFact {
    WorkerWithdrew { why: "shutdown".into(), free: 0 }.into()
}

fn left() -> RunFact {
    WorkerLeft { why: "shutdown".into(), free: 0 }.into()
}

/// The own fact, told to itself.
fn own(fact: RunFact) -> Input {
    sample::input("w.1/worker/9", fact)
}

#[test]
fn a_worker_without_runs_withdraws_and_is_gone() {
    given::<Worker>([joined(1)]).when(leaving()).then(withdrew());
    given::<Worker>([joined(1), withdrew()]).when(own(withdrew())).then(left());
    given::<Worker>([joined(1)]).when(own(joined(1))).nothing();
}

#[test]
fn a_worker_with_runs_lets_go_of_them_first() {
    let withdrawn = busy().when(leaving()).and();
    assert_eq!(withdrawn.owes(), ["stay", &format!("train/c/{RUN}/1")]);
    withdrawn.when(own(withdrew())).nothing();
    let fact = busy().when(leaving()).and().when(finished(RUN, Ended::Stopped)).fact();
    let RunFact::RunFinished(RunFinished { free, .. }) = &fact else { panic!("{fact:?}") };
    assert_eq!(*free, 0, "its slot is not free again");
    let let_go = given::<Worker>([joined(1), accepted(RUN, 0), withdrew(), fact.clone()]);
    let_go.when(own(fact)).then(left());
}

#[test]
fn a_worker_that_withdrew_takes_nothing() {
    let fact = given::<Worker>([joined(2), accepted(RUN, 1), withdrew()])
        .when(dispatched("1-explore-mqar-0", 1, 1, "w.1"))
        .fact();
    let RunFact::RunDeclined(RunDeclined { why, free, .. }) = fact else { panic!("{fact:?}") };
    assert_eq!((why.as_str(), free), ("the worker is leaving: shutdown", 0));
}

#[test]
fn asked_twice_it_leaves_without_waiting() {
    busy().when(leaving()).and().when(leaving()).then(left());
}

#[test]
fn a_worker_that_left_takes_nothing_and_owes_only_to_say_so() {
    let gone = || given::<Worker>([joined(1), accepted(RUN, 0), left()]);
    assert_eq!(gone().owes(), ["gone"]);
    gone().when(leaving()).nothing();
    gone().when(dispatched("1-explore-mqar-0", 1, 1, "w.1")).nothing();
}

#[test]
fn a_worker_leaves_when_a_later_boot_of_its_name_is_given_a_run() {
    let why = "w.2 has taken its place".to_owned();
    busy().when(dispatched("1-explore-mqar-0", 1, 1, "w.2")).then(WorkerLeft { why, free: 0 }.into());
    busy().when(dispatched("1-explore-mqar-0", 1, 1, "w.0")).nothing();
    busy().when(dispatched("1-explore-mqar-0", 1, 1, "v.2")).nothing();
}
