use move37_sqlite::{LockError, StateLock};

#[test]
fn a_second_holder_is_refused_and_told_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("new/state");
    let held = StateLock::acquire(&state).unwrap();
    let error = StateLock::acquire(&state).unwrap_err();
    assert!(matches!(error, LockError::Held { .. }));
    let sentence = error.to_string();
    assert!(sentence.contains(&format!("in use by process {}", std::process::id())), "{sentence}");
    assert!(sentence.contains("--state"), "{sentence}");
    drop(held);
    StateLock::acquire(&state).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = StateLock::acquire(file.join("state")).unwrap_err();
    assert!(matches!(error, LockError::Unusable { .. }));
    assert!(error.to_string().contains("file/state"), "{error}");
}
