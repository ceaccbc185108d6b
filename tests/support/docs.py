"""The pages of the documentation, as tests read them: commands, SQL, Python and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from eden.paths import PROJECT_ROOT

SHELLS = ("sh", "bash", "console")
NOT_OURS = ("docs", "target", "logs")
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    """Of its first line."""
    language: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Command:
    """What a reader types: one line, or several that end in a backslash."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> list[Path]:
    docs = PROJECT_ROOT / "docs"
    return [PROJECT_ROOT / "README.md", *sorted(docs.glob("*.md"))]


def readmes() -> list[Path]:
    """The pages inside the packages and folders, one screen each."""
    found = PROJECT_ROOT.glob("[a-z]*/**/README.md")
    return sorted(path for path in found if path.parts[len(PROJECT_ROOT.parts)] not in NOT_OURS)


def decisions() -> list[Path]:
    return sorted((PROJECT_ROOT / "docs" / "decisions").glob("*.md"))


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages; "" is a block without one."""
    return [block for path in pages() for block in blocks_of(path) if block.language in languages]


def blocks_of(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        yield Block(
            page=path.relative_to(PROJECT_ROOT).as_posix(),
            line=text.count("\n", 0, match.start("body")) + 1,
            language=match["language"],
            lines=tuple(line[indent:] for line in match["body"].splitlines()),
        )


def commands() -> list[Command]:
    """Every command of every page, in the order in which a reader meets them."""
    return [command for block in blocks(*SHELLS) for command in commands_of(block)]


def commands_of(block: Block) -> Iterator[Command]:
    """In ``console`` blocks only what follows "$ " is typed; the rest is what the machine says."""
    is_console = block.language == "console"
    typed = ""
    first = block.line
    for number, line in enumerate(block.lines, start=block.line):
        if not typed:
            if is_console and not line.startswith("$ "):
                continue
            first = number
        typed += line.removeprefix("$ ") if is_console and not typed else line.strip()
        if typed.endswith("\\"):
            typed = typed[:-1]
            continue
        if typed.strip() and not typed.lstrip().startswith("#"):
            yield Command(block.page, first, typed.strip())
        typed = ""


ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
OPERATORS = frozenset({"|", "&&", "||", ";"})
REDIRECTIONS = frozenset({">", ">>", "<"})


def words_of(text: str) -> list[list[str]]:
    """The simple commands of a line, as a shell takes them apart.

    Without comments, files, and what is set for one command alone.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    simple: list[list[str]] = [[]]
    is_file = False
    for token in lexer:
        if token in OPERATORS:
            simple.append([])
        elif token in REDIRECTIONS:
            is_file = True
        elif is_file:
            is_file = False
        elif simple[-1] or not ASSIGNMENT.fullmatch(token):
            simple[-1].append(token)
    return simple


def parse_click(group: click.Command, words: Sequence[str]) -> None:
    """Parse a command line as its program would, and run nothing.

    Raises:
        click.ClickException: there is no such command, option or choice.
    """
    context = click.Context(group, info_name="program")
    rest = list(words)
    command = group
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"no command {name}")
        command = found
    command.make_context("command", rest)
