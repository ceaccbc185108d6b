"""Forms of text that announce a name; the words that do are in ``data/cues.toml``."""

from __future__ import annotations

import re

WORDS_OF_ONE_LETTER = frozenset("aeiouy")
"""Words of one letter, which are no initials without a full stop."""

RESIDENT = re.compile(r"(?<!\w)(?:m?r[1-5]|pgy[ -]?[1-7]|st[1-8])(?P<mark> ?: {0,4}| )(?=[^\W\d_])")
"""'R2: Dolores Gil', 'PGY-3: A. Long': labels that hold a digit."""

NICKNAME = re.compile(
    r"(?<!\w)(?:l[aeo]s? (?:conocen|llaman|dicen)(?: (?:como|por))?(?: el apodo(?: de)?)?|apodo de|"
    r"apodad[oa](?: como)?|apelidad[oa](?: (?:de|como))?|alias|goes by|nicknamed|"
    r"(?:likes|prefers) to be called|(?:paciente|pcte|pte|patient|pt) (?:es |e |is |also )?"
    r"(?:conocid[oa]|conhecid[oa]|llamad[oa]|chamad[oa]|known)(?: (?:como|as|de|por))?):?"
    r" (?:[\"'\u201c\u00ab(]{1,2})?(?=[^\W\d_])"
)
"""Before the nickname of a patient: 'la conocen como', 'goes by'."""

OPERATED = re.compile(
    r"(?<!\w)(?:hizo|tomo|fez) (?:las?|los?|el|as?|os?) "
    r"(?:placas?|estudios?|examen|rx|tomas?|chapas?|exames?) (?=[^\W\d_])"
)
"""'Hizo la placa J. Lemos'."""

PARENT = re.compile(
    r"(?<!\w)(?:(?:baby|newborn|infant|son|daughter) of|rn (?:hij[oa] )?de|filh[oa] de|"
    r"recien nacid[oa] de|recem-nascid[oa] de) (?=[^\W\d_])"
)
"""'Baby of Keisha Stone', 'RN de Rosa Gil': the mother or the father."""

RETURNS = re.compile(
    r" (?:will (?:return|come|attend|be seen|be back|follow up)|volvera|regresara|retornara|"
    r"acudira|to (?:return|come back)|deve(?:ra)? (?:retornar|voltar)|volta em|"
    r"debe(?:ra)? (?:volver|regresar|acudir))(?!\w)"
)
"""Behind a name of the patient: 'Hope will return on Monday'."""

MOST_PARTICLES = 3
"""'María de los Ángeles', 'Juan de la Cruz y Paz'."""

SHORTEST_MISSPELT = 5
"""Letters of a label that is recognized with one letter wrong."""
