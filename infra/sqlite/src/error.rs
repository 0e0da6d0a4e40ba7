//! SQLite's result codes as the port's errors.

use std::time::Duration;

use move37_eventlog::Error;
use rusqlite::ErrorCode;

/// How long an append or a read waits for another process.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What `error` means for the log of this name.
pub(crate) fn translate(log: &str, error: &rusqlite::Error) -> Error {
    let log = log.to_owned();
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotALog { log },
        Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt { log, detail },
        Some(ErrorCode::DiskFull) => Error::Full { log },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::ReadOnly { log },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { log, seconds: PATIENCE.as_secs() },
        _ => Error::Unavailable { log, detail },
    }
}
