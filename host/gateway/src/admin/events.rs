//! Subscriptions as they stand, and the events that were given up.

use axum::Extension;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use thali_contract::name::ServiceName;
use thali_contract::problem::Mistake;
use thali_control::DeployError;
use thali_platform::events::{
    DeadLetter, Gathered, LeftOut, LetterCursor, LetterFilter, Seq, StoredEvent, SubscriptionStatus,
};
use thali_platform::sql::SqlError;
use uuid::Uuid;

use super::Host;
use super::may::{May, Need};
use crate::status::Change;
use crate::web::{self, Answer, None, Params, Refused, Segments};
use crate::{faults, reply};

/// Dead letters in one answer.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;

/// A subscription as it stands.
#[derive(Serialize)]
pub(super) struct Subscription {
    publisher: ServiceName,
    topic: String,
    subscriber: ServiceName,
    /// Whether the subscriber is live.
    live: bool,
    position: Seq,
    lag: i64,
    waiting: i64,
    dead: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// A line of the list of dead letters.
#[derive(Serialize)]
struct Letter {
    id: EventId,
    publisher: ServiceName,
    subscriber: ServiceName,
    topic: String,
    event: String,
    key: String,
    attempts: i64,
    error: String,
    published_at: Timestamp,
    died_at: Timestamp,
}

#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Unreadable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A publisher that an answer leaves out: its database cannot be used.
#[derive(Serialize)]
struct Unreadable {
    publisher: ServiceName,
    reason: String,
}

/// How many dead letters were changed.
#[derive(Serialize)]
struct Changed {
    #[serde(skip_serializing_if = "Option::is_none")]
    redriven: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Unreadable>,
}

/// CloudEvents 1.0, in JSON.
#[derive(Serialize)]
struct CloudEvent {
    specversion: &'static str,
    id: EventId,
    source: String,
    r#type: String,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    traceparent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    data: Box<RawValue>,
}

/// An event that was given up, in full.
#[derive(Serialize)]
struct LetterDetails {
    event: CloudEvent,
    deliveries: Vec<Failure>,
}

/// Who could not be told, and why.
#[derive(Serialize)]
struct Failure {
    subscriber: ServiceName,
    attempts: i64,
    error: String,
    died_at: Timestamp,
}

/// The id of an event, as text.
pub(super) struct EventId(Uuid);

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom(format!("{text:?} is not an id")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    publisher: Option<ServiceName>,
    subscriber: Option<ServiceName>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Which dead letters are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    publisher: Option<ServiceName>,
    subscriber: Option<ServiceName>,
    id: Option<EventId>,
    /// Really all of them.
    #[serde(default)]
    all: bool,
}

pub(super) async fn list(
    State(host): State<Host>,
    Extension(may): Extension<May>,
    Params(None {}): Params<None>,
) -> Answer {
    let Gathered { all, left_out } = host.control.events().subscriptions().await;
    let items = all.into_iter().map(|status| Subscription::shown(status, may)).collect();
    Ok(web::json(StatusCode::OK, Page { items, left_out: told(left_out), next: Option::None }))
}

/// The subscriptions that a service has a part in. Their databases may not be readable now, which is
/// no reason not to show the service.
pub(super) async fn of_service(host: &Host, name: &ServiceName, may: May) -> Vec<Subscription> {
    let subscriptions = host.control.events().subscriptions().await.all;
    let has_part =
        |status: &SubscriptionStatus| status.id.publisher == *name || status.id.subscriber == *name;
    let shown = |status| Subscription::shown(status, may);
    subscriptions.into_iter().filter(has_part).map(shown).collect()
}

pub(super) async fn dead(
    State(host): State<Host>,
    Extension(may): Extension<May>,
    Params(listing): Params<Listing>,
) -> Answer {
    let Listing { publisher, subscriber, limit, cursor } = listing;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(mistake("?limit", format!("expected 1 to {LIMIT_MAX}, got {limit}")));
    }
    let after = cursor.as_deref().map(parse_cursor).transpose()?;
    let filter = LetterFilter { publisher, subscriber, id: Option::None };
    let events = host.control.events();
    // One more than is shown tells whether there is another page.
    let found = events.dead_letters(&filter, after.as_ref(), limit + 1).await;
    let Gathered { all: letters, left_out } = found;
    let more = letters.len() > limit;
    let next = letters.get(limit - 1).filter(|_| more).map(cursor_of);
    let shown = |letter| Letter::shown(letter, may);
    let items = letters.into_iter().take(limit).map(shown).collect();
    Ok(web::json(StatusCode::OK, Page { items, left_out: told(left_out), next }))
}

pub(super) async fn show(
    State(host): State<Host>,
    Segments(EventId(id)): Segments<EventId>,
    Params(None {}): Params<None>,
) -> Answer {
    let filter = LetterFilter { id: Some(id), ..LetterFilter::default() };
    let events = host.control.events();
    let Gathered { all: first, mut left_out } = events.dead_letter(id).await;
    let Some(first) = first else {
        // It may be one of those that cannot be read.
        let reason = left_out.pop().map(|publisher| refused(publisher.error));
        return Err(reason.unwrap_or_else(|| reply::not_found().into()));
    };
    let event = CloudEvent::of(&first);
    let letters = events.dead_letters(&filter, Option::None, LIMIT_MAX).await.all;
    let deliveries = letters.into_iter().map(Failure::from).collect();
    Ok(web::json(StatusCode::OK, LetterDetails { event, deliveries }))
}

pub(super) async fn redrive(
    State(host): State<Host>,
    Params(None {}): Params<None>,
    body: Bytes,
) -> Answer {
    let Gathered { all, left_out } = host.control.events().redrive(&selection(&body)?).await;
    host.board.followers.tell(Change::Events);
    let left_out = told(left_out);
    let changed = Changed { redriven: Some(all), discarded: Option::None, left_out };
    Ok(web::json(StatusCode::OK, changed))
}

pub(super) async fn discard(
    State(host): State<Host>,
    Params(None {}): Params<None>,
    body: Bytes,
) -> Answer {
    let Gathered { all, left_out } = host.control.events().discard(&selection(&body)?).await;
    host.board.followers.tell(Change::Events);
    let left_out = told(left_out);
    let changed = Changed { redriven: Option::None, discarded: Some(all), left_out };
    Ok(web::json(StatusCode::OK, changed))
}

/// The publishers that an answer leaves out, with what an answer for each alone would say.
fn told(left_out: Vec<LeftOut>) -> Vec<Unreadable> {
    let unreadable = |LeftOut { publisher, error }| {
        let reason = DeployError::from(error).problem().to_string();
        Unreadable { publisher, reason }
    };
    left_out.into_iter().map(unreadable).collect()
}

/// What the body selects. Everything is only meant when it says so.
fn selection(body: &[u8]) -> Result<LetterFilter, Refused> {
    let selection: Selection =
        serde_json::from_slice(body).map_err(|error| mistake("", error.to_string()))?;
    let Selection { publisher, subscriber, id, all } = selection;
    let id = id.map(|EventId(id)| id);
    let filter = LetterFilter { publisher, subscriber, id };
    if filter == LetterFilter::default() && !all {
        let detail = "say which: \"id\", \"subscriber\", \"publisher\", or \"all\": true";
        return Err(mistake("", detail.into()));
    }
    Ok(filter)
}

fn mistake(pointer: &str, detail: String) -> Refused {
    faults::mistakes(vec![Mistake::new(pointer, detail)]).into()
}

fn refused(error: SqlError) -> Refused {
    DeployError::from(error).problem().into()
}

/// `orders.12.mail`: names hold no dots.
fn cursor_of(letter: &DeadLetter) -> String {
    let id = &letter.subscription;
    format!("{}.{}.{}", id.publisher, letter.event.seq, id.subscriber)
}

fn parse_cursor(text: &str) -> Result<LetterCursor, Refused> {
    let parsed = || {
        let (publisher, rest) = text.split_once('.')?;
        let (seq, subscriber) = rest.split_once('.')?;
        Some(LetterCursor {
            publisher: publisher.parse().ok()?,
            seq: seq.parse().ok()?,
            subscriber: subscriber.parse().ok()?,
        })
    };
    parsed().ok_or_else(|| mistake("?cursor", "it is not the \"next\" of a page".into()))
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

impl Subscription {
    /// What somebody who may do this sees: a service's own words may be about its users.
    fn shown(status: SubscriptionStatus, may: May) -> Self {
        let shown = Self::from(status);
        match may.have(Need::Data) {
            Ok(()) => shown,
            Err(_) => Self { last_error: Option::None, ..shown },
        }
    }
}

impl Letter {
    /// Without what may be about users, for who may not see that.
    fn shown(letter: DeadLetter, may: May) -> Self {
        let shown = Self::from(letter);
        match may.have(Need::Data) {
            Ok(()) => shown,
            Err(_) => Self { key: String::new(), error: String::new(), ..shown },
        }
    }
}

impl From<SubscriptionStatus> for Subscription {
    fn from(status: SubscriptionStatus) -> Self {
        let SubscriptionStatus { id, live, position, lag, waiting, dead, error } = status;
        Self {
            publisher: id.publisher,
            topic: id.topic.to_string(),
            subscriber: id.subscriber,
            live,
            position,
            lag,
            waiting,
            dead,
            last_error: error,
        }
    }
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { subscription, event, attempts, error, died_at_ms } = letter;
        Self {
            id: EventId(event.id),
            publisher: subscription.publisher,
            subscriber: subscription.subscriber,
            topic: subscription.topic.to_string(),
            event: event.function,
            key: event.key,
            attempts,
            error,
            published_at: time(event.published_at_ms),
            died_at: time(died_at_ms),
        }
    }
}

impl From<DeadLetter> for Failure {
    fn from(letter: DeadLetter) -> Self {
        Self {
            subscriber: letter.subscription.subscriber,
            attempts: letter.attempts,
            error: letter.error,
            died_at: time(letter.died_at_ms),
        }
    }
}

impl CloudEvent {
    fn of(letter: &DeadLetter) -> Self {
        let StoredEvent { id, function, key, payload, trace, tracestate, published_at_ms, .. } =
            &letter.event;
        let DeadLetter { subscription, .. } = letter;
        Self {
            specversion: "1.0",
            id: EventId(*id),
            source: format!("/services/{}", subscription.publisher),
            r#type: format!("{}.{function}", subscription.topic),
            subject: key.clone(),
            time: time(*published_at_ms),
            datacontenttype: "application/json",
            traceparent: trace.to_string(),
            tracestate: tracestate.as_ref().map(ToString::to_string),
            data: RawValue::from_string(payload.clone()).unwrap_or_default(),
        }
    }
}
