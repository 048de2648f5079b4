//! What a line of the table is.

use std::path::Path;

use super::stage::Stage;
use crate::support::TestHost;

/// Attacks once and says what it saw; an error says it, too, when it should have been something else.
pub(super) type Attack = fn(&Stage) -> Result<String, String>;

/// One case.
pub(super) struct Case {
    /// As in RELIABILITY.md.
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) expected: &'static str,
    pub(super) how: How,
    /// The host that is attacked.
    pub(super) host: fn() -> TestHost,
    /// The case expects a refusal, so nothing may be stored.
    pub(super) stores_nothing: bool,
    /// Why it does not hold yet.
    pub(super) gap: Option<&'static str>,
    /// Why the neighbour may be late in the table.
    pub(super) late: Option<&'static str>,
    /// A second run on the same host would find what the first has left there.
    pub(super) once: bool,
}

/// How a case is posed.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// To a host, from outside.
    Attack(Attack),
    /// From outside there is no way to it, or a test of its own goes it at length: this one.
    ShownBy { file: &'static str, test: &'static str },
    /// There is nothing here to attack. The text says why.
    PosesNothing(&'static str),
}

/// A host that gives a compilation little, so that bombs go off soon.
const HOST_FILE: &str = "[limits.compile]\nmemory = \"192MiB\"\ncpu = \"3s\"\ntime = \"30s\"\n";

fn usual_host() -> TestHost {
    TestHost::with_host_file(HOST_FILE)
}

fn nothing(_: &Stage) -> Result<String, String> {
    Err("not run".into())
}

impl Case {
    pub(super) const fn new(
        id: &'static str,
        name: &'static str,
        expected: &'static str,
        run: Attack,
    ) -> Self {
        let how = How::Attack(run);
        Self {
            id,
            name,
            expected,
            how,
            host: usual_host,
            stores_nothing: false,
            gap: None,
            late: None,
            once: false,
        }
    }

    /// Done to a host that is not the usual one.
    pub(super) const fn to(
        id: &'static str,
        name: &'static str,
        expected: &'static str,
        host: fn() -> TestHost,
        run: Attack,
    ) -> Self {
        Self { host, ..Self::new(id, name, expected, run) }
    }

    /// Shown by the function `test` in `file`, a path from the root of the tree.
    pub(super) const fn shown_by(
        id: &'static str,
        name: &'static str,
        expected: &'static str,
        file: &'static str,
        test: &'static str,
    ) -> Self {
        Self { how: How::ShownBy { file, test }, ..Self::new(id, name, expected, nothing) }
    }

    /// A case of something that is not there, and why.
    pub(super) const fn poses_nothing(
        id: &'static str,
        name: &'static str,
        why: &'static str,
    ) -> Self {
        Self { how: How::PosesNothing(why), ..Self::new(id, name, "-", nothing) }
    }

    /// What does not hold up a neighbour on another machine may do so here.
    pub(super) const fn flood(self) -> Self {
        let late = "the clients of the flood compute on the neighbour's processors, and so does the \
                    host that refuses them";
        Self { late: Some(late), ..self }
    }

    /// Done once to a host.
    pub(super) const fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// Whether `file` has a test of this name.
pub(super) fn has_test(file: &str, test: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let Some(at) = text.find(&format!("fn {test}()")) else { return false };
    // The attribute is on the line above, with others between at most.
    let above = text.get(..at).unwrap_or_default().lines().rev().take(4);
    above.take_while(|line| !line.trim().is_empty()).any(|line| line.contains("test"))
}
