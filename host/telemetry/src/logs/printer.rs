//! The thread that writes records where people read them: a terminal may be slow, and nothing else waits for it.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::sleep;
use std::time::Duration;

use super::record::Record;

/// Writes a record as a line, or as several, into the text.
pub type Print = Box<dyn Fn(&Record, &mut String) + Send>;

/// What the records that wait may take in memory, in bytes, about: as much as those that wait to be kept. At a thousand
/// requests a second that is half a minute in which nobody reads.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// Text that is written at once, in bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// How long to wait where writing does not wait by itself.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the end waits for what is left, when nobody reads it.
const LAST: Duration = Duration::from_secs(1);

/// The way to the thread.
pub(super) struct Printer {
    /// Bounded by what waits, not by itself.
    batches: Sender<Vec<Arc<Record>>>,
    ended: Receiver<()>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

impl Printer {
    /// Begins to write to `out` what `print` makes of records. What does not get there is counted in `lost`.
    ///
    /// # Errors
    ///
    /// When there can be no other thread.
    pub(super) fn start(
        print: Print,
        out: impl Write + Send + 'static,
        lost: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let (batches, given) = channel();
        // Nothing is sent by it: it breaks when the thread ends.
        let (alive, ended) = sync_channel(0);
        let waiting = Arc::<AtomicUsize>::default();
        let mut writer =
            Writer { print, out, waiting: Arc::clone(&waiting), lost: Arc::clone(&lost) };
        let thread = std::thread::Builder::new().name("log lines".into());
        thread.spawn(move || {
            let _alive = alive;
            given.iter().for_each(|batch: Vec<_>| writer.write(&batch));
        })?;
        Ok(Self { batches, ended, waiting, lost })
    }

    /// Takes records, as far as those before were read; never waits.
    pub(super) fn offer(&self, records: &[Arc<Record>]) {
        let bytes = bytes_of(records);
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > WAITING_BYTES_MAX || self.batches.send(records.to_vec()).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.lost.fetch_add(records.len() as u64, Ordering::Relaxed);
        }
    }

    /// Writes what is left, unless nobody reads it.
    pub(super) fn end(self) {
        drop(self.batches);
        // It ends by an error in any case: the thread has ended, or takes too long.
        let _ = self.ended.recv_timeout(LAST);
    }
}

fn bytes_of(records: &[Arc<Record>]) -> usize {
    records.iter().map(|record| record.bytes()).sum()
}

struct Writer<W> {
    print: Print,
    out: W,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

impl<W: Write> Writer<W> {
    fn write(&mut self, batch: &[Arc<Record>]) {
        let (mut text, mut records) = (String::new(), 0);
        for record in batch {
            (self.print)(record, &mut text);
            records += 1;
            if text.len() >= BLOCK_BYTES {
                self.put(&text, records);
                text.clear();
                records = 0;
            }
        }
        self.put(&text, records);
        self.waiting.fetch_sub(bytes_of(batch), Ordering::Relaxed);
    }

    fn put(&mut self, text: &str, records: u64) {
        if write_all(&mut self.out, text.as_bytes()).is_err() {
            self.lost.fetch_add(records, Ordering::Relaxed);
        }
    }
}

/// Whoever starts the host may have made its standard error one that does not wait; then this does.
fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;

    use super::super::testing::record;
    use super::*;

    /// Hands on what is written, and waits until it is taken; every other time it says that it would have to.
    struct Slow {
        to: SyncSender<String>,
        refuses: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.refuses = !self.refuses;
            if self.refuses {
                return Err(ErrorKind::WouldBlock.into());
            }
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.to.send(text).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printer(to: SyncSender<String>) -> (Printer, Arc<AtomicU64>) {
        let (print, lost): (Print, _) =
            (Box::new(|record, text| *text += &record.message), Arc::<AtomicU64>::default());
        let out = Slow { to, refuses: false };
        (Printer::start(print, out, Arc::clone(&lost)).unwrap(), lost)
    }

    fn batch(message: &str) -> [Arc<Record>; 1] {
        [Arc::new(Record { message: message.into(), ..record("orders") })]
    }

    #[test]
    fn who_reads_slowly_misses_lines_and_holds_nobody_up() {
        let (sender, read) = sync_channel(0);
        let (printer, lost) = printer(sender);
        let long = "x".repeat(1 << 20);
        for _ in 0..20 {
            printer.offer(&batch(&long));
        }
        let dropped = lost.load(Ordering::Relaxed) as usize;
        assert!((12..=14).contains(&dropped), "eight MiB wait, one may be written: {dropped}");
        let reader = std::thread::spawn(move || read.iter().map(|text| text.len()).sum::<usize>());
        printer.end();
        assert_eq!(reader.join().unwrap(), (20 - dropped) << 20, "what had room is written");
    }

    #[test]
    fn what_nobody_can_read_any_more_is_counted() {
        let (sender, read) = sync_channel(0);
        let (printer, lost) = printer(sender);
        drop(read);
        printer.offer(&batch("a"));
        printer.offer(&batch("b"));
        printer.end();
        assert_eq!(lost.load(Ordering::Relaxed), 2);
    }
}
