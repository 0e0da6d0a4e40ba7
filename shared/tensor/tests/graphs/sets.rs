//! Planted faults are refused at their line, clean programs are admitted and proved. `candidate/tests/faults/README.md`
//! tells how the programs are marked.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding::FindingKind;
use move37_candidate::gate::{GateConfig, GateReport, Proof};
use move37_candidate::language::Dims;
use move37_tensor::gate::prove;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../candidate");

/// One file of a set.
pub struct Program {
    pub name: String,
    pub text: String,
    /// The line of the planted fault, and the kinds of finding that are right for it.
    pub fault: Option<(u32, Vec<FindingKind>)>,
    growth: ComplexityClass,
}

impl Program {
    pub fn config(&self) -> GateConfig {
        // The layers are judged at the length of their own test: some loop over single steps.
        let time = if self.growth == ComplexityClass::Higher { 64 } else { 128 };
        let dims = Dims { batch: 1, time, d_model: 32, num_heads: 4, args: Default::default() };
        GateConfig { max_complexity: self.growth, ..GateConfig::new(dims) }
    }
}

fn read(path: &Path) -> Program {
    let text = std::fs::read_to_string(path).unwrap();
    let marked: Vec<_> = text
        .lines()
        .zip(1u32..)
        .filter_map(|(line, n)| Some((n, line.split_once("# fault: ")?.1)))
        .map(|(n, kinds)| {
            let kind = |k: &str| serde_json::from_value(k.trim().into()).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            (n, kinds.split('|').map(kind).collect())
        })
        .collect();
    assert!(marked.len() <= 1, "{path:?} is to have one fault");
    Program {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        growth: match text.lines().any(|l| l == "# max_complexity: n^2") {
            true => ComplexityClass::Quadratic,
            false => ComplexityClass::Linearithmic,
        },
        fault: marked.into_iter().next(),
        text,
    }
}

/// The programs of a folder, by name.
pub fn folder(path: &str) -> Vec<Program> {
    let entries = std::fs::read_dir(Path::new(ROOT).join(path)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "py"));
    files.sort();
    files.iter().map(|f| read(f)).collect()
}

/// Everything that is to be admitted and proved. The layers' own test judges how their cost grows.
pub fn clean() -> Vec<Program> {
    let unbounded = |p| Program { growth: ComplexityClass::Higher, ..p };
    let layers = ["tests/candidate/programs", "seeds"].into_iter().flat_map(folder).map(unbounded);
    folder("tests/clean").into_iter().chain(layers).collect()
}

/// What `f` makes of every program, on as many threads as there are processors.
pub fn each<R: Send>(programs: &[Program], f: impl Fn(&Program) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((i, program)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, programs.get(i)?)))
                {
                    let result = f(program);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|r| r.0);
    results.into_iter().map(|r| r.1).collect()
}

fn told(report: &GateReport) -> String {
    let findings = report.findings.iter().map(|f| format!("{}:{} {}", f.line, f.kind, f.message));
    findings.collect::<Vec<_>>().join("\n        ")
}

#[test]
fn every_planted_fault_is_refused_at_its_line() {
    let programs = folder("tests/faults");
    let reports = each(&programs, |p| prove(&p.text, &p.config()));
    let (mut wrong, mut right, mut kinds) = (Vec::new(), 0, std::collections::BTreeMap::new());
    println!("{:<36} {:>5} {:<34} found", "program", "line", "expected");
    for (program, report) in programs.iter().zip(&reports) {
        let (line, expected) = program.fault.clone().unwrap_or_else(|| panic!("{} has no marker", program.name));
        let found = report.findings.iter().find(|f| f.line == line && expected.contains(&f.kind));
        let names = expected.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
        let caught = !report.admitted && found.is_some();
        let shown = match found {
            Some(f) => format!("{} at {}", f.kind, f.line),
            None => format!("MISSED: {}", told(report)),
        };
        println!("{:<36} {line:>5} {names:<34} {shown}", program.name);
        *kinds.entry(expected[0]).or_insert(0) += 1;
        right += usize::from(caught);
        if !caught {
            wrong.push(format!("{} (line {line}, {names}): {}", program.name, told(report)));
        }
    }
    println!("{right} of {} caught at their line; {kinds:?}", programs.len());
    assert!(programs.len() >= 66);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_clean_program_is_admitted_and_proved() {
    let programs = clean();
    let reports = each(&programs, |p| prove(&p.text, &p.config()));
    let mut refused = Vec::new();
    let mut proved = 0;
    println!("{:<36} {:<10} {:<10}", "program", "causality", "batch");
    for (program, report) in programs.iter().zip(&reports) {
        assert_eq!(program.fault, None, "{} is clean", program.name);
        println!("{:<36} {:<10} {:<10}", program.name, name(report.causality), name(report.batch_independence));
        proved += usize::from(report.causality == Proof::Proved && report.batch_independence == Proof::Proved);
        if !report.admitted {
            refused.push(format!("{}: {}", program.name, told(report)));
        }
    }
    println!("{} of {} admitted, {proved} proved", programs.len() - refused.len(), programs.len());
    assert!(programs.len() >= 66);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(proved * 100 >= programs.len() * 95, "{proved} of {}", programs.len());
}

fn name(proof: Proof) -> String {
    serde_json::to_value(proof).unwrap().as_str().unwrap().to_owned()
}
