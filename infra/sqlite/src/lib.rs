//! The event log in one SQLite file: the default on a laptop, for tests and for one-command runs.
//!
//! [`SqliteLog`] implements the port of `move37-eventlog`. Appends go through one writer thread, which commits what is
//! queued as one transaction (WAL, `synchronous=FULL`), so an acknowledged fact survives power loss. Readers use short
//! transactions of their own connection and wake up on commits of this process at once, on those of other processes
//! by watching `data_version`. Any number of processes may append; [`StateLock`] keeps a state directory to one `run`.
//!
//! What it does not do: consumer groups. Its only owner owns every partition.

mod error;
mod file;
mod lock;
mod log;
mod reader;
mod schema;
mod tail;
mod writer;

pub use lock::{LockError, StateLock};
pub use log::SqliteLog;
