//! HTTPS, to servers whose certificates were made for the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Response, Version};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use thali_platform::outbound::{CaError, Client, Outbound, OutboundError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::support::{Names, client, get, host, invocation, read, request};
use super::upstream::Upstream;

/// Issues certificates.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// What a server with a certificate for `name` serves with.
    fn certify(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    fn trusted_by(&self, host: Outbound) -> Outbound {
        host.with_ca(self.file.path()).unwrap()
    }
}

/// A server that speaks HTTP/2 and HTTP/1.1 over TLS, and says which in its answer.
struct SecureServer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl SecureServer {
    async fn start(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let [accepted, answered] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let (connections, requests) = (Arc::clone(&accepted), Arc::clone(&answered));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, requests) = (acceptor.clone(), Arc::clone(&requests));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(move |request: http::Request<_>| {
                        let _: &hyper::body::Incoming = request.body();
                        requests.fetch_add(1, Ordering::SeqCst);
                        let version = format!("{:?}", request.version());
                        let body = Full::new(bytes::Bytes::from(version));
                        std::future::ready(Ok::<_, hyper::Error>(Response::new(body)))
                    });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, accepted, answered, task }
    }

    fn origin(&self) -> String {
        origin_at(self.address)
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn origin_at(address: SocketAddr) -> String {
    format!("https://pay.example:{}", address.port())
}

/// The client of a service that may call `pay.example`, which is this machine.
fn client_with(host: Outbound, origin: &str) -> Arc<Client> {
    let names = Arc::new(Names::new(&[&["127.0.0.1"]]));
    client(host.with_resolver(names), &[origin])
}

fn local() -> Outbound {
    host(&["127.0.0.0/8"])
}

#[tokio::test]
async fn an_authority_of_the_operator_is_trusted_and_one_connection_serves_many() {
    let authority = Authority::new();
    let server = SecureServer::start(authority.certify("pay.example", |_| ())).await;
    let client = client_with(authority.trusted_by(local()), &server.origin());
    let first = client.send(request(&server.origin()), &invocation(&client)).await.unwrap();
    assert_eq!(first.version(), Version::HTTP_2);
    assert_eq!(read(first).await, Ok((200, "HTTP/2.0".into())));
    for _ in 0..20 {
        get(&client, &server.origin()).await.unwrap();
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_without_http2_is_spoken_to_in_http1() {
    let authority = Authority::new();
    let mut config = authority.certify("pay.example", |_| ());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = SecureServer::start(config).await;
    let client = client_with(authority.trusted_by(local()), &server.origin());
    assert_eq!(get(&client, &server.origin()).await, Ok((200, "HTTP/1.1".into())));
}

#[tokio::test]
async fn who_cannot_prove_to_be_the_server_gets_no_request() {
    let authority = Authority::new();
    let other = Authority::new();
    let long_ago = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    for (case, config) in [
        ("another name", authority.certify("evil.example", |_| ())),
        ("an unknown authority", other.certify("pay.example", |_| ())),
        ("long expired", authority.certify("pay.example", long_ago)),
    ] {
        let server = SecureServer::start(config).await;
        let client = client_with(authority.trusted_by(local()), &server.origin());
        let outcome = get(&client, &server.origin()).await;
        assert!(matches!(outcome, Err(OutboundError::Tls(_))), "{case}: {outcome:?}");
        assert_eq!(server.answered.load(Ordering::SeqCst), 0, "{case}");
        assert_eq!(client.snapshot().unreachable, 1, "{case}");
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_request() {
    let authority = Authority::new();
    let server = Upstream::start(|mut connection| async move {
        // As web servers do that are greeted by TLS where they speak HTTP.
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let origin = origin_at(server.address);
    let client = client_with(authority.trusted_by(local()), &origin);
    let outcome = get(&client, &origin).await;
    assert!(matches!(outcome, Err(OutboundError::Tls(_))), "{outcome:?}");
}

#[test]
fn a_file_without_certificates_is_refused_with_its_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let refused = |what: &str| {
        std::fs::write(file.path(), what).unwrap();
        local().with_ca(file.path()).err().unwrap()
    };
    let empty = refused("nothing");
    assert!(matches!(empty, CaError::Empty(_)) && empty.to_string().contains(&path), "{empty}");
    let broken = refused("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    assert!(matches!(broken, CaError::Unreadable { .. }), "{broken}");
    let gone = local().with_ca(std::path::Path::new("/nowhere/ca.pem")).err().unwrap();
    assert!(gone.to_string().contains("/nowhere/ca.pem"), "{gone}");
}
