//! The reference for the games: players and a leaderboard in the memory of the native server, with structures
//! that could be changed as well: a map, an ordered set, and a Fenwick tree of how many have which score.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use parking_lot::RwLock;
use serde::Serialize;

use crate::crowd;

/// One more than any score in the crowd.
const SCORES: usize = 1 << 20;

/// Neighbours on either side.
const NEIGHBOURS: usize = 2;

/// Filled with the first request, so that other cases do not pay for it.
static BOARD: LazyLock<RwLock<Board>> = LazyLock::new(|| RwLock::new(Board::crowded()));

struct Board {
    players: HashMap<Arc<str>, Player>,
    order: BTreeSet<(u64, Arc<str>)>,
    counts: Vec<u64>,
}

struct Player {
    username: String,
    score: u64,
}

#[derive(Serialize)]
struct Profile {
    id: String,
    username: String,
    level: u64,
    xp: u64,
}

#[derive(Serialize)]
struct Entry {
    rank: u64,
    player_id: String,
    username: String,
    score: u64,
}

#[derive(Serialize)]
struct Standing {
    #[serde(flatten)]
    player: Entry,
    above: Vec<Entry>,
    below: Vec<Entry>,
}

#[derive(Serialize)]
struct Top {
    items: Vec<Entry>,
    updated_at: &'static str,
}

/// The routes that are measured.
pub(crate) fn routes(router: Router) -> Router {
    router
        .route("/api/v1/players/{id}", get(profile))
        .route("/api/v1/leaderboard/players/{id}", get(standing))
        .route("/api/v1/leaderboard/top/{count}", get(top))
}

async fn profile(Path(id): Path<String>) -> Result<Json<Profile>, StatusCode> {
    let board = BOARD.read();
    let Player { username, score } = board.players.get(&*id).ok_or(StatusCode::NOT_FOUND)?;
    let level = (50 + (score * 200 + 2500).isqrt()) / 100;
    Ok(Json(Profile { id, username: username.clone(), level, xp: *score }))
}

async fn standing(Path(id): Path<String>) -> Result<Json<Standing>, StatusCode> {
    let board = BOARD.read();
    let (id, player) = board.players.get_key_value(&*id).ok_or(StatusCode::NOT_FOUND)?;
    let place = (player.score, Arc::clone(id));
    let above = board.order.range((Excluded(&place), Unbounded)).take(NEIGHBOURS);
    let mut above: Vec<_> = above.filter_map(|place| board.entry(place)).collect();
    above.reverse();
    let below = board.order.range((Unbounded, Excluded(&place))).rev().take(NEIGHBOURS);
    let below = below.filter_map(|place| board.entry(place)).collect();
    let player = board.entry(&place).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(Standing { player, above, below }))
}

async fn top(Path(count): Path<usize>) -> Json<Top> {
    let board = BOARD.read();
    let items = board.order.iter().rev().take(count).filter_map(|place| board.entry(place));
    Json(Top { items: items.collect(), updated_at: crowd::UPDATED_AT })
}

impl Board {
    fn crowded() -> Self {
        let (players, order) = (HashMap::new(), BTreeSet::new());
        let mut board = Self { players, order, counts: vec![0; SCORES + 1] };
        for number in crowd::FIRST..crowd::FIRST + crowd::PLAYERS {
            let (id, score): (Arc<str>, _) = (format!("p{number}").into(), crowd::score(number));
            board.count(score);
            board.order.insert((score, Arc::clone(&id)));
            board.players.insert(id, Player { username: format!("player-p{number}"), score });
        }
        board
    }

    /// Counts one more with this score.
    fn count(&mut self, score: u64) {
        let mut at = usize::try_from(score).unwrap_or(usize::MAX).saturating_add(1);
        while let Some(count) = self.counts.get_mut(at) {
            *count += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many have this score or less.
    fn up_to(&self, score: u64) -> u64 {
        let mut at = usize::try_from(score).unwrap_or(usize::MAX).saturating_add(1);
        let mut sum = 0;
        while at > 0 {
            sum += self.counts.get(at).copied().unwrap_or_default();
            at &= at - 1;
        }
        sum
    }

    fn entry(&self, (score, id): &(u64, Arc<str>)) -> Option<Entry> {
        let username = self.players.get(id)?.username.clone();
        let rank = self.players.len() as u64 - self.up_to(*score) + 1;
        Some(Entry { rank, player_id: id.to_string(), username, score: *score })
    }
}
