use std::time::{Duration, Instant};

use super::*;
use crate::testing::{component, contract, packed};
use crate::ty::{Opaque, Type};

const ORDERS: &str = "
    package thali:orders@1.2.0;

    /// Places orders.
    interface ordering {
        use thali:types/types@1.0.0.{money};

        /// One line of an order.
        record order-line {
            /// What is ordered.
            item-id: string,
            quantity: u32,
        }
        /// Why not.
        variant error {
            /// There is no such order.
            not-found,
            item-unavailable(string),
        }
        enum size { small, large }
        flags extras { cheese, basil }

        /// Places an order. Then waits.
        place: func(lines: list<order-line>, size: option<size>) -> result<money, error>;
        cancel: func(id: string);
        everything: func(a: map<string, u8>, b: tuple<bool, char>, c: extras) -> list<list<f32>>;
    }

    interface streams {
        resource ticket { read: func() -> string; }
        open: func() -> ticket;
        count: func() -> u32;
    }

    world service {
        import thali:payments/charging@1.0.0;
        import wasi:clocks/wall@0.2.0;
        export ordering;
        export streams;
    }

    package thali:types@1.0.0 {
        interface types {
            /// Money.
            record money {
                /// In cents.
                amount: s64,
                currency: string,
            }
        }
    }
    package thali:payments@1.0.0 {
        interface charging {
            use thali:types/types@1.0.0.{money as price};
            charge: func(amount: price) -> result<string>;
        }
    }
    package wasi:clocks@0.2.0 {
        interface wall { now: func() -> u64; }
    }
";

fn interface<'c>(
    interfaces: &'c [crate::contract::Interface],
    name: &str,
) -> &'c crate::contract::Interface {
    interfaces.iter().find(|interface| interface.name.to_string() == name).unwrap()
}

#[test]
fn a_component_tells_its_interfaces_with_types_and_names() {
    let contract = contract(ORDERS);
    let imports: Vec<_> = contract.imports.iter().map(|i| i.name.to_string()).collect();
    assert_eq!(imports, ["thali:payments/charging@1.0.0", "wasi:clocks/wall@0.2.0"]);
    let ordering = interface(&contract.exports, "thali:orders/ordering@1.2.0");
    let names: Vec<_> = ordering.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["place", "cancel", "everything"]);
    let signatures: Vec<_> = ordering.functions.iter().map(crate::compat::signature).collect();
    insta::assert_snapshot!(signatures.join("\n"), @r"
    func(lines: list<order-line>, size: option<size>) -> result<money, error>
    func(id: string)
    func(a: map<string, u8>, b: tuple<bool, char>, c: extras) -> list<list<f32>>
    ");
    let money = ordering.functions[0].success().unwrap();
    assert_eq!(money.name().unwrap().to_string(), "thali:types/types@1.0.0.money");
    let charge = &interface(&contract.imports, "thali:payments/charging@1.0.0").functions[0];
    assert_eq!(charge.params[0].ty.name().unwrap().to_string(), "thali:types/types@1.0.0.money");
    assert_eq!(charge.params[0].ty, *money);
}

#[test]
fn documentation_comes_from_the_packed_wit_by_name() {
    let contract = contract(ORDERS);
    let ordering = interface(&contract.exports, "thali:orders/ordering@1.2.0");
    assert_eq!(ordering.docs.as_deref(), Some("Places orders."));
    let place = &ordering.functions[0];
    assert_eq!(place.docs.as_deref(), Some("Places an order. Then waits."));
    let Type::List(line) = &place.params[0].ty else { panic!("{:?}", place.params) };
    let Type::Record(line) = &**line else { panic!("{line:?}") };
    assert_eq!(line.docs.as_deref(), Some("One line of an order."));
    assert_eq!(line.fields[0].docs.as_deref(), Some("What is ordered."));
    assert_eq!(line.fields[0].json, "item_id");
    let Some(Type::Variant(error)) = place.error() else { panic!("{:?}", place.error()) };
    assert_eq!(error.cases[0].docs.as_deref(), Some("There is no such order."));
    let Some(Type::Record(money)) = place.success() else { panic!("{:?}", place.success()) };
    assert_eq!(money.docs.as_deref(), Some("Money."));
    assert_eq!(money.fields[0].docs.as_deref(), Some("In cents."));
}

#[test]
fn a_component_without_packed_wit_has_the_same_types_and_no_docs() {
    let bare = read_contract(&component(ORDERS)).unwrap();
    assert_eq!(bare.exports[0].docs, None);
    let documented = contract(ORDERS);
    assert_eq!(bare.exports[0].functions[0].params, documented.exports[0].functions[0].params);
}

#[test]
fn resources_are_listed_where_they_are_defined_and_opaque_where_they_are_used() {
    let contract = contract(ORDERS);
    let streams = interface(&contract.exports, "thali:orders/streams@1.2.0");
    assert_eq!(streams.resources, ["ticket"]);
    let names: Vec<_> = streams.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["open", "count"]);
    assert_eq!(streams.functions[0].result, Some(Type::Opaque(Opaque::Resource)));
}

#[test]
fn an_interface_of_which_only_types_are_used_is_no_import() {
    let contract = contract(ORDERS);
    assert!(contract.imports.iter().all(|import| import.name.package != "types"));
}

#[test]
fn an_import_that_is_no_interface_is_reported_by_name() {
    let function = component("package a:b; world w { import ping: func(); }");
    let error = read_contract(&function).unwrap_err();
    assert_eq!(error, ReadError::Import { name: "ping".into(), kind: "function" });
    let instance = component("package a:b; world w { import inline: interface { go: func(); } }");
    let error = read_contract(&instance).unwrap_err();
    assert_eq!(error, ReadError::Import { name: "inline".into(), kind: "instance" });
    assert_eq!(error.code(), "import_not_granted");
}

#[test]
fn exports_that_are_no_interface_are_left_out() {
    let contract = contract(
        "package a:b; world w { export ping: func(); export c; export inline: interface { go: func(); } }
         interface c { go: func(); }",
    );
    let names: Vec<_> = contract.exports.iter().map(|i| i.name.to_string()).collect();
    assert_eq!(names, ["a:b/c"]);
    let types = wat::parse_str(r#"(component (type $t string) (export "t" (type $t)))"#).unwrap();
    assert!(read_contract(&types).unwrap().exports.is_empty());
}

#[test]
fn an_interface_that_is_imported_and_exported_is_both() {
    let contract = contract(
        "package a:b@1.0.0;
         interface c { record r { x: u32 } go: func(r: r) -> r; }
         world w { import c; export c; }",
    );
    assert_eq!(contract.exports[0], contract.imports[0]);
}

#[test]
fn a_core_module_is_told_from_a_broken_component_and_from_text() {
    let module = wat::parse_str("(module)").unwrap();
    assert_eq!(read_contract(&module).unwrap_err(), ReadError::NotAComponent);
    assert_eq!(read_contract(b"hello").unwrap_err(), ReadError::NotWasm);
    assert_eq!(read_contract(b"").unwrap_err(), ReadError::NotWasm);
    let good = component(ORDERS);
    let error = read_contract(&good[..good.len() - 1]).unwrap_err();
    assert!(matches!(error, ReadError::Invalid { .. }), "{error}");
    assert_eq!(error.code(), "invalid");
}

#[test]
fn every_truncation_of_a_component_is_refused() {
    let good = packed(ORDERS, "x = 1");
    assert!(read_contract(&good).is_ok());
    for end in (0..good.len()).step_by(64) {
        let started = Instant::now();
        match read_contract(&good[..end]) {
            // A cut right before a packed section leaves a whole component.
            Ok(_) => assert!(crate::pack::unpack(&good[..end]) != crate::pack::unpack(&good)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(started.elapsed() < Duration::from_millis(50), "{end}");
    }
}

#[test]
fn random_bytes_never_panic() {
    let good = packed(ORDERS, "x = 1");
    for seed in 0..1_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let started = Instant::now();
        let noise: Vec<u8> = (0..random.next() % 4096).map(|_| random.next() as u8).collect();
        assert!(read_contract(&noise).is_err(), "seed {seed}");
        let mut headed = crate::pack::tests::HEADER.to_vec();
        headed.extend(&noise);
        let _ = read_contract(&headed);
        let mut damaged = good.clone();
        for _ in 0..=random.next() % 8 {
            let at = random.next() as usize % damaged.len();
            damaged[at] = random.next() as u8;
        }
        let _ = read_contract(&damaged);
        let _ = crate::pack::unpack(&damaged);
        assert!(started.elapsed() < Duration::from_millis(150), "seed {seed}");
    }
}

/// xorshift64: tests need no better randomness.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn types_nested_without_end_do_not_overflow_the_stack() {
    for opcode in [0x41_u8, 0x42] {
        for levels in [40, 400_000] {
            let mut section = vec![1];
            for _ in 0..levels {
                section.extend([opcode, 1, 1]);
            }
            section.extend([opcode, 0]);
            let mut bytes = crate::pack::tests::HEADER.to_vec();
            bytes.push(7);
            wasm_encoder::Encode::encode(section.as_slice(), &mut bytes);
            let result = read_contract(&bytes);
            assert_eq!(result.is_ok(), levels == 40, "{opcode:#x} {levels}");
        }
    }
}

#[test]
fn a_small_component_that_describes_a_huge_type_is_refused() {
    let mut wit = String::from("package a:b; interface c { record t0 { x: u32 }\n");
    for i in 1..30 {
        let previous = i - 1;
        wit.push_str(&format!("record t{i} {{ a: t{previous}, b: t{previous} }}\n"));
    }
    wit.push_str("go: func(x: t17, y: t17, z: t17, u: t17); } world w { export c; }");
    let error = std::panic::catch_unwind(|| component(&wit));
    // wit-component refuses some of these itself; what it builds, we refuse.
    if let Ok(component) = error {
        assert!(matches!(read_contract(&component), Err(ReadError::TooComplex(_))));
    }
}

#[test]
fn packed_wit_that_only_pretends_to_be_a_package_is_an_error_or_ignored() {
    let base = component(ORDERS);
    let good = wat::parse_str("(component)").unwrap();
    for (section, is_ok) in [(good.as_slice(), true), (b"text".as_slice(), false), (&[], false)] {
        let parts = crate::pack::Parts { wit: vec![section.to_vec()], ..Default::default() };
        let packed = crate::pack::pack(&base, &parts).unwrap();
        let result = read_contract(&packed);
        assert_eq!(result.is_ok(), is_ok, "{result:?}");
        if let Err(error) = result {
            assert!(error.to_string().contains("thali:wit"), "{error}");
        }
    }
}

#[test]
fn async_functions_are_marked() {
    let contract = read_contract(&component(
        "package a:b; interface c { go: async func(); } world w { import c; }",
    ))
    .unwrap();
    assert!(contract.imports[0].functions[0].is_async);
}

/// A component of one core module.
fn of_module(core: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {core}))")).unwrap()
}

fn too_complex(component: &[u8]) -> String {
    match read_contract(component) {
        Err(ReadError::TooComplex(what)) => what,
        other => panic!("not too complex: {:?}", other.map(|_| ())),
    }
}

#[test]
fn what_would_be_slow_to_compile_is_refused_with_the_number_and_the_limit() {
    let nested = format!("(func {} {})", "(block".repeat(2001), ")".repeat(2001));
    let wide = format!("(func (block (br_table {} 0 (i32.const 0))))", "0 ".repeat(20_001));
    let locals = format!("(func (local {}))", "i32 ".repeat(20_001));
    let long = format!("(func {})", "(drop (i32.const 1))".repeat(800_000));
    let segments = "(data \"a\")".repeat(50_001);
    for (core, expected) in [
        (nested, "it has 2001 blocks in each other, at most 2000 are allowed"),
        (wide, "it has 20001 targets of one br_table, at most 20000 are allowed"),
        (locals, "it has 20001 locals in one function, at most 20000 are allowed"),
        (long, "bytes in one function, at most 2097152 are allowed"),
        (segments, "it has 50001 segments, at most 50000 are allowed"),
    ] {
        let what = too_complex(&of_module(&core));
        assert!(what.contains(expected), "{what}");
    }
    let deep = format!("{} {}", "(component".repeat(11), ")".repeat(11));
    assert!(too_complex(&wat::parse_str(deep).unwrap()).contains("nested components"));
}

#[test]
fn too_many_functions_are_refused_before_they_are_looked_at() {
    let mut functions = wasm_encoder::FunctionSection::new();
    for _ in 0..900_000 {
        functions.function(0);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&functions);
    let mut component = wasm_encoder::Component::new();
    component.section(&wasm_encoder::ModuleSection(&module));
    let what = too_complex(&component.finish());
    assert_eq!(what, "it has 900000 functions, at most 200000 are allowed");
}

#[test]
fn what_an_instance_begins_with_is_known() {
    let core = "(memory 3) (memory 2) (table 7 funcref) (table 5 funcref)";
    let (_, shape) = read(&of_module(core)).unwrap();
    assert_eq!(shape, Shape { memory_bytes: 5 << 16, table_elements: 12 });
}

/// A random number after the other: splitmix64, by Sebastiano Vigna.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// U-04: nothing panics, and nothing takes long.
#[test]
fn random_and_truncated_bytes_are_refused() {
    let good = component(ORDERS);
    let begun = std::time::Instant::now();
    // One that is cut between two sections may be whole: it only has less in it.
    let refused = (0..good.len()).step_by(64).filter(|end| read_contract(&good[..*end]).is_err());
    assert!(refused.count() > good.len() / 64 / 2);
    for seed in 0..1000 {
        let mut state = seed;
        let mut bytes = match seed % 2 {
            // All random behind the right beginning, or a few bytes of a good one changed.
            0 => crate::pack::tests::HEADER.to_vec(),
            _ => good.clone(),
        };
        if seed % 2 == 0 {
            bytes.extend((0..512).flat_map(|_| next(&mut state).to_le_bytes()));
        } else {
            for _ in 0..8 {
                let at = next(&mut state) as usize % bytes.len();
                bytes[at] = next(&mut state) as u8;
            }
        }
        let outcome = std::panic::catch_unwind(|| read_contract(&bytes).is_ok());
        let is_ok = outcome.unwrap_or_else(|_| panic!("seed {seed} panicked"));
        assert!(!is_ok || seed % 2 == 1, "seed {seed} is random and was taken");
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "50 ms each is far too long");
}
