//! What vendors of tracing systems add to a trace, carried on unread.

use std::fmt;

/// The longest text that is carried, in bytes: what every participant has to pass on, by the W3C
/// recommendation (Trace Context, section 3.3.1.5).
pub const TRACESTATE_BYTES_MAX: usize = 512;

/// Longer entries are the first to go when there is too much.
const LONG_ENTRY_BYTES: usize = 128;

/// Entries that a list may have.
const ENTRIES_MAX: usize = 32;

/// The W3C `tracestate` that belongs to a trace: entries of a key and a value, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceState(Box<str>);

impl TraceState {
    /// Reads the values of all `tracestate` headers, in their order. What is too much is left out by
    /// whole entries, as the recommendation says. `None` when nothing is left, or when it is no list of
    /// entries: then a receiver may ignore all of it.
    pub fn read<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<Self> {
        let entries = values.into_iter().flat_map(|value| value.split(','));
        let entries = entries.map(|entry| entry.trim_matches([' ', '\t']));
        let entries = entries.filter(|entry| !entry.is_empty());
        let mut kept: Vec<&str> = entries.take(ENTRIES_MAX + 1).collect();
        if kept.len() > ENTRIES_MAX || !kept.iter().all(|entry| is_entry(entry)) {
            return None;
        }
        while length(&kept) > TRACESTATE_BYTES_MAX {
            let long = kept.iter().rposition(|entry| entry.len() > LONG_ENTRY_BYTES);
            kept.remove(long.unwrap_or(kept.len() - 1));
        }
        (!kept.is_empty()).then(|| Self(kept.join(",").into()))
    }

    /// As a header has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// With a comma between them.
fn length(entries: &[&str]) -> usize {
    entries.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1)
}

/// `key=value`: a key of lower-case letters, digits and a few signs, a value of visible ASCII.
fn is_entry(text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else { return false };
    let of_key =
        |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let of_value = |byte| matches!(byte, b' '..=b'~') && byte != b'=';
    let begins_well =
        key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    begins_well && key.bytes().all(of_key) && !value.is_empty() && value.bytes().all(of_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        TraceState::read(values.iter().copied()).map(|state| state.to_string())
    }

    #[test]
    fn several_headers_are_one_list() {
        assert_eq!(read(&["a=1, b=2", "", ",c@x=3"]).as_deref(), Some("a=1,b=2,c@x=3"));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[" , ,"]), None);
    }

    #[test]
    fn what_is_no_list_is_ignored_as_a_whole() {
        for bad in ["a", "=1", "a=", "A=1", "a=1,b", "a=b=c", "a=\u{7f}", "a=é", "a=1\r\nb=2"] {
            assert_eq!(read(&[bad]), None, "{bad:?}");
        }
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        assert_eq!(read(&[&many.join(",")]), None);
        assert!(read(&[&many[1..].join(",")]).is_some());
    }

    #[test]
    fn what_is_too_much_goes_by_whole_entries_long_ones_first_then_from_the_end() {
        let exact = format!("a={}", "x".repeat(TRACESTATE_BYTES_MAX - 2));
        assert_eq!(read(&[&exact]), Some(exact.clone()));
        assert_eq!(read(&[&format!("{exact}x")]), None);
        assert_eq!(read(&[&format!("{exact},b=1")]).as_deref(), Some("b=1"));
        let short: Vec<_> = (0..6).map(|n| format!("k{n}={}", "x".repeat(97))).collect();
        assert_eq!(read(&[&short.join(",")]), Some(short[..5].join(",")));
    }
}
