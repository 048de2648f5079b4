//! A client made of a raw socket, which sends what an HTTP library refuses to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than any deadline of the host: whoever waits so long waits for nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
pub(super) struct Raw {
    pub(super) stream: TcpStream,
    connected: Instant,
}

/// What came until the host closed the connection.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) bytes: Vec<u8>,
    /// From connecting to the end.
    pub(super) after: Duration,
}

impl Raw {
    pub(super) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, connected: Instant::now() }
    }

    /// Sends bytes; whether the host took them.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The same connection for another thread.
    pub(super) fn same(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), connected: self.connected }
    }

    /// Reads until the host closes. A host that never does is a failure.
    pub(super) fn rest(mut self) -> Ended {
        let mut bytes = Vec::new();
        if let Err(error) = self.stream.read_to_end(&mut bytes) {
            let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
            assert!(reset, "the host does not close the connection: {error}");
        }
        Ended { bytes, after: self.connected.elapsed() }
    }
}

/// Sends bytes on a connection of their own, and reads until the host closes it.
pub(super) fn exchange(address: &str, bytes: impl AsRef<[u8]>) -> Ended {
    let mut client = Raw::connect(address);
    client.send(bytes);
    client.rest()
}

impl Ended {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of every answer. Bodies here are JSON: none has such a line in it.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        let answers = text.split("HTTP/1.1 ").skip(1);
        answers.map(|answer| answer.get(..3).unwrap_or_default().parse().unwrap_or(0)).collect()
    }

    /// Whether some answer has this header, written in lower case with its value.
    pub(super) fn has_header(&self, header: &str) -> bool {
        self.text().to_ascii_lowercase().lines().any(|line| line == header)
    }
}
