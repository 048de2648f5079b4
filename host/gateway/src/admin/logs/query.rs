//! Which records are asked for.

use jiff::Timestamp;
use serde::Deserialize;
use thali_contract::manifest::units;
use thali_contract::name::ServiceName;
use thali_telemetry::logs::{Level, LogFilter};

use super::{LIMIT_MAX, mistake};
use crate::web::Refused;

/// The longest text that can be looked for, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// `?service=&level=&since=&request_id=&trace_id=&contains=&limit=&after=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Query {
    service: Option<ServiceName>,
    level: Option<String>,
    since: Option<String>,
    request_id: Option<Box<str>>,
    trace_id: Option<Box<str>>,
    contains: Option<String>,
    limit: Option<usize>,
    pub(super) after: Option<u64>,
}

impl Query {
    pub(super) fn limit(&self, default: usize) -> Result<usize, Refused> {
        let limit = self.limit.unwrap_or(default);
        if (1..=LIMIT_MAX).contains(&limit) {
            return Ok(limit);
        }
        Err(mistake("?limit", format!("expected 1 to {LIMIT_MAX}, got {limit}")))
    }

    /// Whether a follower wants to know what was before.
    pub(super) fn asks_for_earlier(&self) -> bool {
        self.since.is_some() || self.limit.is_some()
    }

    pub(super) fn filter(self) -> Result<LogFilter, Refused> {
        let level = self.level.map(|text| text.parse::<Level>()).transpose();
        let level = level.map_err(|error| mistake("?level", error.to_string()))?;
        let trace_id = self.trace_id.map(trace).transpose()?;
        let contains = self.contains.filter(|text| !text.is_empty());
        for (pointer, text) in
            [("?contains", contains.as_deref()), ("?request_id", self.request_id.as_deref())]
        {
            if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
                return Err(mistake(pointer, format!("it is longer than {TEXT_BYTES_MAX} bytes")));
            }
        }
        Ok(LogFilter {
            service: self.service.map(|name| name.as_str().into()),
            level: level.unwrap_or_default(),
            since: self.since.as_deref().map(since).transpose()?,
            request_id: self.request_id,
            trace_id,
            contains: contains.as_deref().map(Into::into),
        })
    }
}

/// A time span that ends now, or a moment.
fn since(text: &str) -> Result<Timestamp, Refused> {
    let ago = units::duration(text).and_then(|span| Timestamp::now().checked_sub(span).ok());
    ago.or_else(|| text.parse().ok()).ok_or_else(|| {
        let detail = format!(
            "{text:?} is not a time: write a span such as 10m, or a moment such as 2026-11-22T18:30:00Z"
        );
        mistake("?since", detail)
    })
}

fn trace(text: Box<str>) -> Result<Box<str>, Refused> {
    let is_one =
        text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_one {
        return Ok(text);
    }
    Err(mistake("?trace_id", "expected 32 lower-case hexadecimal digits"))
}
