//! What a host tells the service manager that started it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::TestHost;

/// The end of the manager.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, folder }
    }

    fn address(&self) -> String {
        self.folder.path().join("notify").to_str().unwrap().to_owned()
    }

    /// Waits for a message with this line, and answers the whole message.
    fn hears(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{line}: {e}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|told| told == line) {
                return message;
            }
        }
    }
}

#[test]
fn the_manager_is_told_of_the_start_of_reloads_that_the_host_answers_and_of_the_end() {
    let manager = Manager::new();
    let variables = [("NOTIFY_SOCKET", &*manager.address()), ("WATCHDOG_USEC", "400000")];
    let mut host = TestHost::with_environment(&[], &variables);
    assert!(manager.hears("READY=1").contains("STATUS=0 services"));
    manager.hears("WATCHDOG=1");
    host.signal("HUP");
    let reloading = manager.hears("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(since.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    host.tell_to_stop();
    manager.hears("STOPPING=1");
    assert!(host.exits_well());
}

#[test]
fn a_host_that_stands_still_says_nothing() {
    let manager = Manager::new();
    let variables = [("NOTIFY_SOCKET", &*manager.address()), ("WATCHDOG_USEC", "200000")];
    let host = TestHost::with_environment(&[], &variables);
    manager.hears("WATCHDOG=1");
    host.signal("STOP");
    let quiet = Some(Duration::from_millis(600));
    manager.socket.set_read_timeout(quiet).unwrap();
    let mut buffer = [0; 4096];
    while manager.socket.recv(&mut buffer).is_ok() {}
    host.signal("CONT");
    manager.socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    manager.hears("WATCHDOG=1");
}
