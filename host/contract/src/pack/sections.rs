//! The sections of a component's root, byte by byte.
//!
//! What Thali adds to a component are custom sections at its end; finding them needs none of what
//! the other sections mean.

use std::ops::Range;

use super::PackError;

/// `\0asm`, the version and the layer that say "component".
pub(super) const COMPONENT_HEADER: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/// A custom section of the root.
pub(super) struct Custom<'b> {
    pub(super) name: &'b str,
    pub(super) data: &'b [u8],
    /// Where the whole section is, with its id and size.
    pub(super) whole: Range<usize>,
}

/// The custom sections of a component's root, in order.
pub(super) fn custom_sections(component: &[u8]) -> Result<Vec<Custom<'_>>, PackError> {
    if !component.starts_with(&COMPONENT_HEADER) {
        return Err(PackError::NotAComponent);
    }
    let mut customs = Vec::new();
    let mut cursor = Cursor { bytes: component, at: COMPONENT_HEADER.len() };
    while cursor.at < component.len() {
        let start = cursor.at;
        let id = cursor.byte()?;
        let size = cursor.leb()?;
        let content = cursor.take(size)?;
        if id == 0 {
            let mut inside = Cursor { bytes: content, at: 0 };
            let name_size = inside.leb()?;
            let name =
                std::str::from_utf8(inside.take(name_size)?).map_err(|_| PackError::Broken)?;
            let data = content.get(inside.at..).unwrap_or_default();
            customs.push(Custom { name, data, whole: start..cursor.at });
        }
    }
    Ok(customs)
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    fn byte(&mut self) -> Result<u8, PackError> {
        let byte = *self.bytes.get(self.at).ok_or(PackError::Broken)?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned LEB128 of at most 32 bits.
    fn leb(&mut self) -> Result<usize, PackError> {
        let mut value: u64 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let value = u32::try_from(value).map_err(|_| PackError::Broken)?;
                return usize::try_from(value).map_err(|_| PackError::Broken);
            }
        }
        Err(PackError::Broken)
    }

    fn take(&mut self, size: usize) -> Result<&'b [u8], PackError> {
        let end = self.at.checked_add(size).ok_or(PackError::Broken)?;
        let taken = self.bytes.get(self.at..end).ok_or(PackError::Broken)?;
        self.at = end;
        Ok(taken)
    }
}
