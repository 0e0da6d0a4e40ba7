//! Which layer of which file, as `check`, `forward` and `train` are told.

use std::collections::BTreeMap;

use move37_candidate::language::ArgValue;

/// The layer of a file and its constructor arguments.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Layer {
    /// The class to use, where the file has several
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// A constructor argument; may be given several times
    #[arg(long = "arg", value_name = "KEY=VALUE", value_parser = argument)]
    args: Vec<(String, ArgValue)>,
}

impl Layer {
    /// The constructor arguments by name; the last of a name counts.
    pub fn arguments(&self) -> BTreeMap<String, ArgValue> {
        self.args.iter().cloned().collect()
    }
}

fn argument(text: &str) -> Result<(String, ArgValue), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
    let Ok(value) = value.parse::<ArgValue>();
    Ok((key.to_owned(), value))
}
