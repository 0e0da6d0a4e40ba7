//! `doctor`: whether everything that Move37 needs is in order here, or on a cluster.

mod cluster;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use move37_eventlog::EventLog;
use move37_training::data::{Corpus, SHAKESPEARE};
use serde_json::json;

use crate::engine::processors;
use crate::failure::{Answer, Failure};
use crate::journal::{campaigns, read_all};
use crate::output;
use crate::place::Place;
use crate::state::StateDir;
use crate::view::{Book, CampaignView, count};

/// Check the installation and the state directory, or a cluster; every line that is not ok names the next step
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 doctor\n  move37 doctor --json --kafka localhost:9092")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// One line of the answer.
struct Line {
    what: &'static str,
    verdict: Verdict,
    text: String,
}

impl Line {
    fn new(what: &'static str, verdict: Verdict, text: impl Into<String>) -> Line {
        Line { what, verdict, text: text.into() }
    }
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let state = arguments.place.state();
    let mut lines = vec![version(), machine(), memory(), directory(state.root())];
    match arguments.place.cluster()? {
        Some(settings) => lines.extend(cluster::lines(settings).await),
        None => lines.extend(log(state).await),
    }
    lines.push(text(&state.data()));
    lines.push(python());
    let sound = lines.iter().all(|line| line.verdict != Verdict::Fail);
    if arguments.json {
        let checks: Vec<_> = lines
            .iter()
            .map(|line| json!({ "check": line.what, "verdict": line.verdict.word(), "text": line.text }))
            .collect();
        output::json(&json!({ "sound": sound, "checks": checks }));
    } else {
        lines
            .iter()
            .for_each(|line| output::line(format!("{:<4}  {:<16} {}", line.verdict.word(), line.what, line.text)));
    }
    Ok(Answer::from_bool(sound))
}

fn version() -> Line {
    let build = if cfg!(debug_assertions) { "checked build" } else { "release build" };
    let text = format!("move37 {}, {build} for {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    Line::new("version", Verdict::Ok, text)
}

fn machine() -> Line {
    let platform = move37_training::run::Platform::here(processors(), Default::default());
    match processors() {
        1 => Line::new("processor", Verdict::Warn, "1 core: use 2 or more, or smaller sizes (`move37 config show`)"),
        cores => {
            Line::new("processor", Verdict::Ok, format!("{cores} cores, {} ({})", platform.device, platform.features))
        }
    }
}

fn memory() -> Line {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    match available {
        Some(kib) if kib < 1 << 20 => {
            Line::new("memory", Verdict::Warn, format!("{} MiB available: free some, or use smaller sizes", kib >> 10))
        }
        Some(kib) => Line::new("memory", Verdict::Ok, format!("{:.1} GiB available", kib as f64 / f64::from(1 << 20))),
        None => Line::new("memory", Verdict::Ok, "not known on this system; 1 GiB is enough"),
    }
}

fn directory(root: &Path) -> Line {
    let shown = root.display();
    let nearest = root.ancestors().find(|path| path.exists() || path.as_os_str().is_empty());
    let nearest = nearest.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = nearest.join(format!(".move37-doctor-{}", std::process::id()));
    let writable = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    match (writable, root.is_dir()) {
        (Err(error), _) => {
            let text =
                format!("{shown} cannot be written ({error}): change its rights, or choose another with --state");
            Line::new("state directory", Verdict::Fail, text)
        }
        (Ok(()), true) => Line::new("state directory", Verdict::Ok, format!("{shown} can be written")),
        (Ok(()), false) => Line::new("state directory", Verdict::Ok, format!("{shown} will be made by `move37 run`")),
    }
}

async fn log(state: &StateDir) -> Vec<Line> {
    if !state.log_path().exists() {
        return vec![Line::new("log", Verdict::Ok, "none yet: `move37 run` starts one")];
    }
    let read = async {
        let log: Arc<dyn EventLog> = Arc::new(state.open()?);
        read_all(&log).await
    };
    match read.await {
        Err(error) => vec![Line::new("log", Verdict::Fail, error.to_string())],
        Ok(book) => vec![line_of_log(&book, &campaigns(&book)), flaws(&book)],
    }
}

fn line_of_log(book: &Book, views: &[CampaignView]) -> Line {
    let text = format!("{} facts of {} campaign(s)", count(book.entries().len() as u64), views.len());
    Line::new("log", Verdict::Ok, text)
}

fn flaws(book: &Book) -> Line {
    match book.flaws.first() {
        None => Line::new("chains", Verdict::Ok, "every record holds or lost its place"),
        Some(first) => {
            let text = format!(
                "{} record(s) contradict their chain, the first: {}; run `move37 replay --verify`, put a copy of the log back",
                book.flaws.len(),
                first.why
            );
            Line::new("chains", Verdict::Fail, text)
        }
    }
}

fn text(data: &Path) -> Line {
    let hash = SHAKESPEARE.parse().expect("a digest");
    match Corpus::open(data, hash) {
        Ok(corpus) => {
            let size = corpus.text_bytes() as f64 / f64::from(1 << 20);
            Line::new("default text", Verdict::Ok, format!("Shakespeare's works, {size:.1} MiB, cached"))
        }
        Err(_) => {
            Line::new("default text", Verdict::Ok, "not cached yet: `move37 run` fetches it once, or give --text PATH")
        }
    }
}

/// Python fetches the default text, no more; candidates never run in it.
fn python() -> Line {
    match Command::new("python3").args(["-m", "pip", "--version"]).output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout).split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            Line::new("python", Verdict::Ok, format!("{said}, used to fetch the default text"))
        }
        _ => Line::new(
            "python",
            Verdict::Warn,
            "python3 with pip is missing, which fetches the default text: install it, or give --text PATH",
        ),
    }
}
