//! `thali compile-child`: what a host starts to compile a component. It is not for people.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getppid, setpriority_process, setrlimit};
use thali_control::EXIT_REFUSED;
use thali_runtime::{CompileError, Compiler};

use crate::args::CompileChildArgs;

/// Behind everything that serves: a tenth of what it would get beside it. At 19 a busy machine would
/// leave it so little that its time runs out.
const NICENESS: i32 = 10;

/// Standard streams, and what the engine asks the system for when it starts.
const OPEN_FILES_MAX: u64 = 64;

/// How often it is looked whether the host is still there.
const LOOK: Duration = Duration::from_millis(200);

/// Compiles the component on standard input to standard output.
pub(crate) fn run(args: &CompileChildArgs) -> ExitCode {
    let parent = getppid();
    match confine(args)
        .and_then(|()| end_with(parent))
        .map_err(CompileError)
        .and_then(|()| compile(args))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(CompileError(reason)) => {
            // Nobody hears it when the host is gone.
            let _ = std::io::stderr().write_all(reason.as_bytes());
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

/// Takes away what compiling does not need, before anything is read.
fn confine(args: &CompileChildArgs) -> Result<(), String> {
    let limits = [
        (Resource::Data, args.memory_bytes),
        (Resource::Cpu, args.cpu_seconds),
        (Resource::Fsize, args.code_bytes),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        // What a soft limit of CPU time does can be told from a kill.
        let grace = u64::from(resource == Resource::Cpu);
        let limit = Rlimit { current: Some(most), maximum: Some(most + grace) };
        setrlimit(resource, limit).map_err(|error| format!("setrlimit {resource:?}: {error}"))?;
    }
    setpriority_process(None, NICENESS).map_err(|error| format!("setpriority: {error}"))
}

/// Ends this process when its host is gone: it cannot tell a child that it dies.
fn end_with(parent: Option<Pid>) -> Result<(), String> {
    let watch = move || {
        while getppid() == parent {
            std::thread::sleep(LOOK);
        }
        std::process::exit(1);
    };
    let watching = std::thread::Builder::new().name("parent".into()).spawn(watch);
    watching.map(drop).map_err(|error| format!("no thread: {error}"))
}

fn compile(args: &CompileChildArgs) -> Result<(), CompileError> {
    let io = |error: std::io::Error| CompileError(error.to_string());
    let mut component = Vec::new();
    std::io::stdin().lock().read_to_end(&mut component).map_err(io)?;
    let compiler = Compiler::new(args.stack_bytes)?;
    if compiler.fingerprint() != args.engine {
        return Err(CompileError("this is another engine than the host's".into()));
    }
    let code = compiler.compile(&component)?;
    let mut output = std::io::stdout().lock();
    output.write_all(&code).and_then(|()| output.flush()).map_err(io)
}
