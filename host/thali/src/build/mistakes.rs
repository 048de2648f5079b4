//! What is wrong with a manifest, shown where it stands.

use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource};
use thali_contract::problem::Mistake;
use thiserror::Error;

/// All that is wrong with a manifest, in itself or for its component.
#[derive(Debug, Error, Diagnostic)]
#[error("{} has {}{}", path.display(), count(mistakes), lines(mistakes))]
pub(crate) struct ManifestMistakes {
    path: PathBuf,
    pub(super) mistakes: Vec<Mistake>,
    #[source_code]
    text: NamedSource<String>,
    #[label(collection)]
    places: Vec<LabeledSpan>,
}

impl ManifestMistakes {
    /// Mistakes in this text, which is in the file at `path`.
    pub(super) fn new(path: &Path, text: &str, mistakes: Vec<Mistake>) -> Self {
        let places = mistakes.iter().filter_map(|mistake| place(text, mistake));
        let places = places.map(|place| LabeledSpan::new_with_span(None, place)).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = NamedSource::new(name, text.to_owned()).with_language("TOML");
        Self { path: path.to_owned(), mistakes, text, places }
    }
}

/// Where a mistake is: the word that it names, on the line that it points to, or all of that line.
fn place(text: &str, mistake: &Mistake) -> Option<Range<usize>> {
    let number: usize = mistake.pointer.rsplit_once(':')?.1.parse().ok()?;
    let start = text.split_inclusive('\n').take(number.checked_sub(1)?).map(str::len).sum();
    let line = text.get(start..)?.lines().next()?;
    let quoted = mistake.detail.split('"').nth(1).filter(|word| !word.is_empty());
    if let Some((word, at)) = quoted.and_then(|word| Some((word, line.find(word)?))) {
        return Some(start + at..start + at + word.len());
    }
    let indent = line.len() - line.trim_start().len();
    Some(start + indent..start + line.trim_end().len().max(indent))
}

fn count(mistakes: &[Mistake]) -> String {
    match mistakes.len() {
        1 => "a mistake:".into(),
        many => format!("{many} mistakes:"),
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[service]\nname = \"orders\"\n\n[http]\n  \"GET /x\" = \"a.b\"\nqueu = 1\n";

    #[test]
    fn a_mistake_is_underlined_where_it_stands() {
        let underlined = |pointer: &str, detail: &str| {
            place(TEXT, &Mistake::new(pointer, detail)).and_then(|place| TEXT.get(place))
        };
        let unknown = "unknown key \"queu\"; did you mean \"queue\"?";
        assert_eq!(underlined("service.toml:6", unknown), Some("queu"));
        assert_eq!(
            underlined("service.toml:5", "there is no interface a"),
            Some("\"GET /x\" = \"a.b\"")
        );
        for pointer in ["service.toml", "service.toml:0", "service.toml:99", ""] {
            assert_eq!(underlined(pointer, "wrong"), None, "{pointer}");
        }
    }

    #[test]
    fn all_mistakes_are_listed_beside_the_text() {
        let mistakes = vec![Mistake::new("service.toml:6", "unknown key \"queu\"")];
        let error = ManifestMistakes::new(Path::new("/a/service.toml"), TEXT, mistakes);
        let said = "/a/service.toml has a mistake:\n  service.toml:6: unknown key \"queu\"";
        assert_eq!(error.to_string(), said);
        let drawn = format!("{:?}", miette::Report::new(error));
        assert!(drawn.contains("queu = 1") && drawn.contains("service.toml:6:1"), "{drawn}");
    }
}
