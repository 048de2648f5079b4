//! Where requests go, and where they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thali_platform::outbound::{Answer, OutboundError, OutboundLimits, Resolve};

use super::support::{Names, client, client_of, get, host, host_within, invocation, request};
use super::upstream::{Upstream, ok};

fn is_denied<T>(outcome: &Result<T, OutboundError>) -> bool {
    matches!(outcome, Err(OutboundError::Denied(_)))
}

#[tokio::test]
async fn default_deny() {
    let upstream = Upstream::answering(ok("secret")).await;
    let other = Upstream::answering(ok("allowed")).await;
    let client = client(host(&["127.0.0.0/8"]), &[&other.origin()]);
    let refused = get(&client, &upstream.origin()).await;
    let Err(OutboundError::Denied(detail)) = &refused else { panic!("{refused:?}") };
    let line = format!("[outbound] allow = [\"{}\"]", upstream.origin());
    assert!(detail.contains(&line), "{detail}");
    assert_eq!(upstream.accepted(), 0);
    assert_eq!(get(&client, &other.origin()).await, Ok((200, "allowed".into())));
    assert_eq!((client.snapshot().denied, client.snapshot().answered), (1, 1));
}

#[tokio::test]
async fn another_scheme_port_or_spelling_is_another_origin_or_the_same_one() {
    let upstream = Upstream::answering(ok("")).await;
    let client = client_of(&upstream.origin());
    let port = upstream.address.port();
    for same in [format!("http://127.1:{port}/a"), format!("http://[::ffff:7f00:1]:{port}/b")] {
        assert_eq!(get(&client, &same).await, Ok((200, "".into())), "{same}");
    }
    for other in [
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.2:{port}"),
        "http://127.0.0.1".into(),
        format!("http://127.0.0.1.example:{port}"),
    ] {
        assert!(is_denied(&get(&client, &other).await), "{other}");
    }
    let heads = upstream.requests();
    assert!(heads[1].starts_with("GET /b HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[1].contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{heads:?}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied_unless_an_operator_opened_it() {
    let upstream = Upstream::answering(ok("inside")).await;
    let origin = format!("http://db.example:{}", upstream.address.port());
    let names = Names::new(&[&["127.0.0.1"]]);
    let with =
        |private: &[&str]| client(host(private).with_resolver(Arc::new(names.clone())), &[&origin]);
    let refused = get(&with(&[]), &origin).await;
    let Err(OutboundError::Denied(detail)) = refused else { panic!("{refused:?}") };
    assert!(detail.contains(&format!("[outbound] private = [\"{origin}\"]")), "{detail}");
    assert!(!detail.contains("127.0.0.1"), "the service learns what names mean inside: {detail}");
    assert!(is_denied(&get(&with(&["10.0.0.0/8", "http://db.example"]), &origin).await));
    assert_eq!(upstream.accepted(), 0);
    for private in ["127.0.0.0/8", origin.as_str()] {
        assert_eq!(get(&with(&[private]), &origin).await, Ok((200, "inside".into())));
    }
}

#[tokio::test]
async fn dns_rebinding() {
    // 127.0.0.2 stands for the public server, 127.0.0.1 for what is inside.
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let public = Upstream::on("127.0.0.2:0".parse().unwrap(), move |mut connection| async move {
        connection.request().await;
        connection.send(closing.as_bytes()).await;
    })
    .await;
    let port = public.address.port();
    let inside = Upstream::on(([127, 0, 0, 1], port).into(), |_| async {}).await;
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.1", "127.0.0.2"], &["127.0.0.1"]]);
    let origin = format!("http://shifty.example:{port}");
    let host = host(&["127.0.0.2/32"]).with_resolver(Arc::new(names.clone()));
    let client = client(host, &[&origin]);
    // The first answer is public, the second mixed, the third private.
    assert_eq!(get(&client, &origin).await, Ok((200, "".into())));
    assert_eq!(get(&client, &origin).await, Ok((200, "".into())));
    assert!(is_denied(&get(&client, &origin).await));
    assert_eq!((public.accepted(), inside.accepted()), (2, 0));
    assert_eq!(names.asked(), 3, "each connection asks once and uses what it was told");
}

#[tokio::test]
async fn the_next_address_is_tried_when_nobody_answers_at_the_first() {
    let upstream = Upstream::on("127.0.0.2:0".parse().unwrap(), |mut connection| async move {
        connection.request().await;
        connection.send(ok("second").as_bytes()).await;
    })
    .await;
    let origin = format!("http://two.example:{}", upstream.address.port());
    let names = Arc::new(Names::new(&[&["127.0.0.3", "127.0.0.2"]]));
    let client = client(host(&["127.0.0.0/8"]).with_resolver(names), &[&origin]);
    assert_eq!(get(&client, &origin).await, Ok((200, "second".into())));
}

#[tokio::test]
async fn a_name_without_addresses_and_a_closed_port_never_reached_the_server() {
    let names = Arc::new(Names::new(&[&[]]));
    let nowhere = client(host(&[]).with_resolver(names), &["http://nowhere.example"]);
    let outcome = get(&nowhere, "http://nowhere.example").await;
    assert!(matches!(outcome, Err(OutboundError::Dns(_))), "{outcome:?}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = get(&client_of(&origin), &origin).await;
    assert!(matches!(outcome, Err(OutboundError::Connect(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_only_an_operator_can_grant_is_denied_with_the_line_that_would() {
    let upstream = Upstream::answering(ok("secret")).await;
    let client = client(host(&[]), &[&upstream.origin()]);
    let refused = get(&client, &upstream.origin()).await;
    let Err(OutboundError::Denied(detail)) = refused else { panic!("{refused:?}") };
    let line = format!("thali.toml: [outbound] private = [\"{}\"]", upstream.origin());
    assert!(detail.ends_with(&line), "{detail}");
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn names_that_are_never_resolved_take_four_turns_of_their_own_service() {
    let silent = Arc::new(Silent::default());
    let limits =
        OutboundLimits { connect_timeout: Duration::from_millis(50), ..OutboundLimits::default() };
    let origin = "http://slow.example";
    let client = client(host_within(limits, &[]).with_resolver(silent.clone()), &[origin]);
    for _ in 0..10 {
        let outcome = get(&client, origin).await;
        assert!(matches!(outcome, Err(OutboundError::Connect(_))), "{outcome:?}");
    }
    assert_eq!(silent.0.load(Ordering::SeqCst), 4);
}

/// Counts look-ups, and answers none.
#[derive(Default)]
struct Silent(AtomicUsize);

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> Answer {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it() {
    let inside = Upstream::answering(ok("secret")).await;
    let location = inside.origin();
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let client = client(host(&["127.0.0.0/8"]), &[&upstream.origin(), &inside.origin()]);
    let answer = client.send(request(&upstream.origin()), &invocation(&client)).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(answer.headers()["location"], location);
    assert_eq!(inside.accepted(), 0);
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let upstream = Upstream::answering(ok("x")).await;
    let client = client_of(&upstream.origin());
    for _ in 0..50 {
        get(&client, &upstream.origin()).await.unwrap();
    }
    assert_eq!((upstream.accepted(), client.snapshot().connections), (1, 1));
    let other = client_of(&upstream.origin());
    get(&other, &upstream.origin()).await.unwrap();
    assert_eq!(upstream.accepted(), 2, "another service has connections of its own");
}

#[tokio::test]
async fn the_hosts_own_admin_api_is_closed_whatever_is_private() {
    let upstream = Upstream::answering(ok("admin")).await;
    let port = upstream.address.port();
    let origins =
        ["127.0.0.1", "0.0.0.0", "admin.internal"].map(|host| format!("http://{host}:{port}"));
    let mut private: Vec<_> = origins.iter().map(String::as_str).collect();
    private.extend(["127.0.0.0/8", "0.0.0.0/8"]);
    let open = || host(&private).with_resolver(Arc::new(Names::new(&[&["127.0.0.1"]])));
    let closed = open();
    closed.close(upstream.address);
    let client = client(closed, &private[..origins.len()]);
    for origin in &origins {
        let error = get(&client, origin).await.unwrap_err();
        assert!(error.to_string().contains("is the host's own admin API"), "{origin}: {error}");
    }
    assert_eq!(upstream.accepted(), 0);
    let other = super::support::client(open(), &private[..origins.len()]);
    assert_eq!(get(&other, &origins[0]).await.unwrap().0, 200);
}
