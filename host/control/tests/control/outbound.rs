//! What a service may call by HTTP, as a deploy sees it.

use crate::api;
use crate::support::TestHost;

#[tokio::test]
async fn a_component_that_sends_requests_must_say_where_to() {
    let host = TestHost::new().await;
    let before = host.everything();
    for (interface, function) in [
        ("thali:platform/http@1.0.0", "send: func(at: u32) -> u32"),
        ("wasi:http/outgoing-handler@0.2.0", "handle: func(at: u32) -> u32"),
    ] {
        let problem = host.refuse(api("caller").imports(interface, &[function])).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (422, "import_not_granted"));
        let detail = problem.detail.unwrap();
        assert!(detail.contains("[outbound] allow = [\"https://api.example\"]"), "{detail}");
        assert_eq!(host.everything(), before);
    }
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_with_the_line_that_grants_it() {
    let host = TestHost::new().await;
    let before = host.everything();
    let guest = api("caller").manifest(
        "[config]\nprovider = \"http://localhost:9000/v1\"\n[outbound]\n\
         allow = [\"http://169.254.169.254\", \"https://api.example\", \"http://0x7f.1:80\", \
         \"http://[::ffff:10.0.0.1]\", \"config:provider\"]",
    );
    let problem = host.refuse(guest).await.problem();
    assert_eq!((problem.status, problem.code.as_str()), (422, "outbound_not_granted"));
    let details: Vec<_> = problem.errors.iter().map(ToString::to_string).collect();
    for (detail, origin) in details.iter().zip([
        "http://169.254.169.254",
        "http://127.0.0.1",
        "http://10.0.0.1",
        "http://localhost:9000",
    ]) {
        let grant = format!("thali.toml: [outbound] private = [\"{origin}\"]");
        assert!(detail.starts_with("service.toml:7: ") && detail.ends_with(&grant), "{detail}");
    }
    assert_eq!(details.len(), 4, "{details:?}");
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn what_a_service_may_call_is_shown() {
    let host = TestHost::new().await;
    let guest = api("caller").manifest(
        "[config]\nprovider = \"https://pay.example/v1\"\nunset = \"\"\n[outbound]\n\
         allow = [\"https://API.example.\", \"config:provider\", \"config:unset\"]",
    );
    let deployed = host.deploy(guest).await;
    let idle = "[outbound] means nothing: the component imports neither thali:platform/http nor \
                wasi:http/outgoing-handler";
    assert_eq!(deployed.warnings, [idle]);
    let shown = serde_json::to_value(host.show("caller").outbound.unwrap()).unwrap();
    let grant = |origin: &str, by: &str| serde_json::json!({ "origin": origin, "granted_by": by, "private": false });
    let allow =
        [grant("https://api.example", "manifest"), grant("https://pay.example", "config:provider")];
    assert_eq!(shown["allow"], serde_json::json!(allow));
    assert_eq!(shown["requests"]["answered"], 0);
}
