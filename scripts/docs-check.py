#!/usr/bin/env python3
"""Checks the documentation against itself and against the sources: every relative link and anchor leads somewhere, docs/README.md
names every page, docs/manifest.md every key that the reader of manifests knows, docs/operations.md every alarm."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
mistakes: list[str] = []


def anchors(text: str) -> set[str]:
    """What GitHub makes of headings."""
    found: dict[str, int] = {}
    names = set()
    for line in re.sub(r"```.*?```", "", text, flags=re.S).splitlines():
        heading = re.match(r"#{1,6}\s+(.*)", line)
        if not heading:
            continue
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


def links() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        page = ROOT / name
        if not page.exists():
            continue
        text = page.read_text()
        prose = re.sub(r"```.*?```|`[^`\n]*`", lambda code: re.sub(r"[^\n]", " ", code[0]), text, flags=re.S)
        for link in re.finditer(r"\]\(([^)\s]+)\)", prose):
            target = link[1]
            if re.match(r"[a-z]+:", target):
                continue
            line = prose.count("\n", 0, link.start()) + 1
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            if not to.exists():
                mistakes.append(f"{name}:{line}: {target} is not there")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to.read_text()):
                mistakes.append(f"{name}:{line}: {path or name} has no heading #{anchor}")


def index() -> None:
    text = (ROOT / "docs/README.md").read_text()
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name != "README.md" and f"({page.name})" not in text:
            mistakes.append(f"docs/README.md does not name {page.name}")


def manifest() -> None:
    text = (ROOT / "docs/manifest.md").read_text()
    named = " ".join(re.findall(r"`[^`\n]*`|\[[a-z.\"]+\]", re.sub(r"```", "", text)))
    known: set[str] = set()
    for source in (ROOT / "host/contract/src/manifest").glob("*.rs"):
        for keys in re.finditer(r"Keys\s*\{\s*known:\s*&\[(.*?)\]", source.read_text(), re.S):
            known |= set(re.findall(r'"([a-z-]+)"', keys[1]))
    if len(known) < 40:
        mistakes.append("the keys of manifests were not found in host/contract/src/manifest")
    for key in sorted(known):
        if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", named):
            mistakes.append(f"docs/manifest.md does not say what {key!r} is")


def alarms() -> None:
    rules = (ROOT / "deploy/grafana/alerts.yaml").read_text()
    names = re.findall(r"^\s*- alert: (\w+)", rules, re.M)
    if not names:
        mistakes.append("deploy/grafana/alerts.yaml has no alerts")
    headings = anchors((ROOT / "docs/operations.md").read_text())
    for name in names:
        if name.lower() not in headings:
            mistakes.append(f"docs/operations.md has no heading for the alarm {name}")


for check in (links, index, manifest, alarms):
    check()
for mistake in mistakes:
    print(mistake, file=sys.stderr)
sys.exit(1 if mistakes else 0)
