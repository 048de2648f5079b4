//! What a client says it has got already.

use std::borrow::Cow;

use http::HeaderMap;
use thali_contract::problem::Mistake;
use thali_contract::route::LAST_EVENT_ID;
use thali_platform::events::Seq;

/// What a client has got already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing.
    #[default]
    Start,
    /// Everything up to this event.
    Event(Seq),
    /// Everything up to an event that is none of this host.
    Unknown,
}

/// What a stream's query says beside what is for the function: `None` when it says nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query<'q> {
    /// What is for the function.
    pub(crate) rest: Cow<'q, str>,
    pub(crate) since: Option<&'q str>,
}

/// Takes `last_event_id` out of a query.
pub(crate) fn split(query: &str) -> Query<'_> {
    let value = |pair: &'_ str| match pair.split_once('=') {
        Some((LAST_EVENT_ID, _)) => true,
        _ => pair == LAST_EVENT_ID,
    };
    let Some(pair) = query.split('&').find(|pair| value(pair)) else {
        return Query { rest: Cow::Borrowed(query), since: None };
    };
    let rest: Vec<_> = query.split('&').filter(|pair| !value(pair)).collect();
    let since = pair.split_once('=').map_or("", |(_, value)| value);
    Query { rest: Cow::Owned(rest.join("&")), since: Some(since) }
}

/// The header counts, and then the query. A header is the browser's doing, who got it from some host; a
/// query is the client's own, and has to be right.
pub(crate) fn since(headers: &HeaderMap, query: Option<&str>) -> Result<Since, Mistake> {
    if let Some(header) = headers.get("last-event-id") {
        let text = header.to_str().unwrap_or_default();
        // What a browser sends after a stream whose events had no ids.
        if text.is_empty() {
            return Ok(Since::Start);
        }
        return Ok(number(text).map_or(Since::Unknown, Since::Event));
    }
    match query {
        None => Ok(Since::Start),
        Some(text) => number(text).map(Since::Event).ok_or_else(|| {
            Mistake::new(
                format!("?{LAST_EVENT_ID}"),
                format!("expected the id of an event, a whole number, got {text:?}"),
            )
        }),
    }
}

fn number(text: &str) -> Option<Seq> {
    text.parse().ok().filter(|seq| *seq >= 0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_id_is_taken_out_of_the_query() {
        let rest = |query| {
            let split = split(query);
            (split.rest.into_owned(), split.since)
        };
        assert_eq!(rest("a=1&b=2"), ("a=1&b=2".into(), None));
        assert_eq!(rest("a=1&last_event_id=7&b=2"), ("a=1&b=2".into(), Some("7")));
        assert_eq!(rest("last_event_id=7"), (String::new(), Some("7")));
        assert_eq!(rest("last_event_id"), (String::new(), Some("")));
        assert_eq!(rest("last_event_idx=7"), ("last_event_idx=7".into(), None));
    }

    #[test]
    fn the_header_counts_before_the_query_and_a_wrong_query_is_told() {
        let mut headers = HeaderMap::new();
        assert_eq!(since(&headers, None), Ok(Since::Start));
        assert_eq!(since(&headers, Some("7")), Ok(Since::Event(7)));
        for wrong in ["", "x", "-1", "1.5", "99999999999999999999"] {
            assert!(since(&headers, Some(wrong)).is_err(), "{wrong}");
        }
        for (header, expected) in [
            ("8", Since::Event(8)),
            ("", Since::Start),
            ("-8", Since::Unknown),
            ("of another host", Since::Unknown),
        ] {
            headers.insert("last-event-id", HeaderValue::from_static(header));
            assert_eq!(since(&headers, Some("x")), Ok(expected), "{header}");
        }
    }
}
