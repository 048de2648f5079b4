//! Child processes that never outlive the run: they are killed when dropped, so on a panic too, and
//! when the run is interrupted by a signal.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// How often the end of a process is looked for. The lock on it is free in between, so that a signal
/// can kill it while somebody waits for it.
const POLL: Duration = Duration::from_millis(5);

/// What a signal has to clean up.
struct Running {
    children: Vec<Arc<Mutex<Child>>>,
    folder: Option<PathBuf>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { children: Vec::new(), folder: None });

/// A running program.
pub(crate) struct Process {
    name: String,
    pid: u32,
    child: Arc<Mutex<Child>>,
}

impl Process {
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        // Under the lock, so that a signal sees either no process or one that it can kill.
        let mut running = lock(&RUNNING);
        let child = command.spawn().with_context(|| {
            format!("{name} does not start: {}", command.get_program().display())
        })?;
        let pid = child.id();
        let child = Arc::new(Mutex::new(child));
        running.children.push(Arc::clone(&child));
        Ok(Self { name: name.into(), pid, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        Ok(lock(&self.child).try_wait()?)
    }

    /// Waits for its end.
    pub(crate) fn wait(&self, at_most: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + at_most;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() >= until {
                bail!("{} still runs after {} s", self.name, at_most.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    pub(crate) fn terminate(&self, at_most: Duration) -> Result<()> {
        let killed = Command::new("kill").arg(self.pid.to_string()).status()?;
        if !killed.success() {
            bail!("{} cannot be signalled", self.name);
        }
        let status = self.wait(at_most)?;
        if !status.success() {
            bail!("{} did not end cleanly on SIGTERM: {status}", self.name);
        }
        Ok(())
    }

    /// The child, for its pipes.
    pub(crate) fn child(&self) -> MutexGuard<'_, Child> {
        lock(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        lock(&RUNNING).children.retain(|child| !Arc::ptr_eq(child, &self.child));
        end(&self.child);
    }
}

/// Kills and reaps. What has ended already is none the worse for it.
fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    let _ = child.kill();
    let _ = child.wait();
}

/// From now on a signal that ends this program ends its children first, and removes `folder`.
pub(crate) fn clean_up_on_signals(folder: PathBuf) -> Result<()> {
    lock(&RUNNING).folder = Some(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        // The lock is kept until the end, so that nothing is started behind it.
        let running = lock(&RUNNING);
        running.children.iter().for_each(|child| end(child));
        if let Some(folder) = &running.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
        eprintln!("bench: interrupted");
        std::process::exit(130);
    })?;
    Ok(())
}

/// A panic elsewhere is no reason to leave children behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_gone() {
        let process = Process::spawn("sleep", Command::new("sleep").arg("60")).unwrap();
        let folder = PathBuf::from(format!("/proc/{}", process.pid()));
        assert!(process.ended().unwrap().is_none());
        drop(process);
        assert!(!folder.exists());
    }

    #[test]
    fn waiting_has_an_end() {
        let process = Process::spawn("sleep", Command::new("sleep").arg("60")).unwrap();
        assert!(process.wait(Duration::from_millis(20)).is_err());
    }
}
