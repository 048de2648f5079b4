//! Validates a component and lists what its root imports and exports.

use wasmparser::types::Types;
use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use super::ReadError;
use super::complexity::{Shape, Tally};
use super::nesting::check_nesting;

/// The most imports and exports of the root.
const EXTERNS_MAX: usize = 2_000;

/// What a component's root has.
pub(super) struct Outline {
    pub(super) types: Types,
    /// Names in the component's order.
    pub(super) externs: Vec<(Side, String)>,
    pub(super) shape: Shape,
}

/// Whether something is imported or exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Import,
    Export,
}

/// The features of the engine, and the component model's newer value types.
fn features() -> WasmFeatures {
    (WasmFeatures::default() | WasmFeatures::CM_MAP | WasmFeatures::CM_FIXED_LENGTH_LISTS)
        .difference(WasmFeatures::GC | WasmFeatures::THREADS)
}

/// Validates everything but function bodies.
pub(super) fn scan(component: &[u8]) -> Result<Outline, ReadError> {
    if !component.starts_with(b"\0asm") {
        return Err(ReadError::NotWasm);
    }
    let mut scanner = Scanner {
        bytes: component,
        validator: Validator::new_with_features(features()),
        depth: 0,
        tally: Tally::default(),
        externs: Vec::new(),
    };
    for payload in Parser::new(0).parse_all(component) {
        if let Some(types) = scanner.payload(&payload.map_err(invalid)?)? {
            let shape = scanner.tally.shape();
            return Ok(Outline { types, externs: scanner.externs, shape });
        }
    }
    Err(ReadError::Invalid { message: "it has no end".into(), offset: component.len() })
}

struct Scanner<'b> {
    bytes: &'b [u8],
    validator: Validator,
    /// How many modules and components are open.
    depth: u32,
    tally: Tally,
    externs: Vec<(Side, String)>,
}

impl Scanner<'_> {
    /// Takes the next part of the file; answers the types when it was the last one.
    fn payload(&mut self, payload: &Payload<'_>) -> Result<Option<Types>, ReadError> {
        self.check(payload)?;
        let valid = self.validator.payload(payload).map_err(invalid)?;
        self.list(payload)?;
        match (payload, valid) {
            (Payload::Version { .. }, _) => self.depth += 1,
            (Payload::End(_), ValidPayload::End(types)) => {
                self.depth = self.depth.saturating_sub(1);
                return Ok((self.depth == 0).then_some(types));
            }
            _ => {}
        }
        Ok(None)
    }

    /// What has to be looked at before the validator does.
    fn check(&mut self, payload: &Payload<'_>) -> Result<(), ReadError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if self.depth == 0 => {
                Err(ReadError::NotAComponent)
            }
            Payload::ComponentTypeSection(section) => {
                check_nesting(self.bytes.get(section.range()).unwrap_or_default())?;
                self.tally.add(payload)
            }
            _ => self.tally.add(payload),
        }
    }

    fn list(&mut self, payload: &Payload<'_>) -> Result<(), ReadError> {
        if self.depth != 1 {
            return Ok(());
        }
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let name = import.map_err(invalid)?.name.name;
                    self.externs.push((Side::Import, name.to_owned()));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let name = export.map_err(invalid)?.name.name;
                    self.externs.push((Side::Export, name.to_owned()));
                }
            }
            _ => {}
        }
        if self.externs.len() > EXTERNS_MAX {
            let what = format!("it has more than {EXTERNS_MAX} imports and exports");
            return Err(ReadError::TooComplex(what));
        }
        Ok(())
    }
}

pub(super) fn invalid(error: wasmparser::Error) -> ReadError {
    ReadError::Invalid { message: error.message().to_owned(), offset: error.offset() }
}
