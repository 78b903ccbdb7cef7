//! The server process: started, watched and ended.

use std::io;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::run_as::die_with_parent;

/// How long the server may take to write everything down before it is cut off.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server process with the thread that started it and waits for its end.
#[derive(Debug)]
pub(super) struct Postmaster {
    watch: Arc<Watch>,
}

#[derive(Debug)]
struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Running(Pid),
    Exited(ExitStatus),
}

impl Postmaster {
    /// Starts `command` from a thread of its own: the system sends the death signal when the spawning thread
    /// ends, and a thread of an async runtime may end at any time.
    pub(super) fn spawn(command: Command) -> Result<Self> {
        let (started, start) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || supervise(command, &started))
            .context("starting the thread that watches PostgreSQL")?;
        let started = start.recv().context("the thread that watches PostgreSQL broke off")?;
        Ok(Self { watch: started.context("starting PostgreSQL")? })
    }

    /// How the server ended, if it has.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        match *self.watch.lock() {
            State::Running(_) => None,
            State::Exited(status) => Some(status),
        }
    }

    /// Ends the server and waits; nothing to do if it has ended.
    pub(super) fn stop(&self) -> Result<()> {
        // "Fast": open transactions are rolled back, then everything is written down.
        if self.watch.end(Signal::INT) {
            return Ok(());
        }
        // "Immediate": the server recovers at its next start.
        if self.watch.end(Signal::QUIT) {
            bail!("PostgreSQL did not stop within {} s and was cut off; no data is lost", PATIENCE.as_secs());
        }
        bail!("PostgreSQL does not stop; end its processes before starting it again")
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "stopping PostgreSQL");
        }
    }
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is one value, whole even if a thread panicked beside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the signal; true once the server has ended, false when it took too long.
    fn end(&self, signal: Signal) -> bool {
        let state = self.lock();
        // The process cannot have been reaped while we hold the lock, so that its id is still its own.
        if let State::Running(pid) = *state {
            let _ = kill_process(pid, signal);
        }
        let running = |state: &mut State| matches!(state, State::Running(_));
        let waited = self.changed.wait_timeout_while(state, PATIENCE, running);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        matches!(*state, State::Exited(_))
    }
}

/// The life of the server, in its thread: start, tell, wait, tell.
fn supervise(mut command: Command, started: &mpsc::SyncSender<io::Result<Arc<Watch>>>) {
    die_with_parent(&mut command, Signal::INT);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return drop(started.send(Err(error))),
    };
    let pid = Pid::from_child(&child);
    let watch = Arc::new(Watch { state: Mutex::new(State::Running(pid)), changed: Condvar::new() });
    // The other side waits for this.
    let _ = started.send(Ok(Arc::clone(&watch)));

    // Wait without reaping: until the state says otherwise, the id must not pass to another process.
    let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    let mut state = watch.lock();
    if let Ok(status) = child.wait() {
        *state = State::Exited(status);
        watch.changed.notify_all();
    }
}
