//! The writer of the session audit: the one background worker that puts the records of all
//! sessions into the log, in one transaction for all that wait (rules A1 to A6).
//!
//! Whatever fails, no record is lost as long as the server runs: what was taken and not
//! committed goes back, and is written later, by this writer or by the next one.

use super::handover::log;
use super::pool::{POOL, Pool, Slot};
use super::settings::DATABASE;
use crate::domain::audit::handover::Next;
use crate::domain::audit::record::{End, session_id};
use crate::domain::audit::text::Text;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::sys::{self, SesstrigRecord, SesstrigText};
use crate::pg::server::{backend, guard};
use std::net::IpAddr;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// For how long, in milliseconds, records for which nobody waits may wait for others.
const GATHER: i32 = 100;

/// How long the writer sleeps at most.
const NAP: i32 = 60_000;

/// How often it looks for sessions while the server is shut down.
const SHUTDOWN_NAP: i32 = 20;

/// How long it waits at most before it tries again to write what it could not write, and how
/// long at first, in milliseconds.
const RETRY: std::ops::RangeInclusive<i32> = 1000..=60_000;

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// It is not needed any more.
    Done = 0,
    /// The postmaster starts it again.
    Again = 1,
}

/// Notes that the process of the writer is about to end.
pub(crate) fn left() {
    if let Some(pool) = POOL.get() {
        let me = backend::process();
        if pool.writer.load(SeqCst) == me {
            pool.latch.store(-1, SeqCst);
            pool.changed_at.store(backend::now(), SeqCst);
            pool.writer.store(0, SeqCst);
        }
    }
}

/// What the writer does. Returns the exit code of its process.
///
/// # Errors
/// Returns the server's error if it cannot go on; the postmaster then starts it again.
pub(crate) fn run() -> PgResult<i32> {
    let (Some(pool), Some(database)) = (POOL.get(), DATABASE.get()) else {
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
    // Unless all goes well.
    pool.failures.store(failures.saturating_add(1), SeqCst);
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_connect_writer(database.as_ptr()))? };
    guard::start_transaction()?;
    // SAFETY: the call takes no arguments.
    unsafe { PgError::check(sys::sesstrig_try_prepare_log())? };
    commit()?;
    put_back(pool)?;
    pool.failures.store(0, SeqCst);
    let exit = work(pool, &database)?;
    Ok(exit as i32)
}

/// How long to wait after so many failures, in milliseconds.
fn retry_after(failures: u32) -> i32 {
    let first = *RETRY.start();
    first
        .saturating_mul(1 << (failures - 1).min(6))
        .min(*RETRY.end())
}

/// Takes care of what a writer before this one had taken: it may have been committed.
fn put_back(pool: &Pool) -> PgResult<()> {
    let transaction = pool.transaction.load(SeqCst);
    let committed = transaction != 0 && did_commit(transaction)?;
    for (number, slot) in pool.slots().iter().enumerate() {
        if committed && slot.state.is_taken() {
            finish(slot);
        } else {
            slot.state.put_back();
        }
        // It may have lost the mark of others.
        pool.marks().set(number);
    }
    pool.transaction.store(0, SeqCst);
    Ok(())
}

fn work(pool: &Pool, database: &std::ffi::CStr) -> PgResult<Exit> {
    let mut retry_at = None;
    loop {
        // SAFETY: the function only reads a variable.
        pool.level
            .store(unsafe { sys::sesstrig_commit_level() }, Relaxed);
        if backend::stop_requested() && !backend::is_shutdown() {
            return Ok(Exit::Again);
        }
        match DATABASE.get() {
            None => return Ok(Exit::Done),
            Some(other) if other.as_c_str() != database => return Ok(Exit::Again),
            Some(_) => {}
        }
        let stops = backend::stop_requested();
        let may_write = stops || retry_at.is_none_or(|at| backend::now() >= at);
        let batch = if may_write { take(pool) } else { Vec::new() };
        if !batch.is_empty() {
            if write_all(pool, &batch)? {
                pool.failures.store(0, SeqCst);
                retry_at = None;
            } else {
                let failures = pool.failures.fetch_add(1, SeqCst).saturating_add(1);
                retry_at = Some(backend::now() + i64::from(retry_after(failures)) * 1000);
                give_up(pool);
                if stops {
                    return Ok(Exit::Again);
                }
            }
            continue;
        }
        if stops && !has_sessions() && !pool.marks().any() {
            return Ok(Exit::Done);
        }
        let nap = match retry_at {
            _ if stops => SHUTDOWN_NAP,
            Some(at) => ((at - backend::now()) / 1000).clamp(1, NAP.into()) as i32,
            None => NAP,
        };
        sleep(pool, nap, retry_at.is_some())?;
    }
}

/// Sleeps until there is something to write. If nobody waits for that, sleeps a bit longer,
/// since somebody may come for whom it must be committed anyway.
fn sleep(pool: &Pool, nap: i32, retries: bool) -> PgResult<()> {
    if retries {
        return wait(nap);
    }
    if pool.marks().any() {
        return Ok(());
    }
    // First a short nap, in which a session that ends need not wake this process.
    wait(GATHER.min(nap))?;
    if pool.marks().any() || backend::stop_requested() {
        return Ok(());
    }
    pool.sleeps.store(true, SeqCst);
    let waited = if pool.marks().any() {
        Ok(())
    } else {
        wait(nap)
    };
    pool.sleeps.store(false, SeqCst);
    waited
}

/// Takes all that is there, in the order in which it was handed over.
fn take(pool: &Pool) -> Vec<usize> {
    let slots = pool.slots();
    let mut taken = Vec::new();
    pool.marks().drain(|number| {
        if slots[number].state.take() {
            taken.push(number);
        }
    });
    taken.sort_unstable_by_key(|&number| slots[number].sequence.load(Relaxed));
    taken
}

/// Writes what was taken. Returns whether the log takes rows at all.
fn write_all(pool: &Pool, batch: &[usize]) -> PgResult<bool> {
    let Err(error) = write(pool, batch) else {
        return Ok(true);
    };
    guard::abort_transaction()?;
    if let [single] = batch {
        let _ = guard::report_error(&error);
        fail(pool, &[*single]);
        return Ok(false);
    }
    // One of them may be the reason. If two in a row fail, it is something else.
    let mut failed = Vec::new();
    for (index, number) in batch.iter().enumerate() {
        let Err(error) = write(pool, &[*number]) else {
            continue;
        };
        guard::abort_transaction()?;
        failed.push((*number, error));
        if let [(_, error), _] = failed.as_slice() {
            let _ = guard::report_error(error);
            let numbers: Vec<usize> = failed
                .iter()
                .map(|(number, _)| *number)
                .chain(batch[index + 1..].iter().copied())
                .collect();
            fail(pool, &numbers);
            return Ok(false);
        }
    }
    for (number, error) in failed {
        let _ = guard::report_error(&error);
        let slot = &pool.slots()[number];
        if !slot.logged.swap(true, Relaxed) {
            // SAFETY: this process has taken the slot.
            log(unsafe { slot.record() })?;
        }
        if slot.state.refused() == Next::Session {
            backend::wake_process(slot.process.load(Relaxed));
        }
    }
    Ok(true)
}

/// Writes what was taken in one transaction, and says so.
fn write(pool: &Pool, batch: &[usize]) -> PgResult<()> {
    let slots = pool.slots();
    let ids: Vec<String> = batch
        .iter()
        .map(|&number| {
            // SAFETY: this process has taken the slot.
            let (start, process) = unsafe { slots[number].record() }.process;
            session_id(start, process)
        })
        .collect();
    let records: Vec<SesstrigRecord> = batch
        .iter()
        .zip(&ids)
        .map(|(&number, id)| row(&slots[number], id))
        .collect();
    let count = i32::try_from(records.len()).unwrap_or(i32::MAX);
    guard::start_transaction()?;
    // SAFETY: the records and what they point to outlive the call, which copies them.
    let transaction =
        unsafe { ask(|xid| sys::sesstrig_try_insert_records(records.as_ptr(), count, xid))? };
    pool.transaction.store(transaction, SeqCst);
    let lsn = commit()?;
    for &number in batch {
        slots[number].lsn.store(lsn, Relaxed);
        finish(&slots[number]);
    }
    pool.transaction.store(0, SeqCst);
    Ok(())
}

fn finish(slot: &Slot) {
    if slot.state.written() == Next::Session {
        backend::wake_process(slot.process.load(Relaxed));
    }
}

/// Says of what was taken that it could not be written. Who waits writes it to the server log;
/// what nobody waits for is written there here. All of it is tried again later.
fn fail(pool: &Pool, numbers: &[usize]) {
    for &number in numbers {
        let slot = &pool.slots()[number];
        // SAFETY: this process has taken the slot.
        let record = *unsafe { slot.record() };
        match slot.state.failed() {
            Next::Session => backend::wake_process(slot.process.load(Relaxed)),
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
        if slot.state.give_up() {
            backend::wake_process(slot.process.load(Relaxed));
        }
    }
}

/// The row for a record. It points into the slot and to `id`.
fn row(slot: &Slot, id: &str) -> SesstrigRecord {
    fn text<const N: usize>(text: &Text<N>) -> SesstrigText {
        bytes(text.bytes())
    }
    fn bytes(bytes: &[u8]) -> SesstrigText {
        SesstrigText {
            data: bytes.as_ptr().cast(),
            length: i32::try_from(bytes.len()).unwrap_or(0),
        }
    }
    // SAFETY: this process has taken the slot.
    let record = unsafe { slot.record() };
    let mut client_addr = [0; 16];
    let client_bits = match record.client_addr {
        None => 0,
        Some(IpAddr::V4(address)) => {
            client_addr[..4].copy_from_slice(&address.octets());
            32
        }
        Some(IpAddr::V6(address)) => {
            client_addr = address.octets();
            128
        }
    };
    let usage = record
        .usage
        .unwrap_or(crate::domain::audit::record::Usage::NONE);
    SesstrigRecord {
        at: record.at,
        event: record.kind.name().as_ptr(),
        session_id: bytes(id.as_bytes()),
        login_user: text(&record.login_user),
        login_user_id: record.login_user_id,
        database: text(&record.database),
        database_id: record.database_id,
        kind: c"client".as_ptr(),
        auth_method: text(&record.auth_method),
        system_identity: text(&record.system_identity),
        client_bits,
        client_addr,
        client_port: record.client_port.unwrap_or(-1),
        application_name: text(&record.application_name),
        encryption: text(&record.encryption),
        instance_num: record.instance_num,
        logon_at: record.logon_at,
        ended_by: record
            .end
            .map(End::name)
            .map_or(ptr::null(), std::ffi::CStr::as_ptr),
        sqlstate: text(&record.sqlstate),
        has_usage: record.usage.is_some(),
        cpu: usage.cpu,
        blocks_hit: usage.blocks_hit,
        blocks_read: usage.blocks_read,
        blocks_written: usage.blocks_written,
        temp_blocks: usage.temp_blocks,
        wal_bytes: usage.wal_bytes,
        count: 1,
    }
}

fn wait(ms: i32) -> PgResult<()> {
    // SAFETY: the call takes a number.
    unsafe { PgError::check(sys::sesstrig_try_await_latch(ms)) }
}

fn commit() -> PgResult<u64> {
    // SAFETY: this calls a guard.
    unsafe { ask(|lsn| sys::sesstrig_try_commit_records(lsn)) }
}

fn did_commit(transaction: u32) -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|committed| sys::sesstrig_try_did_commit(transaction, committed)) }
}

fn has_sessions() -> bool {
    // SAFETY: the function reads shared memory, and cannot raise.
    unsafe { sys::sesstrig_has_sessions() }
}
