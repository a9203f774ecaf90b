//! When to end: at a signal, or when whoever started the program is gone.

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::Failure;

/// Starts to listen for SIGINT (Ctrl-C) and SIGTERM at once; what it answers is ready when one has come.
pub(crate) fn signalled() -> Result<impl Future<Output = ()> + Send, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// From now on a signal ends the program where it stands.
pub(crate) fn at_the_next_signal() {
    // Without a way to listen there is none to end either, and the program ends by itself when it is done.
    let Ok(signalled) = signalled() else { return };
    tokio::spawn(async move {
        signalled.await;
        eprintln!("url_shortener: a second signal: what is not handed over by now is lost to the cluster");
        std::process::exit(1);
    });
}

/// Ready when standard input ends. A parent that holds the other end of the pipe ends its children that way however it ends
/// itself, `kill -9` included.
pub(crate) async fn orphaned() {
    let (tell, told) = oneshot::channel();
    // A thread of its own: a read cannot be taken back, and one on tokio's threads would keep the program from ending.
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|read| read > 0) {}
        let _ = tell.send(());
    });
    let _ = told.await;
}
