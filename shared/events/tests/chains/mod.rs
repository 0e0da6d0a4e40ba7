//! Records of one chain with their hashes and verdicts, for readers in other languages: duplicates, zombies, gaps.

use move37_core::{Chains, EventId, Hash, Head, Key, Loss, Recorded, Source, Timestamp, Verdict};
use move37_events::{Role, Topic};
use serde_json::{Value, json};

/// Every record in reading order, as JSON with its partition, chain hash and verdict.
pub fn golden() -> Value {
    let mut chains = Chains::default();
    let judged = records().into_iter().map(|(about, record)| {
        let verdict = match chains.offer(&record) {
            Verdict::Won => "won",
            Verdict::Lost(Loss::Duplicate) => "duplicate",
            Verdict::Lost(Loss::Raced) => "raced",
            Verdict::Corrupt(_) => "corrupt",
        };
        let EventId { key, source, .. } = &record.envelope.id;
        let topic = if *source == Role::Memory.source() { Topic::Memory } else { Topic::Campaigns };
        json!({
            "about": about,
            "topic": topic.name(),
            "partition": topic.partition(key),
            "key": key.as_str(),
            "headers": record.envelope.headers(),
            "body": String::from_utf8(record.body.clone()).unwrap(),
            "hash": record.hash().to_string(),
            "verdict": verdict,
        })
    });
    Value::Array(judged.collect())
}

/// The fact after `head`, with a body that tells it from others of its place.
fn after(head: Head, reason: &str) -> Recorded {
    let (key, writer): (Key, Source) = ("campaign-1".parse().unwrap(), "operator".parse().unwrap());
    let fact = "move37.campaign.stopped.v1".parse().unwrap();
    let mut envelope = head.next(&key, &writer, fact, Timestamp::from_millis(1_700_000_000_123 + head.sequence));
    envelope.campaign = Some("campaign-1".parse().unwrap());
    Recorded { envelope, body: json!({ "command": "c", "reason": reason }).to_string().into_bytes() }
}

fn records() -> Vec<(&'static str, Recorded)> {
    let first = after(Head::default(), "the first, with text beyond ASCII: größer, 漢字");
    let second = after(Head::after(&first), "the second");
    let rival = after(Head::after(&first), "the second of a zombie");
    let ghost = after(Head::after(&rival), "what the zombie goes on with");
    let mut third = after(Head::after(&second), "the third, with every attribute");
    third.envelope.subject = Some("7".to_owned());
    third.envelope.cause = Some(EventId { sequence: 1, ..first.envelope.id.clone() });
    third.envelope.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let far = after(Head { sequence: 8, hash: Hash::of(b"never written") }, "a gap");
    let forged = after(Head { sequence: 3, hash: Hash::of(b"never written") }, "a forged past");
    let mut altered = second.clone();
    altered.body = altered.body.to_ascii_uppercase();
    let other = Recorded { envelope: other_chain(), body: b"{}".to_vec() };
    vec![
        ("the first fact of a chain", first.clone()),
        ("the same again", first),
        ("the second fact", second),
        ("a zombie's, at a place that is taken", rival),
        ("what the zombie goes on with: it continues a loser", ghost),
        ("the third fact", third),
        ("facts before it are missing", far),
        ("its previous hash was never seen", forged),
        ("the second fact with an altered body: an ordinary loser, for its past is real", altered),
        ("the first fact of another source: a chain of its own", other),
    ]
}

fn other_chain() -> move37_core::Envelope {
    let (key, writer) = ("campaign-1".parse().unwrap(), "memory".parse().unwrap());
    Head::default().next(&key, &writer, "move37.campaign.paused.v1".parse().unwrap(), Timestamp::from_millis(0))
}
