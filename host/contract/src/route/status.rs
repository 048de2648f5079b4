//! The status of a success.

use wasmtime::component::Val;

use crate::manifest::{StatusSpec, hint};
use crate::ty::Type;

/// What a success answers.
#[derive(Clone, Debug)]
pub(super) enum Status {
    /// Always this one.
    Always(u16),
    /// By the value of an `enum` in the result record.
    By {
        /// The index of the field.
        field: usize,
        /// The cases as WIT writes them, in its order, and what each answers.
        cases: Vec<(String, u16)>,
    },
}

impl Status {
    /// Finds the member; the errors say what is not there, or not said.
    pub(super) fn resolve(spec: &StatusSpec, result: Option<&Type>) -> Result<Self, Vec<String>> {
        let (member, values) = match spec {
            StatusSpec::Always(status) => return Ok(Self::Always(*status)),
            StatusSpec::By { member, values } => (member, values),
        };
        let fields = match result {
            Some(Type::Record(record)) => record.fields.as_slice(),
            _ => &[],
        };
        let Some(index) = fields.iter().position(|field| field.json == *member) else {
            let hint = hint(member, fields.iter().map(|field| field.json.as_str()));
            return Err(vec![format!("the result has no member {member:?} for a status{hint}")]);
        };
        let ty = fields.get(index).map(|field| &field.ty);
        let Some(Type::Enum(labels)) = ty else {
            return Err(vec![format!("{member} cannot say the status: it is no enum")]);
        };
        let mut mistakes = Vec::new();
        for (value, _) in values {
            if !labels.cases.iter().any(|case| case.json == *value) {
                let hint = hint(value, labels.cases.iter().map(|case| case.json.as_str()));
                mistakes.push(format!("{member} is never {value:?}{hint}"));
            }
        }
        let mut cases = Vec::with_capacity(labels.cases.len());
        for case in &labels.cases {
            match values.iter().find(|(value, _)| case.json == *value) {
                Some((_, status)) => cases.push((case.name.clone(), *status)),
                None => mistakes.push(format!("{member} may be {:?}: say its status", case.json)),
            }
        }
        if mistakes.is_empty() { Ok(Self::By { field: index, cases }) } else { Err(mistakes) }
    }

    /// The status of a result; `None` when it is not of the type that was resolved.
    pub(super) fn of(&self, result: Option<&Val>) -> Option<u16> {
        let (field, cases) = match self {
            Self::Always(status) => return Some(*status),
            Self::By { field, cases } => (field, cases),
        };
        let Some(Val::Record(values)) = result else { return None };
        let (_, Val::Enum(name)) = values.get(*field)? else { return None };
        cases.iter().find(|(case, _)| case == name).map(|(_, status)| *status)
    }

    /// The status of the first case.
    pub(super) fn first(&self) -> u16 {
        match self {
            Self::Always(status) => *status,
            Self::By { cases, .. } => cases.first().map_or(200, |(_, status)| *status),
        }
    }

    /// Every status, each once, the lowest first.
    pub(super) fn all(&self) -> Vec<u16> {
        match self {
            Self::Always(status) => vec![*status],
            Self::By { cases, .. } => {
                let mut all: Vec<_> = cases.iter().map(|(_, status)| *status).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }
}
