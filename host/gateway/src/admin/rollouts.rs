//! Rollouts: shares, promotion, and what was changed when by whom.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use thali_contract::name::ServiceName;
use thali_contract::problem::{Mistake, Problem};
use thali_control::{Message, StickyBy, Traffic};

use super::audit::Actor;
use super::services::{cause, changed, refused};
use super::{Host, unknown};
use crate::faults;
use crate::web::{self, Answer, Items, None, Params, Refused, Segments};

/// `{"shares": {"v1": 90, "2": 10}, "sticky": "subject", "message": ".."}`, each of them optional.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficBody {
    shares: Option<BTreeMap<String, u8>>,
    /// `""` draws every request anew.
    sticky: Option<String>,
    message: Option<Message>,
}

/// `?revision=8&message=..`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promote {
    revision: Option<String>,
    message: Option<Message>,
}

pub(super) async fn traffic(
    State(host): State<Host>,
    Extension(actor): Extension<Actor>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
    body: Bytes,
) -> Answer {
    let (traffic, message) = read(&body)?;
    let changed_to =
        host.control.traffic(&name, traffic, cause(actor, message)).await.map_err(refused)?;
    Ok(changed(&changed_to))
}

pub(super) async fn promote(
    State(host): State<Host>,
    Extension(actor): Extension<Actor>,
    Segments(name): Segments<ServiceName>,
    Params(Promote { revision, message }): Params<Promote>,
) -> Answer {
    let number = revision.map(|revision| number(&revision)).transpose();
    let number = number.map_err(|mistake| mistaken("revision", mistake))?;
    let promoted =
        host.control.promote(&name, number, cause(actor, message)).await.map_err(refused)?;
    Ok(changed(&promoted))
}

/// The latest changes, the newest first.
pub(super) async fn history(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let changes = host.control.history(&name).ok_or_else(|| unknown(&name))?;
    Ok(web::json(StatusCode::OK, Items { items: changes }))
}

fn read(body: &[u8]) -> Result<(Traffic, Option<Message>), Refused> {
    let body: TrafficBody =
        serde_json::from_slice(body).map_err(|error| mistaken("/", error.to_string()))?;
    let sticky = body.sticky.map(|by| match by.as_str() {
        "" => Ok(Option::None),
        by => by.parse::<StickyBy>().map(Some),
    });
    let sticky = sticky.transpose().map_err(|error| mistaken("/sticky", error.to_string()))?;
    let shares = body.shares.map(shares).transpose()?;
    if shares.is_none() && sticky.is_none() {
        return Err(mistaken("/", "give shares, sticky, or both".into()));
    }
    Ok((Traffic { shares, sticky }, body.message))
}

fn shares(given: BTreeMap<String, u8>) -> Result<BTreeMap<u32, u8>, Refused> {
    let mut shares = BTreeMap::new();
    for (revision, percent) in given {
        let pointer = format!("/shares/{revision}");
        let number = number(&revision).map_err(|why| mistaken(&pointer, why))?;
        if shares.insert(number, percent).is_some() {
            return Err(mistaken(&pointer, format!("revision {number} is there twice")));
        }
    }
    Ok(shares)
}

/// `8` or `v8`.
fn number(revision: &str) -> Result<u32, String> {
    let digits = revision.strip_prefix('v').unwrap_or(revision);
    digits.parse().map_err(|_| format!("{revision:?} is no revision: write 8 or v8"))
}

fn mistaken(pointer: &str, detail: String) -> Refused {
    let problem: Problem = faults::mistakes(vec![Mistake::new(pointer, detail)]);
    problem.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_with_and_without_the_v() {
        let (traffic, message) =
            read(br#"{"shares": {"v1": 90, "2": 10}, "message": "slowly"}"#).unwrap();
        assert_eq!(traffic.shares, Some(BTreeMap::from([(1, 90), (2, 10)])));
        assert_eq!((traffic.sticky, message), (Option::None, Some("slowly".parse().unwrap())));
        let (traffic, _) = read(br#"{"sticky": ""}"#).unwrap();
        assert_eq!(traffic.sticky, Some(Option::None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"shares": {"v1": 256}}"#,
            r#"{"shares": {"v1": -1}}"#,
            r#"{"shares": {"one": 100}}"#,
            r#"{"shares": {"v1": 50, "1": 50}}"#,
            r#"{"sticky": "cookie"}"#,
            r#"{"shares": {"v1": 100}, "surprise": 1}"#,
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
