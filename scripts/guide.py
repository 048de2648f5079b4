#!/usr/bin/env python3
"""Types the commands of a page like docs/guide.md and compares what comes out.

A block that begins with ```sh is typed into one shell, in order. ```sh fails has to end with an error,
```sh host starts a host, which is left running until the end. ```text is what the block before it
prints: `…` stands for anything. ```text host is what the host has logged by then.

The page's ports are replaced by free ones. Intermediate files of cargo go to target/guide, so that the
second run takes seconds.

    scripts/guide.py docs/guide.md
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# How long one block may take, and a host until it is ready or has logged something, in seconds.
BLOCK_TIMEOUT = 900
HOST_TIMEOUT = 60
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READY = re.compile(rb"http://(\S+)/api/v1, admin API on http://(\S+)/admin/v1")


class Failed(Exception):
    """The page is not true."""


class Host:
    """A host on free ports."""

    def __init__(self, command, folder):
        self.log = folder / "host.log"
        self.out = folder / "host.out"
        environment = os.environ | {
            "PATH": f"{ROOT / 'target/release'}:{os.environ['PATH']}",
            "THALI_LISTEN": "127.0.0.1:0",
            "THALI_ADMIN": "127.0.0.1:0",
        }
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                ["bash", "-c", f"exec {command.strip()}"],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
            )
        self.addresses = self.until(self.ready, "be ready")

    def ready(self):
        found = READY.search(self.out.read_bytes())
        return found and tuple(address.decode() for address in found.groups())

    def until(self, look, what):
        """What `look` sees at last."""
        deadline = time.monotonic() + HOST_TIMEOUT
        while not (seen := look()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the host did not {what}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)
        return seen

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(HOST_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Shell:
    """One bash that runs a block after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.told, telling = os.pipe()
        environment = os.environ | {"TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            ["bash", "--norc"], cwd=ROOT, env=environment, pass_fds=[telling],
            stdin=subprocess.PIPE, start_new_session=True,
        )
        self.telling = telling

    def run(self, text, alone):
        """Runs a block, alone or in the shell that the next one finds; answers its output and whether
        every command of it went well."""
        block, out = self.folder / "block.sh", self.folder / "block.out"
        block.write_text(text)
        # With -e a block ends at its first failure, and with it the shell unless it runs alone.
        run = f"set -e; . {block} >{out} 2>&1"
        told = f"echo $? >&{self.telling}"
        line = f"set +e; ( {run} ); {told}\n" if alone else f"trap '{told}' EXIT; {run}; {told}\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        status = self.answer()
        return out.read_text(), status == 0

    def answer(self):
        deadline = time.monotonic() + BLOCK_TIMEOUT
        os.set_blocking(self.told, False)
        while time.monotonic() < deadline:
            try:
                return int(os.read(self.told, 16))
            except BlockingIOError:
                time.sleep(0.02)
        raise Failed(f"the block took longer than {BLOCK_TIMEOUT} s")

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def matches(expected, printed, whole):
    """Whether the text is as the page has it; `…` is anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    find = re.fullmatch if whole else re.search
    return find(pattern, printed.strip().replace("\r\n", "\n"), re.DOTALL)


class Page:
    """A page that is being typed."""

    def __init__(self, folder):
        self.folder = folder
        self.shell = Shell(folder)
        self.host = None
        self.printed = ""

    def block(self, kind, text):
        if self.host:
            gateway, _ = self.host.addresses
            text = text.replace("localhost:8080", gateway)
        match kind:
            case "sh" | "sh fails":
                self.type(text, kind == "sh")
            case "sh host":
                self.host = Host(text, self.folder)
                self.type(f"export THALI_ADMIN_URL=http://{self.host.addresses[1]}", True)
            case "text":
                if not matches(text, self.printed, whole=True):
                    raise Failed(f"expected:\n{text}\nprinted:\n{self.printed}")
            case "text host":
                self.host.until(lambda: matches(text, self.host.log.read_text(), whole=False), "log that")

    def type(self, text, goes_well):
        self.printed, went_well = self.shell.run(text, alone=not goes_well)
        if went_well != goes_well:
            raise Failed(f"{'failed' if goes_well else 'did not fail'}:\n{text}\n{self.printed[-8000:]}")

    def stop(self):
        self.shell.stop()
        if self.host:
            self.host.stop()


def main(path):
    text = Path(path).read_text()
    with tempfile.TemporaryDirectory(prefix="thali-guide-") as name:
        folder = Path(name)
        (folder / ".cargo").mkdir()
        build_dir = f'[build]\nbuild-dir = "{ROOT / "target/guide"}"\n'
        (folder / ".cargo/config.toml").write_text(build_dir)
        page = Page(folder)
        try:
            for fence in FENCE.finditer(text):
                line = text.count("\n", 0, fence.start()) + 1
                begun = time.monotonic()
                try:
                    page.block(fence[1].strip(), fence[2])
                except Failed as failed:
                    print(f"{path}:{line}: {failed}", file=sys.stderr)
                    return 1
                if fence[1].startswith("sh"):
                    print(f"{path}:{line}: {time.monotonic() - begun:.1f} s", flush=True)
        finally:
            page.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
