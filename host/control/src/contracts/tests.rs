use thali_contract::contract::Function;
use thali_contract::ty::{Field, Type};

use super::*;

/// A service as tests write it: its exports and imports, each with the type that `f` takes.
struct Service {
    name: ServiceName,
    contract: Contract,
    optional: Vec<InterfaceName>,
}

impl Service {
    fn new(name: &str, exports: &[(&str, Type)], imports: &[(&str, Type)]) -> Self {
        let interfaces = |list: &[(&str, Type)]| {
            list.iter().map(|(name, ty)| interface(name, ty.clone())).collect()
        };
        let contract = Contract { exports: interfaces(exports), imports: interfaces(imports) };
        Self { name: name.parse().unwrap(), contract, optional: Vec::new() }
    }

    fn optional(mut self, interface: &str) -> Self {
        self.optional.push(interface.parse().unwrap());
        self
    }

    fn party(&self) -> Party<'_> {
        Party { name: &self.name, contract: &self.contract, optional: &self.optional }
    }
}

fn interface(name: &str, ty: Type) -> Interface {
    let function = Function {
        name: "f".into(),
        docs: None,
        params: vec![Field::new("x", ty)],
        result: None,
        is_async: false,
    };
    Interface {
        name: name.parse().unwrap(),
        docs: None,
        functions: vec![function],
        resources: Vec::new(),
    }
}

/// The consumers whose calls break when `after` takes the place of `before`.
fn broken(before: Option<&Service>, after: &Service, others: &[&Service]) -> Vec<String> {
    let others: Vec<_> = others.iter().map(|other| other.party()).collect();
    let change =
        Change { before: before.map(Service::party), after: after.party(), others: &others };
    let mut consumers: Vec<_> =
        change.breaches().into_iter().map(|breach| breach.consumer.to_string()).collect();
    consumers.sort();
    consumers
}

const I: &str = "a:b/i@1.0.0";

#[test]
fn nothing_breaks_when_nobody_calls() {
    let provider = Service::new("p", &[(I, Type::U32)], &[]);
    let bystander = Service::new("x", &[], &[("c:d/other@1.0.0", Type::U32)]);
    assert!(broken(None, &provider, &[&bystander]).is_empty());
    assert!(broken(Some(&provider), &Service::new("p", &[], &[]), &[&bystander]).is_empty());
}

#[test]
fn every_consumer_that_is_left_without_a_match_is_named() {
    let before = Service::new("p", &[(I, Type::U32)], &[]);
    let one = Service::new("one", &[], &[(I, Type::U32)]);
    let two = Service::new("two", &[], &[(I, Type::U32)]);
    let others = [&one, &two];
    assert!(broken(Some(&before), &before, &others).is_empty());
    for after in [
        Service::new("p", &[], &[]),
        Service::new("p", &[(I, Type::U64)], &[]),
        Service::new("p", &[("a:b/i@0.9.0", Type::U32)], &[]),
        Service::new("p", &[("a:b/i@2.0.0", Type::U32)], &[]),
    ] {
        assert_eq!(broken(Some(&before), &after, &others), ["one", "two"]);
    }
}

#[test]
fn a_consumer_that_another_provider_serves_does_not_break() {
    let before = Service::new("p", &[(I, Type::U32)], &[]);
    let other = Service::new("q", &[(I, Type::U32)], &[]);
    let consumer = Service::new("c", &[], &[(I, Type::U32)]);
    assert!(broken(Some(&before), &Service::new("p", &[], &[]), &[&other, &consumer]).is_empty());
}

#[test]
fn what_was_broken_before_is_told_only_by_who_could_mend_it() {
    let waiting = Service::new("c", &[], &[(I, Type::U32)]);
    let no_provider = Service::new("p", &[], &[]);
    assert!(broken(Some(&no_provider), &no_provider, &[&waiting]).is_empty());
    let newer = Service::new("p", &[("a:b/i@2.0.0", Type::U32)], &[]);
    assert!(broken(Some(&no_provider), &newer, &[&waiting]).is_empty(), "another interface");
    let wrong = Service::new("p", &[(I, Type::U64)], &[]);
    assert_eq!(broken(Some(&wrong), &wrong, &[&waiting]), ["c"]);
}

#[test]
fn an_own_call_has_to_fit_what_is_there_and_waits_for_what_is_not() {
    let provider = Service::new("p", &[(I, Type::U32)], &[]);
    let fits = Service::new("c", &[], &[(I, Type::U32)]);
    let differs = Service::new("c", &[], &[(I, Type::U64)]);
    let newer = Service::new("c", &[], &[("a:b/i@1.2.0", Type::U32)]);
    let absent = Service::new("c", &[], &[("a:b/j@1.0.0", Type::U32)]);
    for (consumer, expected) in [(fits, 0), (differs, 1), (newer, 1), (absent, 0)] {
        assert_eq!(broken(None, &consumer, &[&provider]).len(), expected);
    }
}

#[test]
fn the_platform_and_wasi_are_nobodys_provider() {
    let imports = [("thali:platform/sql@1.0.0", Type::U32), ("wasi:io/poll@0.2.0", Type::U32)];
    let exports = [("thali:platform/sql@1.0.0", Type::U64), ("wasi:io/poll@0.2.0", Type::U64)];
    let (consumer, other) = (Service::new("c", &[], &imports), Service::new("p", &exports, &[]));
    assert!(broken(None, &consumer, &[&other]).is_empty());
    assert!(broken(None, &other, &[&consumer]).is_empty());
}

#[test]
fn an_own_call_to_itself_has_to_fit_as_well() {
    let fits = Service::new("s", &[(I, Type::U32)], &[(I, Type::U32)]);
    let differs = Service::new("s", &[(I, Type::U32)], &[(I, Type::U64)]);
    assert!(broken(None, &fits, &[]).is_empty());
    assert_eq!(broken(Some(&fits), &differs, &[]), ["s"]);
}

#[test]
fn optional_calls_may_be_lost_but_not_changed() {
    let before = Service::new("p", &[(I, Type::U32)], &[]);
    let consumer = Service::new("c", &[], &[(I, Type::U32)]).optional("a:b/i");
    let others = [consumer.party()];
    let gone = Service::new("p", &[], &[]);
    let change = Change { before: Some(before.party()), after: gone.party(), others: &others };
    assert!(change.breaches().is_empty());
    assert_eq!(change.optional_losses().len(), 1);
    let changed = Service::new("p", &[(I, Type::U64)], &[]);
    let change = Change { after: changed.party(), ..change };
    assert_eq!(change.breaches().len(), 1);
    assert!(change.optional_losses().is_empty());
}

#[test]
fn dependents_are_those_that_find_nobody_else() {
    let provider = Service::new("p", &[(I, Type::U32)], &[]);
    let consumer = Service::new("c", &[], &[(I, Type::U32)]);
    let waiting = Service::new("w", &[], &[("a:b/i@1.5.0", Type::U32)]);
    let others = [consumer.party(), waiting.party()];
    let found: Vec<_> = dependents(provider.party(), &others).collect();
    assert_eq!(found.len(), 1, "the one that waits is not served anyway");
    assert_eq!(found[0].to_string(), "c calls a:b/i@1.0.0");
    let second = Service::new("q", &[(I, Type::U32)], &[]);
    let others = [consumer.party(), second.party()];
    assert_eq!(dependents(provider.party(), &others).count(), 0);
}

#[test]
fn one_service_exports_an_interface_and_only_one() {
    let export = |name: &str, interface: &str| Service::new(name, &[(interface, Type::U32)], &[]);
    let there = export("there", I);
    for (interface, rivals) in
        [(I, 1), ("a:b/i@1.9.0", 1), ("a:b/i@2.0.0", 0), ("a:b/j@1.0.0", 0), ("a:c/i@1.0.0", 0)]
    {
        let new = export("new", interface);
        let others = [there.party()];
        let change = Change { before: None, after: new.party(), others: &others };
        assert_eq!(change.rivalries().len(), rivals, "{interface}");
    }
    for shared in ["a:b/events@1.0.0", "wasi:cli/run@0.2.0", "thali:platform/sql@1.0.0"] {
        let (one, two) = (export("one", shared), export("two", shared));
        let others = [one.party()];
        let change = Change { before: None, after: two.party(), others: &others };
        assert!(change.rivalries().is_empty(), "{shared}");
    }
}

const E: &str = "a:b/events@1.0.0";

#[test]
fn a_subscriber_must_understand_its_publisher_in_both_directions() {
    let publisher = Service::new("p", &[], &[(E, Type::U32)]);
    let hears = Service::new("s", &[("a:b/events@1.4.0", Type::U32)], &[]);
    let deaf = Service::new("s", &[(E, Type::U64)], &[]);
    let next_major = Service::new("s", &[("a:b/events@2.0.0", Type::U64)], &[]);
    let none: [String; 0] = [];
    assert_eq!(broken(None, &publisher, &[&hears]), none);
    assert_eq!(broken(None, &hears, &[&publisher]), none);
    assert_eq!(broken(None, &next_major, &[&publisher]), none);
    assert_eq!(broken(None, &publisher, &[&deaf]), ["s"]);
    assert_eq!(broken(None, &deaf, &[&publisher]), ["s"]);
    let oneself = Service::new("x", &[(E, Type::U64)], &[(E, Type::U32)]);
    assert_eq!(broken(None, &oneself, &[]), ["x"]);
}

#[test]
fn a_broken_subscription_is_told_as_one() {
    let publisher = Service::new("orders", &[], &[(E, Type::U32)]);
    let deaf = Service::new("mail", &[(E, Type::U64)], &[]);
    let others = [publisher.party()];
    let change = Change { before: None, after: deaf.party(), others: &others };
    assert_eq!(
        change.breaches()[0].to_string(),
        "mail subscribes to events.f of orders: consumer expects func(x: u64), provider has \
         func(x: u32) (x: consumer expects u64, provider has u32)"
    );
}

#[test]
fn many_services_may_subscribe_and_many_may_publish() {
    let a = Service::new("a", &[(E, Type::U32)], &[(E, Type::U32)]);
    let b = Service::new("b", &[(E, Type::U32)], &[(E, Type::U32)]);
    let others = [b.party()];
    let change = Change { before: None, after: a.party(), others: &others };
    assert!(change.rivalries().is_empty() && change.breaches().is_empty());
}
