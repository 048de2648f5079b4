//! Turning away a connection that is one too many.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use uuid::Uuid;

use super::call::REQUEST_ID;
use super::server::Server;
use crate::reply;

/// Connections that are told why at the same time. More than that are closed without a word: an attack
/// must not make refusals expensive.
pub(crate) const REFUSALS_MAX: usize = 64;

/// Answers 503 without reading the request, on a task of its own.
pub(crate) fn refuse<S>(server: &Arc<Server>, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(slot) = Arc::clone(&server.refusals).try_acquire_owned() else { return };
    let linger = server.limits().linger;
    tokio::spawn(async move {
        let _ = timeout(linger, async {
            stream.write_all(&answer()).await?;
            stream.shutdown().await?;
            // A socket that is closed with the request unread sends a reset, and the client may never
            // see the answer.
            let mut scratch = [0; 1024];
            while stream.read(&mut scratch).await? > 0 {}
            std::io::Result::Ok(())
        })
        .await;
        drop(slot);
    });
}

fn answer() -> Vec<u8> {
    let id = Uuid::now_v7();
    let problem = reply::overloaded();
    let body = problem.to_json(Some(&id.to_string()));
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: {}\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\n\r\n",
        body.len(),
        problem.retry_after_seconds.unwrap_or(1),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}
