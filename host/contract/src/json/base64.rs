//! `list<u8>` as base64, a piece at a time, so that no second copy of the bytes is made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasmtime::component::Val;

/// Bytes per piece. A multiple of three: no padding between pieces.
const PIECE_BYTES: usize = 768;

/// The characters that a piece becomes.
const PIECE_CHARS: usize = PIECE_BYTES / 3 * 4;

/// The bytes that padded base64 stands for, as the items of a list.
pub(super) fn decode(text: &str) -> Option<Vec<Val>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = [0; PIECE_BYTES];
    let mut items = Vec::with_capacity(text.len() / 4 * 3);
    let mut ended = false;
    for piece in text.as_bytes().chunks(PIECE_CHARS) {
        if ended {
            return None;
        }
        let decoded = STANDARD.decode_slice(piece, &mut bytes).ok()?;
        ended = decoded < piece.len() / 4 * 3;
        items.extend(bytes.iter().take(decoded).map(|byte| Val::U8(*byte)));
    }
    Some(items)
}

/// Appends the items as base64, or returns the index of the first that is no byte.
pub(super) fn encode(items: &[Val], out: &mut Vec<u8>) -> Result<(), usize> {
    let mut bytes = [0; PIECE_BYTES];
    for (i, piece) in items.chunks(PIECE_BYTES).enumerate() {
        for (j, (byte, item)) in bytes.iter_mut().zip(piece).enumerate() {
            let Val::U8(value) = item else { return Err(i * PIECE_BYTES + j) };
            *byte = *value;
        }
        let start = out.len();
        out.resize(start + piece.len().div_ceil(3) * 4, b'=');
        if let (Some(from), Some(to)) = (bytes.get(..piece.len()), out.get_mut(start..)) {
            // The room is exactly what the piece needs.
            let _ = STANDARD.encode_slice(from, to);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_around_a_piece_round_trips() {
        for length in [0, 1, 2, 3, 767, 768, 769, 770, 1536, 5000] {
            let items: Vec<_> = (0..length).map(|i| Val::U8((i % 251) as u8)).collect();
            let mut out = Vec::new();
            encode(&items, &mut out).unwrap();
            let whole: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            assert_eq!(out, STANDARD.encode(whole).into_bytes());
            assert_eq!(decode(std::str::from_utf8(&out).unwrap()), Some(items));
        }
    }

    #[test]
    fn only_canonical_base64_is_read() {
        let padded_between_pieces = format!("{}AA=={}", "A".repeat(PIECE_CHARS - 4), "AAAA");
        for bad in ["A", "AA", "AAA", "AA=", "AB==", "AA-_", "A A=", "====", "AA==AAAA"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode(&padded_between_pieces), None);
    }

    #[test]
    fn an_item_that_is_no_byte_is_named() {
        let mut items = vec![Val::U8(0); 1000];
        items[900] = Val::Bool(true);
        assert_eq!(encode(&items, &mut Vec::new()), Err(900));
    }
}
