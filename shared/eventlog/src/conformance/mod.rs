//! What every adapter must do: each function is one check on a fresh store, and panics with what it found.
//!
//! An adapter's test says how a store is made and lists the checks as tests of its own:
//!
//! ```ignore
//! move37_eventlog::conformance_suite!(SqliteStore);
//! ```

mod appends;
mod reads;
mod records;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use appends::*;
pub use reads::*;
pub use records::{chain, record};

use crate::{EventLog, Reader, Stored};

/// How the suite gets at an adapter.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A store that holds nothing.
    async fn fresh() -> Self;

    /// A handle on it, independent of the others as far as the adapter allows: as another process would open it.
    async fn open(&self) -> Arc<dyn EventLog>;
}

/// Longest wait for what must come; a healthy adapter needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The next `n` records of a reader, or more if the last batch brings more.
async fn take(reader: &mut dyn Reader, n: usize) -> Vec<Stored> {
    let mut got = Vec::new();
    while got.len() < n {
        let batch = tokio::time::timeout(PATIENCE, reader.next()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{} of {n} records came", got.len()));
        let batch = batch.expect("reading succeeds");
        assert!(!batch.is_empty(), "a batch holds at least one record");
        got.extend(batch);
    }
    got
}

/// Makes one `#[tokio::test]` of every check, for a [`Store`].
#[macro_export]
macro_rules! conformance_suite {
    ($store:ty) => {
        $crate::conformance_suite! { @tests $store:
            offsets_are_dense_from_zero
            the_partition_is_the_keys_murmur2
            a_record_comes_back_byte_for_byte
            what_was_acknowledged_is_there_after_reopening
            appenders_of_several_handles_lose_nothing
            a_log_does_not_judge
            the_largest_body_is_kept_and_a_larger_one_refused
            topics_do_not_mix
            ends_tell_the_next_offsets
            an_empty_log_ends_at_zero
            a_reader_starts_at_any_offset
            a_reader_runs_from_history_into_the_live_stream
            a_waiting_reader_wakes_up
            a_dropped_read_loses_nothing
            a_history_ends_where_the_log_ended
            the_only_owner_gains_every_partition
        }
    };
    (@tests $store:ty: $($check:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::conformance::$check::<$store>().await;
            }
        )+
    };
}
