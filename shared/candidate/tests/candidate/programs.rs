//! The layer programs, by name; shared with the tests of the executor.

/// Every program of `programs/`: its name and its text.
pub fn programs() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../candidate/tests/candidate/programs");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .expect("the programs lie beside this file")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "py"))
        .map(|path| {
            let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    found.sort();
    found
}

/// The two sizes of the reference: batch, time, width, heads.
pub const SIZES: [(&str, [usize; 4]); 2] = [("2x37x16", [2, 37, 16, 2]), ("1x64x32", [1, 64, 32, 4])];
