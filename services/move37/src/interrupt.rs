//! Being asked to end.

use move37_training::run::Cancel;

/// Exit code of a process that Ctrl-C ended.
const KILLED: i32 = 130;

/// Ctrl-C, or a polite request to end.
pub async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Cancel when asked to end; whoever asks twice ends the process at once.
pub fn cancels(cancel: &Cancel) {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        // Without a runtime, a signal ends the process as it would anyway.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            asked().await;
            cancel.cancel();
            asked().await;
            std::process::exit(KILLED);
        });
    });
}
