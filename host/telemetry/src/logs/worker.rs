//! The thread that puts what was logged into memory and into files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Logs;
use super::files::{Files, Wrote};
use super::filter::LogFilter;
use super::json_line;
use super::record::Record;

/// Records that are taken at once.
const BATCH_MAX: usize = 1024;

/// How long records gather before the next batch, so that those who log seldom have to wake anybody.
const GATHER: Duration = Duration::from_millis(5);

/// How often the thread looks around when nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Keeps what is logged, until the queue is closed and empty.
pub(super) fn run(logs: &Logs) {
    logs.queue.is_read_here();
    let mut files = None;
    let mut told = 0;
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
                return;
            }
            tell_of_dropped(logs, &mut told);
            logs.queue.sleep(IDLE);
            continue;
        }
        let records = keep(logs, batch);
        write(&mut files, &records, logs);
        if !is_last {
            std::thread::sleep(GATHER);
        }
    }
}

/// Gives records their places, and puts them into the ring.
#[expect(clippy::vec_box, reason = "as the queue has them: moving a box is cheaper than a record")]
fn keep(logs: &Logs, batch: Vec<Box<Record>>) -> Vec<Arc<Record>> {
    let mut records = Vec::with_capacity(batch.len());
    for mut record in batch {
        json_line::unfold(&mut record);
        records.push(*record);
    }
    let mut ring = logs.ring.lock();
    let records: Vec<_> = (ring.next()..)
        .zip(records)
        .map(|(seq, record)| {
            let record = Arc::new(Record { seq, ..record });
            ring.push(Arc::clone(&record));
            record
        })
        .collect();
    let head = ring.head();
    drop(ring);
    logs.count(records.len());
    logs.head.send_replace(head);
    records
}

fn write(files: &mut Option<Files>, records: &[Arc<Record>], logs: &Logs) {
    let Some(files) = files else { return };
    let lines: Vec<_> = records.iter().filter_map(|record| line(record)).collect();
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

fn line(record: &Record) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(record).ok()?;
    line.push(b'\n');
    Some(line)
}

/// Says once it is calm again what there was no room for.
fn tell_of_dropped(logs: &Logs, told: &mut u64) {
    let dropped = logs.queue.dropped();
    if dropped > *told {
        let lines = dropped - std::mem::replace(told, dropped);
        tracing::warn!("{lines} lines are missing in the log: more was said than could be kept");
    }
}
