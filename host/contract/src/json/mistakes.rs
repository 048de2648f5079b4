//! The mistakes of one document.

use serde::de;
use wasmtime::component::Val;

use super::path::Path;
use crate::problem::Mistake;

/// How many mistakes of one document are told. One that has more is not what its sender thinks it is.
pub(crate) const MISTAKES_MAX: usize = 32;

/// What absent members may take, in bytes, whatever the size of the document.
const ABSENT_BYTES_BASE: usize = 1 << 20;

/// What absent members may take for every byte of the document.
const ABSENT_BYTES_FACTOR: usize = 64;

/// Collects mistakes, and ends the reading when there are too many.
pub(super) struct Mistakes {
    found: Vec<Mistake>,
    stopped: bool,
    /// `{}` can be a record of a hundred absent options: what is not there must be paid for too.
    absent_bytes_left: usize,
}

impl Mistakes {
    /// None yet, for a document of so many bytes.
    pub(super) fn new(document_bytes: usize) -> Self {
        let absent = document_bytes.saturating_mul(ABSENT_BYTES_FACTOR);
        Self {
            found: Vec::new(),
            stopped: false,
            absent_bytes_left: absent.saturating_add(ABSENT_BYTES_BASE),
        }
    }

    /// Records a mistake.
    pub(super) fn add(&mut self, at: &Path<'_>, detail: impl Into<String>) {
        if self.found.len() < MISTAKES_MAX {
            self.found.push(Mistake::new(at.pointer(), detail));
        } else if !self.stopped {
            self.stopped = true;
            self.found.push(Mistake::new("", "and more"));
        }
    }

    /// Records that the document is not JSON, unless the error is our own wish to stop.
    pub(super) fn add_syntax(&mut self, error: &serde_json::Error) {
        if !self.stopped {
            self.found.push(Mistake::new("", error.to_string()));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// An error once there is no point in reading on.
    pub(super) fn go_on<E: de::Error>(&self) -> Result<(), E> {
        if self.stopped { Err(E::custom("stopped")) } else { Ok(()) }
    }

    /// Accounts for the absent option `name` of a record.
    pub(super) fn absent(&mut self, at: &Path<'_>, name: &str) {
        let bytes = size_of::<(String, Val)>() + name.len();
        match self.absent_bytes_left.checked_sub(bytes) {
            Some(left) => self.absent_bytes_left = left,
            None if self.stopped => {}
            None => {
                self.add(at, "this document would take far more memory than its own size");
                self.stopped = true;
            }
        }
    }

    /// All of them, in the order they were found.
    pub(super) fn into_found(self) -> Vec<Mistake> {
        self.found
    }
}
