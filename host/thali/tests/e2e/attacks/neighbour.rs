//! A client of a service that has nothing to do with the attack.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From one answer to the next request: some 400 requests a second, far below what the host can do.
const PACE: Duration = Duration::from_millis(2);

/// A host that does not answer at all ends the run with a message and not with a hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the answers took, and how many were not 200.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    times: Vec<Duration>,
    pub(crate) failed: usize,
}

impl Seen {
    /// The time that 99 of 100 answers stayed within.
    pub(crate) fn p99(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    }

    pub(crate) fn answers(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.times.iter().max().copied().unwrap_or_default()
    }
}

/// One keep-alive connection.
pub(crate) struct Client {
    address: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { address: address.to_owned(), stream, buffer: vec![0; 16 << 10] }
    }

    /// Asks for `path` again and again until `is_done`.
    pub(crate) fn ask(mut self, path: &str, is_done: &AtomicBool) -> Seen {
        let mut seen = Seen::default();
        while !is_done.load(Ordering::Relaxed) {
            let asked = Instant::now();
            match self.get(path) {
                Ok(200) => {}
                answer => {
                    eprintln!("a neighbour was answered {answer:?}");
                    seen.failed += 1;
                    self = Self::connect(&self.address);
                }
            }
            seen.times.push(asked.elapsed());
            std::thread::sleep(PACE);
        }
        seen
    }

    /// The status of one answer.
    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: neighbour\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(status) = whole_answer(&self.buffer[..filled]) {
                return Ok(status);
            }
        }
    }
}

/// The status, once head and body are there.
fn whole_answer(bytes: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| head.split(' ').nth(1).unwrap().parse().unwrap())
}
