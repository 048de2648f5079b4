//! Compiling in a process of its own, which may die of what a stranger has uploaded.
//!
//! The child is this very program. It reads the component from its standard input and writes the code to
//! its standard output; both are files without a name, so nothing is left behind when somebody dies. It
//! has no environment and limits on its memory, CPU time, files and priority, which it sets itself before
//! it looks at the component. What it has written is only read when it has ended well.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;

/// How the child says that the component does not compile. Its standard error has the reason.
pub const EXIT_REFUSED: u8 = 3;

/// How often it is looked whether the child has ended: a small component takes 50 ms to compile.
const LOOK: Duration = Duration::from_millis(5);

/// How much of what the child says is read.
const WORDS_BYTES_MAX: u64 = 4096;

/// Where components are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CompileWith {
    /// In the host itself: for tests, which trust their components.
    #[default]
    InProcess,
    /// In a process of its own: `PROGRAM compile-child`.
    Child {
        /// The program: the one that runs.
        program: PathBuf,
        /// What the process may use.
        limits: ChildLimits,
    },
}

/// What one compilation may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// Bytes of memory. Default 1 GiB: a component of 18 MB with an interpreter in it takes 450 MB.
    pub memory_bytes: u64,
    /// CPU time over all threads. Default 30 s: a component of 18 MB takes 10 s on two cores.
    pub cpu: Duration,
    /// Time by the clock. Default 60 s: the child has the lowest priority, so it may have to wait.
    pub wall: Duration,
    /// Bytes of compiled code. Default 512 MiB; 18 MB of component become about 60.
    pub code_bytes_max: u64,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(60),
            code_bytes_max: 512 << 20,
        }
    }
}

/// Why there is no code.
#[derive(Debug, Error)]
pub(crate) enum ChildError {
    /// The component's fault.
    #[error("{0}")]
    Refused(String),
    /// It takes more than a compilation may.
    #[error("compiling it takes more than {0}")]
    Budget(String),
    /// Nobody wants it any more.
    #[error("the deploy was given up")]
    GivenUp,
    /// The child could not be started or heard.
    #[error("the compiler process: {0}")]
    Io(#[from] io::Error),
    /// The child failed for reasons of its own.
    #[error("the compiler process ended with {status}: {words}")]
    Died {
        /// How.
        status: ExitStatus,
        /// What it said.
        words: String,
    },
}

/// What every compilation of a host has in common.
pub(crate) struct Compilation<'c> {
    pub(crate) program: &'c Path,
    pub(crate) limits: &'c ChildLimits,
    /// A private folder on the disk, for the files without a name.
    pub(crate) folder: &'c Path,
    pub(crate) fingerprint: &'c str,
    pub(crate) stack_bytes: usize,
}

/// Says that a compilation is not wanted any more, when its [`Wanted`] is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

/// Somebody waits for the compilation.
pub(crate) struct Wanted(Cancel);

impl Cancel {
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted(self.clone())
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Compilation<'_> {
    /// The code of a component. Blocks until the child has ended or was killed.
    pub(crate) fn run(&self, component: &[u8], cancel: &Cancel) -> Result<Vec<u8>, ChildError> {
        let mut input = tempfile::tempfile_in(self.folder)?;
        input.write_all(component)?;
        input.rewind()?;
        let output = tempfile::tempfile_in(self.folder)?;
        let child = self.command(input, output.try_clone()?).spawn()?;
        let (status, words) = Running(child).wait(self.limits.wall, cancel)?;
        let Some(status) = status else {
            return Err(ChildError::Budget(format!("{:?} by the clock", self.limits.wall)));
        };
        match status.success() {
            true => self.read(output),
            false => Err(self.why(status, words)),
        }
    }

    fn command(&self, input: File, output: File) -> Command {
        let ChildLimits { memory_bytes, cpu, code_bytes_max, .. } = self.limits;
        let mut command = Command::new(self.program);
        command
            .arg("compile-child")
            .args(["--engine", self.fingerprint])
            .args(["--stack-bytes", &self.stack_bytes.to_string()])
            .args(["--memory-bytes", &memory_bytes.to_string()])
            .args(["--cpu-seconds", &cpu.as_secs().max(1).to_string()])
            .args(["--code-bytes", &code_bytes_max.to_string()])
            .env_clear()
            // The allocator would else take a gigabyte of address space to begin with, all of it counted.
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .current_dir("/")
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::piped());
        command
    }

    fn read(&self, mut output: File) -> Result<Vec<u8>, ChildError> {
        output.rewind()?;
        let mut code = Vec::new();
        output.take(self.limits.code_bytes_max).read_to_end(&mut code)?;
        Ok(code)
    }

    /// Tells from how the child ended what it was that it had too little of.
    fn why(&self, status: ExitStatus, words: String) -> ChildError {
        const XCPU: i32 = 24;
        const XFSZ: i32 = 25;
        let ChildLimits { memory_bytes, cpu, code_bytes_max, .. } = self.limits;
        let no_memory = ["memory allocation of", "Cannot allocate memory", "os error 12"];
        match status.signal() {
            Some(XCPU) => ChildError::Budget(format!("{cpu:?} of CPU time")),
            Some(XFSZ) => ChildError::Budget(format!("{} MiB of code", code_bytes_max >> 20)),
            _ if no_memory.iter().any(|said| words.contains(said)) => {
                ChildError::Budget(format!("{} MiB of memory", memory_bytes >> 20))
            }
            _ if words.contains("has overflowed its stack") => {
                ChildError::Budget("the compiler's stack".into())
            }
            _ if status.code() == Some(i32::from(EXIT_REFUSED)) => ChildError::Refused(words),
            _ => ChildError::Died { status, words },
        }
    }
}

/// A child that does not outlive its deploy.
struct Running(Child);

impl Running {
    /// How the child ended, and what it said; no status when its time was up.
    fn wait(
        mut self,
        wall: Duration,
        cancel: &Cancel,
    ) -> Result<(Option<ExitStatus>, String), ChildError> {
        let until = Instant::now() + wall;
        let status = loop {
            if let Some(status) = self.0.try_wait()? {
                break status;
            }
            if cancel.0.load(Ordering::Relaxed) {
                return Err(ChildError::GivenUp);
            }
            if Instant::now() >= until {
                return Ok((None, String::new()));
            }
            std::thread::sleep(LOOK);
        };
        let mut words = Vec::new();
        if let Some(stderr) = self.0.stderr.take() {
            stderr.take(WORDS_BYTES_MAX).read_to_end(&mut words)?;
        }
        Ok((Some(status), String::from_utf8_lossy(&words).trim().to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of a child that has ended already both say so.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script in the place of the compiler.
    fn compile(script: &str, wall: Duration, cancel: &Cancel) -> Result<Vec<u8>, ChildError> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("compiler");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mut mode = std::fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o700);
        std::fs::set_permissions(&program, mode).unwrap();
        let limits = ChildLimits { wall, ..ChildLimits::default() };
        let compilation = Compilation {
            program: &program,
            limits: &limits,
            folder: folder.path(),
            fingerprint: "f",
            stack_bytes: 1,
        };
        let outcome = compilation.run(b"component", cancel);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no file is left");
        outcome
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_child_is_given_the_component_and_its_code_is_taken() {
        let code = compile("[ -z \"$HOME\" ] && exec /bin/cat", LONG, &Cancel::default());
        assert_eq!(code.unwrap(), b"component");
    }

    #[test]
    fn how_it_ended_says_what_it_had_too_little_of() {
        let said =
            |script: &str| compile(script, LONG, &Cancel::default()).unwrap_err().to_string();
        assert_eq!(said("echo 'bad code' >&2; exit 3"), "bad code");
        assert_eq!(said("kill -XCPU $$"), "compiling it takes more than 30s of CPU time");
        let memory = "compiling it takes more than 1024 MiB of memory";
        assert_eq!(said("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$"), memory);
        assert_eq!(said("echo 'mmap: Cannot allocate memory' >&2; exit 3"), memory);
        assert!(said("echo oh >&2; exit 1").ends_with("exit status: 1: oh"));
    }

    #[test]
    fn a_child_that_takes_too_long_or_is_not_wanted_any_more_is_killed() {
        let slow = compile("sleep 60", Duration::from_millis(50), &Cancel::default());
        assert!(matches!(slow, Err(ChildError::Budget(_))), "{slow:?}");
        let cancel = Cancel::default();
        drop(cancel.wanted());
        let unwanted = compile("sleep 60", LONG, &cancel);
        assert!(matches!(unwanted, Err(ChildError::GivenUp)), "{unwanted:?}");
    }
}
