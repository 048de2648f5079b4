//! What is said, on the command line and in files.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::attacks::guests::service;
use crate::support::{TestHost, eventually};

/// How long a line may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// `thali logs -f`, and what it prints.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stdout(host: &TestHost, args: &[&str]) -> String {
    let output = host.thali(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_command_line_shows_what_is_asked_for_and_follows() {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&service("trapping", "", "unreachable", "")).status, 201);
    let following = Following::begin(
        host.command(&["logs", "trapping", "-f", "--level", "error", "--since", "1h", "--json"]),
    );
    let answer = host.get("/api/v1/trapping");
    assert_eq!(answer.status, 500);
    let record = following.next();
    assert_eq!((&record["level"], &record["service"]), (&json!("error"), &json!("trapping")));
    assert_eq!(record["request_id"], answer.body["request_id"]);
    assert_ne!(record["trace_id"], Value::Null);

    let id = answer.body["request_id"].as_str().unwrap();
    let lines = stdout(&host, &["logs", "trapping", "--request", id, "--level", "error"]);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains(" ERROR trapping/1 ") && lines.contains(id), "{lines}");
    assert!(!lines.contains('\u{1b}'), "no colors without a terminal: {lines}");
    assert_eq!(stdout(&host, &["logs", "nobody"]), "");
    assert_eq!(stdout(&host, &["logs", "--since", "2999-01-01T00:00:00Z"]), "");
    let refused = host.thali(&["logs", "--since", "yesterday"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("10m"), "{told}");
}

/// The head of a request, until the empty line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn event(seq: u64) -> String {
    let data = json!({ "seq": seq, "at": "2026-11-22T18:30:00Z", "message": "a line" });
    format!("event: log\nid: {seq}\ndata: {data}\n\n")
}

#[test]
fn who_follows_comes_back_to_a_host_that_was_away_and_goes_on_where_it_was() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_thali"));
    command.args(["logs", "-f", "--json"]);
    command.env("THALI_ADMIN_URL", format!("http://{}", host.local_addr().unwrap()));
    let following = Following::begin(command);
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    for (place, text) in [
        (None, event(7) + &event(8) + "event: log\nid: 9\ndata: {\"cut"),
        (Some(8), "event: lost\ndata: {\"lines\":1}\n\n".to_owned() + &event(10)),
        // Nothing was for it, and it is further on all the same.
        (Some(10), ":\nid: 12\n\n".to_owned()),
        (Some(12), event(13)),
    ] {
        let (mut stream, _) = host.accept().unwrap();
        let head = head(&mut stream);
        let told = head.lines().find_map(|line| line.strip_prefix("last-event-id: "));
        assert_eq!(told, place.map(|place: u64| place.to_string()).as_deref(), "{head}");
        stream.write_all((ok.to_owned() + &text).as_bytes()).unwrap();
    }
    let seen: Vec<_> = (0..4).map(|_| following.next()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seen, [7, 8, 10, 13], "none twice");
}

#[test]
fn files_of_the_log_come_and_go_with_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thali.toml");
    let tell = |text: &str| std::fs::write(&file, format!("[logs]\n{text}\n")).unwrap();
    tell("files = false\nfilter = \"warn,access=info\"");
    let host = TestHost::with_environment(&["--config", file.to_str().unwrap()], &[]);
    let logs = host.data().join("data/logs");
    host.get("/api/v1/before");
    assert!(!logs.exists(), "nobody asked for files");

    let reload = |changed: &[&str]| {
        let answer = host.admin_post_json("/config/reload", &Value::Null);
        assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(changed)));
    };
    tell("files = true\nfiles-max = 2\nfilter = \"warn,access=info\"");
    reload(&["logs.files", "logs.files-max"]);
    host.get("/api/v1/between");
    let written = || {
        let files = std::fs::read_dir(&logs).into_iter().flatten().map(|file| file.unwrap().path());
        let files: Vec<_> = files.collect();
        let [file] = &files[..] else { return None };
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        Some(std::fs::read_to_string(file).unwrap())
    };
    let text = eventually("the request in the file", || {
        written().filter(|text| text.contains("/api/v1/between"))
    });
    assert!(!text.contains("/api/v1/before"), "what was said while there were none: {text}");

    tell("files = false\naccess = false\nfilter = \"warn,access=info\"");
    reload(&["logs.access", "logs.files", "logs.files-max"]);
    host.get("/api/v1/after");
    tell("files = true\nfilter = \"warn,access=info\"");
    reload(&["logs.access", "logs.files"]);
    host.get("/api/v1/again");
    let text = eventually("the last request in the file", || {
        written().filter(|text| text.contains("/api/v1/again"))
    });
    assert!(text.starts_with('{') && text.contains("/api/v1/between"), "the same file: {text}");
    assert!(!text.contains("/api/v1/after"), "{text}");
    let kept = host.admin_get("/logs?contains=/api/v1/after").body;
    assert_eq!(kept["items"], json!([]), "an access log was not wanted then");
}
