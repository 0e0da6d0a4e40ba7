//! A campaign's history folded again, and held against what every history must satisfy. Pure: a [`Book`] in, an
//! [`Audit`] out.

use std::collections::BTreeMap;
use std::sync::Arc;

use move37_analyst_domain::Analyst;
use move37_consumer::FactRecord;
use move37_core::{CampaignId, Checkpoint, Decider, Fold, Hash, canonical_json};
use move37_engineer_domain::Engineer;
use move37_events::decisions::Decisions;
use move37_events::{DecodeError, FactSet, Role};
use move37_memory_domain::Memory;
use move37_researcher_domain::Researcher;
use move37_trainer_domain::Trainer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::records::Records;
use crate::view::Book;

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Facts of the campaign.
    pub facts: u64,
    /// Hash of every service's state after its last fact, by source.
    pub state_hashes: BTreeMap<String, Hash>,
    /// Digest of the campaign's decisions.
    pub decisions: Hash,
    /// What is wrong, the first fault first, each naming its fact.
    pub faults: Vec<String>,
}

/// Fold every service's state of a campaign again.
pub fn replay(book: &Book, campaign: &CampaignId) -> Audit {
    let entries: Vec<&Arc<FactRecord>> = book.of(campaign).collect();
    let mut faults = Vec::new();
    let mut decisions = Decisions::default();
    for entry in &entries {
        if let Err(error) = decisions.add(&entry.record) {
            faults.push(format!("{}: its body is no JSON ({error})", entry.id()));
        }
    }
    let mut state_hashes = BTreeMap::new();
    let mut keep = |role: Role, hash: Result<Hash, String>| match hash {
        Ok(hash) => drop(state_hashes.insert(role.to_string(), hash)),
        Err(fault) => faults.push(fault),
    };
    keep(Role::Memory, refold::<Memory>(&entries));
    keep(Role::Researcher, refold::<Researcher>(&entries));
    keep(Role::Engineer, refold::<Engineer>(&entries));
    keep(Role::Trainer, refold::<Trainer>(&entries));
    keep(Role::Analyst, refold::<Analyst>(&entries));
    Audit { facts: entries.len() as u64, state_hashes, decisions: decisions.hash(), faults }
}

/// Replay, and hold the whole log against what every log must satisfy: no record that is malformed or contradicts its
/// chain, and every named invariant.
pub fn verify(book: &Book, records: &Records, campaign: &CampaignId) -> Audit {
    let mut audit = replay(book, campaign);
    let flaws = book.flaws.iter().map(ToString::to_string);
    let violations = records.violations.iter().map(|found| format!("{}: {} ({})", found.at, found.sentence, found.id));
    let mut faults: Vec<String> = flaws.chain(violations).collect();
    faults.append(&mut audit.faults);
    audit.faults = faults;
    audit
}

/// The hash of a service's state, folded from its own chain: once without a break, once from a snapshot in the middle.
fn refold<D>(entries: &[&Arc<FactRecord>]) -> Result<Hash, String>
where
    D: Decider<Event: FactSet> + Clone + Serialize + DeserializeOwned,
{
    let own: Vec<_> = entries.iter().filter(|entry| entry.position.topic == D::Event::TOPIC).collect();
    let mut fold = Fold::<D>::default();
    let mut middle = None;
    for (place, entry) in own.iter().enumerate() {
        if place == own.len() / 2 {
            middle = Some(snapshot(&fold.checkpoint())?);
        }
        apply(&mut fold, entry)?;
    }
    let hash = fold.state_hash();
    if let Some(snapshot) = middle {
        let mut resumed = Fold::resume(restore::<D>(&snapshot)?);
        own.iter().skip(own.len() / 2).try_for_each(|entry| apply(&mut resumed, entry))?;
        if resumed.state_hash() != hash {
            return Err(format!("the state of {} depends on where its fold is interrupted", D::Event::ROLE));
        }
    }
    Ok(hash)
}

fn apply<D: Decider<Event: FactSet>>(fold: &mut Fold<D>, entry: &FactRecord) -> Result<(), String> {
    let event = D::Event::read(&entry.record.envelope.fact, &entry.record.body);
    let event = event.map_err(|error: DecodeError| format!("{}: {error}", entry.id()))?;
    fold.apply(&entry.record, &event);
    Ok(())
}

fn snapshot<D: Serialize>(checkpoint: &Checkpoint<D>) -> Result<String, String> {
    canonical_json(checkpoint).map_err(|error| format!("a state has no JSON form: {error}"))
}

fn restore<D: DeserializeOwned>(snapshot: &str) -> Result<Checkpoint<D>, String> {
    serde_json::from_str(snapshot).map_err(|error| format!("a state cannot be read back: {error}"))
}
