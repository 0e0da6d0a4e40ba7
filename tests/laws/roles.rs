//! L8: one topic, one role.

use move37_core::{Head, Recorded, Timestamp};
use move37_eventlog::{Judge, Refusal, Stored};
use move37_events::facts::CampaignStopped;
use move37_events::facts::{CampaignFact, CommandId};
use move37_events::{FactSet, Role, TABLE, Topic};

const ROLES: [Role; 7] =
    [Role::Operator, Role::Memory, Role::Researcher, Role::Engineer, Role::Trainer, Role::Worker, Role::Analyst];

#[test]
fn every_topic_has_one_writer_and_no_writer_two_topics() {
    let journals: Vec<_> = TABLE.iter().filter(|row| row.topic != Topic::DeadLetters).collect();
    for role in ROLES {
        let topics: Vec<_> = journals.iter().filter(|row| row.writer == Some(role)).map(|row| row.topic).collect();
        assert_eq!(topics.len(), 1, "{role} writes {topics:?}");
    }
    assert!(journals.iter().all(|row| row.writer.is_some()));
}

#[test]
fn a_readers_judge_drops_what_another_role_wrote() {
    let fact = CampaignFact::from(CampaignStopped { command: CommandId("x".into()), reason: "x".into() });
    for row in TABLE.iter().filter(|row| row.writer.is_some()) {
        for role in ROLES {
            let key = "c".parse().unwrap();
            let envelope = Head::default().next(&key, &role.source(), fact.fact_type(), Timestamp::default());
            let record = Recorded { envelope, body: fact.body() };
            let stored = Stored {
                topic: row.topic,
                partition: row.topic.partition(&key),
                offset: 0,
                key: key.to_string(),
                headers: record.envelope.headers(),
                body: record.body,
            };
            let judged = Judge::default().judge(stored);
            match Some(role) == row.writer {
                true => assert!(judged.is_ok(), "{role} owns {}", row.topic),
                false => {
                    let refused = judged.unwrap_err();
                    assert!(matches!(refused.why, Refusal::Usurped { .. }), "{role} on {}: {refused}", row.topic);
                }
            }
        }
    }
}
