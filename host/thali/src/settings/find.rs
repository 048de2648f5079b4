//! Which setting a key of the file is.

use super::{ANY, Setting, all};

/// The tables that are named to whoever wrote a key into the wrong one.
const NAMED_MAX: usize = 3;

/// The setting with this path.
pub(crate) fn find(path: &[&str]) -> Option<&'static Setting> {
    all().find(|setting| {
        let names = || setting.path.iter().zip(path);
        setting.path.len() == path.len()
            && names().all(|(known, name)| *known == ANY || known == name)
    })
}

/// `; it belongs to [gateway]`, of a key that is known in other tables.
pub(crate) fn belongs_to(key: &str) -> Option<String> {
    let here = all().filter(|setting| setting.name() == key && !setting.is_wild());
    let tables: Vec<_> = here.map(|setting| format!("[{}]", setting.tables().join("."))).collect();
    match &tables[..] {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let shown: Vec<_> = several.iter().take(NAMED_MAX).map(String::as_str).collect();
            Some(shown.join(" or "))
        }
    }
}
