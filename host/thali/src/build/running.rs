//! The cargo that runs, so that it can be ended together with all that it has started.

use std::process::{Child, Command};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

/// The cargo that runs. It has a process group of its own: its compilers end with it.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Runs(Pid),
    Stopped,
}

impl Running {
    /// Makes the command one that can be ended.
    pub(super) fn prepare(command: &mut Command) {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }

    /// Notes that this runs now. Ends it at once when everything was stopped meanwhile.
    pub(super) fn begins(&self, child: &Child) {
        let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
        let mut state = self.0.lock();
        match *state {
            State::Stopped => end(id),
            State::Idle | State::Runs(_) => *state = State::Runs(id),
        }
    }

    /// Notes that it is about to end. Its id may be another process's as soon as it was waited for.
    pub(super) fn ends(&self) {
        let mut state = self.0.lock();
        if !matches!(*state, State::Stopped) {
            *state = State::Idle;
        }
    }

    /// Ends what runs, and whatever is to run from now on.
    pub(crate) fn stop(&self) {
        let before = std::mem::replace(&mut *self.0.lock(), State::Stopped);
        if let State::Runs(id) = before {
            end(id);
        }
    }
}

/// One that has ended already needs no signal.
fn end(id: Pid) {
    let _ = kill_process_group(id, Signal::TERM);
}
