//! A route that streams: events of one key, after a snapshot.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::build::list;
use super::template::Template;
use crate::compat::signature;
use crate::contract::{Contract, Function, Interface};
use crate::events::Topic;
use crate::json;
use crate::manifest::{EndSpec, StreamSpec, hint};
use crate::name::InterfaceName;
use crate::ty::{Field, Type};

/// The query parameter that says what a client has got, for those that cannot set a header.
pub const LAST_EVENT_ID: &str = "last_event_id";

/// What the host itself says in a stream.
const RESERVED: [&str; 2] = ["snapshot", "gap"];

/// What a route streams.
#[derive(Clone, Debug)]
pub struct Stream {
    interface: InterfaceName,
    topic: Topic,
    /// The index of the key among the snapshot's arguments.
    key: usize,
    events: Vec<Function>,
    ends: Vec<End>,
}

/// A member whose value ends the stream.
#[derive(Clone, Debug)]
struct End {
    member: String,
    /// As JSON.
    values: Vec<String>,
}

/// Something of the stream that may have a member.
struct Place<'a> {
    name: &'a str,
    fields: &'a [Field],
}

impl Stream {
    /// Finds what the manifest names, and says what is not there or does not fit.
    pub(super) fn resolve(
        spec: &StreamSpec,
        path: &Template,
        contract: &Contract,
        snapshot: &Function,
    ) -> Result<Self, Vec<String>> {
        let interface = find(&spec.interface, contract).map_err(|detail| vec![detail])?;
        let mut mistakes = Vec::new();
        let events = events(spec, interface, &mut mistakes);
        let key = key(spec, path, snapshot, &events, &mut mistakes);
        check_snapshot(snapshot, &mut mistakes);
        check_ends(&spec.ends, snapshot, &events, &mut mistakes);
        match key {
            Some(key) if mistakes.is_empty() => Ok(Self {
                interface: interface.name.clone(),
                topic: Topic::of(&interface.name),
                key,
                events: events.into_iter().cloned().collect(),
                ends: spec.ends.iter().map(End::of).collect(),
            }),
            _ => Err(mistakes),
        }
    }

    /// The interface whose events are streamed.
    pub fn interface(&self) -> &InterfaceName {
        &self.interface
    }

    /// What these events are stored under.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The events that are sent.
    pub fn events(&self) -> &[Function] {
        &self.events
    }

    /// Whether events of this function are sent.
    pub fn carries(&self, function: &str) -> bool {
        self.events.iter().any(|event| event.name == function)
    }

    /// The key of the events, of the snapshot's arguments.
    pub fn key(&self, arguments: &[Val]) -> Option<String> {
        json::encode_text(arguments.get(self.key)?)
    }

    /// Whether an event or a snapshot is the last one. `data` is its JSON.
    pub fn is_last(&self, data: &str) -> bool {
        if self.ends.is_empty() {
            return false;
        }
        let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(data) else {
            return false;
        };
        self.ends.iter().any(|end| {
            members
                .get(&end.member)
                .is_some_and(|value| end.values.iter().any(|last| last == value.get()))
        })
    }
}

impl End {
    fn of(spec: &EndSpec) -> Self {
        let quoted = |value: &String| serde_json::Value::from(value.as_str()).to_string();
        Self { member: spec.member.clone(), values: spec.values.iter().map(quoted).collect() }
    }
}

/// The event interface that the component publishes under this name.
fn find<'c>(name: &str, contract: &'c Contract) -> Result<&'c Interface, String> {
    let published = || contract.publishes().map(|(_, import)| import);
    let mut named = published().filter(|import| {
        let full = &import.name;
        full.interface == name || full.unversioned() == name || full.to_string() == name
    });
    let names = |of: &mut dyn Iterator<Item = &'c Interface>| -> Vec<String> {
        of.map(|import| import.name.unversioned()).collect()
    };
    match (named.next(), named.next()) {
        (Some(found), None) => Ok(found),
        (Some(first), Some(second)) => Err(format!(
            "the component publishes several interfaces named {name:?}: write {:?} or {:?}",
            first.name.unversioned(),
            second.name.unversioned()
        )),
        (None, _) => {
            let known = names(&mut published());
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let hint = match hint(name, known.iter().copied()) {
                none if none.is_empty() => format!("; it publishes {}", list(&known)),
                hint => hint,
            };
            Err(format!("the component publishes no events of an interface {name:?}{hint}"))
        }
    }
}

/// The events that are sent.
fn events<'c>(
    spec: &StreamSpec,
    interface: &'c Interface,
    mistakes: &mut Vec<String>,
) -> Vec<&'c Function> {
    let events = match &spec.only {
        None => interface.functions.iter().collect(),
        Some(only) => chosen(only, interface, mistakes),
    };
    for name in events.iter().map(|event| &event.name) {
        if RESERVED.contains(&name.as_str()) {
            mistakes.push(format!("the event {name:?} has the name of one of the host's own"));
        }
    }
    events
}

fn chosen<'c>(
    only: &[String],
    interface: &'c Interface,
    mistakes: &mut Vec<String>,
) -> Vec<&'c Function> {
    let known = || interface.functions.iter().map(|function| function.name.as_str());
    let mut events = Vec::new();
    for name in only {
        if let Some(function) = interface.functions.iter().find(|known| known.name == *name) {
            events.push(function);
            continue;
        }
        let hint = match hint(name, known()) {
            none if none.is_empty() => {
                format!("; it publishes {}", list(&known().collect::<Vec<_>>()))
            }
            hint => hint,
        };
        mistakes.push(format!("the component publishes no {}.{name}{hint}", interface.name));
    }
    events
}

/// The index of the parameter that is the key.
fn key(
    spec: &StreamSpec,
    path: &Template,
    snapshot: &Function,
    events: &[&Function],
    mistakes: &mut Vec<String>,
) -> Option<usize> {
    if !path.params().any(|param| param == spec.key) {
        let hint = match hint(&spec.key, path.params()) {
            none if none.is_empty() => {
                format!("; it has {}", list(&path.params().collect::<Vec<_>>()))
            }
            hint => hint,
        };
        mistakes.push(format!("the path has no parameter for the key {:?}{hint}", spec.key));
        return None;
    }
    let params = &snapshot.params;
    // When the snapshot has no such parameter, planning its arguments says so.
    let index = params.iter().position(|param| param.json == spec.key)?;
    let ty = &params.get(index)?.ty;
    for event in events {
        if event.params.first().is_some_and(|key| key.ty != *ty) {
            let detail = format!(
                "{} takes {} as {ty}, but the event is {}: {}",
                snapshot.name,
                spec.key,
                event.name,
                signature(event)
            );
            mistakes.push(detail);
        }
    }
    Some(index)
}

fn check_snapshot(snapshot: &Function, mistakes: &mut Vec<String>) {
    if snapshot.success().is_none() {
        mistakes.push(format!("{} returns nothing that a stream could begin with", snapshot.name));
    }
    if snapshot.params.iter().any(|param| param.json == LAST_EVENT_ID) {
        mistakes.push(format!(
            "{} has a parameter {LAST_EVENT_ID:?}, which every stream has of its own",
            snapshot.name
        ));
    }
}

fn check_ends(
    ends: &[EndSpec],
    snapshot: &Function,
    events: &[&Function],
    mistakes: &mut Vec<String>,
) {
    let first = match snapshot.success() {
        Some(Type::Record(record)) => record.fields.as_slice(),
        _ => &[],
    };
    let first = Place { name: &snapshot.name, fields: first };
    let events = events.iter().map(|event| Place { name: &event.name, fields: &event.params });
    let places: Vec<_> = std::iter::once(first).chain(events).collect();
    for end in ends {
        check_end(end, &places, mistakes);
    }
}

fn check_end(end: &EndSpec, places: &[Place<'_>], mistakes: &mut Vec<String>) {
    let EndSpec { member, values } = end;
    let fields = || places.iter().flat_map(|place| place.fields.iter().map(|f| (place.name, f)));
    let named: Vec<_> = fields().filter(|(_, field)| field.json == *member).collect();
    if named.is_empty() {
        let hint = hint(member, fields().map(|(_, field)| field.json.as_str()));
        mistakes.push(format!("neither the snapshot nor an event has a member {member:?}{hint}"));
        return;
    }
    let mut known = Vec::new();
    for (name, field) in &named {
        match texts(&field.ty) {
            Some(Texts::Any) => return,
            Some(Texts::These(cases)) => known.extend(cases),
            None => {
                mistakes.push(format!("{member} of {name} is {}, which is no text", field.ty));
                return;
            }
        }
    }
    for value in values.iter().filter(|value| !known.contains(&value.as_str())) {
        let hint = match hint(value, known.iter().copied()) {
            none if none.is_empty() => format!("; it is one of {}", list(&known)),
            hint => hint,
        };
        mistakes.push(format!("{member} is never {value:?}{hint}"));
    }
}

/// What values of a type may be in JSON, where they are strings.
enum Texts<'a> {
    Any,
    These(Vec<&'a str>),
}

fn texts(ty: &Type) -> Option<Texts<'_>> {
    match ty {
        Type::String => Some(Texts::Any),
        Type::Option(inner) => texts(inner),
        Type::Enum(labels) => {
            Some(Texts::These(labels.cases.iter().map(|case| case.json.as_str()).collect()))
        }
        Type::Variant(variant) => {
            let bare = variant.cases.iter().filter(|case| case.ty.is_none());
            Some(Texts::These(bare.map(|case| case.json.as_str()).collect()))
        }
        _ => None,
    }
}
