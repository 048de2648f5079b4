//! The components that are measured. They are packed here and not by `thali build`, which puts
//! components where `just up` deploys them from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use thali_contract::pack::{Migration, Parts, pack, unpack};
use wit_parser::Resolve;

use crate::town;
use crate::variant::Built;
use crate::work::Work;

/// A service under `bench/components`, and the folder of its contract under `bench/wit`.
const SERVICES: [(&str, &str); 6] = [
    ("echo", "echo"),
    ("ledger", "ledger"),
    ("chain-a", "chain"),
    ("chain-b", "chain"),
    ("chain-c", "chain"),
    ("chain-d", "chain"),
];

/// The services under `bench/components` that publish events and listen to them.
const EVENTS: [&str; 2] = ["announcer", "listener"];

/// The food-delivery services, which `just bench` builds before.
const FOOD: [&str; 4] = ["restaurants", "orders", "delivery", "notifications"];

/// What a purchase goes through.
const SHOP: [&str; 5] = ["products", "inventory", "pricing", "payments", "shop"];

/// The seed of `inventory` instead of its own.
const STOCK: &str =
    "INSERT INTO levels (product_id, stock) VALUES ('1', 1000000000), ('2', 1000000000);";

/// What was built.
pub(crate) struct Components {
    /// Where the packed components are.
    pub(crate) folder: PathBuf,
    pub(crate) echo: Built,
    /// Has a database.
    pub(crate) ledger: Built,
    /// From `a` to `d`.
    pub(crate) chain: Vec<Built>,
}

/// Builds and packs the components of the benchmarks.
pub(crate) fn components(work: &Work) -> Result<Components> {
    cargo(work, &SERVICES.map(|(name, _)| format!("bench-{name}")))?;
    let folder = work.target().join("bench/components");
    std::fs::create_dir_all(&folder)?;
    let [echo, ledger, chain @ ..] = SERVICES;
    let packed =
        |(name, wit)| packed(work, &folder, name, wit).with_context(|| format!("bench-{name}"));
    let chain = chain.into_iter().map(packed).collect::<Result<_>>()?;
    Ok(Components { echo: packed(echo)?, ledger: packed(ledger)?, chain, folder })
}

/// Builds the components and writes them to `folder`.
pub(crate) fn write_components(folder: &Path, reuse: bool) -> Result<()> {
    let components = components(&Work::open()?)?;
    std::fs::create_dir_all(folder)?;
    for (number, built) in components.all().enumerate() {
        let bytes = if reuse { built.reused()? } else { built.bytes().to_vec() };
        std::fs::write(folder.join(format!("{number}.wasm")), bytes)?;
    }
    Ok(())
}

/// Writes the food-delivery services to `folder`, with the seed of [`town`].
pub(crate) fn write_town(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, component) in FOOD.iter().zip(food(&Work::open()?)?) {
        std::fs::write(folder.join(format!("{name}.wasm")), town::settle(&component)?)?;
    }
    Ok(())
}

impl Components {
    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Built> {
        std::iter::once(&self.echo).chain(&self.chain)
    }
}

/// Builds the component that `wasmtime serve` is measured with. It has no manifest: it is no service.
pub(crate) fn hello_http(work: &Work) -> Result<PathBuf> {
    cargo(work, &["bench-hello-http".into()])?;
    Ok(compiled(work, "hello-http"))
}

/// The service whose events are followed: small, and without state, so that streams are what is measured.
pub(crate) fn publisher() -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let wit = include_str!("../../../host/gateway/tests/gateway/support/publisher.wit");
    let wat = include_str!("../../../host/gateway/tests/gateway/support/publisher.wat");
    let manifest = include_str!("../../../host/gateway/tests/gateway/support/publisher.toml");
    let package = resolve.push_str("publisher.wit", wit)?;
    let world = resolve.select_world(&[package], Some("service"))?;
    let mut module = wat::parse_str(wat)?;
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding)?;
    let component = wit_component::ComponentEncoder::default().module(&module)?.encode()?;
    Ok(pack(&component, &Parts { manifest: manifest.into(), ..Parts::default() })?)
}

/// A service that computes for as long as it is asked to.
pub(crate) fn worker() -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let wit = "
        package bench:worker@1.0.0;
        interface api { work: func(rounds: u32) -> u32; }
        world service { export api; }";
    let wat = r#"(module
        (func (export "bench:worker/api@1.0.0#work") (param $rounds i32) (result i32)
            (local $sum i32)
            (loop $again
                (local.set $sum (i32.add
                    (i32.mul (local.get $sum) (i32.const 1664525)) (i32.const 1013904223)))
                (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
                (br_if $again (i32.gt_s (local.get $rounds) (i32.const 0))))
            (local.get $sum)))"#;
    let manifest = "[service]\nname = \"bench-worker\"\nversion = \"1.0.0\"\n[http]\n\"GET /work/{rounds}\" = \"api.work\"\n";
    let package = resolve.push_str("worker.wit", wit)?;
    let world = resolve.select_world(&[package], Some("service"))?;
    let mut module = wat::parse_str(wat)?;
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding)?;
    let component = wit_component::ComponentEncoder::default().module(&module)?.encode()?;
    Ok(pack(&component, &Parts { manifest: manifest.into(), ..Parts::default() })?)
}

/// The announcer and the listener, with the latter's tables.
pub(crate) fn events(work: &Work) -> Result<Vec<Vec<u8>>> {
    cargo(work, &EVENTS.map(|name| format!("bench-{name}")))?;
    let packed = |name: &str| -> Result<Vec<u8>> {
        let folder = work.root().join("bench/components").join(name);
        let manifest = std::fs::read_to_string(folder.join("service.toml"))?;
        let init = "0001_init.sql".to_owned();
        let sql = std::fs::read_to_string(folder.join("migrations").join(&init)).ok();
        let migrations = sql.map(|sql| Migration { name: init, sql }).into_iter().collect();
        let parts = Parts { manifest, migrations, ..Parts::default() };
        Ok(pack(&std::fs::read(compiled(work, name))?, &parts)?)
    };
    EVENTS.iter().map(|name| packed(name).with_context(|| format!("bench-{name}"))).collect()
}

/// The food-delivery services as they were built; none when one is not there.
pub(crate) fn food(work: &Work) -> Result<Vec<Vec<u8>>> {
    let folder = work.target().join("components");
    let paths = FOOD.map(|name| folder.join(format!("{name}.wasm")));
    if !paths.iter().all(|path| path.is_file()) {
        return Ok(Vec::new());
    }
    paths.iter().map(|path| Ok(std::fs::read(path)?)).collect()
}

/// The services of the shop as they were built, with stock for more than a run buys; none when one is not
/// there.
pub(crate) fn shop(work: &Work) -> Result<Option<Vec<Vec<u8>>>> {
    let folder = work.target().join("components");
    let paths = SHOP.map(|name| folder.join(format!("{name}.wasm")));
    if !paths.iter().all(|path| path.is_file()) {
        return Ok(None);
    }
    let read = |path: &PathBuf| -> Result<Vec<u8>> {
        let component = std::fs::read(path)?;
        if !path.ends_with("inventory.wasm") {
            return Ok(component);
        }
        let seed = Some(STOCK.to_owned());
        Ok(pack(&component, &Parts { seed, ..unpack(&component)? })?)
    };
    paths.iter().map(read).collect::<Result<_>>().map(Some)
}

/// Players and leaderboard as they were built; none when one is not there.
pub(crate) fn games(work: &Work) -> Result<Option<[Vec<u8>; 2]>> {
    let folder = work.target().join("components");
    let [players, leaderboard] =
        ["players", "leaderboard"].map(|name| folder.join(format!("{name}.wasm")));
    if !players.is_file() || !leaderboard.is_file() {
        return Ok(None);
    }
    Ok(Some([std::fs::read(players)?, std::fs::read(leaderboard)?]))
}

fn cargo(work: &Work, packages: &[String]) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--profile", "component", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(work.target())
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .current_dir(work.root())
        // What cargo says is progress; standard output is the table's.
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the components of the benchmarks do not build ({status})");
    }
    Ok(())
}

fn compiled(work: &Work, name: &str) -> PathBuf {
    let file = format!("bench_{}.wasm", name.replace('-', "_"));
    work.target().join("wasm32-wasip2/component").join(file)
}

/// The scripts in a folder, by name; none when it is not there.
fn migrations(folder: &Path) -> Result<Vec<Migration>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)?;
    let mut scripts = entries
        .map(|entry| {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Ok(Migration { name, sql: std::fs::read_to_string(entry.path())? })
        })
        .collect::<Result<Vec<_>>>()?;
    scripts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(scripts)
}

fn packed(work: &Work, folder: &Path, name: &str, wit: &str) -> Result<Built> {
    let bench = work.root().join("bench");
    let service = bench.join("components").join(name);
    let manifest = std::fs::read_to_string(service.join("service.toml"))?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(bench.join("wit").join(wit))?;
    let wit = vec![wit_component::encode(&resolve, package)?];
    let migrations = migrations(&service.join("migrations"))?;
    let parts = Parts { manifest, wit, migrations, ..Parts::default() };
    let component = pack(&std::fs::read(compiled(work, name))?, &parts)?;
    std::fs::write(folder.join(format!("bench-{name}.wasm")), &component)?;
    Ok(Built::new(component, parts))
}
