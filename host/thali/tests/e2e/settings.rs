//! Settings and secrets, from the operator's file and environment to the service, and never to a log.

use std::path::Path;

use thali_contract::pack::{self, Parts};

use crate::support::{TestHost, component};

/// Everything but what the engine does, which fills the log and knows nothing of settings.
const LOG: &str =
    "trace,cranelift_codegen=info,wasmtime=info,wasmtime_internal_cranelift=info,mio=info";

const CANARY: &str = "canary-7f3a91";

/// A service that declares two settings and three secrets.
fn service() -> Vec<u8> {
    let bytes = component("restaurants");
    let parts = pack::unpack(&bytes).unwrap();
    let settings = "\n[config]\ngreeting = \"Hello\"\nlines-max = 50\n[secrets]\n\
                    in-file = \"One.\"\nby-name = \"Two.\"\nforgotten = \"Three.\"\n";
    let manifest = format!("{}{settings}", parts.manifest);
    pack::pack(&bytes, &Parts { manifest, ..parts }).unwrap()
}

fn host(folder: &Path) -> TestHost {
    let file = folder.join("thali.toml");
    let text = format!(
        "[services.restaurants.config]\ngreeting = \"Hi\"\ngreting = \"Hi\"\n\
         [services.restaurants.secrets]\nin-file = \"{CANARY}-file\"\nby-name = {{ env = \"BY_NAME\" }}\n\
         [sms]\nurl = \"http://127.0.0.1:9/\"\ntoken = \"{CANARY}-token\"\n\
         [mail]\nurl = \"smtp://u:{CANARY}-mail@127.0.0.1:9\"\nfrom = \"a@example.com\"\n"
    );
    std::fs::write(&file, text).unwrap();
    TestHost::with_environment(
        &["--config", file.to_str().unwrap(), "--log", LOG],
        &[
            ("BY_NAME", &format!("{CANARY}-env")),
            ("THALI_CONFIG_RESTAURANTS__LINES_MAX", "7"),
            ("THALI_SECRET_RESTAURANTS__UNDECLARED", &format!("{CANARY}-stray")),
        ],
    )
}

#[test]
fn operators_set_values_and_secrets_are_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let deployed = host.deploy(&service());
    assert_eq!(deployed.status, 201, "{deployed:?}");
    let warnings = deployed.body["warnings"].to_string();
    for named in ["greting", "secrets.forgotten is not set", "RESTAURANTS__UNDECLARED"] {
        assert!(warnings.contains(named), "{named} is not in {warnings}");
    }

    let shown = host.admin_get("/services/restaurants").body;
    let config = serde_json::json!([
        {"key": "greeting", "value": "Hi", "origin": "host_file"},
        {"key": "lines-max", "value": "7", "origin": "environment"},
    ]);
    assert_eq!(shown["config"], config);
    let secrets = serde_json::json!([
        {"key": "by-name", "description": "Two.", "origin": "environment"},
        {"key": "forgotten", "description": "Three.", "origin": null},
        {"key": "in-file", "description": "One.", "origin": "host_file"},
    ]);
    assert_eq!(shown["secrets"], secrets);

    let mut seen = format!("{deployed:?} {shown}");
    for path in ["/services", "/graph", "/health", "/openapi.json"] {
        seen += &host.admin_get(path).body.to_string();
    }
    for command in [&["show", "restaurants"][..], &["show", "restaurants", "--json"], &["doctor"]] {
        let output = host.thali(command);
        seen += &String::from_utf8_lossy(&output.stdout);
        seen += &String::from_utf8_lossy(&output.stderr);
    }
    assert!(seen.contains("not set") && seen.contains("host file"), "{seen}");
    let host = host.restart();
    seen += &host.log();
    host.logs("secrets in it and other users can read it");
    host.logs("secrets.forgotten is not set");
    assert!(!seen.contains(CANARY), "a secret shows");
}

#[test]
fn a_host_file_with_mistakes_is_refused_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thali.toml");
    std::fs::write(&file, "[mial]\n[services.a]\nsecret = \"hunter2\"\n").unwrap();
    let host = TestHost::empty();
    let data = folder.path().join("data");
    let output = host.thali(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
        "--config",
        file.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    // The report is broken into lines with a bar before each.
    let text = String::from_utf8_lossy(&output.stderr).replace('│', "");
    let text = text.split_whitespace().collect::<String>();
    for part in ["thali.toml:1:", "didyoumean\"mail\"", "thali.toml:3:", "didyoumean\"secrets\""] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}
