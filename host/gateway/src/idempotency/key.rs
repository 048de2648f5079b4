//! The header `Idempotency-Key`.

use std::borrow::Cow;

use http::HeaderMap;
use thali_contract::problem::{Mistake, Problem};

use crate::faults;

const NAME: &str = "Idempotency-Key";

/// The longest key, in bytes.
const BYTES_MAX: usize = 255;

/// The key of a request: what the quotes hold, or the whole value when there are none.
///
/// The IETF's draft says that the value is quoted; most clients send it bare.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Box<Problem>> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("is given more than once"));
    }
    let key = value.to_str().ok().and_then(unquoted);
    let is_valid = |key: &Cow<'_, str>| {
        (1..=BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key.filter(is_valid) {
        Some(key) => Ok(Some(key)),
        None => Err(refused(
            "expected 1 to 255 visible ASCII characters, bare or as a quoted string: a UUID, for \
             example",
        )),
    }
}

/// `None` for a quoted string that is none.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let Some(inner) = text.strip_prefix('"') else { return Some(Cow::Borrowed(text)) };
    let inner = inner.strip_suffix('"')?;
    if !inner.contains(['"', '\\']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut key = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        key.push(match char {
            '"' => return None,
            '\\' => chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            other => other,
        });
    }
    Some(Cow::Owned(key))
}

fn refused(detail: &str) -> Box<Problem> {
    Box::new(faults::mistakes(vec![Mistake::new(NAME, detail)]))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read_all(values: &[&[u8]]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        }
        read(&headers).map(|key| key.map(Cow::into_owned)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_key_is_the_same_quoted_and_bare() {
        assert_eq!(read_all(&[]), Ok(None));
        for (given, key) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            (r#""8e03978e-40d5""#, "8e03978e-40d5"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#"a"b\c"#, r#"a"b\c"#),
            ("!~", "!~"),
        ] {
            assert_eq!(read_all(&[given.as_bytes()]), Ok(Some(key.into())), "{given}");
        }
        let longest = "k".repeat(BYTES_MAX);
        assert_eq!(read_all(&[longest.as_bytes()]), Ok(Some(longest.clone())));
        assert_eq!(read_all(&[format!("\"{longest}\"").as_bytes()]), Ok(Some(longest)));
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_name_of_the_header() {
        let too_long = "k".repeat(BYTES_MAX + 1);
        let bad: [&[u8]; 11] = [
            b"",
            b"\"\"",
            b"\"",
            b"\"a",
            b"\"a\"b\"",
            b"\"a\\b\"",
            b"\"a\"; b=c",
            b"a b",
            b"a\tb",
            "schl\u{fc}ssel".as_bytes(),
            too_long.as_bytes(),
        ];
        for value in bad {
            let refused = read_all(&[value]).unwrap_err();
            assert!(refused.contains("Idempotency-Key: expected 1 to 255"), "{refused}");
        }
        assert!(read_all(&[b"a", b"a"]).unwrap_err().contains("more than once"));
    }
}
