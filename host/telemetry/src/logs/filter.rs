//! Which records somebody wants.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::level::Level;
use super::record::Record;

/// Which records somebody wants: those that all of it is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// About this service.
    pub service: Option<Box<str>>,
    /// That matter at least so much.
    pub level: Level,
    /// That are not older.
    pub since: Option<Timestamp>,
    /// About this request, by the host's id or by the one that the client gave it.
    pub request_id: Option<Box<str>>,
    /// About a request of this trace.
    pub trace_id: Option<Box<str>>,
    /// That have this text in message or fields, in any case.
    pub contains: Option<AnyCase>,
}

/// A text that is looked for in upper and lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyCase(String);

impl From<&str> for AnyCase {
    fn from(text: &str) -> Self {
        Self(text.to_lowercase())
    }
}

/// The field of the access log with the id that the client gave.
const CLIENT_REQUEST_ID: &str = "client_request_id";

impl LogFilter {
    /// Whether it asks for this record.
    pub fn matches(&self, record: &Record) -> bool {
        self.matches_with(record, &HashSet::new())
    }

    /// The same, when what belongs to one of these requests is asked for whether it says so or not.
    pub(super) fn matches_with(&self, record: &Record, requests: &HashSet<Box<str>>) -> bool {
        record.level >= self.level
            && self.is_about(record.service.as_deref())
            && self.since.is_none_or(|since| record.at >= since)
            && (self.is_of_request(record)
                || record.request_id.as_ref().is_some_and(|id| requests.contains(id)))
            && self.contains.as_ref().is_none_or(|AnyCase(text)| has(record, text))
    }

    /// Whether it asks for what is about a request, or a trace.
    pub(super) fn is_about_requests(&self) -> bool {
        self.request_id.is_some() || self.trace_id.is_some()
    }

    /// The host's ids of the requests that it asks for: not every record has the trace, and only the line of the request
    /// itself has the id that the client gave.
    pub(super) fn requests(&self, records: &[Arc<Record>]) -> HashSet<Box<str>> {
        let is_asked_for = |record: &&Arc<Record>| self.is_of_request(record);
        records.iter().filter(is_asked_for).filter_map(|record| record.request_id.clone()).collect()
    }

    /// Whether records about this service can be among them.
    pub(super) fn is_about(&self, service: Option<&str>) -> bool {
        is(self.service.as_deref(), service)
    }

    fn is_of_request(&self, record: &Record) -> bool {
        let wanted = self.request_id.as_deref();
        let has_id = || {
            is(wanted, record.request_id.as_deref())
                || record
                    .fields
                    .iter()
                    .any(|(name, value)| name == CLIENT_REQUEST_ID && value.as_str() == wanted)
        };
        is(self.trace_id.as_deref(), record.trace_id.as_deref()) && has_id()
    }
}

fn is(wanted: Option<&str>, has: Option<&str>) -> bool {
    wanted.is_none() || wanted == has
}

fn has(record: &Record, text: &str) -> bool {
    let texts = record.fields.iter().filter_map(|(_, value)| value.as_str());
    texts.chain([record.message.as_str()]).any(|has| has.to_lowercase().contains(text))
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    #[test]
    fn all_of_it_has_to_be_true() {
        let mut record = Record { request_id: Some("r-1".into()), ..record("orders") };
        record.message = "Payment REFUSED".into();
        record.add(CLIENT_REQUEST_ID, "order-17".into());
        let all = LogFilter::default();
        assert!(all.matches(&record));
        let orders = LogFilter { service: Some("orders".into()), ..all.clone() };
        assert!(orders.matches(&record));
        assert!(!LogFilter { level: Level::Error, ..orders.clone() }.matches(&record));
        for (id, is) in [("r-1", true), ("order-17", true), ("r-2", false)] {
            let filter = LogFilter { request_id: Some(id.into()), ..orders.clone() };
            assert_eq!(filter.matches(&record), is, "{id}");
        }
        let trace = LogFilter { trace_id: Some("0".repeat(32).into()), ..orders.clone() };
        assert!(!trace.matches(&record), "it has none");
        for (text, is) in [("refused", true), ("ORDER-17", true), ("accepted", false)] {
            let filter = LogFilter { contains: Some(text.into()), ..orders.clone() };
            assert_eq!(filter.matches(&record), is, "{text}");
        }
        let later = record.at + jiff::SignedDuration::from_millis(1);
        assert!(!LogFilter { since: Some(later), ..all }.matches(&record));
    }
}
