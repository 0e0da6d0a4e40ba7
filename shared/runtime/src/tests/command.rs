use std::sync::Arc;

use move37_eventlog::EventLog;

use super::service::{clock, log};
use super::toy::{campaign, chain, order};
use crate::command::issue;

async fn ids(log: &Arc<dyn EventLog>, commands: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for command in commands {
        ids.push(issue(log, &*clock(), &campaign(), order(command)).await.unwrap().to_string());
    }
    ids
}

#[tokio::test]
async fn a_command_is_recorded_once_however_often_it_is_issued() {
    let log = log();
    let got = ids(&log, &["one", "two", "one", "two", "three"]).await;
    assert_eq!(got, ["c/operator/1", "c/operator/2", "c/operator/1", "c/operator/2", "c/operator/3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_race_are_all_recorded() {
    let log = log();
    let issue_one = |n: usize| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { issue(&log, &*clock(), &campaign(), order(&format!("order {n}"))).await.unwrap() })
    };
    let tasks: Vec<_> = (0..8).map(issue_one).collect();
    let mut places = Vec::new();
    for task in tasks {
        places.push(task.await.unwrap().sequence);
    }
    places.sort_unstable();
    assert_eq!(places, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_loser_with_the_same_command_does_not_count_as_recorded() {
    let log = log();
    let topic = move37_events::Topic::Campaigns;
    let winner = &chain([order("winner")])[0].0;
    let loser = &chain([order("loser")])[0].0;
    log.append(topic, winner).await.unwrap();
    log.append(topic, loser).await.unwrap();
    assert_eq!(ids(&log, &["loser"]).await, ["c/operator/2"]);
}
