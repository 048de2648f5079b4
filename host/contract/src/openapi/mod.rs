//! The OpenAPI 3.1 document of what the host serves now, made from routes, types and doc comments.
//!
//! It promises exactly what [`json`](crate::json) reads and writes and what the gateway answers, so that
//! a client made from it, or a fuzzer that follows it, meets nothing else.

mod names;
mod operation;
mod pattern;
mod problems;
mod schema;
mod security;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::contract::Contract;
use crate::manifest::Manifest;
use crate::route::{Route, Segment};
use names::TypeNames;
use operation::Operation;
use schema::Schemas;

pub use schema::schema;

/// What the paths of routes are relative to.
const SERVER: &str = "/api/v1";

/// An object of JSON.
type Object = Map<String, Value>;

/// What the document says of itself.
#[derive(Clone, Debug)]
pub struct Info {
    /// `info.title`
    pub title: String,
    /// `info.version`
    pub version: String,
    /// `info.description`
    pub description: String,
}

/// A service to describe.
#[derive(Clone, Copy, Debug)]
pub struct ServiceDoc<'a> {
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// What its component exports and imports.
    pub contract: &'a Contract,
    /// Its routes.
    pub routes: &'a [Arc<Route>],
}

impl Default for Info {
    fn default() -> Self {
        Self {
            title: "Thali".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            description: "The services that this host runs now.".into(),
        }
    }
}

/// The document, as JSON.
pub fn document(services: &[ServiceDoc<'_>], info: &Info) -> Vec<u8> {
    let mut document = Document::default();
    for service in services {
        document.add(service);
    }
    document.finish(info).to_string().into_bytes()
}

/// A document that grows by services.
#[derive(Default)]
struct Document {
    tags: Vec<Value>,
    paths: Paths,
    schemas: Schemas,
    operation_ids: HashSet<String>,
}

impl Document {
    fn add(&mut self, service: &ServiceDoc<'_>) {
        let section = &service.manifest.service;
        let mut tag = Object::new();
        tag.insert("name".into(), section.name.as_str().into());
        describe(&mut tag, Some(&section.description));
        self.tags.push(tag.into());
        self.schemas.names = TypeNames::of(service, section.name.as_str());
        for route in service.routes {
            let path = self.paths.entry(route);
            let operation = Operation {
                service: section.name.as_str(),
                contract: service.contract,
                route,
                path_params: &path.params,
                schemas: &mut self.schemas,
                ids: &mut self.operation_ids,
            };
            let method = route.method().as_str().to_ascii_lowercase();
            path.operations.insert(method, operation.describe());
        }
    }

    fn finish(self, info: &Info) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": info.title,
                "version": info.version,
                "description": info.description,
            },
            "servers": [{ "url": SERVER }],
            "tags": self.tags,
            "paths": self.paths.finish(),
            "components": {
                "schemas": self.schemas.finish(),
                "parameters": operation::shared_parameters(),
                "responses": problems::shared_responses(),
                "headers": problems::headers(),
                "securitySchemes": security::schemes(),
            },
        })
    }
}

/// The paths, by their shape: a template without the names of its parameters.
#[derive(Default)]
struct Paths(BTreeMap<String, PathItem>);

/// The operations of one path.
struct PathItem {
    template: String,
    /// The names of the parameters.
    params: Vec<String>,
    operations: Object,
}

impl Paths {
    /// The item of a route. Two templates that differ in names only are one path to OpenAPI: then the
    /// names of the first count.
    fn entry(&mut self, route: &Route) -> &mut PathItem {
        let shape: Vec<_> = route.segments().iter().map(literal).collect();
        self.0.entry(shape.join("/")).or_insert_with(|| PathItem {
            template: route.path().into(),
            params: route.segments().iter().filter_map(param).map(Into::into).collect(),
            operations: Object::new(),
        })
    }

    fn finish(self) -> Object {
        self.0.into_values().map(|item| (item.template, item.operations.into())).collect()
    }
}

/// A literal segment; `{}`, which no literal can be, for a parameter.
fn literal(segment: &Segment) -> &str {
    match segment {
        Segment::Literal(text) => text,
        Segment::Param(_) => "{}",
    }
}

fn param(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Param(name) => Some(name),
        Segment::Literal(_) => None,
    }
}

/// Adds a description, when there is something to say.
fn describe(object: &mut Object, docs: Option<&str>) {
    if let Some(docs) = docs.map(str::trim).filter(|docs| !docs.is_empty()) {
        object.insert("description".into(), docs.into());
    }
}
