//! The thread that puts what was logged into memory and into files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Logs;
use super::files::{Files, Lines, Wrote};
use super::filter::LogFilter;
use super::json_line;
use super::printer::Printer;
use super::record::Record;

/// Records that are taken at once.
const BATCH_MAX: usize = 1024;

/// How long records gather before the next batch, so that those who log seldom have to wake anybody.
const GATHER: Duration = Duration::from_millis(5);

/// How often the thread looks around when nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// How often it is told at most what is missing.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Keeps what is logged, until the queue is closed and empty.
pub(super) fn run(logs: &Logs, printer: Option<Printer>) {
    logs.queue.is_read_here();
    let mut files = None;
    let mut told = Told::default();
    let mut was_asked = false;
    loop {
        let is_last = logs.queue.is_closed();
        if let Some(asked) = logs.asked.lock().take() {
            files = asked;
            if !std::mem::replace(&mut was_asked, true) {
                // What was logged before anybody knew where.
                write(&mut files, &logs.after(&LogFilter::default(), 0, usize::MAX).records, logs);
            }
        }
        let batch: Vec<_> = std::iter::from_fn(|| logs.queue.pop()).take(BATCH_MAX).collect();
        if batch.is_empty() {
            if is_last {
                printer.into_iter().for_each(Printer::end);
                return;
            }
            tell_of_dropped(logs, &mut told);
            logs.queue.sleep(IDLE);
            continue;
        }
        let records = keep(logs, batch);
        if let Some(printer) = &printer {
            printer.offer(&records);
        }
        write(&mut files, &records, logs);
        if !is_last {
            std::thread::sleep(GATHER);
        }
    }
}

/// Gives records their places, and puts them into the ring.
fn keep(logs: &Logs, mut batch: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    // Nobody else has them yet.
    batch.iter_mut().filter_map(Arc::get_mut).for_each(json_line::unfold);
    let mut ring = logs.ring.lock();
    for record in &mut batch {
        if let Some(record) = Arc::get_mut(record) {
            record.seq = ring.next();
        }
        ring.push(Arc::clone(record));
    }
    let head = ring.head();
    drop(ring);
    logs.count(batch.len());
    logs.head.send_replace(head);
    batch
}

fn write(files: &mut Option<Files>, records: &[Arc<Record>], logs: &Logs) {
    let Some(files) = files else { return };
    let mut lines = Lines::default();
    records.iter().for_each(|record| lines.add(&**record));
    match files.write(&lines, Instant::now()) {
        Wrote::All => {}
        Wrote::Again { missing } => {
            tracing::warn!("the log files are written again; {missing} lines are missing in them");
        }
        Wrote::Failed(error) => {
            logs.count_unwritten(lines.len());
            tracing::error!("the log files are not written for a while: {error}");
        }
        Wrote::Nothing => logs.count_unwritten(lines.len()),
    }
}

/// What is known to be missing.
#[derive(Default)]
struct Told {
    dropped: u64,
    unprinted: u64,
    at: Option<Instant>,
}

/// Says once it is calm again what there was no room for.
fn tell_of_dropped(logs: &Logs, told: &mut Told) {
    // What tells of it may be what is missing next.
    if told.at.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
        return;
    }
    let counts = logs.counts();
    if counts.dropped > told.dropped || counts.unprinted > told.unprinted {
        told.at = Some(Instant::now());
    }
    if counts.dropped > told.dropped {
        let lines = counts.dropped - std::mem::replace(&mut told.dropped, counts.dropped);
        tracing::warn!("{lines} lines are missing in the log: more was said than could be kept");
    }
    if counts.unprinted > told.unprinted {
        let lines = counts.unprinted - std::mem::replace(&mut told.unprinted, counts.unprinted);
        tracing::warn!("{lines} lines are missing on standard error: it was not read");
    }
}
