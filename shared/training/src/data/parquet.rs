//! Texts out of Parquet files, as data sets are published.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use parquet::schema::types::Type;

use crate::Error;

/// The texts of a column, row by row; missing ones are left out. Only that column is read, a row group at a time.
pub(super) fn texts(path: &Path, column: &str) -> Result<Vec<Vec<u8>>, Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let broken = |error: ParquetError| parquet_error(path, format!("it is no sound Parquet file ({error})"));
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let schema = only(reader.metadata().file_metadata().schema(), column).map_err(|why| parquet_error(path, why))?;
    let rows = reader.get_row_iter(Some(schema)).map_err(broken)?;
    let mut texts = Vec::new();
    for row in rows {
        let row = row.map_err(broken)?;
        match row.get_string(0) {
            Ok(text) => texts.push(text.as_bytes().to_vec()),
            Err(_) if matches!(row.get_column_iter().next(), Some((_, parquet::record::Field::Null))) => {}
            Err(_) => return Err(parquet_error(path, format!("its column `{column}` does not hold text"))),
        }
    }
    Ok(texts)
}

/// The schema with this column alone; else what is wrong, with the columns that hold text.
fn only(schema: &Type, column: &str) -> Result<Type, String> {
    let text = |field: &&Arc<Type>| field.is_primitive() && field.get_physical_type() == Physical::BYTE_ARRAY;
    match schema.get_fields().iter().find(|field| field.name() == column) {
        Some(field) if text(&field) => {
            let fields = vec![field.clone()];
            let alone = Type::group_type_builder(schema.name()).with_fields(fields).build();
            alone.map_err(|error| error.to_string())
        }
        Some(_) => Err(format!("its column `{column}` does not hold text")),
        None => {
            let names: Vec<&str> = schema.get_fields().iter().filter(text).map(|field| field.name()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(format!(
                "it has no column `{column}`; columns of text: {known}; name one behind the file, as in file.parquet#{}",
                names.first().unwrap_or(&"text")
            ))
        }
    }
}

fn parquet_error(path: &Path, why: String) -> Error {
    Error::Parquet { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// A file of two row groups with the columns `id` and `body`, the second text missing.
    fn file(folder: &Path, compression: Compression) -> std::path::PathBuf {
        let path = folder.join("news.parquet");
        let schema = "message rows { required int64 id; optional binary body (UTF8); }";
        let properties = WriterProperties::builder().set_compression(compression).build();
        let file = File::create(&path).unwrap();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
        for (ids, texts, levels) in [([1, 2], vec!["one"], [1, 0]), ([3, 4], vec!["drei", "vier"], [1, 1])] {
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let texts: Vec<ByteArray> = texts.into_iter().map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
        path
    }

    #[test]
    fn every_row_gives_the_text_of_a_column() {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
            let path = file(folder.path(), compression);
            assert_eq!(texts(&path, "body").unwrap(), [&b"one"[..], b"drei", b"vier"], "{compression}");
        }
    }

    #[test]
    fn a_column_that_is_not_there_or_no_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), Compression::SNAPPY);
        let error = texts(&path, "text").unwrap_err().to_string();
        assert!(error.contains("no column `text`; columns of text: body") && error.ends_with("#body"), "{error}");
        let error = texts(&path, "id").unwrap_err().to_string();
        assert!(error.ends_with("its column `id` does not hold text"), "{error}");
        std::fs::write(&path, "no").unwrap();
        let error = texts(&path, "body").unwrap_err().to_string();
        assert!(error.contains("no sound Parquet file"), "{error}");
    }
}
