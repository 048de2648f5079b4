//! How deep the types of a component are nested.
//!
//! A component type can declare component types, and the parser recurses into them: a few hundred
//! kilobytes that open one in another would end the process with its stack. So the depth is measured
//! first, without recursion.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType,
    ComponentTypeRef, CoreType, Error,
};

use super::ReadError;

/// How deep component and instance types are nested at most. Tools make four levels; each takes the
/// parser about 2.5 KB of stack.
const DEPTH_MAX: usize = 50;

/// Refuses a section of types that is nested deeper than the stack is.
pub(super) fn check_nesting(section: &[u8]) -> Result<(), ReadError> {
    match is_too_deep(section) {
        Ok(true) => Err(ReadError::TooComplex(format!(
            "its types are nested deeper than {DEPTH_MAX} levels"
        ))),
        // What cannot be read here cannot be read there: the parser says why, at the same byte.
        Ok(false) | Err(_) => Ok(()),
    }
}

fn is_too_deep(section: &[u8]) -> Result<bool, Error> {
    let mut reader = BinaryReader::new(section, 0);
    // How many items are left of the section, and of each type that is open.
    let mut open = vec![reader.read_var_u32()?];
    while let Some(left) = open.last_mut() {
        let Some(fewer) = left.checked_sub(1) else {
            open.pop();
            continue;
        };
        *left = fewer;
        if open.len() > 1 && !is_type(&mut reader)? {
            continue;
        }
        match reader.clone().read_u8()? {
            0x41 | 0x42 => {
                reader.read_u8()?;
                open.push(reader.read_var_u32()?);
            }
            _ => {
                reader.read::<ComponentType<'_>>()?;
            }
        }
        if open.len() > DEPTH_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Skips a declaration, unless it is that of a type.
fn is_type(reader: &mut BinaryReader<'_>) -> Result<bool, Error> {
    match reader.read_u8()? {
        0x00 => reader.read::<CoreType<'_>>().map(|_| false),
        0x02 => reader.read::<ComponentAlias<'_>>().map(|_| false),
        0x03 => reader.read::<ComponentImport<'_>>().map(|_| false),
        0x04 => {
            reader.read::<ComponentExternName<'_>>()?;
            reader.read::<ComponentTypeRef>().map(|_| false)
        }
        _ => Ok(true),
    }
}
