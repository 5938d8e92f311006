//! Doing something again whenever files change.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecursiveMode, Watcher as _};

/// How long files must be at rest: editors write in several steps.
const REST: Duration = Duration::from_millis(150);

enum News {
    Changed,
    Interrupted,
}

/// Calls `run` now and after each change below the paths, until the process is interrupted.
pub(crate) fn whenever_changed(paths: &[PathBuf], run: impl Fn()) -> Result<()> {
    let (sender, news) = channel();
    let interrupted = sender.clone();
    ctrlc::set_handler(move || drop(interrupted.send(News::Interrupted))).context("interrupts cannot be noticed")?;
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Reading files is told, too.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            drop(sender.send(News::Changed));
        }
    })
    .context("files cannot be watched")?;
    for path in paths {
        watcher
            .watch(path, RecursiveMode::Recursive)
            .with_context(|| format!("{} cannot be watched", path.display()))?;
    }
    loop {
        run();
        eprintln!("waiting for changes; Ctrl-C ends");
        if !wait(&news) {
            return Ok(());
        }
    }
}

/// Waits for a change and until files are at rest; `false` when interrupted.
fn wait(news: &Receiver<News>) -> bool {
    if !matches!(news.recv(), Ok(News::Changed)) {
        return false;
    }
    loop {
        match news.recv_timeout(REST) {
            Ok(News::Changed) => {}
            Ok(News::Interrupted) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
}
