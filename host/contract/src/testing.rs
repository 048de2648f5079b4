//! Components for tests, made from WIT: their functions trap, their types are real.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve};

use crate::contract::Contract;
use crate::pack::{Parts, pack};

/// A component of the one world in `wit`, without what `thali build` adds.
pub(crate) fn component(wit: &str) -> Vec<u8> {
    let (resolve, main) = resolve(wit);
    let world = resolve.select_world(&[main], None).unwrap();
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, mangling);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// Every package in `wit`, encoded with its documentation.
pub(crate) fn packages(wit: &str) -> Vec<Vec<u8>> {
    let (resolve, _) = resolve(wit);
    resolve.packages.iter().map(|(id, _)| wit_component::encode(&resolve, id).unwrap()).collect()
}

/// A component with documentation, as `thali build` makes it.
pub(crate) fn packed(wit: &str, manifest: &str) -> Vec<u8> {
    let parts = Parts { manifest: manifest.into(), wit: packages(wit), ..Parts::default() };
    pack(&component(wit), &parts).unwrap()
}

/// The contract of the one world in `wit`, with documentation.
pub(crate) fn contract(wit: &str) -> Contract {
    crate::read::read_contract(&packed(wit, "")).unwrap()
}

fn resolve(wit: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let main = resolve.push_str("test.wit", wit).unwrap();
    (resolve, main)
}
