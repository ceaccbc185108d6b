"""E-mail addresses, links and phone numbers."""

from __future__ import annotations

import re

from dicom_export.deidentify.reports.folding import BARRIER
from dicom_export.deidentify.reports.rules.patterns import any_of, compiled

EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}(?: ?@ ?|\(at\)|\[at\])(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?![\w-])"
)
_PATH = r"[^\s<>\"\x00]"
URL = re.compile(
    rf"(?<!\w)(?:(?:https?|ftp)://|www\.){_PATH}{{1,2000}}|"
    rf"(?<![\w.@-])(?:[\w-]{{1,63}}\.){{1,4}}{any_of('com org net edu gov gob gub med')}"
    rf"(?:\.[a-z]{{2}})?(?:/{_PATH}{{0,2000}})?(?![\w@])"
)

_PHONE = any_of(
    """
    tels? telef telefonos? telefone fono fone phone ph cell? celular movil movel mobile whatsapp
    wsp wp fax pager beeper bleep busca tlfn? tfno contacto contato contact switchboard
    pbx pabx conmutador
    central.telefonica
    """
)
_EXTENSION_WORD = any_of(
    "x ext[.]? extn[.]? extension int[.]? interno ramal ramais anexo anx[.]? extensao loc[.]? local"
)
_SOME_EXTENSION = (
    rf"(?:[ ,/(-]{{0,3}}{_EXTENSION_WORD}:? ?\d{{1,6}}|[ ,]{{1,2}}r\. ?\d{{1,4}}|"
    rf" al \d\d(?![\w%])(?! ?(?:de|del|mm|cm)\b)|/\d{{2,4}}(?![/\d]))"
)
_EXTENSION = f"{_SOME_EXTENSION}?"
_GROUP_ALONE = r"(?<![\w.,/+-])"

_OF_WHOM = r"(?:de la|de|del|da|do|of the|of) [a-z]{3,12}"

EXTENSIONS = compiled(
    # 'tel. anexo 452', 'Ph: loc. 0729', 'tel. R: 1984': however short.
    rf"(?<!\w){_PHONE}\b[.: \t]{{0,4}}(?:{_EXTENSION_WORD}|r|bleep|busca|pager)[.: ]{{1,3}}"
    r"(?P<value>\d[\d/-]{1,8}\d)(?!\w)",
    r"(?<!\w)(?:ext|extn|extension|anexo|ramal)[.:]{0,2} ?(?P<value>\d-\d{4})(?!\w)(?!-)",
)

CALLED_NUMBER = re.compile(
    rf"(?<!\w){any_of('llamar? llame llamo llamando call called calling ligar ligou turno')}"
    r"(?: [a-z]{1,12}){0,2} (?:al|a|at|no|para o|pelo|on|numero) "
    r"(?P<value>\(?\d[\d() .-]{4,20}\d)(?!\w)(?![/.,-]\d)"
)
"""'Se llama al 57 31 21 41', 'pedir turno al (57-1) 274 3087': six digits or more."""

DIGITS_OF_A_CALLED_NUMBER = 6

LABELLED_PHONE = re.compile(
    rf"\b{_PHONE}\b(?:\.? {_OF_WHOM})?(?:[.: \t]|n[o°]\.?|numero|number|al|ao|to|em|at|/|\(){{0,6}}"
    rf"(?P<value>\+?\(?\d[\d() ./-]{{2,22}}\d{_EXTENSION})(?!\w)"
)
"""Behind a word such as 'tel.', any number of four digits or more."""

INTERNATIONAL_PHONE = re.compile(
    rf"(?<![\w+])(?<!\d[ .-])(?<!\) )(?:\+ ?|\(\+ ?|00(?=[1-9]))\d{{1,3}}\)?[ .-]?"
    rf"\(?\d[\d() .-]{{5,20}}\d{_EXTENSION}(?!\w)"
)
"""+598 99 123 456, (+34) 912 34 56 78, 0044 20 7946 0958; a line may end within."""

DIGITS_OF_AN_INTERNATIONAL_PHONE = 8

PHONES = compiled(
    # (011) 4567-8901; 11 98765-4321; 555-123-4567; 0800 1234; x1234.
    rf"(?<!\w)(?:\d[ .-])?\((?:0xx)?\d{{2,5}}\) ?\d[\d .-]{{5,13}}\d{_EXTENSION}(?!\w)",
    rf"{_GROUP_ALONE}(?:\d{{1,4}}[ .-])?(?:\d{{1,3}}[ .-])?\d{{3,5}}[.-]\d{{4}}{_EXTENSION}"
    r"(?![\w/-])(?![.,]\d)",
    rf"{_GROUP_ALONE}0 ?[89]00[ -]?\d{{3,4}}(?:[ -]?\d{{2,4}})?(?!\w)",
    rf"{_GROUP_ALONE}[01][ -]\d{{3}}[ -]\d{{3}}[ -]\d{{4}}(?!\w)",
    rf"{_GROUP_ALONE}(?<![\d)] )x\d{{4,6}}(?!\w)",
    # With an extension it is a phone, and so is an extension alone: 'ramal 4521', 'ext. 4512'.
    rf"{_GROUP_ALONE}\d{{6,12}}{_SOME_EXTENSION}(?!\w)",
    rf"\b{any_of('ext extn extension interno int ramal ramais anexo anx extensao loc page')}"
    r"[.:]{0,2} ?\d{4,6}(?!\w)",
)

GROUPED_PHONE = re.compile(
    rf"{_GROUP_ALONE}(?:\(\d{{1,5}}\)[ -]?)?\d{{1,9}}(?:[ -]{{1,2}}\d{{1,9}}){{1,6}}+{_EXTENSION}"
    rf"(?![\w/])(?![.,]\d)|{_GROUP_ALONE}\d{{1,5}}(?:\.\d{{2,5}}){{1,4}}(?![\w/-])(?![.,]\d)"
)
"""Digits in groups ('099 123 456', '11 9 9999 9999'): removed with as many digits as a phone has,
in groups longer than those of a row of measurements."""

PHONE_BEHIND_NAME = re.compile(
    rf"(?<={BARRIER})[ ,(]{{1,2}}(?P<value>\d{{3}}[ -]\d{{4}})(?!\w)(?![.,/-]\d)"
)
"""'Contact: [PERSON] 375 7687': found in the round after the name."""

DIGITS_OF_A_GROUPED_PHONE = range(8, 22)
LONG_GROUP = 3
"""One group longer than this, or two of this length, tell a phone from a row of measurements."""
PAIRED_PHONE = re.compile(
    r"(?:[6-9]\d\d[ -]\d\d[ -]\d\d[ -]\d\d|\d\d[ -]\d\d\d[ -]\d\d[ -]\d\d|0\d(?:[ -]\d\d){4})"
)
"""'607 64 38 78', '91 234 56 78', '06 12 34 56 78'."""

NO_PHONE = re.compile(r"(?:19|20)\d\d[ -](?:19|20)\d\d|\d{1,3}[.,]\d{3,4}")
"""Years from to, and numbers with a point."""
