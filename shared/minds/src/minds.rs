//! Endpoints by the names that a campaign gives them.

use std::collections::BTreeMap;

use crate::{Ask, Endpoint, Failure, FailureKind, Outcome, Usage};

/// All models of a process; one object is shared between lanes and services.
#[derive(Default)]
pub struct Minds {
    endpoints: BTreeMap<String, Endpoint>,
}

impl Minds {
    /// Models by name.
    pub fn new(endpoints: impl IntoIterator<Item = (String, Endpoint)>) -> Self {
        Self { endpoints: endpoints.into_iter().collect() }
    }

    /// Asks the model that `ask` names. Dropping the future cancels the request.
    pub async fn ask(&self, ask: &Ask) -> Outcome {
        match self.endpoints.get(&ask.model) {
            Some(endpoint) => endpoint.ask(ask).await,
            None => {
                let why = format!("no model is called {:?}", ask.model);
                Outcome { reply: Err(Failure { kind: FailureKind::Refused, why }), usage: Usage::default() }
            }
        }
    }
}
