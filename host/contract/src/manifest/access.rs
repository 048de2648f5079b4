//! `scope` and `auth` of a route.

use super::entries::{Entry, Reader};
use crate::access::{Access, Scope};

/// The value of `auth` that says a caller must be signed in.
const REQUIRED: &str = "required";

/// What a route's keys say of its callers, as they are read.
#[derive(Default)]
pub(super) struct AccessKeys {
    scope: Option<Scope>,
    /// Where `auth` is, in bytes.
    auth: Option<usize>,
}

impl AccessKeys {
    /// Takes the key when it is one of these; whether it was.
    pub(super) fn take(&mut self, reader: &mut Reader<'_>, entry: Entry<'_>) -> bool {
        match entry.key {
            "scope" => {
                let parse = |text: &str| text.parse::<Scope>().map_err(|error| error.to_string());
                self.scope = reader.parsed(entry, parse);
            }
            "auth" => {
                self.auth = reader.parsed(entry, |text| match text {
                    REQUIRED => Ok(entry.at),
                    _ => Err(format!(
                        "\"auth\" can only be {REQUIRED:?}; a route without it and without \"scope\" \
                         is public"
                    )),
                });
            }
            _ => return false,
        }
        true
    }

    /// What they say together.
    pub(super) fn finish(self, reader: &mut Reader<'_>) -> Access {
        match (self.scope, self.auth) {
            (None, None) => Access::Public,
            (None, Some(_)) => Access::SignedIn,
            (Some(scope), auth) => {
                if let Some(at) = auth {
                    let detail =
                        format!("\"scope\" asks for a token anyway: leave auth = {REQUIRED:?} out");
                    reader.mistake(at, detail);
                }
                Access::Scope(scope)
            }
        }
    }
}
