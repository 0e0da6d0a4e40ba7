//! The import rules of the design, section 13, read from `cargo metadata` and the sources. They also hold L5 and L7:
//! rules without clock, dice, I/O or database cannot use what they cannot import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// What pure crates never depend on, directly or through others.
const WORLD: [&str; 20] = [
    "actix",
    "actix-rt",
    "actix-web",
    "tokio",
    "async-std",
    "mio",
    "rdkafka",
    "rusqlite",
    "tokio-postgres",
    "candle-core",
    "candle-transformers",
    "rand",
    "rand_core",
    "getrandom",
    "chrono",
    "reqwest",
    "hyper",
    "tracing",
    "log",
    "tempfile",
];

const SERVICES: [&str; 5] = ["memory", "researcher", "engineer", "trainer", "analyst"];

struct Workspace {
    root: PathBuf,
    /// Normal dependencies by package name, own crates and others.
    depends: BTreeMap<String, BTreeSet<String>>,
    /// Own crates and where they lie.
    own: BTreeMap<String, PathBuf>,
}

fn workspace() -> &'static Workspace {
    static WORKSPACE: OnceLock<Workspace> = OnceLock::new();
    WORKSPACE.get_or_init(|| {
        // Crates for other platforms need not have been fetched.
        let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
        let host = String::from_utf8(host.stdout).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host.trim()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        read(&serde_json::from_slice(&output.stdout).unwrap())
    })
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("metadata has no {field}"))
}

fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

fn read(metadata: &Value) -> Workspace {
    let packages = items(metadata, "packages");
    let names: BTreeMap<&str, &str> =
        packages.iter().map(|package| (text(package, "id"), text(package, "name"))).collect();
    let members: BTreeSet<&str> = items(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let is_normal = |dep: &&Value| items(dep, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
    let nodes = items(&metadata["resolve"], "nodes").iter().map(|node| {
        let normal = items(node, "deps").iter().filter(is_normal);
        let depends = normal.map(|dep| names[text(dep, "pkg")].to_owned()).collect();
        (names[text(node, "id")].to_owned(), depends)
    });
    let own = packages.iter().filter(|package| members.contains(text(package, "id")));
    let own = own.map(|package| {
        let manifest = Path::new(text(package, "manifest_path"));
        (text(package, "name").to_owned(), manifest.parent().unwrap().to_owned())
    });
    Workspace { root: text(metadata, "workspace_root").into(), depends: merged(nodes), own: own.collect() }
}

/// Several versions of one package count as one.
fn merged(nodes: impl Iterator<Item = (String, BTreeSet<String>)>) -> BTreeMap<String, BTreeSet<String>> {
    let mut depends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    nodes.for_each(|(name, of)| depends.entry(name).or_default().extend(of));
    depends
}

impl Workspace {
    /// Everything that a crate depends on, through others too.
    fn closure(&self, of: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![of];
        while let Some(name) = open.pop() {
            for next in self.depends.get(name).into_iter().flatten() {
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        seen
    }

    /// Own crates that depend on `name` directly.
    fn users_of(&self, name: &str) -> BTreeSet<&str> {
        let users = self.own.keys().filter(|own| self.depends[*own].contains(name));
        users.map(String::as_str).collect()
    }

    /// Rust sources under a folder of the workspace.
    fn sources(&self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !name.starts_with('.') && !name.starts_with("target") {
                    open.push(path);
                } else if name.ends_with(".rs") {
                    files.push(path);
                }
            }
        }
        files
    }
}

fn pure() -> Vec<String> {
    let domains = SERVICES.map(|service| format!("move37-{service}-domain"));
    ["move37-core", "move37-events", "move37-statistics"].map(str::to_owned).into_iter().chain(domains).collect()
}

#[test]
fn pure_crates_depend_on_no_world() {
    for name in pure() {
        let closure = workspace().closure(&name);
        let world: Vec<_> = WORLD.iter().filter(|world| closure.contains(**world)).collect();
        assert!(world.is_empty(), "{name} depends on {world:?}");
    }
}

#[test]
fn core_is_below_events_is_below_the_domains() {
    let own = |name: &str| -> BTreeSet<&str> {
        workspace().closure(name).into_iter().filter(|of| of.starts_with("move37")).collect()
    };
    assert!(own("move37-core").is_empty());
    assert!(own("move37-statistics").is_empty());
    assert_eq!(own("move37-events"), BTreeSet::from(["move37-core"]));
    for service in SERVICES {
        let domain = format!("move37-{service}-domain");
        let mut below = own(&domain);
        below.remove("move37-statistics");
        assert_eq!(below, BTreeSet::from(["move37-core", "move37-events"]), "{domain}");
    }
}

#[test]
fn no_service_depends_on_another() {
    for service in SERVICES {
        let closure = workspace().closure(&format!("move37-{service}"));
        for other in SERVICES.iter().filter(|other| **other != service) {
            let (shell, domain) = (format!("move37-{other}"), format!("move37-{other}-domain"));
            assert!(!closure.contains(shell.as_str()), "{service} depends on {shell}");
            assert!(!closure.contains(domain.as_str()), "{service} depends on {domain}");
        }
    }
}

#[test]
fn the_port_stands_above_its_adapters() {
    for name in ["move37-eventlog", "move37-runtime"].into_iter().map(str::to_owned).chain(pure()) {
        let closure = workspace().closure(&name);
        assert!(!closure.contains("move37-sqlite") && !closure.contains("move37-kafka"), "{name}");
    }
}

#[test]
fn each_heavy_crate_has_its_place() {
    for (name, places) in [
        ("actix", &["move37-runtime"][..]),
        ("actix-web", &["move37-daemon"]),
        ("prometheus-client", &["move37-daemon"]),
        ("rusqlite", &["move37-sqlite"]),
        ("rdkafka", &["move37-kafka"]),
        ("candle-core", &["move37-tensor", "move37-training", "move37-minds"]),
        ("candle-transformers", &["move37-minds"]),
        ("tokio-postgres", &["move37-postgres"]),
        ("ruff_python_parser", &["move37-candidate"]),
    ] {
        let strangers: Vec<_> = workspace().users_of(name).into_iter().filter(|user| !places.contains(user)).collect();
        assert!(strangers.is_empty(), "{strangers:?} must not depend on {name}");
    }
}

#[test]
fn actix_is_named_in_one_source_file() {
    for (crate_name, word, only) in [
        ("move37-runtime", "actix", "actor.rs"),
        ("move37-daemon", "actix_web", "http.rs"),
        ("move37-daemon", "prometheus_client", "metrics.rs"),
    ] {
        let sources = workspace().sources(&workspace().own[crate_name].join("src"));
        let names_it = |path: &&PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
        };
        let files: Vec<_> = sources.iter().filter(names_it).map(|path| path.file_name().unwrap()).collect();
        assert_eq!(files, [only], "{word}");
    }
}

#[test]
fn pure_code_asks_no_clock_file_or_environment() {
    const FORBIDDEN: [&str; 9] = [
        "std::time::SystemTime",
        "SystemTime::now",
        "Instant::now",
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "HashMap",
    ];
    for name in pure() {
        for path in workspace().sources(&workspace().own[&name].join("src")) {
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in FORBIDDEN {
                // The reader's chains are looked up by place, never walked, so their order decides nothing.
                let looked_up = word == "HashMap" && path.ends_with("core/src/chain.rs");
                assert!(looked_up || !code.contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn every_rule_crate_has_the_same_file_names() {
    for service in SERVICES {
        let folder = workspace().root.join("services").join(service).join("domain/src");
        for file in ["lib.rs", "input.rs", "state.rs", "decide.rs", "evolve.rs", "effects.rs"] {
            assert!(folder.join(file).is_file(), "{service} has no {file}");
        }
        let rules = folder.join("../tests/rules.rs").is_file() || folder.join("../tests/rules/main.rs").is_file();
        assert!(rules, "{service} has no tests/rules.rs");
    }
}
