//! What can be done with notes. It knows a shelf, not a host, so its tests need none.

use uuid::Uuid;

use crate::bindings::contract::{Error, Note, Page};
use crate::shelf::Shelf;

/// The longest note, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// How many notes are shown when nobody says.
const PAGE: u32 = 20;

/// How many notes are shown at most.
const PAGE_MAX: u32 = 100;

pub(crate) fn add(shelf: &dyn Shelf, text: &str, added_ms: u64) -> Result<Note, Error> {
    let text = text.trim();
    check_text(text)?;
    let note = Note { id: Uuid::new_v4().to_string(), text: text.to_owned(), added_ms };
    shelf.keep(&note)?;
    Ok(note)
}

pub(crate) fn get(shelf: &dyn Shelf, id: &str) -> Result<Note, Error> {
    // What cannot be an id is answered without asking the database.
    Uuid::parse_str(id).map_err(|_| Error::NotFound)?;
    shelf.find(id)?.ok_or(Error::NotFound)
}

pub(crate) fn newest(shelf: &dyn Shelf, limit: Option<u32>) -> Result<Page, Error> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Error::Invalid(format!("limit is 1 to {PAGE_MAX}, not {limit}")));
    }
    Ok(Page { items: shelf.newest(limit)? })
}

fn check_text(text: &str) -> Result<(), Error> {
    let length = text.chars().count();
    if !(1..=TEXT_CHARS_MAX).contains(&length) {
        let rule = format!("a note has 1 to {TEXT_CHARS_MAX} characters, not {length}");
        return Err(Error::Invalid(rule));
    }
    if text.contains('\0') {
        return Err(Error::Invalid("a note has no NUL character".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A shelf in memory, the newest note first. `None` is one that is out of order.
    struct Memory(Option<RefCell<Vec<Note>>>);

    impl Memory {
        fn new() -> Self {
            Self(Some(RefCell::default()))
        }

        fn notes(&self) -> Result<&RefCell<Vec<Note>>, Error> {
            self.0.as_ref().ok_or(Error::Unavailable)
        }
    }

    impl Shelf for Memory {
        fn keep(&self, note: &Note) -> Result<(), Error> {
            self.notes()?.borrow_mut().insert(0, note.clone());
            Ok(())
        }

        fn find(&self, id: &str) -> Result<Option<Note>, Error> {
            Ok(self.notes()?.borrow().iter().find(|note| note.id == id).cloned())
        }

        fn newest(&self, limit: u32) -> Result<Vec<Note>, Error> {
            Ok(self.notes()?.borrow().iter().take(limit as usize).cloned().collect())
        }
    }

    #[test]
    fn what_is_added_is_found_again() {
        let shelf = Memory::new();
        let note = add(&shelf, "  buy milk\n", 7).unwrap();
        assert_eq!((note.text.as_str(), note.added_ms), ("buy milk", 7));
        assert_eq!(get(&shelf, &note.id), Ok(note));
    }

    #[test]
    fn a_note_that_is_empty_or_too_long_is_refused_and_not_kept() {
        let shelf = Memory::new();
        for text in ["", " \n", "a\0b", &"x".repeat(501)] {
            assert!(matches!(add(&shelf, text, 7), Err(Error::Invalid(_))), "{text:?}");
        }
        assert_eq!(newest(&shelf, None).unwrap().items, []);
        assert!(add(&shelf, &"ü".repeat(500), 7).is_ok());
    }

    #[test]
    fn the_newest_come_first_and_as_many_as_asked_for() {
        let shelf = Memory::new();
        for text in ["one", "two", "three"] {
            add(&shelf, text, 7).unwrap();
        }
        let texts: Vec<_> =
            newest(&shelf, Some(2)).unwrap().items.into_iter().map(|note| note.text).collect();
        assert_eq!(texts, ["three", "two"]);
        for limit in [0, 101] {
            assert!(matches!(newest(&shelf, Some(limit)), Err(Error::Invalid(_))), "{limit}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for id in ["", "1", "a\0", "00000000-0000-4000-8000-000000000000"] {
            assert_eq!(get(&Memory::new(), id), Err(Error::NotFound), "{id:?}");
        }
    }

    #[test]
    fn a_database_that_is_out_of_order_is_told() {
        assert_eq!(add(&Memory(None), "buy milk", 7), Err(Error::Unavailable));
        assert_eq!(newest(&Memory(None), None), Err(Error::Unavailable));
    }
}
