//! The tables, and how a file says that it is a log of ours.

use rusqlite::Connection;

/// `application_id` of a log: "M37L".
pub(crate) const APPLICATION: i64 = 0x4d33_374c;

/// `user_version` that this build writes and the newest that it reads.
pub(crate) const FORMAT: i64 = 1;

/// `id` is the order of commits over all partitions, which lets a reader follow many of them with one cursor.
/// The small columns come first, so that skipping a record does not touch the pages of its body.
const TABLES: &str = "
    CREATE TABLE records (
        id        INTEGER PRIMARY KEY,
        topic     TEXT    NOT NULL,
        partition INTEGER NOT NULL CHECK (partition >= 0),
        offset    INTEGER NOT NULL CHECK (offset >= 0),
        key       TEXT    NOT NULL,
        headers   TEXT    NOT NULL,
        body      BLOB    NOT NULL,
        UNIQUE (topic, partition, offset)
    ) STRICT;
    CREATE TRIGGER records_never_change BEFORE UPDATE ON records
        BEGIN SELECT RAISE(ABORT, 'facts are never changed'); END;
    CREATE TRIGGER records_never_go BEFORE DELETE ON records
        BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END;
";

/// Make an empty database a log. Harmless when another process has just done so.
pub(crate) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if pragma(&transaction, "user_version")? == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

/// An integer pragma.
pub(crate) fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
