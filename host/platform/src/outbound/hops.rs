//! How deep requests nest that a service sends to the host it runs on.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use thali_runtime::CALL_DEPTH_MAX;

/// Says how deep the sender is, in calls between services. The host's alone to write.
pub(super) const DEPTH: HeaderName = HeaderName::from_static("thali-depth");

/// A request over HTTP counts as this many calls, so that the fourth in a row is too deep: each holds a
/// connection and a place at the gateway beside its instance.
const HOP_DEPTH: u8 = CALL_DEPTH_MAX / 4;

/// What a request says that is sent by an invocation at `depth`.
pub(super) fn header(depth: u8) -> HeaderValue {
    HeaderValue::from(u16::from(depth.saturating_add(HOP_DEPTH)))
}

/// How deep a request is that came with these headers: 0 without the header, as deep as can be when it
/// cannot be read, the deepest of several. Clients can only make themselves deeper.
pub fn depth(headers: &HeaderMap) -> u8 {
    let depth = |value: &HeaderValue| value.to_str().ok()?.parse::<u8>().ok();
    let given = headers.get_all(DEPTH).iter();
    given.map(|value| depth(value).unwrap_or(u8::MAX)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_request_in_a_row_is_too_deep() {
        let mut headers = HeaderMap::new();
        let mut hops = 0;
        while depth(&headers) < CALL_DEPTH_MAX {
            headers.insert(DEPTH, header(depth(&headers)));
            hops += 1;
        }
        assert_eq!(hops, 4);
        headers.insert(DEPTH, header(u8::MAX));
        assert_eq!(depth(&headers), u8::MAX);
    }

    #[test]
    fn what_cannot_be_read_is_as_deep_as_can_be() {
        for bad in ["", "x", "-1", "256", "99999999999999999999", "4, 0"] {
            let mut headers = HeaderMap::new();
            headers.insert(DEPTH, HeaderValue::from_static("0"));
            headers.append(DEPTH, HeaderValue::from_str(bad).unwrap());
            assert_eq!(depth(&headers), u8::MAX, "{bad:?}");
        }
    }
}
