//! One feed per publisher and topic: reads each committed event once, and hands it to everybody who
//! listens to its key.
//!
//! A listener has a short queue. One that is full belongs to a client that does not keep up: it is
//! dropped, is told so, and resumes from the database. So a feed never waits for anybody, and holds no
//! events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thali_contract::events::Topic;
use thali_contract::name::ServiceName;
use thali_control::Control;
use thali_platform::events::{Outbox, Seq, StoredEvent};
use thali_platform::sql::SqlError;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::notice::Notice;

/// Events that wait for one client.
pub(crate) const QUEUE_EVENTS_MAX: usize = 32;

/// Events that are read at once.
const READ_EVENTS_MAX: u32 = 256;

/// The pause after the outbox could not be read.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Whose events, and which.
type Name = (ServiceName, Topic);

/// The feeds of a host.
pub(crate) struct Feeds {
    control: Arc<Control>,
    running: Mutex<Running>,
}

struct Running {
    feeds: HashMap<Name, Arc<Feed>>,
    /// The host is on its way down.
    closed: bool,
}

/// Why nobody can listen.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// The host is on its way down.
    Closed,
    /// The publisher's database cannot be read.
    Outbox(SqlError),
}

/// Who listens to one feed, by key.
#[derive(Default)]
struct Feed(Mutex<Listeners>);

#[derive(Default)]
struct Listeners {
    by_key: HashMap<Arc<str>, Vec<Entry>>,
    next: u64,
    /// Nothing is handed out any more.
    over: bool,
}

struct Entry {
    id: u64,
    queue: mpsc::Sender<Arc<Notice>>,
    is_late: Arc<AtomicBool>,
}

/// Receives the events of one key, from its making on. Those before it are for the database to tell.
pub(crate) struct Listener {
    feed: Arc<Feed>,
    key: Arc<str>,
    id: u64,
    queue: mpsc::Receiver<Arc<Notice>>,
    is_late: Arc<AtomicBool>,
}

/// Why no more events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The client took too long over the last ones.
    TooSlow,
    /// The publisher was removed, or the host is on its way down.
    Closed,
}

impl Feeds {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        let running = Running { feeds: HashMap::new(), closed: false };
        Self { control, running: Mutex::new(running) }
    }

    /// Listens to one key. What is committed after this returns arrives.
    pub(crate) async fn listen(
        &self,
        publisher: &ServiceName,
        topic: &Topic,
        outbox: &Arc<Outbox>,
        key: &str,
    ) -> Result<Listener, ListenError> {
        let name = (publisher.clone(), topic.clone());
        let known = {
            let running = self.running.lock();
            if running.closed {
                return Err(ListenError::Closed);
            }
            running.feeds.get(&name).cloned()
        };
        if let Some(listener) = known.and_then(|feed| feed.listen(key)) {
            return Ok(listener);
        }
        self.begin(name, outbox, key).await
    }

    /// Listens to a feed that is made for it, unless somebody else is faster.
    async fn begin(
        &self,
        name: Name,
        outbox: &Arc<Outbox>,
        key: &str,
    ) -> Result<Listener, ListenError> {
        // In this order: what is announced from now on has a place behind the last one.
        let announcements = outbox.announcements();
        let cursor = outbox.last_seq().await.map_err(ListenError::Outbox)?;
        let mut running = self.running.lock();
        if running.closed {
            return Err(ListenError::Closed);
        }
        if let Some(listener) = running.feeds.get(&name).and_then(|feed| feed.listen(key)) {
            return Ok(listener);
        }
        let feed = Arc::new(Feed::default());
        let listener = feed.listen(key).ok_or(ListenError::Closed)?;
        running.feeds.insert(name.clone(), Arc::clone(&feed));
        let reader = Reader {
            name,
            feed,
            outbox: Arc::clone(outbox),
            announcements,
            control: Arc::clone(&self.control),
        };
        tokio::spawn(reader.run(cursor));
        Ok(listener)
    }

    /// Ends every stream, and lets none begin.
    pub(crate) fn close(&self) {
        let feeds = {
            let mut running = self.running.lock();
            running.closed = true;
            std::mem::take(&mut running.feeds)
        };
        feeds.values().for_each(|feed| feed.end());
    }
}

/// The task of a feed. It ends when nobody listens, or the publisher is removed.
struct Reader {
    name: Name,
    feed: Arc<Feed>,
    outbox: Arc<Outbox>,
    announcements: watch::Receiver<u64>,
    control: Arc<Control>,
}

impl Reader {
    async fn run(mut self, mut cursor: Seq) {
        let mut changes = self.control.changes();
        let mut woken = false;
        while self.feed.is_wanted() {
            match self.outbox.read(&self.name.1, None, cursor, READ_EVENTS_MAX).await {
                Ok(events) if events.is_empty() => {
                    // Woken for nothing: are the places those of a database that was put back?
                    if woken && self.outbox.last_seq().await.is_ok_and(|last| last < cursor) {
                        break;
                    }
                    let heard = tokio::select! {
                        heard = self.announcements.changed() => heard,
                        heard = changes.changed() => heard,
                    };
                    woken = true;
                    if heard.is_err() || self.control.live().service(&self.name.0).is_none() {
                        break;
                    }
                }
                Ok(events) => {
                    woken = false;
                    for event in events {
                        cursor = event.seq;
                        self.feed.hand_out(event);
                    }
                }
                Err(error) => {
                    let (publisher, topic) = &self.name;
                    tracing::warn!(%publisher, %topic, %error, "events cannot be read for streams");
                    sleep(READ_PAUSE).await;
                }
            }
        }
        self.feed.end();
    }
}

impl Feed {
    /// `None` when the feed is over: then a new one has to be begun.
    fn listen(self: &Arc<Self>, key: &str) -> Option<Listener> {
        let mut listeners = self.0.lock();
        if listeners.over {
            return None;
        }
        let id = listeners.next;
        listeners.next += 1;
        let key: Arc<str> = match listeners.by_key.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => key.into(),
        };
        let (sender, queue) = mpsc::channel(QUEUE_EVENTS_MAX);
        let is_late = Arc::new(AtomicBool::new(false));
        let entry = Entry { id, queue: sender, is_late: Arc::clone(&is_late) };
        listeners.by_key.entry(Arc::clone(&key)).or_default().push(entry);
        Some(Listener { feed: Arc::clone(self), key, id, queue, is_late })
    }

    /// Whether somebody listens. When nobody does, it is over.
    fn is_wanted(&self) -> bool {
        let mut listeners = self.0.lock();
        listeners.over |= listeners.by_key.is_empty();
        !listeners.over
    }

    fn hand_out(&self, event: StoredEvent) {
        let mut listeners = self.0.lock();
        let Some(entries) = listeners.by_key.get_mut(event.key.as_str()) else { return };
        let notice = Arc::new(Notice::new(event));
        // Who is dropped here is still an entry to itself, and takes itself out in the end.
        entries.retain(|entry| match entry.queue.try_send(Arc::clone(&notice)) {
            Ok(()) => true,
            Err(_) => {
                entry.is_late.store(true, Ordering::Release);
                false
            }
        });
    }

    /// Drops every listener. What they have in their queues they still get.
    fn end(&self) {
        let mut listeners = self.0.lock();
        listeners.over = true;
        listeners.by_key.clear();
    }

    fn forget(&self, key: &Arc<str>, id: u64) {
        let mut listeners = self.0.lock();
        let Some(entries) = listeners.by_key.get_mut(key) else { return };
        entries.retain(|entry| entry.id != id);
        if entries.is_empty() {
            listeners.by_key.remove(key);
        }
    }
}

impl Listener {
    /// The next event. Safe to drop before it is there.
    pub(crate) async fn next(&mut self) -> Result<Arc<Notice>, Silence> {
        match self.queue.recv().await {
            Some(notice) => Ok(notice),
            None if self.is_late.load(Ordering::Acquire) => Err(Silence::TooSlow),
            None => Err(Silence::Closed),
        }
    }

    /// The key that it listens to.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.feed.forget(&self.key, self.id);
    }
}

#[cfg(test)]
impl Listener {
    /// A listener to which nothing ever comes, and that is never told so.
    pub(crate) fn to_nothing() -> Self {
        Arc::new(Feed::default()).listen("nothing").expect("a new feed is not over")
    }
}

#[cfg(test)]
mod tests {
    use thali_runtime::TraceContext;
    use uuid::Uuid;

    use super::*;

    fn event(seq: Seq, key: &str) -> StoredEvent {
        let request_id = Uuid::from_u128(1);
        StoredEvent {
            seq,
            id: Uuid::from_u128(2),
            function: "moved".into(),
            key: key.into(),
            payload: "{}".into(),
            trace: TraceContext::begin(request_id),
            tracestate: None,
            request_id,
            published_at_ms: 0,
            principal: None,
        }
    }

    #[tokio::test]
    async fn an_event_goes_to_everybody_who_listens_to_its_key() {
        let feed = Arc::new(Feed::default());
        let (mut a, mut also_a) = (feed.listen("a").unwrap(), feed.listen("a").unwrap());
        let mut b = feed.listen("b").unwrap();
        feed.hand_out(event(1, "a"));
        feed.hand_out(event(2, "b"));
        feed.hand_out(event(3, "c"));
        assert_eq!(a.next().await.unwrap().seq, 1);
        assert_eq!(also_a.next().await.unwrap().seq, 1);
        assert_eq!(b.next().await.unwrap().seq, 2);
    }

    #[tokio::test]
    async fn who_does_not_keep_up_gets_what_waits_and_is_told() {
        let feed = Arc::new(Feed::default());
        let (mut slow, mut quick) = (feed.listen("a").unwrap(), feed.listen("a").unwrap());
        for seq in 1..=40 {
            feed.hand_out(event(seq, "a"));
            assert_eq!(quick.next().await.unwrap().seq, seq);
        }
        for seq in 1..=QUEUE_EVENTS_MAX as Seq {
            assert_eq!(slow.next().await.unwrap().seq, seq);
        }
        assert_eq!(slow.next().await.unwrap_err(), Silence::TooSlow);
        assert!(feed.is_wanted());
    }

    #[tokio::test]
    async fn a_feed_is_over_when_nobody_listens_or_when_it_is_ended() {
        let feed = Arc::new(Feed::default());
        let (first, second) = (feed.listen("a").unwrap(), feed.listen("b").unwrap());
        drop(first);
        assert!(feed.is_wanted());
        drop(second);
        assert!(!feed.is_wanted());
        assert!(feed.listen("a").is_none(), "a new one has to be begun");

        let feed = Arc::new(Feed::default());
        let mut last = feed.listen("a").unwrap();
        feed.hand_out(event(1, "a"));
        feed.end();
        assert_eq!(last.next().await.unwrap().seq, 1);
        assert_eq!(last.next().await.unwrap_err(), Silence::Closed);
    }
}
