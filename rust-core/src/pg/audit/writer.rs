//! The writer of the session audit: the one background worker that puts the records of all
//! sessions into the log, in one transaction for all that wait (rules A1 to A6).
//!
//! Whatever fails, no record is lost as long as the server runs: what was taken and not
//! committed goes back, and is written later, by this writer or by the next one.

use super::changes;
use super::handover::log_rest;
use super::keeper;
use super::pool::{POOL, Pool, Slot};
use super::refusals;
use super::settings::{DATABASE, LOG_TO_SERVER, is_on};
use super::worker::{self, Parameters, commit, log, wait};
use crate::domain::audit::chain;
use crate::domain::audit::handover::Next;
use crate::domain::audit::record::{End, Kind, Record, Usage, is_of_server};
use crate::domain::audit::refusals::Counted;
use crate::domain::audit::text::Text;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::sys::{self, SesstrigAddress, SesstrigHead, SesstrigRecord, SesstrigText};
use crate::pg::server::{backend, guard};
use std::cell::Cell;
use std::ffi::CStr;
use std::net::IpAddr;
use std::ptr;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};

/// For how long, in milliseconds, records for which nobody waits may wait for others.
const GATHER: i32 = 100;

/// How long the writer sleeps at most.
const NAP: i32 = 60_000;

/// How often it looks for sessions while the server is shut down.
const SHUTDOWN_NAP: i32 = 20;

/// After how many milliseconds it tries again to write what it could not write. Meanwhile nobody
/// waits for it, and logons that must be recorded are refused.
const RETRY: i32 = 500;

/// After how many milliseconds it tries again to connect, for the first time, and at most.
const FIRST_RETRY: i32 = 1000;
const LAST_RETRY: i32 = 60_000;

/// Whether this process has come so far that it can write.
static READY: AtomicBool = AtomicBool::new(false);

/// Whether a row has been written for whose month there is no partition.
static MONTH_MISSING: AtomicBool = AtomicBool::new(false);

/// How often the last digest is written to the server log at the most, but for the first one of a
/// timeline, in microseconds.
const PUBLISH: i64 = 60 * 1_000_000;

/// How many bytes a digest has.
const DIGEST_LENGTH: usize = sys::SESSTRIG_DIGEST_LENGTH as usize;

thread_local! {
    /// The last row in the log, and where its commit ends in the WAL; `None` if the log is to
    /// be asked.
    static HEAD: Cell<Option<(SesstrigHead, u64)>> = const { Cell::new(None) };
    /// The last number whose digest is in the server log, and when it was written there.
    static PUBLISHED: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// It is not needed any more.
    Done = 0,
    /// The postmaster starts it again.
    Again = 1,
}

/// How the writer does.
pub(crate) struct State {
    /// Its process; 0 if there is none.
    pub(crate) writer: i32,
    /// How often it has failed since it has last written something.
    pub(crate) failures: u32,
    /// How many records wait.
    pub(crate) pending: usize,
    /// How many records were written to the server log only, since there was no room for them.
    pub(crate) dropped: u64,
    /// How many different refused logons wait.
    pub(crate) refusals_waiting: usize,
    /// How many refused logons have not been recorded.
    pub(crate) refusals_dropped: u64,
    /// How often the keeper has failed since it last did not.
    pub(crate) keeper_failures: u32,
    /// The number of the last row that the writer has written or found; 0 if it is not known, or
    /// if the log is in another database.
    pub(crate) number: i64,
}

/// Tells how the writer does.
pub(crate) fn state() -> State {
    let pool = POOL.get();
    State {
        writer: pool.map_or(0, |pool| pool.writer.load(SeqCst)),
        failures: pool.map_or(0, |pool| pool.failures.load(SeqCst)),
        pending: pool.map_or(0, |pool| {
            let slots = pool.slots().iter();
            slots.filter(|slot| slot.state.is_pending()).count()
        }),
        dropped: pool.map_or(0, |pool| pool.dropped.load(SeqCst)),
        refusals_waiting: refusals::waiting(),
        refusals_dropped: refusals::dropped(),
        keeper_failures: keeper::failures(),
        number: pool
            .filter(|pool| pool.database.load(SeqCst) == backend::database())
            .map_or(0, |pool| pool.number.load(SeqCst)),
    }
}

/// Notes that the process of the writer is about to end.
pub(crate) fn left() {
    let Some(pool) = POOL.get() else {
        return;
    };
    if pool.writer.load(SeqCst) != backend::process() {
        return;
    }
    if !READY.load(Relaxed) {
        pool.failures.fetch_add(1, SeqCst);
        give_up(pool);
    }
    log_rest();
    // If there is no audit any more, the next writer is not about to start, but to be asked for.
    let now = if is_on() { backend::now() } else { 0 };
    pool.latch.store(-1, SeqCst);
    pool.asked_at.store(0, SeqCst);
    pool.changed_at.store(now, SeqCst);
    pool.writer.store(0, SeqCst);
}

/// What the writer does. Returns the exit code of its process.
///
/// # Errors
/// Returns the server's error if it cannot go on; the postmaster then starts it again.
pub(crate) fn run() -> PgResult<i32> {
    let Some(pool) = POOL.get() else {
        return Ok(Exit::Done as i32);
    };
    if pool
        .writer
        .compare_exchange(0, backend::process(), SeqCst, SeqCst)
        .is_err()
    {
        // Somebody was faster.
        return Ok(Exit::Done as i32);
    }
    pool.changed_at.store(backend::now(), SeqCst);
    pool.latch.store(backend::process_number(), SeqCst);
    let failures = pool.failures.load(SeqCst);
    if failures > 0 {
        wait(retry_after(failures))?;
    }
    if backend::stop_requested() {
        return Ok(Exit::Again as i32);
    }
    let Some(database) = DATABASE.get() else {
        READY.store(true, Relaxed);
        return Ok(Exit::Done as i32);
    };
    worker::connect(&database)?;
    prepare(pool)?;
    put_back(pool)?;
    READY.store(true, Relaxed);
    pool.failures.store(0, SeqCst);
    work(pool, &database).map(|exit| exit as i32)
}

/// How long to wait after so many failures before the next start, in milliseconds.
fn retry_after(failures: u32) -> i32 {
    FIRST_RETRY
        .saturating_mul(1 << failures.saturating_sub(1).min(6))
        .min(LAST_RETRY)
}

/// Makes the log if it is missing.
fn prepare(pool: &Pool) -> PgResult<()> {
    guard::start_transaction()?;
    guard::override_settings()?;
    // SAFETY: this calls a guard.
    if !unsafe { ask(|found| sys::sesstrig_try_find_log(found))? } {
        worker::execute(c"CREATE EXTENSION session_audit")?;
        let parameters = Parameters {
            now: backend::now(),
            started_at: 0,
            keep: 0,
            text: None,
        };
        worker::query(keeper::MAKE_MONTHS, &parameters)?;
    }
    let mut head = find_head()?;
    let lsn = commit()?;
    let here = (head.log, backend::database());
    let before = (
        pool.log.swap(here.0, SeqCst),
        pool.database.swap(here.1, SeqCst),
    );
    let known = pool.number.load(SeqCst);
    let missing = (before == here && known > head.number).then_some(head.number + 1..=known);
    if let Some(numbers) = &missing {
        // A number is given once, so that verify() finds the gap.
        head.number = *numbers.end();
    }
    pool.number.store(head.number, SeqCst);
    HEAD.set(Some((head, lsn)));
    PUBLISHED.set((0, backend::now()));
    match missing {
        Some(numbers) => write_changes(pool, &[changes::missing(&numbers)]),
        None => Ok(()),
    }
}

/// Whether somebody has dropped the log.
fn log_is_missing() -> PgResult<bool> {
    guard::start_transaction()?;
    // SAFETY: this calls a guard.
    let found = unsafe { ask(|found| sys::sesstrig_try_find_log(found)) };
    guard::abort_transaction()?;
    Ok(matches!(found, Ok(false)))
}

/// Takes care of what a writer before this one had taken: it may have been committed.
fn put_back(pool: &Pool) -> PgResult<()> {
    for (number, slot) in pool.slots().iter().enumerate() {
        let transaction = slot.transaction.load(SeqCst);
        if slot.state.is_taken() && transaction != 0 && did_commit(transaction)? {
            // SAFETY: the function only reads shared memory.
            slot.lsn.store(unsafe { sys::sesstrig_wal_end() }, Relaxed);
            finish(slot);
        } else {
            slot.state.put_back();
        }
        // It may have lost the mark of others.
        pool.marks().set(number);
    }
    Ok(())
}

fn work(pool: &Pool, database: &CStr) -> PgResult<Exit> {
    let mut retry_at = None;
    let mut seen = (reloads(), changes::of_server()?);
    write_changes(pool, &changes::since_last_look(pool, &seen.1))?;
    loop {
        // SAFETY: the function only reads a variable.
        let level = unsafe { sys::sesstrig_commit_level() };
        pool.level.store(level, Relaxed);
        if seen.0 != reloads() {
            let now = (reloads(), changes::of_server()?);
            // Such as the command that has asked for it.
            write_what_waits(pool, false)?;
            write_changes(pool, &changes::by_reload(pool, &seen.1, &now.1))?;
            seen = now;
        }
        let stops = backend::stop_requested();
        if stops && !backend::is_shutdown() {
            return Ok(Exit::Again);
        }
        if stops || retry_at.is_none_or(|at| backend::now() >= at) {
            match write_what_waits(pool, stops)? {
                Some(true) => {
                    pool.failures.store(0, SeqCst);
                    retry_at = None;
                    continue;
                }
                Some(false) => {
                    retry_at = Some(backend::now() + i64::from(RETRY) * 1000);
                    give_up(pool);
                    // The next writer makes a log that somebody has dropped.
                    if stops || log_is_missing()? {
                        return Ok(Exit::Again);
                    }
                }
                None => {}
            }
        }
        if stops || publish_at().is_some_and(|at| backend::now() >= at) {
            publish()?;
        }
        // What was handed over while there was an audit is written.
        let exit = match DATABASE.get() {
            None => Some(Exit::Done),
            Some(other) if other.as_c_str() != database => Some(Exit::Again),
            Some(_) => None,
        };
        if let Some(exit) = exit {
            publish()?;
            return Ok(exit);
        }
        if stops && !has_sessions() && !pool.marks().any() {
            // Replication connections outlast the last possible WAL.
            write_held(pool)?;
            publish()?;
            return Ok(Exit::Done);
        }
        if !stops && retry_at.is_none() {
            keeper::look(MONTH_MISSING.swap(false, Relaxed))?;
        }
        match retry_at {
            _ if stops => wait(SHUTDOWN_NAP).map(drop)?,
            Some(at) => wait(ms_until(at)).map(drop)?,
            None => {
                let next = refusals::planned().into_iter().chain(publish_at()).min();
                sleep(pool, next.map_or(NAP, ms_until))?;
            }
        }
    }
}

/// How long it is until then, in milliseconds, but no longer than the writer may sleep.
fn ms_until(at: i64) -> i32 {
    ((at - backend::now()) / 1000).clamp(1, NAP.into()) as i32
}

/// Sleeps until there is something to write. If nobody waits for that, sleeps a bit longer,
/// since somebody may come for whom it must be committed anyway.
fn sleep(pool: &Pool, nap: i32) -> PgResult<()> {
    if pool.marks().any() {
        return Ok(());
    }
    // First a short nap, in which a session that ends need not wake this process.
    if wait(GATHER.min(nap))? || pool.marks().any() || backend::stop_requested() {
        return Ok(());
    }
    pool.sleeps.store(true, SeqCst);
    // Whoever hands over from now on wakes this process.
    let waited = match pool.marks().any() || backend::stop_requested() {
        true => Ok(()),
        false => wait(nap).map(drop),
    };
    pool.sleeps.store(false, SeqCst);
    waited
}

/// Writes the records that wait, and the refused logons that are due, or all of them if the
/// server `stops`. Returns whether that was possible; `None` if there was nothing.
fn write_what_waits(pool: &Pool, stops: bool) -> PgResult<Option<bool>> {
    let batch = take(pool);
    let mut written = None;
    if !batch.is_empty() {
        written = Some(write_all(pool, &batch)?);
    }
    if written != Some(false) && (stops || refusals::are_due()) {
        written = write_refusals(pool)?.or(written);
    }
    Ok(written)
}

/// Takes all that is there, in the order in which it was handed over.
fn take(pool: &Pool) -> Vec<usize> {
    let slots = pool.slots();
    let mut taken = Vec::new();
    pool.marks().drain(|number| {
        if slots[number].state.take() {
            slots[number].transaction.store(0, SeqCst);
            taken.push(number);
        }
    });
    taken.sort_unstable_by_key(|&number| slots[number].sequence.load(Relaxed));
    taken
}

/// Writes what was taken. Returns whether the log takes rows at all.
fn write_all(pool: &Pool, batch: &[usize]) -> PgResult<bool> {
    if batch.len() > 1 && try_write(pool, batch)?.is_ok() {
        return Ok(true);
    }
    // One of them may be the reason.
    for (index, &number) in batch.iter().enumerate() {
        let Err(error) = try_write(pool, &[number])? else {
            continue;
        };
        if is_of_server(error.sqlstate()) || !takes_rows()? {
            report_failure(pool, &error);
            fail(pool, &batch[index..]);
            return Ok(false);
        }
        let _ = guard::report_error(&error);
        refuse(pool, number)?;
    }
    Ok(true)
}

/// Counts a failure, and reports it, but ever less often.
fn report_failure(pool: &Pool, error: &PgError) {
    let failures = pool.failures.fetch_add(1, SeqCst).saturating_add(1);
    if failures.is_power_of_two() || failures % 128 == 0 {
        let _ = guard::report_error(error);
    }
}

/// Tries to write what was taken. Returns the error that prevents it; the outer result is an
/// error if this process cannot go on.
fn try_write(pool: &Pool, batch: &[usize]) -> PgResult<PgResult<()>> {
    let written = write(pool, batch);
    if written.is_err() {
        guard::abort_transaction()?;
    }
    Ok(written)
}

/// Whether the log takes a row that has nothing in it that could be wrong. It is not kept. Its
/// texts make it longer than most, so that it needs as much room: where there is none left, the
/// last page can still take a short one.
fn takes_rows() -> PgResult<bool> {
    const LONG: [u8; 255] = [b'x'; 255];
    let row = Record {
        login_user: Text::new(&LONG),
        database: Text::new(&LONG),
        system_identity: Text::new(&LONG),
        application_name: Text::new(&LONG),
        ..Record::new(Kind::Logoff, backend::now())
    };
    let inserted = insert(&[&row]);
    guard::abort_transaction()?;
    Ok(inserted.is_ok())
}

/// Has a record that was taken in the server log alone, since the log does not take it.
fn refuse(pool: &Pool, number: usize) -> PgResult<()> {
    let slot = &pool.slots()[number];
    let process = slot.process.load(Relaxed);
    if !slot.logged.swap(true, Relaxed) {
        // SAFETY: this process has taken the slot.
        log(unsafe { slot.record() })?;
    }
    if slot.state.refused() == Next::Session {
        backend::wake_process(process);
    }
    Ok(())
}

/// Writes what was taken in one transaction, and says so.
fn write(pool: &Pool, batch: &[usize]) -> PgResult<()> {
    let slots = pool.slots();
    let records: Vec<&Record> = batch
        .iter()
        // SAFETY: this process has taken the slot.
        .map(|&number| unsafe { slots[number].record() })
        .collect();
    let inserted = insert(&records)?;
    for &number in batch {
        slots[number]
            .transaction
            .store(inserted.transaction, SeqCst);
    }
    let lsn = inserted.commit(pool)?;
    for &number in batch {
        slots[number].lsn.store(lsn, Relaxed);
        finish(&slots[number]);
    }
    Ok(())
}

fn finish(slot: &Slot) {
    // Once it is written, another session may have the slot.
    let process = slot.process.load(Relaxed);
    if slot.state.written() == Next::Session {
        backend::wake_process(process);
    }
}

/// Says of what was taken that it could not be written. Who waits writes it to the server log;
/// what nobody waits for is written there here. All of it is tried again later.
fn fail(pool: &Pool, numbers: &[usize]) {
    for &number in numbers {
        let slot = &pool.slots()[number];
        let process = slot.process.load(Relaxed);
        // SAFETY: this process has taken the slot.
        let record = *unsafe { slot.record() };
        match slot.state.failed() {
            Next::Session => backend::wake_process(process),
            Next::Writer => {
                if !slot.logged.swap(true, Relaxed) {
                    let _ = log(&record);
                }
                pool.marks().set(number);
            }
        }
    }
}

/// Tells all who wait that it will take a while.
fn give_up(pool: &Pool) {
    for slot in pool.slots() {
        let process = slot.process.load(Relaxed);
        if slot.state.give_up() {
            backend::wake_process(process);
        }
    }
}

/// Writes the refused logons that wait. Returns whether that was possible, or `None` if there
/// are none. If not, they are in the server log.
fn write_refusals(pool: &Pool) -> PgResult<Option<bool>> {
    let pending = refusals::pending();
    if pending.is_empty() {
        return Ok(None);
    }
    if try_insert(pool, &pending)?.is_ok() {
        log_refusals(&pending)?;
        refusals::remove(&pending);
        return Ok(Some(true));
    }
    // One of them may be the reason.
    for counted in &pending {
        if let Err(error) = try_insert(pool, std::slice::from_ref(counted))? {
            if is_of_server(error.sqlstate()) || !takes_rows()? {
                report_failure(pool, &error);
                refusals::log_all();
                return Ok(Some(false));
            }
            let _ = guard::report_error(&error);
            log(&counted.record(backend::format_time))?;
        } else {
            log_refusals(std::slice::from_ref(counted))?;
        }
        refusals::remove(std::slice::from_ref(counted));
    }
    Ok(Some(true))
}

/// Writes refused logons that are rows to the server log as well, if each record is to be there.
fn log_refusals(written: &[Counted]) -> PgResult<()> {
    if LOG_TO_SERVER.get() {
        for counted in written {
            log(&counted.record(backend::format_time))?;
        }
    }
    Ok(())
}

/// Tries to write refused logons, as [`try_write`] does.
fn try_insert(pool: &Pool, refused: &[Counted]) -> PgResult<PgResult<()>> {
    let records: Vec<Record> = refused
        .iter()
        .map(|counted| counted.record(backend::format_time))
        .collect();
    let inserted = insert(&records.iter().collect::<Vec<_>>());
    let inserted = inserted.and_then(|inserted| inserted.commit(pool));
    if inserted.is_err() {
        guard::abort_transaction()?;
    }
    Ok(inserted.map(drop))
}

/// How often this process has read the configuration file.
fn reloads() -> u32 {
    // SAFETY: the function only reads a variable.
    unsafe { sys::sesstrig_reloads() }
}

/// Writes what a reload has changed, and each to the server log (rule A11).
fn write_changes(pool: &Pool, changes: &[Record]) -> PgResult<()> {
    if changes.is_empty() {
        return Ok(());
    }
    for record in changes {
        log(record)?;
    }
    let inserted = insert(&changes.iter().collect::<Vec<_>>());
    if let Err(error) = inserted.and_then(|inserted| inserted.commit(pool)) {
        report_failure(pool, &error);
        guard::abort_transaction()?;
    }
    Ok(())
}

/// Writes the ends of the replication connections that are open when the server ends.
fn write_held(pool: &Pool) -> PgResult<()> {
    let now = backend::now();
    let slots = pool.slots().iter();
    let held: Vec<&Slot> = slots.filter(|slot| slot.state.take_held()).collect();
    let records: Vec<Record> = held
        .iter()
        .map(|slot| Record {
            kind: Kind::Logoff,
            at: now,
            end: Some(End::Shutdown),
            // SAFETY: this process has taken the slot.
            ..*unsafe { slot.record() }
        })
        .collect();
    if records.is_empty() {
        return Ok(());
    }
    let inserted = insert(&records.iter().collect::<Vec<_>>());
    if let Err(error) = inserted.and_then(|inserted| inserted.commit(pool)) {
        let _ = guard::report_error(&error);
        guard::abort_transaction()?;
        for record in &records {
            log(record)?;
        }
    }
    for slot in held {
        slot.state.written();
    }
    Ok(())
}

/// Rows that are inserted, but not committed.
struct Inserted {
    /// Their transaction's number.
    transaction: u32,
    /// The last of them.
    head: SesstrigHead,
    /// Whether they are the first ones of this timeline, and not of the log.
    on_new_timeline: bool,
}

impl Inserted {
    /// Commits them. Only then the next rows go on behind them. Returns where that ends in the
    /// WAL.
    fn commit(self, pool: &Pool) -> PgResult<u64> {
        let lsn = commit()?;
        pool.number.store(self.head.number, SeqCst);
        HEAD.set(Some((self.head, lsn)));
        if self.on_new_timeline {
            // Until that digest is out of reach, a superuser can say that the server went on
            // earlier with this timeline.
            let (published, _) = PUBLISHED.get();
            PUBLISHED.set((published, backend::now() - PUBLISH));
        }
        Ok(lsn)
    }
}

/// Inserts records in a new transaction.
fn insert(records: &[&Record]) -> PgResult<Inserted> {
    let ids: Vec<String> = records
        .iter()
        .map(|record| record.session_id().unwrap_or_default())
        .collect();
    let rows: Vec<SesstrigRecord> = records
        .iter()
        .zip(&ids)
        .map(|(record, id)| row(record, id))
        .collect();
    let count = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let (mut transaction, mut month_missing) = (0, false);
    guard::start_transaction()?;
    // Should anything fail from here on, what the log has is read again.
    let mut head = match HEAD.take() {
        Some((head, _)) => head,
        None => find_head()?,
    };
    let timeline = head.timeline;
    // SAFETY: the rows and what they point to outlive the call, which copies them and writes
    // to local variables.
    unsafe {
        PgError::check(sys::sesstrig_try_insert_records(
            rows.as_ptr(),
            count,
            &mut head,
            &mut transaction,
            &mut month_missing,
        ))?;
    }
    MONTH_MISSING.fetch_or(month_missing, Relaxed);
    Ok(Inserted {
        transaction,
        head,
        on_new_timeline: timeline != 0 && timeline != head.timeline,
    })
}

/// The last row of this server in the log.
fn find_head() -> PgResult<SesstrigHead> {
    let mut head = SesstrigHead {
        log: 0,
        number: 0,
        timeline: 0,
        digest: [0; DIGEST_LENGTH],
    };
    // SAFETY: the call writes to a local variable.
    unsafe { PgError::check(sys::sesstrig_try_find_head(&mut head))? };
    Ok(head)
}

/// Writes the last digest to the server log, unless it is there, once its row survives a crash:
/// otherwise another row could get its number (rule A10). Whoever keeps the line can tell whether
/// anything before was changed.
fn publish() -> PgResult<()> {
    let Some((head, lsn)) = HEAD.get() else {
        return Ok(());
    };
    let (published, _) = PUBLISHED.get();
    if head.number == published {
        return Ok(());
    }
    // SAFETY: this calls a guard.
    unsafe { PgError::check(sys::sesstrig_try_flush(lsn))? };
    let now = backend::now();
    worker::log_line(&chain::line(&chain::Head {
        at: backend::format_time(now),
        // SAFETY: the function only reads shared memory.
        server: unsafe { sys::GetSystemIdentifier() } as i64,
        database_id: backend::database(),
        number: head.number,
        timeline: head.timeline,
        digest: head.digest,
    })?)?;
    PUBLISHED.set((head.number, now));
    Ok(())
}

/// When the last digest is to be written to the server log; `None` if it is there.
fn publish_at() -> Option<i64> {
    let (number, at) = PUBLISHED.get();
    let (head, _) = HEAD.get()?;
    (head.number != number).then_some(at + PUBLISH)
}

/// The row for a record. It points into both.
fn row(record: &Record, id: &str) -> SesstrigRecord {
    fn text<const N: usize>(text: &Text<N>) -> SesstrigText {
        bytes(text.bytes())
    }
    fn bytes(bytes: &[u8]) -> SesstrigText {
        SesstrigText {
            data: bytes.as_ptr().cast(),
            length: i32::try_from(bytes.len()).unwrap_or(0),
        }
    }
    fn address(address: Option<IpAddr>) -> SesstrigAddress {
        let mut bytes = [0; 16];
        let bits = match address {
            None => 0,
            Some(IpAddr::V4(address)) => {
                bytes[..4].copy_from_slice(&address.octets());
                32
            }
            Some(IpAddr::V6(address)) => {
                bytes = address.octets();
                128
            }
        };
        SesstrigAddress { bits, bytes }
    }
    let usage = record.usage.unwrap_or(Usage::NONE);
    SesstrigRecord {
        at: record.at,
        event: record.kind.name().as_ptr(),
        session_id: bytes(id.as_bytes()),
        login_user: text(&record.login_user),
        login_user_id: record.login_user_id,
        database: text(&record.database),
        database_id: record.database_id,
        kind: record.connection().map_or(ptr::null(), CStr::as_ptr),
        auth_method: text(&record.auth_method),
        system_identity: text(&record.system_identity),
        client_addr: address(record.client_addr),
        client_port: record.client_port.unwrap_or(-1),
        proxy_addr: address(record.proxy_addr),
        application_name: text(&record.application_name),
        encryption: text(&record.encryption),
        instance_num: record.instance_num,
        has_logon: record.logon_at.is_some(),
        logon_at: record.logon_at.unwrap_or(0),
        ended_by: record.end.map(End::name).map_or(ptr::null(), CStr::as_ptr),
        sqlstate: text(&record.sqlstate),
        has_usage: record.usage.is_some(),
        cpu: usage.cpu,
        blocks_hit: usage.blocks_hit,
        blocks_read: usage.blocks_read,
        blocks_written: usage.blocks_written,
        temp_blocks: usage.temp_blocks,
        wal_bytes: usage.wal_bytes,
        count: i32::try_from(record.count).unwrap_or(i32::MAX),
        context: text(&record.context),
    }
}

fn did_commit(transaction: u32) -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|committed| sys::sesstrig_try_did_commit(transaction, committed)) }
}

fn has_sessions() -> bool {
    // SAFETY: the function reads shared memory, and cannot raise.
    unsafe { sys::sesstrig_has_sessions() }
}
