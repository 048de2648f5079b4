//! What the service manager is told: systemd, or whoever else has set `NOTIFY_SOCKET`.
//!
//! Without the variable nothing is sent. What cannot be sent is no reason to stop: the manager notices by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sd_notify::NotifyState;
use thali_control::{Control, ServiceState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What is asked for to find out whether the host answers. Nothing of a service runs for it.
const PROBE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: watchdog\r\nconnection: close\r\n\r\n";

/// How every answer begins. One that refuses is an answer, too: a host that is full is not to be killed.
const ANSWER: &[u8] = b"HTTP/1.1 ";

/// Says that the host serves.
pub(crate) fn ready(control: &Control) {
    let status = status(control);
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Says that the configuration is read again; [`ready`] ends it.
pub(crate) fn reloading() {
    // A manager that knows of reloads kills a service that says so without the time.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]);
    }
}

/// Says that the host is on its way down.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Goes on telling, for ever: how many services there are when that changes, and, where the manager wants to hear it,
/// that the host answers on `address`.
pub(crate) async fn keep_telling(control: &Control, address: SocketAddr) {
    let watchdog = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    tokio::join!(tell_status(control), async {
        if let Some(period) = watchdog {
            tell_alive(address, period).await;
        }
    });
}

async fn tell_status(control: &Control) {
    let mut changes = control.changes();
    while changes.changed().await.is_ok() {
        let status = status(control);
        tell(&[NotifyState::Status(&status)]);
    }
}

/// Twice in each period; an answer may take as long as there is until the next time.
async fn tell_alive(address: SocketAddr, period: Duration) {
    let (address, every) = (reachable(address), period / 2);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match timeout(every, answers(address)).await {
            Ok(Ok(true)) => tell(&[NotifyState::Watchdog]),
            Ok(Ok(false)) => tracing::error!("the host answers its own probe with something else"),
            Ok(Err(error)) => tracing::error!("the host does not answer its own probe: {error}"),
            Err(_) => tracing::error!("the host did not answer its own probe for {every:?}"),
        }
    }
}

/// Whether an HTTP server answers there: listener, connection, router and the runtime beneath them all work.
async fn answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(PROBE).await?;
    let mut begin = [0; ANSWER.len()];
    stream.read_exact(&mut begin).await?;
    Ok(begin == *ANSWER)
}

/// Where a listener can be reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// `14 services`, and how many of them do not serve.
fn status(control: &Control) -> String {
    let services = control.services();
    let idle = services.iter().filter(|service| service.state != ServiceState::Running).count();
    match idle {
        0 => format!("{} services", services.len()),
        idle => format!("{} services, {idle} not serving", services.len()),
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager could not be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        for (bound, asked) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("192.0.2.1:3", "192.0.2.1:3")]
        {
            assert_eq!(reachable(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[tokio::test]
    async fn only_an_http_answer_is_one() {
        for (answer, is_one) in [("HTTP/1.1 503 No\r\n\r\n", true), ("SSH-2.0-nothing\r\n", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; PROBE.len()]).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
            assert_eq!(answers(address).await.unwrap(), is_one);
        }
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(answers(nobody).await.is_err());
    }
}
