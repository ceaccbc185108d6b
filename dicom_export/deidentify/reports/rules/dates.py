"""Dates, and the month and day names in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dicom_export.deidentify.reports.rules.patterns import UNIT, any_of, any_phrase, compiled, words

_MONTHS: tuple[str, ...] = (
    "enero janeiro january ene jan",
    "febrero fevereiro february feb fev",
    "marzo marco march mar",
    "abril april abr apr",
    "mayo maio may mai",
    "junio junho june jun",
    "julio julho july jul",
    "agosto august ago aug",
    "septiembre setiembre setembro september sept sep set",
    "octubre outubro october oct out",
    "noviembre novembro november nov",
    "diciembre dezembro december dic dez dec",
)
MONTH_NUMBERS: Mapping[str, int] = {
    name: number + 1 for number, names in enumerate(_MONTHS) for name in names.split()
}
_LONGEST_SHORT_MONTH = 4
_FULL_MONTHS = [
    name
    for name in MONTH_NUMBERS
    if len(name) > _LONGEST_SHORT_MONTH or name in {"mayo", "maio", "june", "july"}
]
_MONTH = any_of(" ".join(MONTH_NUMBERS))
_FULL_MONTH = any_of(" ".join(_FULL_MONTHS))
_WEEKDAYS = any_of(
    """
    lunes martes miercoles jueves viernes sabado domingo
    (?:segunda|terca|quarta|quinta|sexta)(?:-feira)?
    (?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)? lun mie jue vie
    """
)
_WEEKDAY = rf"(?:{_WEEKDAYS}[.,]? )?"
WEEKDAYS = words(
    "lunes martes miercoles jueves viernes sabado domingo segunda terca quarta quinta sexta"
)
_FULL_YEAR = r"(?:(?:19|20)\d\d|2[.,]0\d\d)"
_ANY_YEAR = rf"(?:{_FULL_YEAR}|'?\d\d(?! ?(?:anos?|years?|yrs?|y/o|a\.|mm|cm|%)))"
_OF = r"(?:(?:de|del|do|da|of|d') ?(?:(?:mes de|ano|the) )?)?"
_SUFFIX = r"(?:°|[oa]|ro|er|st|nd|rd|th)?"
_DAY_OF_NUMBER = r"(?:0?[1-9]|[12]\d|3[01])"
_NUMBER_WORD = any_of(
    """
    primero primeiro uno um dos dois tres cuatro quatro cinco seis siete sete ocho oito nueve
    nove diez dez once onze doce doze trece treze catorce catorze quince quinze dieciseis
    dezesseis diecisiete dezessete dieciocho dezoito diecinueve dezenove veinte vinte treinta
    trinta veinti(?:un|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)
    """
)
_TENS = r"(?:cua|qua|cin|se|oc|oi|no)[a-z]{2,5}nta"
_CENTURY = any_phrase("dos mil|dois mil|mil novecientos|mil novecentos")
_WRITTEN_YEAR = rf"{_CENTURY}(?: (?:y|e|{_NUMBER_WORD}|{_TENS})\b){{0,4}}"
_STROKE = r" ?[/.\-\u00b7] ?"
_BEFORE = r"(?<!\w)(?<!\d[.,/:-])"
_BEHIND = r"(?!\w)(?![/.,-]\d)"
_CLOCK = r"\d{1,2}[:.h]\d\d(?:[:.]\d\d(?:[.,]\d{1,6})?)?(?: ?(?:am|pm)\b)?"
_TIME = rf"(?:(?:,? {{1,2}}|t|,| - ){_CLOCK})?"
"""A time directly behind a date belongs to it and goes with it; other times stay."""
_FULL_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_NO_MEASURE = r"(?![\w%])(?! ?[x%])(?![/.,-]\d)"

WHOLE_DATES = compiled(
    # lunes (03/03/2018).
    rf"(?<!\w){_WEEKDAYS},? ?\(\d{{1,2}}{_STROKE}\d{{1,2}}{_STROKE}{_FULL_YEAR}\)",
    # 03/03/2018, 3-3-2018, 2018.03.03, 20180303, 03 03 2018.
    rf"{_BEFORE}{_WEEKDAY}\d{{1,2}}{_STROKE}\d{{1,2}}{_STROKE}{_FULL_YEAR}{_TIME}{_BEHIND}",
    rf"{_BEFORE}(?:19|20)\d\d[/.\-\u00b7]\d{{1,2}}[/.\-\u00b7]\d{{1,2}}{_TIME}"
    rf"(?:z|[+-]\d\d:?\d\d)?{_BEHIND}",
    rf"{_BEFORE}(?:19|20)\d\d(?:0[1-9]|1[0-2]){_FULL_DAY}(?:\d{{4,6}}(?:\.\d{{1,6}})?)?{_BEHIND}",
    rf"{_BEFORE}(?<!\+){_FULL_DAY} {_FULL_DAY} (?:19|20)\d\d{_BEHIND}(?! \d{{4}})",
    # 3 de marzo de 2018, 3rd of March 2018, 03-MAR-18, 03MAR2018, 3 mar 2018.
    rf"{_BEFORE}{_WEEKDAY}(?:the )?\d{{1,2}}{_SUFFIX}(?: dias?)?[ .,/-]{{0,3}}{_OF}{_MONTH}"
    rf"[ .,/-]{{0,3}}{_OF}{_ANY_YEAR}{_TIME}{_BEHIND}",
    # tres de marzo de dos mil dieciocho.
    rf"(?<!\w){_WEEKDAY}{_NUMBER_WORD}(?: y un[oa]?| e um)? (?:dias? )?{_OF}{_FULL_MONTH}"
    rf"(?: {_OF}(?:{_FULL_YEAR}|{_WRITTEN_YEAR}))?(?!\w)",
    # March 3, 2018; marzo 3 de 2018; 2018-mar-03.
    rf"(?<!\w){_WEEKDAY}{_MONTH}[ ./-]{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?,?[ ./-]{{1,3}}{_OF}"
    rf"(?:{_FULL_YEAR}|'\d\d){_TIME}{_BEHIND}",
    rf"{_BEFORE}(?:19|20)\d\d[ .,/-]{{1,2}}{_MONTH}[ .,/-]{{1,2}}\d{{1,2}}{_BEHIND}",
    # 3 del 3 del 2018, 3 de 03 de 2018.
    rf"{_BEFORE}\d{{1,2}} del? \d{{1,2}} del? {_FULL_YEAR}{_TIME}{_BEHIND}",
    # 3/III/2018.
    rf"{_BEFORE}\d{{1,2}}([/.-])(?:i{{1,3}}|iv|vi{{0,3}}|ix|xi{{0,2}})\1(?:19|20)?\d\d{_BEHIND}",
    # 3 de marzo, 3-mar, March 3rd.
    rf"{_BEFORE}{_WEEKDAY}(?:the )?\d{{1,2}}{_SUFFIX}(?: dias)? ?{_OF}(?!may\b){_FULL_MONTH}"
    rf"(?: {_OF}{_WRITTEN_YEAR})?(?!\w)",
    rf"{_BEFORE}\d{{1,2}}[/.-]{_MONTH}(?!\w)(?![/.-]\w)",
    rf"{_BEFORE}{_WEEKDAY}\d{{1,2}} de {_MONTH}(?!\w)",
    rf"(?<!\w){_WEEKDAY}(?!may\b){_FULL_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?!\w)(?![.,]\d)",
    # 'Grade 2 may...': May needs an ordinal, a capital (the group `may`) or a word before it.
    rf"{_BEFORE}{_WEEKDAY}(?:the )?\d{{1,2}}(?:st|nd|rd|th)? of may(?!\w)",
    r"(?<!\w)may \d{1,2}(?:st|nd|rd|th)(?!\w)",
    r"(?<!\w)(?:the )?\d{1,2} (?P<may>may)(?!\w)",
    r"(?<!\w)(?P<may>may) \d{1,2}(?!\w)(?![.,]\d)",
    r"(?<=\b(?:since|until) )may \d{1,2}(?!\w)",
    r"(?<=\b(?:on|of) )may \d{1,2}(?!\w)",
    # 'en mar 17', 'de sep. 13': a month and a day, or a year.
    rf"\b(?:de|del|en|em|in|of|since|desde) (?P<value>(?!may\b){_MONTH}\.? '?\d\d)(?!\w)"
    r"(?! ?[x%/.,-]\d)(?! ?(?:mm|cm|%))",
    # 'el jueves 22', 'since Tue the 3rd'.
    rf"\b(?:el|del|desde|em|dia|on|since|from|until) (?P<value>{_WEEKDAYS},? (?:the |dia )?"
    r"\d{1,2}(?:st|nd|rd|th)?)(?!\w)(?![/.,-]?\d)",
    # '26 Sep', '1 Jul': short months that are no other word.
    rf"{_BEFORE}{_DAY_OF_NUMBER} (?:jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec|ene|fev|abr|dic|dez)"
    r"(?!\w)(?!\.\w)",
    # '2 set', '3 out' are a day only behind a word that asks for one.
    rf"\b(?:on|since|from|until|dated) (?P<value>{_WEEKDAY}{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?|"
    rf"\d{{1,2}} {_MONTH})(?!\w)",
    rf"\b(?:el|del|desde|em|dia) (?P<value>\d{{1,2}} {_MONTH})(?!\w)",
    # marzo de 2018, mar-18, 03/2018, 03.2018.
    rf"(?<!\w){_MONTH}[ .,/-]{{1,3}}{_OF}{_FULL_YEAR}{_BEHIND}",
    rf"(?<!\w){_MONTH}(?:[/-]\d\d| '\d\d){_BEHIND}",
    rf"{_BEFORE}(?:0[1-9]|1[0-2])[/.-](?:19|20)\d\d{_BEHIND}",
    # A month alone behind a preposition; 'marco' is a frame, too.
    rf"(?<=\b(?:en|em) )(?!may\b){_FULL_MONTH}(?!\w)",
    rf"(?<=\b(?:in|of) )(?!may\b|marco\b){_FULL_MONTH}(?!\w)",
    rf"(?<=\b(?:since|desde|until|hasta) )(?!may\b|marco\b){_FULL_MONTH}(?!\w)",
    rf"(?<=\b(?:last|this) )(?!may\b){_FULL_MONTH}(?!\w)",
)
"""Forms that only dates have: removed everywhere. A year alone stays."""

MONTH_WORD = re.compile(rf"(?<![a-z]){_MONTH}(?![a-z])")
DATES_WITH_MONTHS = frozenset(
    pattern
    for pattern in WHOLE_DATES
    if any(month in pattern.pattern for month in (_MONTH, _FULL_MONTH, "may"))
)
"""Patterns with the name of a month: skipped for a report that has none."""

_STUDY = any_of(
    """
    tc tac ct rx rm mri? xr cxr radiografia radiograph estudio estudo study exame examen exam
    control controle torax chest anterior anteriores previo previa previos previas prior previous
    """
)
_THINGS = any_of(
    """
    cortes imagenes imagens images slices lesiones lesoes lesions segmentos segments nodulos nodules
    campos fields ganglios nodes espacios casos cases veces vezes times proyecciones views
    """
)
_NOT_COUNTED = rf"(?! ?{UNIT}\b)(?! (?:de los |de las |of the |dos |das )?{_THINGS}\b)"
_COMPARED = (
    rf"(?:{any_of('comparado comparada comparacion comparacao comparativo comparison compared')}|"
    rf"{any_of('comparativa respecto relacao relacion since from prior previo previos previa')}|"
    rf"{any_of('previas anterior anteriores desde hasta ate seen fum fur operado last')}|"
    rf"{any_of('quimioterapia ver better than igual ultimo ultima control')}|"
    rf"{any_of('coteja fell films? cf[.]? versus vs[.]? see')}|"
    rf"{any_of('ecocardiograma placa quanto melhora mejoria alongside lobectomy comparar')}|"
    rf"{any_of('operada chemo cabg pcr covid[+] placement presente evidentes medida tc tac ct')})"
    rf"(?:[ :(,]{{1,3}}(?:{_STUDY}|con|com|to|with|de|del|da|do|a|al|ao|el|en|em|on|nodule|of|"
    rf"que|than|films?|ct|cxr)"
    r"(?!\w)){0,6}[ :(,]{1,3}"
)
"""Words about an earlier study or treatment: two numbers behind them are a day or a month, unless a
measure follows."""

SHORT_DATES = compiled(
    rf"{_BEFORE}{_DAY_OF_NUMBER} ?/ ?{_DAY_OF_NUMBER} ?/ ?'?\d\d{_TIME}{_BEHIND}",
    rf"{_BEFORE}{_DAY_OF_NUMBER}-{_DAY_OF_NUMBER}-'?\d\d{_TIME}{_BEHIND}",
    rf"{_BEFORE}{_DAY_OF_NUMBER}\.{_DAY_OF_NUMBER}\.'?\d\d{_TIME}{_BEHIND}",
    rf"{_BEFORE}[1-9][/-](?:19|20)\d\d{_BEHIND}",
    # Day and month alone need a word before them that asks for a day.
    r"\b(?:del|el|al|dia|em|on|desde|since|from|hasta|ate|fecha:?|data:?|date:?|dated)[ \t\n]"
    rf"(?P<value>{_DAY_OF_NUMBER}/{_DAY_OF_NUMBER}|{_FULL_DAY}[.-](?:0[1-9]|1[0-2])){_NO_MEASURE}",
    rf"\b(?:en|em) (?P<value>(?:0?[1-9]|1[0-2])/\d\d){_NO_MEASURE}{_NOT_COUNTED}",
    rf"\ben (?P<value>[1-3]\d/\d{{1,2}}){_NO_MEASURE}{_NOT_COUNTED}",
    # '(23/09)', '(see 04/18)', but not '(10/10)' and '(14/15)'.
    rf"\((?:ver |see |del? )?(?P<value>(?!1[0-5]/1[05]){_FULL_DAY}/\d\d|[12]\d/[1-9])(?=\))",
    # An earlier study: 'comparado con 04/19', 'TC de 3/20', 'no change since 08-22'.
    rf"(?<!\w){_COMPARED}(?P<value>(?:{_DAY_OF_NUMBER}/\d\d|{_FULL_DAY}-\d\d|[1-3]\d/[1-9])){_NO_MEASURE}"
    rf"{_NOT_COUNTED}",
    rf"(?<!\w){_COMPARED}[^\n.;:()]{{3,40}}? (?:y|e|and|,) ?(?:(?:tc|ct|rx|tac|rm|mr|mri) )?"
    rf"(?P<value>{_DAY_OF_NUMBER}/\d\d){_NO_MEASURE}{_NOT_COUNTED}",
    rf"(?<!\w){_WEEKDAYS}[.,]? {_DAY_OF_NUMBER}/{_DAY_OF_NUMBER}{_NO_MEASURE}",
)
"""Forms that measurements have, too: removed unless they lie in a number that stays."""
