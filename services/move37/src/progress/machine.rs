//! One JSON object per line: `note` and `fact`; `run` itself adds the `summary` at the end.

use move37_consumer::FactRecord;
use serde_json::json;

use super::Reporter;
use crate::command::tail::as_json;
use crate::output;
use crate::view::CampaignView;

/// JSON lines.
pub struct Machine;

impl Reporter for Machine {
    fn note(&mut self, text: &str) {
        output::json(&json!({ "kind": "note", "text": text }));
    }

    fn fact(&mut self, entry: &FactRecord, view: &CampaignView) {
        let mut value = as_json(entry);
        let (done, planned) = view.work();
        value["kind"] = "fact".into();
        value["done"] = json!(done);
        value["planned"] = json!(planned);
        output::json(&value);
    }

    fn tick(&mut self, _view: &CampaignView) {}

    fn end(&mut self) {}
}
