//! Components made of WIT and a few instructions.

use std::fmt::Write;

use bytes::Bytes;
use thali_contract::pack::{Migration, Parts, pack};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A service to be built. Every function it exports returns the same number, or what the service
/// gets when it calls another.
#[derive(Clone)]
pub(crate) struct Guest {
    name: String,
    version: String,
    exports: Vec<Interface>,
    imports: Vec<Interface>,
    answer: String,
    /// What functions that return nothing do.
    effect: String,
    manifest: String,
    migrations: Vec<Migration>,
    seed: Option<String>,
}

/// An interface, with the core signature of each of its functions.
#[derive(Clone)]
struct Interface {
    name: String,
    wit: String,
    functions: Vec<Function>,
}

#[derive(Clone)]
struct Function {
    name: String,
    params: String,
    results: String,
}

/// A service that answers 0 and has no interfaces yet.
pub(crate) fn guest(name: &str) -> Guest {
    Guest {
        name: name.into(),
        version: "1.0.0".into(),
        exports: Vec::new(),
        imports: Vec::new(),
        answer: "i32.const 0".into(),
        effect: String::new(),
        manifest: String::new(),
        migrations: Vec::new(),
        seed: None,
    }
}

impl Guest {
    pub(crate) fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Exports `a:b/c@1.0.0` with functions like `get: func(at: u32) -> u32`: numbers only.
    pub(crate) fn exports(mut self, interface: &str, functions: &[&str]) -> Self {
        self.exports.push(Interface::new(interface, functions));
        self
    }

    /// Imports such an interface.
    pub(crate) fn imports(mut self, interface: &str, functions: &[&str]) -> Self {
        self.imports.push(Interface::new(interface, functions));
        self
    }

    /// Imports an interface that only has types.
    pub(crate) fn uses(mut self, interface: &str, types: &str) -> Self {
        self.imports.push(Interface { wit: types.into(), ..Interface::new(interface, &[]) });
        self
    }

    /// What its functions return.
    pub(crate) fn answers(mut self, number: u32) -> Self {
        self.answer = format!("i32.const {number}");
        self
    }

    /// Its functions return what this imported function returns.
    pub(crate) fn forwards(mut self, interface: &str, function: &str) -> Self {
        self.answer = format!("call ${interface}#{function}");
        self
    }

    /// Its functions that return a number run these instructions; an imported function is `$INTERFACE#FUNCTION`.
    pub(crate) fn runs(mut self, instructions: &str) -> Self {
        self.answer = instructions.into();
        self
    }

    /// What its functions do that return nothing.
    pub(crate) fn does(mut self, instructions: &str) -> Self {
        self.effect = instructions.into();
        self
    }

    /// Its functions trap.
    pub(crate) fn traps(mut self) -> Self {
        self.answer = "unreachable".into();
        self
    }

    /// Adds tables to its manifest.
    pub(crate) fn manifest(mut self, toml: &str) -> Self {
        self.manifest.push_str(toml);
        self.manifest.push('\n');
        self
    }

    pub(crate) fn migration(mut self, name: &str, sql: &str) -> Self {
        self.migrations.push(Migration { name: name.into(), sql: sql.into() });
        self
    }

    pub(crate) fn seed(mut self, sql: &str) -> Self {
        self.seed = Some(sql.into());
        self
    }

    /// The packed component.
    pub(crate) fn build(&self) -> Bytes {
        let Self { name, version, manifest, .. } = self;
        // A string of JSON is one of TOML as well, whatever is in it.
        let name = serde_json::to_string(name).unwrap();
        let service = format!("[service]\nname = {name}\nversion = {version:?}\n{manifest}");
        let parts = Parts {
            manifest: service,
            migrations: self.migrations.clone(),
            seed: self.seed.clone(),
            wit: Vec::new(),
        };
        pack(&self.component(), &parts).unwrap().into()
    }

    /// The component as a compiler leaves it.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("guest.wit", &self.wit()).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let mut encoder = ComponentEncoder::default().validate(true).module(&module).unwrap();
        encoder.encode().unwrap()
    }

    fn wit(&self) -> String {
        let mut wit = "package test:guest;\n".to_owned();
        let mut done: Vec<&str> = Vec::new();
        for interface in self.imports.iter().chain(&self.exports) {
            if done.contains(&interface.name.as_str()) {
                continue;
            }
            done.push(&interface.name);
            let (package, rest) = interface.name.split_once('/').unwrap();
            let (name, version) = rest.split_once('@').unwrap();
            let body = &interface.wit;
            writeln!(wit, "package {package}@{version} {{ interface {name} {{ {body} }} }}")
                .unwrap();
        }
        wit.push_str("world guest {\n");
        for import in &self.imports {
            writeln!(wit, "import {};", import.name).unwrap();
        }
        for export in &self.exports {
            writeln!(wit, "export {};", export.name).unwrap();
        }
        wit.push('}');
        wit
    }

    fn module(&self) -> String {
        let mut wat = "(module\n".to_owned();
        for Interface { name: interface, functions, .. } in &self.imports {
            for Function { name, params, results } in functions {
                writeln!(
                    wat,
                    "(import {interface:?} {name:?} (func ${interface}#{name} {params} {results}))"
                )
                .unwrap();
            }
        }
        let (answer, effect) = (&self.answer, &self.effect);
        for Interface { name: interface, functions, .. } in &self.exports {
            for Function { name, params, results } in functions {
                let body = match results.as_str() {
                    "" => effect,
                    "(result i64)" => "unreachable",
                    _ => answer,
                };
                writeln!(wat, "(func (export \"{interface}#{name}\") {params} {results} {body})")
                    .unwrap();
            }
        }
        wat.push(')');
        wat
    }
}

impl Interface {
    fn new(name: &str, functions: &[&str]) -> Self {
        let wit = functions.iter().map(|function| format!("{function};")).collect();
        let functions = functions.iter().map(|function| Function::parse(function)).collect();
        Self { name: name.into(), wit, functions }
    }
}

impl Function {
    fn parse(wit: &str) -> Self {
        let (name, signature) = wit.split_once(": func(").unwrap();
        let name = name.rsplit(';').next().unwrap().trim();
        let (params, results) = signature.split_once(')').unwrap();
        let core = |text: &str| match text.contains("64") {
            true => "i64",
            false => "i32",
        };
        let params = params.split(',').filter(|param| !param.trim().is_empty());
        let params = params.map(|param| format!("(param {})", core(param))).collect();
        let results = match results.split_once("->") {
            Some((_, result)) => format!("(result {})", core(result)),
            None => String::new(),
        };
        Self { name: name.into(), params, results }
    }
}
