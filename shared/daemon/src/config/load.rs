//! Reading the layers.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use config::{Config as Layers, Environment, File, FileFormat, Map, Source, Value, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::words::{Error, Place, describe};
use super::{Common, NoTables};

/// Before every variable that is part of the configuration.
const PREFIX: &str = "MOVE37";

/// Between the levels of a key in a variable's name.
const LEVEL: &str = "__";

/// A service's whole configuration: the tables that all have, and those of its own.
#[derive(Clone, Debug)]
pub struct Config<T = NoTables> {
    /// For all services.
    pub common: Common,
    /// For this one.
    pub own: T,
}

impl<T: DeserializeOwned + Serialize> Config<T> {
    /// Read a file, if there is one, and lay the environment over it.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or a key is unknown, missing or wrong.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config<T>, Error> {
        let place = Place { file };
        let mut layers = Layers::builder();
        if let Some(path) = file {
            let text = fs::read_to_string(path);
            let text = text.map_err(|source| Error::Unreadable { path: path.into(), source })?;
            // Errors of this parser can be worded without showing the text, which may hold a secret.
            if let Err(error) = text.parse::<toml::Table>() {
                let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
                let detail = error.message().replace('\n', " ");
                return Err(Error::NoToml { path: path.into(), line, detail });
            }
            layers = layers.add_source(File::from_str(&text, FileFormat::Toml));
        }
        layers = layers.add_source(overlay(environment));
        let layers = layers.build().and_then(|layers| layers.collect());
        let tree = layers.map_err(|error| describe(&error, &Map::new(), &[], place))?;

        let (mut common, own): (Map<String, Value>, Map<String, Value>) =
            tree.clone().into_iter().partition(|(table, _)| Common::TABLES.contains(&table.as_str()));
        // So that what is missing is named as a key, not as a table.
        common.entry("kafka".to_owned()).or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
        Ok(Config {
            own: typed(own).map_err(|error| describe(&error, &tree, &Common::TABLES, place))?,
            common: typed(common).map_err(|error| describe(&error, &tree, &[], place))?,
        })
    }

    /// The configuration as it is used, defaults included, secrets not.
    pub fn effective(&self) -> toml::Table {
        let table = |value: Result<toml::Table, toml::ser::Error>| value.expect("a configuration is made of tables");
        let mut all = table(toml::Table::try_from(&self.common));
        all.extend(table(toml::Table::try_from(&self.own)));
        all
    }
}

fn typed<T: DeserializeOwned>(tables: Map<String, Value>) -> Result<T, config::ConfigError> {
    T::deserialize(Value::new(None, ValueKind::Table(tables)))
}

/// The variables that name a level. Others with our prefix are not ours to judge: Kubernetes, for one, sets
/// `MOVE37_MEMORY_SERVICE_HOST` for a Service of that name.
fn overlay(environment: impl IntoIterator<Item = (String, String)>) -> Environment {
    let is_ours =
        |name: &str| name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_') && rest.contains(LEVEL));
    let ours: HashMap<String, String> = environment.into_iter().filter(|(name, _)| is_ours(name)).collect();
    Environment::with_prefix(PREFIX).prefix_separator("_").separator(LEVEL).ignore_empty(true).source(Some(ours))
}
