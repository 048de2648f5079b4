//! What has to be looked up: how far subscriptions are, in databases, and what services say of their health.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use thali_platform::events::SubscriptionId;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Board;
use super::live::Change;

/// How long what was looked up is good enough.
const FRESH: Duration = Duration::from_secs(5);

/// How long somebody who asks once is kept waiting for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Services that are asked for their health at the same time.
const ASKED_AT_ONCE: usize = 8;

/// Keeps what was looked up last.
#[derive(Default)]
pub(super) struct Slow {
    looked: Mutex<Arc<Looked>>,
    /// Held while somebody looks.
    looking: Arc<tokio::sync::Mutex<()>>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Looked {
    at: Option<Instant>,
    pub(super) flows: HashMap<SubscriptionId, Flow>,
    /// Of the services that say it.
    pub(super) health: HashMap<ServiceName, bool>,
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Events that are not delivered yet, those that are tried again among them.
    pub(super) lag: i64,
    /// Events that were given up.
    pub(super) dead: i64,
}

impl Slow {
    pub(super) fn looked(&self) -> Arc<Looked> {
        Arc::clone(&self.looked.lock())
    }

    /// Looks in the background, if it is time.
    pub(super) fn refresh(&self, board: &Arc<Board>) {
        drop(self.begin(board));
    }

    /// Looks, if it is time, and waits for it a moment.
    pub(super) async fn refreshed(&self, board: &Arc<Board>) {
        if let Some(looking) = self.begin(board) {
            // What it finds later is there for the next who asks.
            let _ = timeout(PATIENCE, looking).await;
        }
    }

    /// `None` when what is known is fresh, or somebody looks already.
    fn begin(&self, board: &Arc<Board>) -> Option<JoinHandle<()>> {
        if self.looked().at.is_some_and(|at| at.elapsed() < FRESH) {
            return None;
        }
        let looking = Arc::clone(&self.looking).try_lock_owned().ok()?;
        let board = Arc::clone(board);
        Some(tokio::spawn(async move {
            let _looking = looking;
            board.slow.look(&board).await;
        }))
    }

    async fn look(&self, board: &Board) {
        let before = self.looked();
        let (flows, health) = tokio::join!(flows(board), health(board));
        let dead = |looked: &HashMap<_, Flow>| looked.values().map(|flow| flow.dead).sum::<i64>();
        if before.at.is_some() && dead(&before.flows) != dead(&flows) {
            board.followers.tell(Change::Events);
        }
        *self.looked.lock() = Arc::new(Looked { at: Some(Instant::now()), flows, health });
    }
}

async fn flows(board: &Board) -> HashMap<SubscriptionId, Flow> {
    let standing = board.watched.control.events().standing().await.into_iter();
    let flow = |lag, dead| Flow { lag, dead };
    standing.map(|status| (status.id, flow(status.lag + status.waiting, status.dead))).collect()
}

async fn health(board: &Board) -> HashMap<ServiceName, bool> {
    let control = &board.watched.control;
    let names = control.live().services.iter().map(|live| live.name().clone()).collect::<Vec<_>>();
    let asked = stream::iter(names).map(async |name| {
        let healthy = control.is_healthy(&name).await?;
        Some((name, healthy))
    });
    asked.buffer_unordered(ASKED_AT_ONCE).filter_map(async |said| said).collect().await
}
