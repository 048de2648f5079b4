//! The whole way, from an event to memory and files.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

struct Kept {
    logs: Arc<Logs>,
    guard: Option<LogGuard>,
    _default: DefaultGuard,
}

impl Kept {
    fn begin() -> Self {
        let (logs, layer, guard) = Logs::start(RingLimits::default(), None).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        let default = tracing::subscriber::set_default(subscriber);
        Self { logs, guard: Some(guard), _default: default }
    }

    /// Everything that was logged, once it is kept.
    fn end(&mut self) -> Vec<Value> {
        drop(self.guard.take());
        let page = self.logs.latest(&LogFilter::default(), usize::MAX);
        page.records.iter().map(|record| serde_json::to_value(&**record).unwrap()).collect()
    }
}

fn lines(folder: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    lines
}

#[test]
fn an_event_becomes_a_record_with_its_ids() {
    let mut kept = Kept::begin();
    let (request, service) = ("r-1", "orders");
    tracing::warn!(target: "guest", %service, revision = 3, request_id = %request, trace_id = "00ff", order = 7, "{}", "late\n");
    tracing::error!("the host speaks");
    let records = kept.end();
    let [line, host] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&line["level"], &line["target"]), (&"warn".into(), &"guest".into()));
    assert_eq!((&line["service"], &line["revision"]), (&"orders".into(), &3.into()));
    assert_eq!((&line["request_id"], &line["trace_id"]), (&"r-1".into(), &"00ff".into()));
    assert_eq!((&line["message"], &line["fields"]["order"]), (&"late\n".into(), &7.into()));
    assert!(line["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&host["level"], &host["service"]), (&"error".into(), &Value::Null));
    assert_eq!(host["seq"].as_u64(), line["seq"].as_u64().map(|seq| seq + 1));
    assert_eq!(kept.logs.counts(), LogCounts { records: 2, ..LogCounts::default() });
}

#[test]
fn files_hold_what_memory_holds_also_from_before_they_were_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Kept::begin();
    tracing::info!("before");
    kept.logs.write_to(Some((folder.path().join("logs"), FileLimits::default())));
    tracing::info!("after\u{1b}[31m");
    let records = kept.end();
    assert_eq!(records.len(), 2);
    assert_eq!(lines(&folder.path().join("logs")), records);
}

#[test]
fn files_that_are_asked_for_again_have_no_line_twice() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = |files_max| {
        let limits = FileLimits { files_max, ..FileLimits::default() };
        Some((folder.path().join("logs"), limits))
    };
    let mut kept = Kept::begin();
    tracing::info!("before");
    for files_max in 1..4 {
        kept.logs.write_to(wanted(files_max));
        tracing::info!(files_max, "after");
        eventually(|| kept.logs.asked.lock().is_none());
    }
    eventually(|| kept.logs.counts().records == 4);
    kept.logs.write_to(None);
    eventually(|| kept.logs.asked.lock().is_none());
    tracing::info!("not wanted");
    let records = kept.end();
    assert_eq!(records.len(), 5);
    assert_eq!(lines(&folder.path().join("logs")), records[..4]);
}

/// Waits for what another thread does.
fn eventually(is_so: impl Fn() -> bool) {
    let until = Instant::now() + std::time::Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "it takes too long");
        std::thread::yield_now();
    }
}

#[test]
fn files_that_cannot_be_written_stop_nothing_and_are_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("logs");
    fs::write(&place, "in the way").unwrap();
    let mut kept = Kept::begin();
    kept.logs.write_to(Some((place, FileLimits::default())));
    for line in 0..100 {
        tracing::info!(line, "a line");
    }
    let records = kept.end();
    assert_eq!(records.len(), 100, "they are in memory");
    assert_eq!(kept.logs.counts().unwritten, 100);
}

#[tokio::test]
async fn a_follower_reads_on_from_where_it_was() {
    let mut kept = Kept::begin();
    let mut head = kept.logs.head();
    let begin = *head.borrow_and_update();
    tracing::info!("one");
    head.changed().await.unwrap();
    let filter = LogFilter::default();
    let first = kept.logs.after(&filter, begin, 10);
    assert_eq!(first.records.len(), 1);
    tracing::info!("two");
    tracing::info!("three");
    kept.end();
    let second = kept.logs.after(&filter, first.cursor, 1);
    assert_eq!(second.records[0].message, "two");
    let third = kept.logs.after(&filter, second.cursor, 10);
    assert_eq!(third.records[0].message, "three");
    assert!(kept.logs.after(&filter, third.cursor, 10).records.is_empty());
    assert_eq!(first.lost + second.lost + third.lost, 0);
}
