//! Email through a real SMTP server (aiosmtpd, on a free port of loopback).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thali_contract::name::ServiceName;
use thali_platform::SendError;
use thali_platform::config::Secret;
use thali_platform::mail::{MailConfig, Mailer, Message};
use thali_runtime::Extensions;
use wasmtime::component::Val;

use crate::support::Guest;

/// A running server. It ends with this value.
struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
        let tools = Command::new(scripts.join("python-tools.sh")).output().unwrap();
        assert!(tools.status.success(), "{}", String::from_utf8_lossy(&tools.stderr));
        let tools = String::from_utf8(tools.stdout).unwrap();
        let mut process = Command::new(Path::new(tools.trim()).join("python"))
            .arg(scripts.join("smtp-server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server =
            Self { lines: BufReader::new(process.stdout.take().unwrap()), process, port: 0 };
        server.port = server.line().trim().parse().unwrap();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The next message that arrived.
    fn message(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mailer(url: &str) -> Mailer {
    mailer_within(url, Duration::from_secs(10))
}

fn mailer_within(url: &str, timeout: Duration) -> Mailer {
    let from = "Thali <no-reply@thali.example>".to_owned();
    Mailer::smtp(&MailConfig { url: Secret::new(url), from, timeout }).unwrap()
}

fn message(to: &str) -> Message {
    Message {
        to: to.into(),
        subject: "Your order is on its way".into(),
        text: "Twenty minutes.\n.\nThank you!".into(),
        id: "order-1.confirmed".into(),
    }
}

fn service() -> ServiceName {
    "notifications".parse().unwrap()
}

#[tokio::test]
async fn a_message_arrives_with_its_id_and_its_text() {
    let mut server = Server::start(&[]);
    let mailer = mailer(&server.url());
    let accented = Message { subject: "Ihr Menü".into(), ..message("ada@example.com") };
    mailer.send(&service(), message("ada@example.com")).await.unwrap();
    mailer.send(&service(), accented).await.unwrap();

    let first = server.message();
    assert_eq!(first["from"], "no-reply@thali.example");
    assert_eq!(first["to"], serde_json::json!(["ada@example.com"]));
    let data = first["data"].as_str().unwrap();
    for line in [
        "From: Thali <no-reply@thali.example>\r\n",
        "To: ada@example.com\r\n",
        "Subject: Your order is on its way\r\n",
        "Message-ID: <order-1.confirmed@thali.example>\r\n",
        "\r\n\r\nTwenty minutes.\r\n.\r\nThank you!",
    ] {
        assert!(data.contains(line), "{line:?} is not in {data:?}");
    }
    let second = server.message();
    assert_eq!(first["connection"], second["connection"], "the connection is used again");
    assert!(second["data"].as_str().unwrap().contains("=?utf-8?b?TWVuw7w=?="), "{second}");
}

#[tokio::test]
async fn the_servers_answer_says_whether_trying_again_can_help() {
    let server = Server::start(&[]);
    let mailer = mailer(&server.url());
    let busy = mailer.send(&service(), message("busy@example.com")).await;
    let Err(SendError::Unavailable(detail)) = busy else { panic!("unavailable, got {busy:?}") };
    assert!(detail.contains("Greylisted"), "{detail}");
    let nobody = mailer.send(&service(), message("nobody@example.com")).await;
    let Err(SendError::Rejected(detail)) = nobody else { panic!("rejected, got {nobody:?}") };
    assert!(detail.contains("No such user"), "{detail}");
    // The connection survives both.
    mailer.send(&service(), message("ada@example.com")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_or_hangs_is_unavailable() {
    let server = Server::start(&[]);
    let patient = mailer_within(&server.url(), Duration::from_millis(300));
    let slow = patient.send(&service(), message("slow@example.com")).await;
    assert!(matches!(slow, Err(SendError::Unavailable(_))), "{slow:?}");
    let url = server.url();
    drop(server);
    let down = mailer(&url).send(&service(), message("ada@example.com")).await;
    assert!(matches!(down, Err(SendError::Unavailable(_))), "{down:?}");
}

#[tokio::test]
async fn wrong_credentials_are_the_operators_fault_not_the_messages() {
    let mut server = Server::start(&["thali:p@ss"]);
    let port = server.port;
    let wrong = mailer(&format!("smtp://thali:wrong@127.0.0.1:{port}"));
    let refused = wrong.send(&service(), message("ada@example.com")).await;
    assert!(matches!(refused, Err(SendError::Unavailable(_))), "{refused:?}");
    let right = mailer(&format!("smtp://thali:p%40ss@127.0.0.1:{port}"));
    right.send(&service(), message("ada@example.com")).await.unwrap();
    assert_eq!(server.message()["to"][0], "ada@example.com");
}

#[tokio::test]
async fn nothing_that_is_sent_can_add_a_header_or_a_recipient() {
    let mut server = Server::start(&[]);
    let mailer = mailer(&server.url());
    let injected = [
        Message { subject: "a\r\nBcc: eve@example.com".into(), ..message("ada@example.com") },
        Message { subject: "a\nb".into(), ..message("ada@example.com") },
        Message { id: "1>\r\nBcc: eve@example.com".into(), ..message("ada@example.com") },
        message("ada@example.com\r\nRCPT TO:<eve@example.com>"),
        message("ada@example.com, eve@example.com"),
        message("Ada <ada@example.com>"),
        message(""),
        Message { subject: "x".repeat(501), ..message("ada@example.com") },
        Message { text: "x".repeat((256 << 10) + 1), ..message("ada@example.com") },
    ];
    for message in injected {
        let refused = mailer.send(&service(), message.clone()).await;
        assert!(matches!(refused, Err(SendError::Rejected(_))), "{refused:?}: {message:?}");
    }
    let folded = Message { text: "a\r\n.\r\nMAIL FROM:<x>".into(), ..message("ada@example.com") };
    mailer.send(&service(), folded).await.unwrap();
    let arrived = server.message();
    assert_eq!(arrived["to"], serde_json::json!(["ada@example.com"]));
    assert!(
        arrived["data"].as_str().unwrap().ends_with("a\r\n.\r\nMAIL FROM:<x>\r\n"),
        "{arrived}"
    );
}

#[tokio::test]
async fn many_messages_at_once_all_arrive() {
    let mut server = Server::start(&[]);
    let mailer = Arc::new(mailer(&server.url()));
    let sending: Vec<_> = (0..40)
        .map(|n| {
            let mailer = Arc::clone(&mailer);
            let message = Message { id: format!("m{n}"), ..message("ada@example.com") };
            tokio::spawn(async move { mailer.send(&service(), message).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let mut connections: Vec<_> =
        (0..40).map(|_| server.message()["connection"].as_u64().unwrap()).collect();
    connections.sort_unstable();
    connections.dedup();
    assert!(connections.len() <= 8, "{} connections", connections.len());
}

#[test]
fn a_configuration_that_cannot_work_is_refused_without_its_password() {
    let config = |url: &str, from: &str| MailConfig {
        url: Secret::new(url),
        from: from.into(),
        timeout: Mailer::TIMEOUT,
    };
    let wrong = [
        config("mail.example", "a@example.com"),
        config("http://u:hunter2@mail.example", "a@example.com"),
        config("smtp://u:hunter2@mail.example?tls=maybe", "a@example.com"),
        config("smtp://u:hunter2@127.0.0.1", "not an address"),
    ];
    for config in wrong {
        let error = Mailer::smtp(&config).unwrap_err().to_string();
        assert!(error.starts_with("mail.") && !error.contains("hunter2"), "{error}");
    }
}

const API: &str = "use thali:platform/mail@1.0.0.{message, error};
    provider: func() -> string;
    send: func(message: message) -> result<_, error>;";

const IMPORTS: &str = r#"
    (import "thali:platform/mail@1.0.0" "provider" (func $provider (param i32)))
    (import "thali:platform/mail@1.0.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

const CORE: &str = r#"
    (func (export "test:guest/api@1.0.0#provider") (result i32)
        (call $provider (i32.const 1024)) (i32.const 1024))
    (func (export "test:guest/api@1.0.0#send")
        (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6) (local.get 7) (i32.const 1024))
        (i32.const 1024))"#;

fn record(to: &str) -> Val {
    let text = |name: &str, value: &str| (name.to_owned(), Val::String(value.into()));
    Val::Record(vec![text("to", to), text("subject", "s"), text("text", "t"), text("id", "1")])
}

#[tokio::test]
async fn a_component_sends_and_is_told_what_became_of_it() {
    let mut server = Server::start(&[]);
    let mut extensions = Extensions::new();
    extensions.insert(Arc::new(mailer(&server.url())));
    let guest = Guest::with("mail", API, IMPORTS, CORE, extensions);
    assert_eq!(guest.call("provider", &[]).await, Ok(Some(Val::String("smtp".into()))));
    let sent = guest.call("send", &[record("ada@example.com")]).await;
    assert_eq!(sent, Ok(Some(Val::Result(Ok(None)))));
    assert_eq!(server.message()["to"][0], "ada@example.com");
    let refused = guest.call("send", &[record("nobody@example.com")]).await.unwrap().unwrap();
    let Val::Result(Err(Some(error))) = refused else { panic!("an error, got {refused:?}") };
    assert!(matches!(*error, Val::Variant(ref case, _) if case == "rejected"), "{error:?}");

    let without = Guest::new("mail", API, IMPORTS, CORE);
    assert_eq!(without.call("provider", &[]).await, Ok(Some(Val::String("log".into()))));
    let sent = without.call("send", &[record("ada@example.com")]).await;
    assert_eq!(sent, Ok(Some(Val::Result(Ok(None)))));
}
