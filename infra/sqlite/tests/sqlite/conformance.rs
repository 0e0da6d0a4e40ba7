use std::sync::Arc;

use async_trait::async_trait;
use move37_eventlog::EventLog;
use move37_eventlog::conformance::Store;
use move37_sqlite::SqliteLog;
use tempfile::TempDir;

struct InFile(TempDir);

#[async_trait]
impl Store for InFile {
    async fn fresh() -> Self {
        InFile(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(SqliteLog::open(self.0.path().join("state/log.sqlite")).unwrap())
    }
}

struct InMemory(SqliteLog);

#[async_trait]
impl Store for InMemory {
    async fn fresh() -> Self {
        InMemory(SqliteLog::in_memory().unwrap())
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(self.0.clone())
    }
}

mod in_file {
    move37_eventlog::conformance_suite!(super::InFile);
}

mod in_memory {
    move37_eventlog::conformance_suite!(super::InMemory);
}
