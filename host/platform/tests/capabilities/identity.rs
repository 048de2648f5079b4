//! Tokens and passwords, as components ask for them.

use std::sync::Arc;
use std::time::Duration;

use thali_platform::config::Secret;
use thali_platform::identity::{Identity, MintGrants, Signer, SigningKey, TokenAlgorithm};
use thali_runtime::Extensions;
use wasmtime::component::Val;

use crate::support::{Guest, text};

const API: &str = "use thali:platform/identity@1.0.0.{claims, token, error};
    mint: func(claims: claims) -> result<token, error>;
    hash-password: func(password: string) -> result<string, error>;
    verify-password: func(hash: option<string>, password: string) -> result<bool, error>;";

/// Passes every function on.
fn guest(identity: Identity) -> Guest {
    let (mut imports, mut core) = (String::new(), String::new());
    for (name, params) in [("mint", 5), ("hash-password", 2), ("verify-password", 5)] {
        let types = "i32 ".repeat(params);
        let arguments: String = (0..params).map(|n| format!("(local.get {n})")).collect();
        imports += &format!(
            r#"(import "thali:platform/identity@1.0.0" "{name}" (func ${name} (param {types} i32)))"#
        );
        core += &format!(
            r#"(func (export "test:guest/api@1.0.0#{name}") (param {types}) (result i32)
                (call ${name} {arguments} (i32.const 1024)) (i32.const 1024))"#
        );
    }
    let mut extensions = Extensions::new();
    extensions.insert(Arc::new(identity));
    Guest::with("identity", API, &imports, &core, extensions)
}

fn signer() -> Signer {
    let key = SigningKey {
        kid: Some("k".into()),
        algorithm: TokenAlgorithm::Hs256,
        key: Secret::new("a secret of the tests that is long enough"),
    };
    Signer::new(&key, "https://thali.test", "thali").unwrap()
}

fn identity(signer: Option<Signer>, scopes: &[&str]) -> Identity {
    let identity = Identity::default();
    let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
    identity.replace(signer, MintGrants::from([("guest".parse().unwrap(), scopes)]));
    identity
}

fn claims(subject: &str, scopes: &[&str], ttl_seconds: u32) -> Val {
    let scopes = scopes.iter().map(|scope| Val::String((*scope).into())).collect();
    Val::Record(vec![
        ("subject".into(), Val::String(subject.into())),
        ("scopes".into(), Val::List(scopes)),
        ("ttl-seconds".into(), Val::U32(ttl_seconds)),
    ])
}

/// What is in a result: the value, or the case of the error and its detail.
async fn ask(guest: &Guest, function: &str, params: &[Val]) -> Result<Val, (String, String)> {
    match guest.call(function, params).await.unwrap() {
        Some(Val::Result(Ok(Some(value)))) => Ok(*value),
        Some(Val::Result(Err(Some(error)))) => {
            let Val::Variant(case, Some(detail)) = *error else { panic!("{error:?}") };
            Err((case, text(&detail).to_owned()))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_service_makes_tokens_within_its_grant() {
    let guest = guest(identity(Some(signer()), &["orders:read", "profile"]));
    let mint = async |claims| ask(&guest, "mint", &[claims]).await;
    let Val::Record(token) = mint(claims("ann", &["orders:read"], 600)).await.unwrap() else {
        panic!("a token")
    };
    let parts: Vec<_> = text(&token[0].1).split('.').collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(token[1].1, Val::U32(600));
    assert!(mint(claims("ann", &[], 1)).await.is_ok());
    for (claims, says) in [
        (claims("ann", &["orders:write"], 600), "may not give the scope \"orders:write\""),
        (claims("ann", &["admin"], 600), "may not give the scope \"admin\""),
        (claims("ann", &["orders:read admin"], 600), "may not give the scope"),
        (claims("", &[], 600), "the subject must have"),
        (claims("a\nb", &[], 600), "the subject must have"),
        (claims(&"x".repeat(256), &[], 600), "the subject must have"),
        (claims("ann", &[], 0), "a token lives for"),
        (claims("ann", &[], 31 * 24 * 60 * 60), "a token lives for"),
    ] {
        let (case, detail) = mint(claims).await.unwrap_err();
        assert_eq!(case, "refused");
        assert!(detail.contains(says), "{detail}: {says}");
    }
}

#[tokio::test]
async fn without_a_grant_or_a_key_there_are_no_tokens() {
    let stranger = guest(Identity::default());
    let (case, detail) = ask(&stranger, "mint", &[claims("a", &[], 60)]).await.unwrap_err();
    assert_eq!((case.as_str(), detail.contains("may not make tokens")), ("refused", true));
    let keyless = guest(identity(None, &[]));
    let (case, _) = ask(&keyless, "mint", &[claims("a", &[], 60)]).await.unwrap_err();
    assert_eq!(case, "unavailable");
}

#[tokio::test]
async fn passwords_need_no_grant() {
    let guest = guest(Identity::default());
    let string = |text: &str| Val::String(text.into());
    let hash = ask(&guest, "hash-password", &[string("hunter2")]).await.unwrap();
    let some = Val::Option(Some(Box::new(hash)));
    for (hash, password, is_it) in
        [(some.clone(), "hunter2", true), (some, "hunter3", false), (Val::Option(None), "x", false)]
    {
        let verified = ask(&guest, "verify-password", &[hash, string(password)]).await;
        assert_eq!(verified, Ok(Val::Bool(is_it)), "{password}");
    }
    let none = Val::Option(Some(Box::new(string("no hash"))));
    let (case, _) = ask(&guest, "verify-password", &[none, string("x")]).await.unwrap_err();
    assert_eq!(case, "refused");
}

#[tokio::test]
async fn the_host_signs_for_itself_without_a_grant() {
    let identity = identity(Some(signer()), &[]);
    let admin = ["admin".parse().unwrap()];
    let token = identity.sign("dev", &admin, Duration::from_secs(60)).unwrap();
    assert!(!format!("{token:?}").contains(token.text.expose()), "a token is not shown");
}
