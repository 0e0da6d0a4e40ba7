//! How far a consumer has come, in a form that outlives the log's numbering.

use std::collections::BTreeMap;

use move37_core::{EventId, Hash, Head, Key, Recorded, Source};
use serde::{Deserialize, Serialize};

/// How far a consumer has come: of every chain that it follows, the last fact that was delivered or passed over, by name
/// and hash. The empty point is before everything.
///
/// Store it with whatever was made of the facts, best in the same transaction. It grows with the number of chains
/// (campaigns times services, and boots of workers), not with that of facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Mark>", into = "Vec<Mark>")]
pub struct Point {
    chains: BTreeMap<(Key, Source), Head>,
}

/// One chain of a stored point.
#[derive(Serialize, Deserialize)]
struct Mark {
    id: EventId,
    hash: Hash,
}

impl Point {
    /// The last fact of a chain up to this point; the empty head where it has none.
    pub fn head(&self, key: &Key, source: &Source) -> Head {
        self.chains.get(&(key.clone(), source.clone())).copied().unwrap_or_default()
    }

    /// Whether a fact lies before or at this point.
    pub fn covers(&self, id: &EventId) -> bool {
        id.sequence <= self.head(&id.key, &id.source).sequence
    }

    /// Move past a fact. Facts come in the order of their chains.
    pub(crate) fn pass(&mut self, record: &Recorded) {
        let id = &record.envelope.id;
        self.chains.insert((id.key.clone(), id.source.clone()), Head::after(record));
    }
}

impl From<Vec<Mark>> for Point {
    fn from(marks: Vec<Mark>) -> Point {
        let chain = |Mark { id, hash }| ((id.key, id.source), Head { sequence: id.sequence, hash });
        Point { chains: marks.into_iter().map(chain).collect() }
    }
}

impl From<Point> for Vec<Mark> {
    fn from(point: Point) -> Vec<Mark> {
        let mark = |((key, source), head): ((Key, Source), Head)| Mark {
            id: EventId { key, source, sequence: head.sequence },
            hash: head.hash,
        };
        point.chains.into_iter().map(mark).collect()
    }
}
