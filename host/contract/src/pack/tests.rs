use super::*;
use crate::testing::component;

/// What every component begins with.
pub(crate) const HEADER: [u8; 8] = super::sections::COMPONENT_HEADER;

const WIT: &str = "package a:b; interface c { go: func(); } world w { export c; }";

fn migration(name: &str) -> Migration {
    Migration { name: name.into(), sql: format!("-- {name}\n") }
}

fn parts() -> Parts {
    Parts {
        manifest: "[service]\nname = \"a\"\n".into(),
        migrations: vec![migration("0001_a.sql"), migration("0002_b.sql")],
        seed: Some("INSERT".into()),
        wit: vec![vec![1, 2, 3], vec![]],
    }
}

#[test]
fn parts_round_trip_and_the_component_stays_valid() {
    let packed = pack(&component(WIT), &parts()).unwrap();
    assert_eq!(unpack(&packed).unwrap(), parts());
    wasmparser::Validator::new().validate_all(&packed).unwrap();
}

#[test]
fn packing_twice_replaces_what_was_there() {
    let base = component(WIT);
    let once = pack(&base, &parts()).unwrap();
    assert_eq!(pack(&once, &parts()).unwrap(), once);
    let fewer = Parts { manifest: "x".into(), ..Parts::default() };
    let again = pack(&once, &fewer).unwrap();
    assert_eq!(unpack(&again).unwrap(), fewer);
    assert_eq!(again, pack(&base, &fewer).unwrap());
}

#[test]
fn a_component_that_was_not_packed_has_no_manifest() {
    assert_eq!(unpack(&component(WIT)), Err(PackError::NoManifest));
}

#[test]
fn what_is_no_component_is_refused() {
    let module = wat::parse_str("(module)").unwrap();
    for bytes in [b"".as_slice(), b"text", &module] {
        assert_eq!(unpack(bytes), Err(PackError::NotAComponent));
        assert_eq!(pack(bytes, &parts()), Err(PackError::NotAComponent));
    }
    let packed = pack(&component(WIT), &parts()).unwrap();
    assert_eq!(unpack(&packed[..packed.len() - 1]), Err(PackError::Broken));
}

#[test]
fn malformed_sections_are_named() {
    let base = component(WIT);
    for (name, data) in [
        (SECTION_MANIFEST, b"\xff".as_slice()),
        (SECTION_MIGRATIONS, b"not json"),
        (SECTION_MIGRATIONS, br#"[{"name":"../x","sql":""}]"#),
        (SECTION_MIGRATIONS, br#"[{"name":"b","sql":""},{"name":"a","sql":""}]"#),
        (SECTION_MIGRATIONS, br#"[{"name":"a","sql":""},{"name":"a","sql":""}]"#),
        (SECTION_SEED, b"\xff"),
    ] {
        let mut bytes = base.clone();
        append(&mut bytes, name, data);
        let error = unpack(&bytes).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let mut twice = pack(&base, &parts()).unwrap();
    append(&mut twice, SECTION_MANIFEST, b"x");
    assert!(unpack(&twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn every_section_has_a_limit() {
    let base = component(WIT);
    let large = |bytes: usize| "x".repeat(bytes + 1);
    for parts in [
        Parts { manifest: large(MANIFEST_BYTES_MAX), ..Parts::default() },
        Parts { seed: Some(large(SEED_BYTES_MAX)), ..Parts::default() },
        Parts {
            migrations: vec![Migration { name: "a".into(), sql: large(MIGRATIONS_BYTES_MAX) }],
            ..Parts::default()
        },
        Parts { wit: vec![vec![0; WIT_BYTES_MAX + 1]], ..Parts::default() },
    ] {
        assert!(matches!(pack(&base, &parts), Err(PackError::TooLarge { .. })));
    }
    let many = Parts { wit: vec![Vec::new(); WIT_PACKAGES_MAX + 1], ..Parts::default() };
    assert!(pack(&base, &many).is_err());
}
