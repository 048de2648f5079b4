//! HTTP/2 frames, by hand.

use super::raw::Raw;
use super::stage::Stage;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET http://a/`, in HPACK.
const GET: &[u8] = b"\x82\x86\x84\x41\x01a";
/// `POST http://a/`
const POST: &[u8] = b"\x83\x86\x84\x41\x01a";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Whether a server said GOAWAY.
fn says_goaway(mut bytes: &[u8]) -> bool {
    while bytes.len() >= 9 {
        if bytes[3] == GOAWAY {
            return true;
        }
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    false
}

/// The bytes of each flood, and whether the host has to end the connection for it.
fn all_floods() -> [(&'static str, Vec<u8>, bool); 5] {
    let resets = (0..10_000).flat_map(|n| {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, GET);
        [request, frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat()
    });
    let continued = std::iter::once(frame(HEADERS, END_STREAM, 1, GET))
        .chain((0..10_000).map(|_| frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y")));
    let post = frame(HEADERS, END_HEADERS, 1, POST);
    let empty = [post, frame(DATA, 0, 1, &[]).repeat(10_000)].concat();
    [
        ("HEADERS and RST_STREAM", resets.collect(), true),
        ("CONTINUATION", continued.flatten().collect(), true),
        ("empty DATA", empty, false),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[]).repeat(10_000), false),
        ("PING", frame(PING, 0, 0, &[0; 8]).repeat(10_000), false),
    ]
}

/// 10,000 frames of each kind: the host ends the connection where the flood is an attack by itself, and
/// uses little of a processor for any.
pub(super) fn floods(stage: &Stage) -> Result<String, String> {
    let mut seen = Vec::new();
    for (what, bytes, must_end) in all_floods() {
        let before = stage.host.cpu_hundredths();
        let mut client = Raw::connect(stage.host.gateway_address());
        client.send(PREFACE);
        client.send(frame(SETTINGS, 0, 0, &[]));
        let taken = client.send(&bytes);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let ended = client.rest();
        let used = stage.host.cpu_hundredths() - before;
        let goaway = says_goaway(&ended.bytes);
        let how = match (goaway, taken) {
            (true, _) => "GOAWAY",
            (false, false) => "cut",
            (false, true) => "served",
        };
        let line = format!("{what}: {how}, CPU {used}0 ms");
        let is_ended = goaway || ended.bytes.is_empty() || !taken;
        if used >= 100 || (must_end && !is_ended) {
            return Err(line);
        }
        seen.push(line);
    }
    Ok(seen.join("; "))
}
