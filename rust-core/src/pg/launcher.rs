//! The launcher of the session audit: the one background worker that starts the others,
//! which are connected to a database each. It is connected to none, so that it may wait
//! without being in the way of DROP DATABASE, and ends when there is nothing to do.

use super::error::PgResult;
use super::shared::{self, Shared};
use super::{backend, guard, keeper, refusals};
use crate::domain::session::refusal::is_due;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering::SeqCst};

/// How long nobody asks for a launcher again, in microseconds, if there should be one, since
/// it may need a while to start; and how long nobody says again that no worker is free.
const PATIENCE: i64 = 60 * 1_000_000;

/// For how long the launcher sleeps, in milliseconds, before it looks again.
const NAP: i32 = 1000;

/// What all processes know of the launcher.
#[derive(Default)]
pub(super) struct Launcher {
    /// Its process; 0 if there is none.
    process: AtomicI32,
    /// When one was last asked for; 0 if that one has ended, or could not be started.
    asked_at: AtomicI64,
    /// When the server log was last told that none could be started.
    complained_at: AtomicI64,
}

/// What the launcher has done when it stops.
enum Stop {
    /// There is nothing left.
    Idle,
    /// Somebody has asked it to end.
    Asked,
}

/// Whether there is a launcher.
pub(super) fn is_running(shared: &Shared) -> bool {
    backend::is_running(shared.launcher.process.load(SeqCst))
}

/// Sees to it that there is a launcher. Returns false, and says so in the server log, if
/// none could be started.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(super) fn ask(shared: &Shared) -> PgResult<bool> {
    let launcher = &shared.launcher;
    if is_running(shared) {
        return Ok(true);
    }
    let now = backend::now();
    let asked_at = launcher.asked_at.load(SeqCst);
    // Of those who find this out at the same time, one asks.
    if (asked_at != 0 && (0..PATIENCE).contains(&(now - asked_at)))
        || launcher
            .asked_at
            .compare_exchange(asked_at, now, SeqCst, SeqCst)
            .is_err()
    {
        return Ok(true);
    }
    let started = guard::start_worker(Task::Launch, false)?;
    if !started {
        launcher.asked_at.store(0, SeqCst);
        let complained_at = launcher.complained_at.load(SeqCst);
        if !(0..PATIENCE).contains(&(now - complained_at)) {
            launcher.complained_at.store(now, SeqCst);
            log::warn!(
                "could not start the session audit's launcher: no background worker is free"
            );
        }
    }
    Ok(started)
}

/// What a worker is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// To start others.
    Launch,
    /// The keeper's work in this database.
    Keep(u32),
    /// To write what waits for this database.
    Write(u32),
}

/// What a worker does.
///
/// # Errors
/// Returns the server's error if the worker cannot go on.
pub(crate) fn run(task: Task) -> PgResult<()> {
    let Some(shared) = shared::get() else {
        return Ok(());
    };
    match task {
        Task::Launch => launch(shared),
        Task::Keep(database) => keeper::keep(shared, database),
        Task::Write(database) => refusals::write(shared, database),
    }
}

/// Starts a worker and returns when it has ended. Returns false if none was free.
pub(super) fn start(task: Task) -> PgResult<bool> {
    let started = guard::start_worker(task, true)?;
    if !started {
        log::warn!("could not start a worker of the session audit: none is free");
    }
    Ok(started)
}

fn launch(shared: &Shared) -> PgResult<()> {
    let launcher = &shared.launcher;
    guard::connect_worker(None)?;
    // Somebody may ask for work just when there seemed to be none, and see a launcher.
    while has_work(shared) {
        let other = launcher.process.load(SeqCst);
        if (other != backend::process() && backend::is_running(other))
            || launcher
                .process
                .compare_exchange(other, backend::process(), SeqCst, SeqCst)
                .is_err()
        {
            return Ok(());
        }
        let done = work(shared);
        launcher.asked_at.store(0, SeqCst);
        launcher.process.store(0, SeqCst);
        if let Stop::Asked = done? {
            if backend::is_shutdown() {
                refusals::log_all(shared)?;
            }
            return Ok(());
        }
    }
    Ok(())
}

fn has_work(shared: &Shared) -> bool {
    shared.passes.is_wanted() || shared.refusals.planned().is_some()
}

fn work(shared: &Shared) -> PgResult<Stop> {
    loop {
        if shared.passes.take_wanted() {
            keeper::pass(shared)?;
            continue;
        }
        match shared.refusals.planned() {
            None => return Ok(Stop::Idle),
            Some(planned) if is_due(planned, backend::now()) => refusals::distribute(shared)?,
            Some(_) if guard::sleep(NAP)? => return Ok(Stop::Asked),
            Some(_) => {}
        }
    }
}
