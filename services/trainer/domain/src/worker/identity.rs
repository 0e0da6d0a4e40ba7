//! Who a worker is: its key is its name, a dot, and its boot as a number that grows from start to start.

use move37_core::Key;

/// Name and boot of a worker's key; a key without a boot is a name that started once.
pub fn name_and_boot(worker: &Key) -> (&str, u64) {
    let text = worker.as_str();
    let parsed = text.rsplit_once('.').and_then(|(name, boot)| Some((name, boot.parse().ok()?)));
    parsed.unwrap_or((text, 0))
}

/// Whether `other` is a later boot of the same worker.
pub(super) fn is_replaced_by(worker: &Key, other: &Key) -> bool {
    let ((name, boot), (other, later)) = (name_and_boot(worker), name_and_boot(other));
    name == other && boot < later
}
