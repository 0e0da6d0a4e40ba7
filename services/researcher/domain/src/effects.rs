//! The researcher owes nothing.

use move37_core::{EffectId, Owed};

/// Work that the researcher's shell does: none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {}

impl Owed for Effect {
    fn id(&self) -> EffectId {
        match *self {}
    }
}
