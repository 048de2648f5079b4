//! U: what strangers upload.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use thali_contract::pack::{self, Parts};

use super::case::{Attack, Case};
use super::guests::service;
use super::stage::Stage;
use crate::support::{Answer, with_version};

pub(super) const CASES: &[Case] = &[
    refused("U-01", "body_one_byte_over_limit", "413 before the body is read", one_byte_over),
    refused("U-02", "chunked_body_over_limit", "413 at the limit, closed", chunked_over),
    refused("U-03", "core_module_not_component", "422 not_a_component", core_module),
    refused("U-04", "random_and_truncated_bytes", "422 each, 50 ms at most", random_bytes),
    refused("U-05", "too_many_functions", "422 too_complex", too_many_functions),
    refused("U-07", "compile_bomb", "killed at its CPU time, 422 compile_budget", compile_bomb),
    refused("U-08", "compile_memory_bomb", "422 compile_budget, host RSS +<32 MiB", memory_bomb),
    refused("U-10", "forged_precompiled_artifact", "422 as an upload", forged_upload),
    refused("U-11", "imports_not_granted", "422 by name, with what would grant it", not_granted),
    refused("U-12", "bad_names", "400, no file outside", bad_names),
    Case::poses_nothing("U-14", "archive_entries", "no archives are accepted"),
    Case::new("U-16", "same_upload_twice_and_race", "one whole revision is live", race),
    refused("U-17", "start_function_bomb", "422 smoke_failed at its limit", start_bomb),
    Case::new("U-18", "upload_flood", "2 compile, 8 wait, then 503", flood).flood().once(),
];

const fn refused(
    id: &'static str,
    name: &'static str,
    expected: &'static str,
    run: Attack,
) -> Case {
    Case { stores_nothing: true, ..Case::new(id, name, expected, run) }
}

fn saw(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn is(answer: &Answer, status: u16, code: &str) -> Result<String, String> {
    match answer.status == status && answer.body["code"] == json!(code) {
        true => Ok(saw(answer)),
        false => Err(format!("{}: {}", saw(answer), answer.body)),
    }
}

/// What a raw request to the admin API is answered, as far as it comes within a few seconds.
fn raw(stage: &Stage, head: &str, mut body: impl FnMut(&mut TcpStream)) -> String {
    let mut stream = TcpStream::connect(stage.host.admin_address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    body(&mut stream);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const POST: &str =
    "POST /admin/v1/services HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/wasm\r\n";

fn status_line(answer: &str) -> Result<String, String> {
    let line = answer.lines().next().unwrap_or("no answer").to_owned();
    if line.contains(" 413 ") { Ok(line) } else { Err(line) }
}

fn one_byte_over(stage: &Stage) -> Result<String, String> {
    let head = format!("{POST}content-length: {}\r\n\r\n", (64 << 20) + 1);
    // Not one byte of the body is sent.
    status_line(&raw(stage, &head, |_| {}))
}

fn chunked_over(stage: &Stage) -> Result<String, String> {
    let head = format!("{POST}transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "a".repeat(1 << 20));
    status_line(&raw(stage, &head, |stream| {
        for _ in 0..80 {
            if stream.write_all(chunk.as_bytes()).is_err() {
                return;
            }
        }
    }))
}

fn core_module(stage: &Stage) -> Result<String, String> {
    is(&stage.host.deploy(b"\0asm\x01\0\0\0"), 422, "not_a_component")
}

fn random_bytes(stage: &Stage) -> Result<String, String> {
    let good = service("target", "", "(i32.const 1)", "");
    let mut slowest = Duration::ZERO;
    let mut tried = 0;
    let noise = (0..32u8).map(|seed| {
        let noise = (0..2048u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed);
        [b"\0asm\x0d\0\x01\0".to_vec(), noise.collect()].concat()
    });
    for bytes in (0..good.len()).step_by(64).map(|end| good[..end].to_vec()).chain(noise) {
        let asked = Instant::now();
        let answer = stage.host.deploy(&bytes);
        slowest = slowest.max(asked.elapsed());
        tried += 1;
        if answer.status != 422 {
            return Err(saw(&answer));
        }
    }
    Ok(format!("{tried} x 422, the slowest after {slowest:.0?}"))
}

/// A packed component of one core module.
fn of_module(module: &str) -> Vec<u8> {
    let component = wat::parse_str(format!("(component (core module {module}))")).unwrap();
    packed(&component, "[service]\nname = \"bomb\"\nversion = \"1.0.0\"\n".into())
}

fn packed(component: &[u8], manifest: String) -> Vec<u8> {
    pack::pack(component, &Parts { manifest, ..Parts::default() }).unwrap()
}

fn too_many_functions(stage: &Stage) -> Result<String, String> {
    let bytes = of_module(&"(func)".repeat(300_000));
    is(&stage.host.deploy(&bytes), 422, "too_complex")
}

/// Functions that are long, and keep many values alive over many blocks.
fn bomb(functions: usize, rounds: usize) -> Vec<u8> {
    let locals = "i64 ".repeat(400);
    let round: String = (0..400)
        .map(|n| {
            let other = (n * 7 + 1) % 400;
            format!(
                "(if (local.get 0) (then (local.set {} (i64.add (local.get {}) (local.get {})))))",
                n + 1,
                n + 1,
                other + 1
            )
        })
        .collect();
    let function = format!("(func (param i32) (local {locals}) {})", round.repeat(rounds));
    of_module(&function.repeat(functions))
}

fn compile_bomb(stage: &Stage) -> Result<String, String> {
    let bytes = bomb(12, 8);
    let asked = Instant::now();
    let answer = stage.host.deploy(&bytes);
    let took = asked.elapsed();
    is(&answer, 422, "compile_budget").map(|seen| format!("{seen} after {took:.1?}"))
}

fn memory_bomb(stage: &Stage) -> Result<String, String> {
    let bytes = bomb(2, 40);
    let before = stage.host.resident_bytes();
    let answer = stage.host.deploy(&bytes);
    let more = stage.host.resident_bytes().saturating_sub(before) >> 20;
    // The upload itself is in the host's memory as well.
    let most = 32 + 2 * (bytes.len() as u64 >> 20);
    match more < most {
        true => is(&answer, 422, "compile_budget").map(|seen| format!("{seen}, RSS +{more} MiB")),
        false => Err(format!("{}, RSS +{more} MiB", saw(&answer))),
    }
}

fn forged_upload(stage: &Stage) -> Result<String, String> {
    let cache = stage.host.data().join("data/cache");
    let own = walk(&cache).into_iter().find(|file| file.extension().is_some_and(|e| e == "cwasm"));
    let own = std::fs::read(own.ok_or("the cache has no compiled code")?).unwrap();
    let mut seen = Vec::new();
    for bytes in [own, b"\x7fELF\x02\x01\x01".to_vec()] {
        seen.push(is(&stage.host.deploy(&bytes), 422, "not_a_component")?);
    }
    Ok(seen.join(", "))
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

fn not_granted(stage: &Stage) -> Result<String, String> {
    let mut seen = Vec::new();
    for (import, hint) in [
        ("wasi:http/incoming-handler@0.2.0", "[outbound] allow"),
        ("wasi:sockets/network@0.2.0", "nothing grants sockets"),
        ("wasi:filesystem/types@0.2.0", "nothing grants files"),
        ("thali:platform/nothing@1.0.0", "does not offer"),
    ] {
        let wat = format!(r#"(component (import "{import}" (instance (export "f" (func)))))"#);
        let bytes = packed(
            &wat::parse_str(wat).unwrap(),
            "[service]\nname = \"curious\"\nversion = \"1.0.0\"\n".into(),
        );
        let answer = stage.host.deploy(&bytes);
        let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
        if !detail.contains(import) || !detail.contains(hint) {
            return Err(format!("{import}: {}", answer.body));
        }
        seen.push(is(&answer, 422, "import_not_granted")?);
    }
    Ok(format!("{} x {}", seen.len(), seen[0]))
}

fn bad_names(stage: &Stage) -> Result<String, String> {
    let component = wat::parse_str("(component)").unwrap();
    let long = "a".repeat(1000);
    let names =
        ["../x", "..%2f", "a/b", "C:", "CON", "a\\u0000b", "a\\nb", ".", &long, "аdmin", "Foo"];
    for name in names {
        let text = format!("[service]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        let answer = stage.host.deploy(&packed(&component, text));
        is(&answer, 400, "invalid_name").map_err(|seen| format!("{name:?}: {seen}"))?;
    }
    Ok(format!("{} x 400 invalid_name", names.len()))
}

fn start_bomb(stage: &Stage) -> Result<String, String> {
    let start = "(func $spin (loop (br 0))) (start $spin)";
    let asked = Instant::now();
    let answer = stage.host.deploy(&service("starting", start, "(i32.const 1)", ""));
    let took = asked.elapsed();
    let traffic = stage.host.get("/api/v1/starting").status;
    let seen = is(&answer, 422, "smoke_failed")?;
    let seen = format!("{seen} after {took:.1?}, its route {traffic}");
    let in_time = took < Duration::from_secs(6) + stage.late_max;
    if traffic == 404 && in_time { Ok(seen) } else { Err(seen) }
}

fn race(stage: &Stage) -> Result<String, String> {
    let contents = ["1.0.0", "2.0.0"]
        .map(|version| with_version(&service("raced", "", "(i32.const 1)", ""), version));
    let statuses = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for n in 0..20 {
            let (statuses, bytes) = (&statuses, &contents[n % 2]);
            scope.spawn(move || statuses.lock().unwrap().push(stage.host.deploy(bytes).status));
        }
    });
    let mut statuses = statuses.into_inner().unwrap();
    statuses.sort_unstable();
    let answer = stage.host.get("/api/v1/raced");
    let as_expected = statuses.iter().all(|status| matches!(status, 200 | 201 | 409 | 503));
    match as_expected && statuses.contains(&201) && answer.status == 200 {
        true => Ok(format!("{statuses:?}, live 200")),
        false => Err(format!("{statuses:?}, live {}", answer.status)),
    }
}

/// 30 uploads of 1 MiB: RELIABILITY.md's 200 of 16 MiB would measure the client.
fn flood(stage: &Stage) -> Result<String, String> {
    let statuses = Mutex::new(Vec::new());
    let filler = "x".repeat(1 << 20);
    std::thread::scope(|scope| {
        for n in 0..30 {
            let (statuses, filler) = (&statuses, &filler);
            scope.spawn(move || {
                let data = format!("(memory 100) (data (i32.const 0) \"{n}{filler}\")");
                let answer =
                    stage.host.deploy(&service(&format!("flood-{n}"), &data, "(i32.const 1)", ""));
                statuses.lock().unwrap().push(answer.status);
            });
        }
    });
    let statuses = statuses.into_inner().unwrap();
    let count = |status: u16| statuses.iter().filter(|seen| **seen == status).count();
    let (taken, refused) = (count(201), count(503));
    let seen = format!("{taken} x 201, {refused} x 503");
    if taken + refused == statuses.len() && taken > 0 {
        Ok(seen)
    } else {
        Err(format!("{seen} of {statuses:?}"))
    }
}
