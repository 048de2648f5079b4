//! Keys from the host's file, and what the command line does with them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TestHost, component, eventually, guest, with_manifest};

const FIRST: &str = "the first secret of this host, long enough";
const SECOND: &str = "the second secret of this host, long enough";

/// A file with these keys, the first of which signs.
fn write(file: &Path, keys: &[(&str, &str)], rest: &str) {
    let (first, _) = keys[0];
    let mut text = format!(
        "[auth]\nissuer = \"https://host.test\"\naudience = \"test\"\nsign = \"{first}\"\n"
    );
    for (kid, secret) in keys {
        text += &format!("[auth.keys.{kid}]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n");
    }
    std::fs::write(file, text + rest).unwrap();
}

fn token(host: &TestHost, file: &Path) -> String {
    let file = file.to_str().unwrap();
    let output = host.thali(&["token", "--sub", "ann", "--scope", "a:b", "--config", file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A host with this file, and a service whose one route is for who is signed in.
fn host(file: &Path) -> TestHost {
    let host = TestHost::with_environment(&["--config", file.to_str().unwrap()], &[]);
    let guarded = with_manifest(&component("restaurants"), |manifest| {
        manifest.replace(
            "\"GET /restaurants\" = \"catalog.list\"",
            "\"GET /restaurants\" = { call = \"catalog.list\", auth = \"required\" }",
        )
    });
    assert_eq!(host.deploy(&guarded).status, 201);
    host
}

fn status(host: &TestHost, token: &str) -> u16 {
    host.send_as(Some(token), "GET", "/api/v1/restaurants", &Value::Null).status
}

#[test]
fn keys_are_rotated_while_the_host_runs_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thali.toml");
    write(&file, &[("first", FIRST)], "");
    let host = host(&file);
    let old = token(&host, &file);
    assert_eq!(status(&host, &old), 200);
    write(&file, &[("second", SECOND), ("first", FIRST)], "");
    let new = token(&host, &file);
    assert_eq!(status(&host, &new), 401);
    let reloaded = host.thali(&["auth", "reload"]);
    let said = String::from_utf8_lossy(&reloaded.stdout).into_owned();
    assert!(said.contains("checked by 3 keys"), "with that of --dev: {said}");
    assert_eq!((status(&host, &old), status(&host, &new)), (200, 200));
    std::fs::write(&file, "[auth]\nissuer = 7\n").unwrap();
    let refused = host.thali(&["auth", "reload"]);
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("thali.toml:2") && said.contains("issuer"), "{said}");
    assert_eq!((status(&host, &old), status(&host, &new)), (200, 200));
    // SIGHUP does the same.
    write(&file, &[("second", SECOND)], "");
    host.signal("HUP");
    eventually("the old key to be gone", || (status(&host, &old) == 401).then_some(()));
    assert_eq!(status(&host, &new), 200);
    let audit = host.admin_get("/audit").body["items"].clone();
    let outcomes: Vec<_> = audit.as_array().unwrap().iter().map(|e| e["outcome"].clone()).collect();
    assert_eq!(audit[0]["actor"], "signal");
    assert_eq!(outcomes[1], json!({ "refused": [422, "keys_refused"] }));
    assert_eq!(outcomes[2], json!({ "status": 200 }));
    let listed = host.thali(&["audit"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("config reload") && listed.contains("422 keys_refused"), "{listed}");
}

#[test]
fn a_host_that_was_not_started_with_dev_has_no_token_to_give() {
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost::empty();
    let data = folder.path().to_str().unwrap();
    let output = host.thali(&["token", "--sub", "ann", "--data", data]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("thali up --dev"), "{said}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made");
    for bad in [["--sub", ""], ["--sub", "a\nb"]] {
        let data = host.data().join("data");
        let args = ["token", bad[0], bad[1], "--data", data.to_str().unwrap()];
        assert_eq!(host.thali(&args).status.code(), Some(1), "{bad:?}");
    }
    for bad in [["--ttl", "0s"], ["--ttl", "800h"], ["--scope", "a\"b"]] {
        assert_eq!(host.thali(&["token", "--sub", "a", bad[0], bad[1]]).status.code(), Some(2));
    }
}

#[test]
fn a_service_that_makes_tokens_needs_a_grant_of_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thali.toml");
    write(&file, &[("first", FIRST)], "");
    let host = TestHost::with_environment(&["--config", file.to_str().unwrap()], &[]);
    let wit = "
        package test:minter@1.0.0;
        interface api { ping: func() -> u32; }
        package thali:platform@1.0.0 {
            interface identity {
                record claims { subject: string, scopes: list<string>, ttl-seconds: u32 }
                record token { text: string, expires-in-seconds: u32 }
                variant error { refused(string), unavailable(string) }
                mint: func(claims: claims) -> result<token, error>;
            }
        }
        world service { import thali:platform/identity@1.0.0; export api; }";
    let wat = r#"(module
        (import "thali:platform/identity@1.0.0" "mint"
            (func $mint (param i32 i32 i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "test:minter/api@1.0.0#ping") (result i32)
            (call $mint (i32.const 8) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 60) (i32.const 16))
            (i32.load8_u (i32.const 16)))
        (data (i32.const 8) "a"))"#;
    let manifest = "[service]\nname = \"minter\"\nversion = \"1.0.0\"\n\
                    [http]\n\"GET /ping\" = \"api.ping\"\n";
    let minter = guest(wit, wat, manifest);
    let refused = host.deploy(&minter);
    assert_eq!((refused.status, &refused.body["code"]), (422, &"import_not_granted".into()));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("[identity] mint = { minter = "), "{detail}");
    write(&file, &[("first", FIRST)], "[identity]\nmint = { minter = [] }\n");
    assert!(host.thali(&["auth", "reload"]).status.success());
    assert_eq!(host.deploy(&minter).status, 201);
    assert_eq!(host.send_as(None, "GET", "/api/v1/ping", &Value::Null).body, 0, "a token");
}
