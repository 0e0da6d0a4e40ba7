//! What is wrong at present, and for whom.

use std::time::Duration;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From clients to the broker.
    Up,
    /// From the broker to clients.
    Down,
}

/// Something that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Connections are cut, and new ones refused.
    Refuse,
    /// Nothing passes in one direction; connections stay.
    Mute(Way),
    /// Everything takes longer.
    Delay(Duration),
    /// Answers of appends take longer.
    SlowAppends(Duration),
    /// Appends are carried out, but the connection is cut in place of the answer, so that clients send them again.
    LoseAppends,
    /// Answers of appends come twice.
    EchoAppends,
    /// Appends are carried out, but their answers say that the producer's order is lost.
    DisorderAppends,
}

/// The name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleId(u64);

#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    next: u64,
    rules: Vec<(RuleId, Option<String>, Fault)>,
}

impl Rules {
    pub(super) fn add(&mut self, whose: Option<&str>, fault: Fault) -> RuleId {
        let id = RuleId(self.next);
        self.next += 1;
        self.rules.push((id, whose.map(str::to_owned), fault));
        id
    }

    pub(super) fn remove(&mut self, id: RuleId) {
        self.rules.retain(|(known, _, _)| *known != id);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules for an owner's connections; for nobody's, those that are for all.
    fn of<'a>(&'a self, owner: Option<&'a str>) -> impl Iterator<Item = Fault> + 'a {
        let meant = move |whose: &Option<String>| whose.is_none() || whose.as_deref() == owner;
        self.rules.iter().filter(move |(_, whose, _)| meant(whose)).map(|(_, _, fault)| *fault)
    }

    pub(super) fn refuses(&self, owner: Option<&str>) -> bool {
        self.of(owner).any(|fault| fault == Fault::Refuse)
    }

    pub(super) fn mutes(&self, owner: Option<&str>, way: Way) -> bool {
        self.of(owner).any(|fault| fault == Fault::Mute(way))
    }

    pub(super) fn delay(&self, owner: Option<&str>) -> Duration {
        let delays = self.of(owner).filter_map(|fault| match fault {
            Fault::Delay(by) => Some(by),
            _ => None,
        });
        delays.sum()
    }

    pub(super) fn slows_appends(&self, owner: Option<&str>) -> Duration {
        let delays = self.of(owner).filter_map(|fault| match fault {
            Fault::SlowAppends(by) => Some(by),
            _ => None,
        });
        delays.sum()
    }

    pub(super) fn loses_appends(&self, owner: Option<&str>) -> bool {
        self.of(owner).any(|fault| fault == Fault::LoseAppends)
    }

    pub(super) fn disorders_appends(&self, owner: Option<&str>) -> bool {
        self.of(owner).any(|fault| fault == Fault::DisorderAppends)
    }

    pub(super) fn echoes_appends(&self, owner: Option<&str>) -> bool {
        self.of(owner).any(|fault| fault == Fault::EchoAppends)
    }
}
