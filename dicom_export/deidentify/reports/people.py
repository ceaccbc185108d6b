"""The known people of a study, looked up by any word of their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

from dicom_export.deidentify.reports.folding import fold_known
from dicom_export.deidentify.reports.lexicon import is_name, is_ordinary
from dicom_export.deidentify.reports.types import Kind, Person
from dicom_export.deidentify.reports.word_lists import cues

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SHORTEST_FUZZY = 6
_LONGEST_FUZZY = 40
_SHORTEST_PART = 4
_SHORTEST_RUN_TOGETHER = 8
_NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """One known person."""

    kind: Kind
    pseudonym: str | None
    words: frozenset[str] = field(repr=False)
    initials: frozenset[str] = field(repr=False)
    is_close: bool
    """Whether the person belongs to the study, not only to the staff."""
    led: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)
    """Particles, each with the word behind it: ('de', 'la'), ('la', 'cruz')."""
    joined: frozenset[str] = field(default=frozenset(), repr=False)
    """Whole names written as one word; no language has such a word."""


class Staff:
    """The staff of an organization by the words of their names; built once for all its studies."""

    def __init__(self, people: Sequence[KnownPerson]) -> None:
        self.people = people
        self.by_word: dict[str, frozenset[int]] = {}
        numbers: dict[str, set[int]] = {}
        for number, person in enumerate(people):
            for word in person.words:
                numbers.setdefault(word, set()).add(number)
        self.by_word = {word: frozenset(owners) for word, owners in numbers.items()}


class People:
    """The people of a study and the staff by the words of their names; each has a number."""

    def __init__(self, close: Sequence[KnownPerson], staff: Staff) -> None:
        self._close = close
        self._staff = staff
        self._owners: dict[str, set[int]] = {}
        self._almost: dict[str, set[str]] = {}
        self._found: dict[str, frozenset[int]] = {}
        for number, person in enumerate(close):
            for word in person.words:
                self._owners.setdefault(word, set()).add(-1 - number)
                if len(word) >= _SHORTEST_FUZZY and not is_ordinary(word):
                    for variant in with_one_letter_less(word):
                        self._almost.setdefault(variant, set()).add(word)

    def __getitem__(self, owner: int) -> KnownPerson:
        """Return the person of a number: staff from 0 up, people of the study from -1 down."""
        return self._staff.people[owner] if owner >= 0 else self._close[-1 - owner]

    def owners(self, word: str) -> frozenset[int]:
        """Return whose name holds the word, also with one wrong letter if nothing else is meant."""
        found = self._found.get(word)
        if found is None:
            found = self._found[word] = self._look_up(word)
        return found

    def _look_up(self, word: str) -> frozenset[int]:
        exact = self._staff.by_word.get(word, _NOBODY) | self._owners.get(word, _NOBODY)
        may_be_misspelt = _SHORTEST_FUZZY - 1 <= len(word) <= _LONGEST_FUZZY
        if exact or not may_be_misspelt or is_ordinary(word) or is_name(word):
            return exact
        meant: set[str] = set()
        for variant in with_one_letter_less(word):
            meant |= self._almost.get(variant, set())
        return frozenset(
            owner
            for name in meant
            for owner in self._owners[name]
            # A wrong first letter is rare: typists see it.
            if name[0] == word[0]
        )

    def is_led(self, owners: Iterable[int], particle: str, word: str) -> bool:
        """Whether the particle stands before the word in one of these people's names."""
        return any((particle, word) in self[owner].led for owner in owners)

    def is_whole(self, word: str) -> bool:
        """Whether the word is a whole name written as one word."""
        return any(word in self[owner].joined for owner in self.owners(word))

    def with_initial(self, owners: Iterable[int], letter: str) -> bool:
        """Whether a name of one of these people begins with the letter."""
        return any(letter in self[owner].initials for owner in owners)


def with_one_letter_less(word: str) -> set[str]:
    """Return the word and every variant of it without one letter.

    Two words share a variant if one letter is wrong, missing, extra or swapped with its neighbour.
    """
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def patient(name: str) -> KnownPerson | None:
    """Read the patient's name; None if no word can be a name ('RX TORAX', 'TEST')."""
    return _known_person(name, Kind.PATIENT, None, is_close=True)


def staff(person: Person, *, is_close: bool) -> KnownPerson | None:
    """Read a doctor's or technician's name."""
    return _known_person(person.name, Kind.DOCTOR, person.pseudonym, is_close=is_close)


def _known_person(
    name: str, kind: Kind, pseudonym: str | None, *, is_close: bool
) -> KnownPerson | None:
    words, initials = _words(name)
    written = [word.replace("'", "") for word in _WORD.findall(fold_known(name))]
    led = {pair for pair in pairwise(written) if pair[0] in cues().particles}
    led |= {(head, tail) for head, mark, tail in _apostrophes(name) if mark}
    # Modalities store exams and tests under such names.
    if all(is_ordinary(word) and not is_name(word) for word in words):
        return None
    joined = {one for part in fold_known(name).split("=") for one in _run_together(part)}
    return KnownPerson(
        kind,
        pseudonym,
        frozenset(words | joined),
        frozenset(initials),
        is_close,
        frozenset(led),
        frozenset(joined),
    )


def _words(name: str) -> tuple[set[str], set[str]]:
    words: set[str] = set()
    initials: set[str] = set()
    for part in re.split(r"[=^]", fold_known(name)):
        if part.split()[-1:] and part.split()[-1] in cues().particles:
            # 'LE^KYLIE', 'Kylie Le': no name follows the particle, so it is one.
            words.add(part.split()[-1])
        for piece in part.split():
            written = [
                word.replace("'", "")
                for word in _WORD.findall(piece)
                if word not in cues().particles and word not in cues().titles
            ]
            names = {word for word in written if len(word) > 1}
            words |= names
            initials |= {word[0] for word in written}
            # 'Salinas D.' may be Salinas de la Hoz.
            initials |= {word[0] for word in _WORD.findall(piece) if word in cues().particles}
            # O'Dwyer is also written O Dwyer, García-López also GarciaLopez.
            words |= {tail for word in _WORD.findall(piece) for tail in _behind_apostrophe(word)}
            if len(written) > 1:
                words.add("".join(written))
        _add_joined(part, words)
    return words, initials


def _add_joined(part: str, words: set[str]) -> None:
    """Add neighbours written as one word: 'delacruz', 'mariajose'."""
    written = [word.replace("'", "") for word in _WORD.findall(part)]
    for first, second in pairwise(written):
        if len(second) >= _SHORTEST_PART:
            words.add(first + second)
    for first, second, third in zip(written, written[1:], written[2:], strict=False):
        if first in cues().particles and second in cues().particles:
            words.add(first + second + third)


def _run_together(name: str) -> set[str]:
    """Give names as one word, as files and logins have them: 'lavallejamaria', 'marialavalleja'."""
    family, given = (
        [word.replace("'", "") for word in _WORD.findall(part)] for part in name.partition("^")[::2]
    )
    if not family or not given:
        return set()
    families = {"".join(family), family[0]}
    givens = {"".join(given), given[0]}
    joined = {one + other for one, other in product(families, givens)}
    joined |= {other + one for one, other in product(families, givens)}
    return {word for word in joined if len(word) >= _SHORTEST_RUN_TOGETHER}


def _apostrophes(name: str) -> list[tuple[str, str, str]]:
    return [word.rpartition("'") for word in _WORD.findall(fold_known(name))]


def _behind_apostrophe(word: str) -> list[str]:
    tail = word.rpartition("'")[2]
    return [tail] if tail != word and len(tail) >= _SHORTEST_PART else []
