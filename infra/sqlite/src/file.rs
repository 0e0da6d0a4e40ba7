//! Opening a file as a log: is it one, is it whole, can this build read it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use move37_eventlog::Error;
use rusqlite::{Connection, OpenFlags};

use crate::error::{PATIENCE, translate};
use crate::schema::{self, APPLICATION, FORMAT, pragma};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read and append; the file is made where there is none.
    Append,
    /// Read only; the file must exist.
    ReadOnly,
}

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Open and examine a log; every later connection goes by [`connect`] alone.
pub(crate) fn open(path: &Path, mode: Mode) -> Result<Connection, Error> {
    let log = path.display().to_string();
    let fresh = !looks_like_a_log(path, &log)?;
    if fresh && mode == Mode::ReadOnly {
        return Err(Error::Missing { log });
    }
    if mode == Mode::Append
        && let Some(directory) = path.parent()
    {
        let failed = |error: std::io::Error| Error::Unavailable { log: log.clone(), detail: error.to_string() };
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut connection = connect(path, mode)?;
    let checked = |error: rusqlite::Error| translate(&log, &error);
    if mode == Mode::Append && pragma(&connection, "user_version").map_err(checked)? == 0 {
        let tables = "SELECT count(*) FROM sqlite_schema";
        if connection.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(checked)? > 0 {
            return Err(Error::NotALog { log });
        }
        schema::create(&mut connection).map_err(checked)?;
    }
    examine(&connection, &log)?;
    Ok(connection)
}

/// Open a connection with our settings.
pub(crate) fn connect(path: &Path, mode: Mode) -> Result<Connection, Error> {
    let log = path.display().to_string();
    let translated = |error: rusqlite::Error| translate(&log, &error);
    let access = match mode {
        Mode::Append => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(translated)?;
    connection.busy_timeout(PATIENCE).map_err(translated)?;
    if mode == Mode::Append {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(translated)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(translated)?;
    }
    Ok(connection)
}

/// False where there is no file yet, or an empty one.
fn looks_like_a_log(path: &Path, log: &str) -> Result<bool, Error> {
    let unavailable = |error: std::io::Error| Error::Unavailable { log: log.to_owned(), detail: error.to_string() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unavailable(error)),
    };
    let mut start = Vec::new();
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start).map_err(unavailable)?;
    match start.is_empty() || start == MAGIC {
        true => Ok(!start.is_empty()),
        false => Err(Error::NotALog { log: log.to_owned() }),
    }
}

fn examine(connection: &Connection, log: &str) -> Result<(), Error> {
    let checked = |error: rusqlite::Error| translate(log, &error);
    if pragma(connection, "application_id").map_err(checked)? != APPLICATION {
        return Err(Error::NotALog { log: log.to_owned() });
    }
    let found = pragma(connection, "user_version").map_err(checked)?;
    if found > FORMAT {
        return Err(Error::Newer { log: log.to_owned(), found, known: FORMAT });
    }
    let report: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(checked)?;
    match report.as_str() {
        "ok" => Ok(()),
        _ => Err(Error::Corrupt { log: log.to_owned(), detail: report.replace('\n', " ") }),
    }
}
