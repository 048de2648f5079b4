//! Ids: unguessable to make, cheap to refuse.

/// The longest id that is looked up, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// A new id with 122 random bits.
pub fn new() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whether anything can have this id: 1 to 64 visible ASCII characters.
///
/// What cannot be an id is answered without asking the database, which would refuse some of it (a
/// NUL in PostgreSQL) with an error that looks like a fault of the service.
pub fn is_plausible(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plausible_and_never_the_same() {
        let (a, b) = (new(), new());
        assert!(is_plausible(&a) && is_plausible("1"));
        assert_ne!(a, b);
    }

    #[test]
    fn what_no_id_can_be_is_refused() {
        for text in ["", " ", "a b", "a\0", "ü", &"a".repeat(65)] {
            assert!(!is_plausible(text), "{text:?}");
        }
    }
}
