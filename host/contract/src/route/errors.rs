//! What each error case answers.

use super::{ErrorCase, ErrorCases};
use crate::contract::Function;
use crate::manifest::ErrorSpec;
use crate::ty::{Type, json_name};

/// The status of an error case that `[errors]` does not name: a domain error.
const STATUS_DEFAULT: u16 = 422;

/// The one case of an error that is neither a `variant` nor an `enum`, or that carries nothing.
const WHOLE: &str = "error";

/// The error cases of a function.
pub(super) fn cases(function: &Function, specs: &[ErrorSpec]) -> ErrorCases {
    let case = |name: &str, docs: &Option<String>, payload: Option<&Type>| {
        let spec = specs.iter().find(|spec| spec.case == name);
        ErrorCase {
            name: name.into(),
            code: json_name(name),
            status: spec.map_or(STATUS_DEFAULT, |spec| spec.status),
            payload: payload.cloned(),
            docs: docs.clone(),
            title: title(name, docs.as_deref()),
        }
    };
    let Some(Type::Result(_)) = &function.result else { return ErrorCases::None };
    match function.error() {
        Some(Type::Variant(variant)) => ErrorCases::Named(
            variant.cases.iter().map(|c| case(&c.name, &c.docs, c.ty.as_ref())).collect(),
        ),
        Some(Type::Enum(labels)) => ErrorCases::Named(
            labels.cases.iter().map(|label| case(&label.name, &label.docs, None)).collect(),
        ),
        other => ErrorCases::Whole(case(WHOLE, &None, other)),
    }
}

/// The first sentence of the docs, or the name as words.
fn title(name: &str, docs: Option<&str>) -> String {
    match docs.map(first_sentence) {
        Some(sentence) if !sentence.is_empty() => sentence,
        _ => humanised(name),
    }
}

/// Up to the first full stop or blank line, on one line and without the full stop.
fn first_sentence(docs: &str) -> String {
    let paragraph = docs.trim().split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = line.split(". ").next().unwrap_or_default();
    sentence.strip_suffix('.').unwrap_or(sentence).to_owned()
}

/// `not-found` becomes `Not found`.
fn humanised(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_sentence_of_the_docs_or_the_name_as_words() {
        assert_eq!(title("not-found", None), "Not found");
        assert_eq!(title("not-found", Some("  \n")), "Not found");
        assert_eq!(title("x", Some("It is closed\nnow. Try later.")), "It is closed now");
        assert_eq!(title("x", Some("At 7.30 it opens.\n\nMore")), "At 7.30 it opens");
    }
}
