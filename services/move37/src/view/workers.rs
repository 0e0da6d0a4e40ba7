//! The workers, as the log tells of them.

use std::collections::BTreeMap;

use move37_consumer::FactRecord;
use move37_core::Timestamp;
use move37_events::Fact;
use move37_events::facts::{RunFact, WorkerJoined};

/// Workers that have joined and not left. One that died without a word is among them: its last fact tells.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    /// By name; a later boot of a name replaces the earlier.
    present: BTreeMap<String, Worker>,
}

/// A worker's present boot.
#[derive(Clone, Debug)]
pub struct Worker {
    /// How it joined.
    pub joined: WorkerJoined,
    /// When it last wrote.
    pub newest: Timestamp,
}

impl Workers {
    /// Take a fact in. Facts of one worker come in order.
    pub fn take(&mut self, entry: &FactRecord) {
        let Fact::Run(fact) = &entry.fact else { return };
        let key = entry.id().key.as_str();
        let name = key.rsplit_once('.').map_or(key, |(name, _)| name).to_owned();
        let known = self.present.get(&name);
        match fact {
            RunFact::WorkerJoined(joined) if known.is_none_or(|known| known.newest <= entry.time()) => {
                self.present.insert(name, Worker { joined: joined.clone(), newest: entry.time() });
            }
            RunFact::WorkerLeft(_) if known.is_some_and(|known| known.joined.worker.as_str() == key) => {
                self.present.remove(&name);
            }
            _ => {
                if let Some(known) = self.present.get_mut(&name).filter(|known| known.joined.worker.as_str() == key) {
                    known.newest = known.newest.max(entry.time());
                }
            }
        }
    }

    /// Every one, by name.
    pub fn present(&self) -> impl Iterator<Item = &Worker> {
        self.present.values()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use move37_consumer::{Consumer, Event};
    use move37_eventlog::EventLog;
    use move37_events::facts::WorkerLeft;
    use move37_sqlite::SqliteLog;
    use move37_testkit::Scribe;

    use super::*;

    fn joined(worker: &str) -> RunFact {
        WorkerJoined {
            worker: worker.parse().unwrap(),
            host: "host".to_owned(),
            device: "cpu".to_owned(),
            threads: 1,
            binary: "test".to_owned(),
            free: 2,
        }
        .into()
    }

    #[tokio::test]
    async fn a_worker_is_present_from_its_joining_to_its_leaving_and_by_its_newest_boot() {
        let mut scribe = Scribe::default();
        for (worker, fact) in [
            ("a.1", joined("a.1")),
            ("b.1", joined("b.1")),
            ("a.2", joined("a.2")),
            ("a.1", WorkerLeft { why: "late".to_owned(), free: 0 }.into()),
            ("b.1", WorkerLeft { why: "done".to_owned(), free: 0 }.into()),
        ] {
            scribe.write(&worker.parse().unwrap(), None, fact);
        }
        let log = SqliteLog::in_memory().unwrap();
        for (topic, record) in scribe.records() {
            log.append(*topic, record).await.unwrap();
        }
        let mut facts = Consumer::new(Arc::new(log)).open().await.unwrap();
        let mut workers = Workers::default();
        while let Event::Fact(fact) = facts.next().await.unwrap() {
            workers.take(&fact);
        }
        let present: Vec<_> = workers.present().map(|worker| worker.joined.worker.to_string()).collect();
        assert_eq!(present, ["a.2"]);
    }
}
