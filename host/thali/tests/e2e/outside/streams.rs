//! Following an order: server-sent events that go on where they stopped, and the same over a WebSocket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, text};
use super::food::{confirmed_order, drive};

pub(super) fn followed_to_the_door(client: &Client) {
    let (nobody, order) = (client.nobody(), confirmed_order(client));
    let track = format!("/api/v1/orders/{}/track", text(&order, "id"));
    let seen = nobody.follow(&track, None, |_| true);
    let [first] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((first.kind.as_str(), &first.data["status"]), ("snapshot", &json!("confirmed")));
    drive(client, &order, "pickup");
    let driver = text(&order["driver"], "id");
    let place = json!({"lat": 52.515, "lon": 13.40});
    client.staff("delivery:write").put(&format!("/api/v1/drivers/{driver}/location"), &place, 200);
    drive(client, &order, "complete");
    // What has happened since is told in order, without a gap, and it ends by itself.
    let seen = nobody.follow(&track, Some(&first.id), |_| false);
    let statuses: Vec<_> = seen
        .iter()
        .filter(|event| event.kind == "order-status-changed")
        .map(|event| text(&event.data, "status").to_owned())
        .collect();
    assert_eq!(statuses, ["picked_up", "delivered"], "{seen:?}");
    assert!(seen.iter().any(|event| event.kind == "driver-moved"), "{seen:?}");
    let ids: Vec<u64> = seen.iter().map(|event| event.id.parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let missing = "GET /api/v1/orders/nothing/track";
    nobody.refused(missing, &Value::Null, 404, "not_found");
}

pub(super) fn over_a_websocket(client: &Client) {
    let order = confirmed_order(client);
    let mut stream = TcpStream::connect(client.host().gateway_address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "GET /api/v1/orders/{}/track HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        text(&order, "id")
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    // RFC 6455, 1.3: the answer to that key.
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    let first = text_frame(&mut stream);
    assert_eq!(first["data"]["status"], "confirmed", "{first}");
    drop(stream);
    let cancel = format!("/api/v1/orders/{}/cancel", text(&order, "id"));
    client.nobody().post(&cancel, &json!({}), 200);
}

/// One unmasked text frame.
fn text_frame(stream: &mut TcpStream) -> Value {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x81, "a whole text message");
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            usize::from(u16::from_be_bytes(length))
        }
        length => usize::from(length),
    };
    let mut text = vec![0; length];
    stream.read_exact(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}
