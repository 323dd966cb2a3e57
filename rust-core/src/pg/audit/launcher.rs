//! The launcher of the session audit: the one background worker that starts the others,
//! which are connected to a database each. It is connected to none, so that it may wait
//! without being in the way of DROP DATABASE, and ends when there is nothing to do.

use super::worker::{LAUNCHER, Launcher, Task, connect_worker, sleep};
use super::{keeper, refusals};
use crate::domain::audit::refusals::is_due;
use crate::pg::server::backend;
use crate::pg::server::error::PgResult;
use std::sync::atomic::Ordering::SeqCst;

/// For how long the launcher sleeps, in milliseconds, before it looks again.
const NAP: i32 = 1000;

/// What the launcher has done when it stops.
enum Stop {
    /// There is nothing left.
    Idle,
    /// Somebody has asked it to end.
    Asked,
}

/// What a worker does.
///
/// # Errors
/// Returns the server's error if the worker cannot go on.
pub(crate) fn run(task: Task) -> PgResult<()> {
    match task {
        Task::Launch => LAUNCHER.get().map_or(Ok(()), launch),
        Task::Keep(database) => keeper::keep(database),
        Task::Write(database) => refusals::write(database),
    }
}

fn launch(launcher: &Launcher) -> PgResult<()> {
    connect_worker(None)?;
    // Somebody may ask for work just when there seemed to be none, and see a launcher.
    while has_work() {
        let other = launcher.process.load(SeqCst);
        if (other != backend::process() && backend::is_running(other))
            || launcher
                .process
                .compare_exchange(other, backend::process(), SeqCst, SeqCst)
                .is_err()
        {
            return Ok(());
        }
        let done = work();
        launcher.asked_at.store(0, SeqCst);
        launcher.process.store(0, SeqCst);
        if let Stop::Asked = done? {
            if backend::is_shutdown() {
                refusals::log_all()?;
            }
            return Ok(());
        }
    }
    Ok(())
}

fn has_work() -> bool {
    keeper::is_wanted() || refusals::planned().is_some()
}

fn work() -> PgResult<Stop> {
    loop {
        if keeper::take_wanted() {
            keeper::pass()?;
            continue;
        }
        match refusals::planned() {
            None => return Ok(Stop::Idle),
            Some(planned) if is_due(planned, backend::now()) => refusals::distribute()?,
            Some(_) if sleep(NAP)? => return Ok(Stop::Asked),
            Some(_) => {}
        }
    }
}
