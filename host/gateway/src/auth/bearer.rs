//! The `Authorization` header.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Denied;

const SCHEME: &str = "bearer";

/// What a request says about who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials<'h> {
    /// Something of the form of a token.
    Token(&'h str),
    /// Another scheme, or no token at all.
    Unusable,
}

/// The credentials of a request, if it has any. The scheme is `Bearer` in any case (RFC 9110, section
/// 11.1), one space or more, and a token of RFC 6750's alphabet up to the end.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<Credentials<'_>>, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Denied::TwoTokens);
    }
    let token = value.to_str().ok().and_then(parse);
    Ok(Some(token.map_or(Credentials::Unusable, Credentials::Token)))
}

fn parse(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let is_token = !body.is_empty() && body.bytes().all(is_token_byte);
    (scheme.eq_ignore_ascii_case(SCHEME) && is_token).then_some(token)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_token_in_one_header_is_one() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(text));
            matches!(token(&headers), Ok(Some(Credentials::Token("a.b.c"))))
        };
        for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c"] {
            assert!(read(good), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "a.b.c",
            "Bearer: a.b.c",
            "Bearer\ta.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c d",
            "Bearer a.b.c, Bearer a.b.c",
            "Bearer \"a.b.c\"",
            "Basic a.b.c",
            "Bearer =",
        ] {
            assert!(!read(bad), "{bad:?}");
        }
        let mut two = HeaderMap::new();
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
        assert!(matches!(token(&two), Err(Denied::TwoTokens)));
        assert!(matches!(token(&HeaderMap::new()), Ok(None)));
    }
}
