//! What may be said about a thing. It knows no host, so its tests need none.

use uuid::Uuid;

use crate::bindings::contract::Error;

/// The longest title, in characters.
const TITLE_CHARS_MAX: usize = 200;

/// How many things are listed when nobody says.
const PAGE: u32 = 20;

/// How many things are listed at most.
const PAGE_MAX: u32 = 100;

pub(crate) fn title(title: &str) -> Result<String, Error> {
    let title = title.trim();
    let length = title.chars().count();
    if !(1..=TITLE_CHARS_MAX).contains(&length) {
        let rule = format!("a title has 1 to {TITLE_CHARS_MAX} characters, not {length}");
        return Err(Error::Invalid(rule));
    }
    if title.contains('\0') {
        return Err(Error::Invalid("a title has no NUL character".into()));
    }
    Ok(title.to_owned())
}

/// What cannot be an id is answered without asking the database.
pub(crate) fn id(id: &str) -> Result<String, Error> {
    Uuid::parse_str(id).map(|id| id.to_string()).map_err(|_| Error::NotFound)
}

pub(crate) fn limit(limit: Option<u32>) -> Result<u32, Error> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Error::Invalid(format!("limit is 1 to {PAGE_MAX}, not {limit}")));
    }
    Ok(limit)
}

/// The id that a page begins behind. Every id is behind the empty one.
pub(crate) fn cursor(cursor: Option<String>) -> Result<String, Error> {
    let Some(cursor) = cursor else { return Ok(String::new()) };
    id(&cursor).map_err(|_| Error::Invalid("cursor is `next` of the page before".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_is_empty_or_too_long_is_refused() {
        for bad in ["", " \n", "a\0b", &"x".repeat(201)] {
            assert!(matches!(title(bad), Err(Error::Invalid(_))), "{bad:?}");
        }
        assert_eq!(title(" buy milk\n"), Ok("buy milk".into()));
    }

    #[test]
    fn what_cannot_be_an_id_is_not_found() {
        for bad in ["", "1", "a\0"] {
            assert_eq!(id(bad), Err(Error::NotFound), "{bad:?}");
        }
    }

    #[test]
    fn a_page_has_1_to_100_things_and_begins_behind_its_cursor() {
        assert_eq!(limit(None), Ok(20));
        for bad in [0, 101] {
            assert!(matches!(limit(Some(bad)), Err(Error::Invalid(_))), "{bad}");
        }
        assert_eq!(cursor(None), Ok(String::new()));
        assert!(matches!(cursor(Some("x".into())), Err(Error::Invalid(_))));
    }
}
