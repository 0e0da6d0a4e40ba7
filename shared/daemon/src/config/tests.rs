#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::*;

/// A table of a service's own.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    worker: Worker,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Worker {
    name: Option<String>,
    slots: u32,
}

const BROKER: (&str, &str) = ("MOVE37_KAFKA__BOOTSTRAP", "kafka:9092");

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

fn load(file: Option<&NamedTempFile>, environment: &[(&str, &str)]) -> Result<Config<Own>, Error> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(file.map(NamedTempFile::path), environment)
}

/// What is said of a configuration that is wrong, with `FILE` for its path.
fn refused(text: &str, environment: &[(&str, &str)]) -> String {
    let file = file(text);
    let said = load(Some(&file), environment).unwrap_err().to_string();
    assert!(!said.contains('\n'), "{said}");
    said.replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn a_bootstrap_is_enough_and_the_rest_has_defaults() {
    let config = load(None, &[BROKER]).unwrap().common;
    assert_eq!(config.kafka, move37_kafka::Config::new("kafka:9092"));
    assert_eq!((config.http, config.log, config.drain), (Http::default(), Log::default(), Drain::default()));
}

#[test]
fn the_environment_lies_over_the_file_key_by_key() {
    let file = file(
        "[kafka]\nbootstrap = \"a:1\"\nprefix = \"lab.\"\n[kafka.security]\nusername = \"memory\"\n\
         [http]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"json\"\n[worker]\nname = \"seven\"\nslots = 1",
    );
    let environment = [
        ("MOVE37_KAFKA__BOOTSTRAP", "b:2"),
        ("MOVE37_KAFKA__SECURITY__PASSWORD", "123"),
        ("MOVE37_KAFKA__SESSION_SECONDS", "7"),
        ("MOVE37_HTTP__LISTEN", "[::]:0"),
        ("MOVE37_WORKER__SLOTS", "3"),
        ("MOVE37_DRAIN__SECONDS", ""),
    ];
    let Config { common, own } = load(Some(&file), &environment).unwrap();
    assert_eq!((common.kafka.bootstrap.as_str(), common.kafka.prefix.as_str()), ("b:2", "lab."));
    assert_eq!((common.kafka.session_seconds, common.kafka.answer_seconds), (7, 10));
    let login = common.kafka.settings().unwrap().security.login.unwrap();
    assert_eq!((login.username.as_str(), login.password.reveal()), ("memory", "123"));
    assert_eq!((common.http.listen, common.log.format), ("[::]:0".parse().unwrap(), Format::Json));
    assert_eq!((own.worker.name.as_deref(), own.worker.slots), (Some("seven"), 3));
    assert_eq!(common.drain, Drain::default());
}

#[test]
fn variables_without_a_level_are_not_ours() {
    let others = [BROKER, ("MOVE37_MEMORY_SERVICE_HOST", "10.0.0.1"), ("MOVE37_CRASH_AT", "1:applied"), ("A__B", "c")];
    assert!(load(None, &others).is_ok());
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest() {
    assert_eq!(
        refused("[kafka]\nbootstrp = \"a:1\"", &[]),
        "FILE sets kafka.bootstrp, which is unknown: write bootstrap, or leave it out"
    );
    assert_eq!(
        refused("[http]\nfoo = 1", &[BROKER]),
        "FILE sets http.foo, which is unknown: leave it out, or write one of listen"
    );
    assert_eq!(refused("[kafak]\n", &[]), "FILE sets kafak, which is unknown: write kafka, or leave it out");
    let security = refused("", &[BROKER, ("MOVE37_KAFKA__SECURITY__PASWORD", "hunter2")]);
    assert_eq!(
        security,
        "the environment (MOVE37_KAFKA__SECURITY__PASWORD) sets kafka.security.pasword, which is unknown: \
         write password, or leave it out"
    );
    assert_eq!(
        refused("[worker]\nslot = 1", &[BROKER]),
        "FILE sets worker.slot, which is unknown: write slots, or leave it out"
    );
    let none: Result<Config, _> = Config::load(None, [("MOVE37_WORKER__SLOTS".to_owned(), "1".to_owned())]);
    let none = none.unwrap_err().to_string();
    assert!(none.contains("sets worker, which is unknown: leave it out, or write one of kafka, http"), "{none}");
}

#[test]
fn what_is_missing_is_named_with_its_variable() {
    assert_eq!(
        refused("[http]\n", &[]),
        "kafka.bootstrap is missing: write it into FILE, or set MOVE37_KAFKA__BOOTSTRAP"
    );
    let nothing = load(None, &[]).unwrap_err().to_string();
    assert!(nothing.starts_with("kafka.bootstrap is missing: write it into a file given by --config"), "{nothing}");
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    let said = refused("[http]\nlisten = \"everywhere\"", &[BROKER]);
    assert_eq!(
        said,
        "FILE sets http.listen to what it cannot be (`everywhere` is no address and port such as 0.0.0.0:8080): correct it"
    );
    let said = refused("", &[BROKER, ("MOVE37_DRAIN__SECONDS", "soon")]);
    assert!(
        said.starts_with("the environment (MOVE37_DRAIN__SECONDS) sets drain.seconds to what it cannot be"),
        "{said}"
    );
    assert!(said.contains("\"soon\""), "{said}");
    assert!(refused("[log]\nformat = \"xml\"", &[BROKER]).contains("`xml` is none of its values"));
    assert!(refused("[log]\nfilter = \"info,=x=\"", &[BROKER]).contains("is no filter such as"));
    assert!(refused("kafka = 3", &[]).starts_with("FILE sets kafka to what it cannot be"));
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing: Result<Config, _> = Config::load(Some(Path::new("/nowhere/a.toml")), []);
    assert!(missing.unwrap_err().to_string().starts_with("/nowhere/a.toml cannot be read"));
    let said = refused("[kafka]\nbootstrap = a:1", &[]);
    assert!(said.starts_with("line 2 of FILE is no TOML ("), "{said}");
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = ("MOVE37_KAFKA__SECURITY__PASSWORD", "hunter2");
    let config = load(None, &[BROKER, ("MOVE37_KAFKA__SECURITY__USERNAME", "me"), secret]).unwrap();
    for shown in [config.effective().to_string(), format!("{config:?}")] {
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }
    let wrong = [
        refused("[kafka]\nbootstrap = \"a:1\"\nsecurity = \"hunter2\"", &[]),
        refused("[kafka.security]\npassword = \"hunter2\nusername = 1", &[BROKER]),
        refused("[kafka.security]\npassword = [\"hunter2\"]", &[BROKER]),
        refused("[kafka]\npassword = \"hunter2\"", &[BROKER]),
    ];
    for shown in wrong {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn the_effective_configuration_is_a_configuration_with_every_default() {
    let effective = load(None, &[BROKER, ("MOVE37_WORKER__SLOTS", "2")]).unwrap().effective();
    let shown = effective.to_string();
    assert!(shown.contains("listen = \"0.0.0.0:8080\"") && shown.contains("slots = 2"), "{shown}");
    let again = load(Some(&file(&shown)), &[]).unwrap();
    assert_eq!(again.effective(), effective);
}

#[test]
fn the_documented_example_is_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/config/service.toml");
    let example: Config = Config::load(Some(&path), []).unwrap();
    let bare: Config =
        Config::load(None, [("MOVE37_KAFKA__BOOTSTRAP".to_owned(), "localhost:9092".to_owned())]).unwrap();
    assert_eq!(example.effective(), bare.effective());
}
