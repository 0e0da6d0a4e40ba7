//! What the analyst owes: nothing.

use move37_core::{EffectId, Owed};

/// No effect exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {}

impl Owed for Effect {
    fn id(&self) -> EffectId {
        match *self {}
    }
}
