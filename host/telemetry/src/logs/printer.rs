//! The thread that writes records where people read them: a terminal may be slow, and nothing else waits for it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::record::Record;

/// Writes a record as a line, or as several, into the text.
pub type Print = Box<dyn Fn(&Record, &mut String) + Send>;

/// Batches that may wait: as many records as the queue before them has room for.
const BATCHES_MAX: usize = 16;

/// How long the end waits for what is left, when nobody reads it.
const LAST: Duration = Duration::from_secs(1);

/// The way to the thread.
pub(super) struct Printer {
    batches: SyncSender<Vec<Arc<Record>>>,
    ended: Receiver<()>,
}

impl Printer {
    /// Begins to write to `out` what `print` makes of records.
    ///
    /// # Errors
    ///
    /// When there can be no other thread.
    pub(super) fn start(print: Print, out: impl Write + Send + 'static) -> io::Result<Self> {
        let (batches, waiting) = sync_channel(BATCHES_MAX);
        // Nothing is sent by it: it breaks when the thread ends.
        let (alive, ended) = sync_channel(0);
        let thread = std::thread::Builder::new().name("log lines".into());
        thread.spawn(move || {
            let _alive = alive;
            write(&waiting, &print, out);
        })?;
        Ok(Self { batches, ended })
    }

    /// Takes records, unless those before are not read fast enough; never waits.
    pub(super) fn takes(&self, records: &[Arc<Record>]) -> bool {
        self.batches.try_send(records.to_vec()).is_ok()
    }

    /// Writes what is left, unless nobody reads it.
    pub(super) fn end(self) {
        drop(self.batches);
        // It ends by an error in any case: the thread has ended, or takes too long.
        let _ = self.ended.recv_timeout(LAST);
    }
}

/// Until nobody can offer anything any more. Where nobody reads, there is nobody to tell.
fn write(batches: &Receiver<Vec<Arc<Record>>>, print: &Print, mut out: impl Write) {
    let mut text = String::new();
    for batch in batches {
        text.clear();
        batch.iter().for_each(|record| print(record, &mut text));
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    /// Hands on what is written, and waits until it is taken.
    struct Slow(SyncSender<String>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(text).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn batch(number: usize) -> [Arc<Record>; 1] {
        [Arc::new(Record { message: number.to_string(), ..record("orders") })]
    }

    #[test]
    fn who_reads_slowly_misses_lines_and_holds_nobody_up() {
        let (sender, read) = sync_channel(0);
        let print: Print = Box::new(|record, text| *text += &record.message);
        let printer = Printer::start(print, Slow(sender)).unwrap();
        // One may be written while the others wait.
        let taken: Vec<_> = (0..BATCHES_MAX + 10).filter(|n| printer.takes(&batch(*n))).collect();
        assert!((BATCHES_MAX..=BATCHES_MAX + 1).contains(&taken.len()), "{taken:?}");
        let reader = std::thread::spawn(move || read.iter().collect::<String>());
        printer.end();
        let kept: String = taken.iter().map(usize::to_string).collect();
        assert_eq!(reader.join().unwrap(), kept, "what had room is written until the end");
    }
}
