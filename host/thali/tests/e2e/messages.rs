//! Messages to customers, through real servers: aiosmtpd for email, a small HTTP one for text messages.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestHost, an_order, components_dir, eventually};

/// A text message arrives within this, tried again a few times.
const ARRIVES: Duration = Duration::from_secs(20);

/// An SMTP server on a free port. It ends with this value.
struct Post {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Post {
    fn open() -> Self {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
        let tools = Command::new(scripts.join("python-tools.sh")).output().unwrap();
        assert!(tools.status.success(), "{}", String::from_utf8_lossy(&tools.stderr));
        let tools = String::from_utf8(tools.stdout).unwrap();
        let mut process = Command::new(Path::new(tools.trim()).join("python"))
            .arg(scripts.join("smtp-server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut post = Self { process, lines, port: 0 };
        post.port = post.line().trim().parse().unwrap();
        post
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The next email that arrives.
    fn email(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A provider of text messages that refuses the first few.
struct Phones {
    port: u16,
    messages: Receiver<Text>,
}

/// A text message that was taken.
struct Text {
    key: String,
    body: Value,
}

impl Phones {
    fn refusing(count: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, messages) = channel();
        let refusals = Arc::new(AtomicU32::new(count));
        // It ends with the test's process; nobody waits for it.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (sender, refusals) = (sender.clone(), Arc::clone(&refusals));
                std::thread::spawn(move || answer(connection, &sender, &refusals));
            }
        });
        Self { port, messages }
    }

    fn text(&self) -> Text {
        self.messages.recv_timeout(ARRIVES).expect("a text message arrives")
    }
}

/// Answers the requests of one connection.
fn answer(connection: TcpStream, sender: &Sender<Text>, refusals: &AtomicU32) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let (mut bytes, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() { break } else { continue }
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => bytes = value.parse().unwrap(),
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; bytes];
        reader.read_exact(&mut body).unwrap();
        let less = |left: u32| left.checked_sub(1);
        let refused = refusals.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok();
        let status = if refused { "503 Service Unavailable" } else { "202 Accepted" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if (&connection).write_all(head.as_bytes()).is_err() {
            return;
        }
        if !refused {
            let body = serde_json::from_slice(&body).unwrap();
            let _ = sender.send(Text { key, body });
        }
    }
}

/// A host with the four services that sends by these two.
fn host(folder: &Path, post: &Post, phones: &Phones) -> TestHost {
    let file = folder.join("thali.toml");
    let text = format!(
        "[mail]\nurl = \"smtp://127.0.0.1:{}\"\nfrom = \"Thali <no-reply@thali.example>\"\n\
         [sms]\nurl = \"http://127.0.0.1:{}/messages\"\n",
        post.port, phones.port
    );
    std::fs::write(&file, text).unwrap();
    let (file, components) = (file.to_str().unwrap().to_owned(), components_dir());
    TestHost::with_environment(
        &["--config", &file, "--seed", "--components", components.to_str().unwrap()],
        &[],
    )
}

/// Waits until the one message to somebody has this status, and answers it.
fn await_message(host: &TestHost, recipient: &str, status: &str) -> Value {
    let path = format!("/api/v1/notifications?recipient={recipient}");
    eventually(&format!("{recipient}: {status}"), || {
        let page = host.get(&path).body;
        let message = page["items"].as_array()?.first()?.clone();
        (message["status"] == status).then_some(message)
    })
}

#[test]
fn a_customer_gets_the_news_by_email_and_by_text_message() {
    let folder = tempfile::tempdir().unwrap();
    let (mut post, phones) = (Post::open(), Phones::refusing(0));
    let host = host(folder.path(), &post, &phones);
    let mut order = an_order();
    order["customer"]["email"] = json!("ada@example.org");
    assert_eq!(host.post("/api/v1/orders", &order).status, 201);

    let text = phones.text();
    assert_eq!(text.body["to"], "+15550100");
    let told = text.body["text"].as_str().unwrap().to_owned();
    assert!(told.starts_with("Pizza Paradise: your order is confirmed."), "{told}");
    let email = post.email();
    assert_eq!(email["to"], json!(["ada@example.org"]));
    let data = email["data"].as_str().unwrap();
    assert!(data.contains("Subject: Your order at Pizza Paradise"), "{data}");

    let sms = await_message(&host, "%2B15550100", "sent");
    assert_eq!((&sms["attempts"], &sms["id"]), (&json!(1), &json!(text.key)));
    await_message(&host, "ada@example.org", "sent");
}

#[test]
fn a_provider_that_is_down_is_tried_again_until_the_message_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (post, phones) = (Post::open(), Phones::refusing(2));
    let host = host(folder.path(), &post, &phones);
    let message = json!({"type": "sms", "recipient": "+15550111", "message": "Hello"});
    let receipt = host.post("/api/v1/notify", &message);
    assert_eq!((receipt.status, &receipt.body["status"]), (202, &json!("queued")), "{receipt:?}");
    assert_eq!(phones.text().key, receipt.body["id"].as_str().unwrap());
    let sent = await_message(&host, "%2B15550111", "sent");
    assert_eq!(sent["attempts"], 3);
    assert!(sent["sent_at"].is_string());
}

#[test]
fn an_address_that_the_server_refuses_for_good_has_failed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (post, phones) = (Post::open(), Phones::refusing(0));
    let host = host(folder.path(), &post, &phones);
    let message = json!({"type": "email", "recipient": "nobody@example.org", "message": "Hello"});
    assert_eq!(host.post("/api/v1/notify", &message).status, 202);
    let failed = await_message(&host, "nobody@example.org", "failed");
    assert_eq!((&failed["attempts"], failed.get("sent_at")), (&json!(1), None));
}
