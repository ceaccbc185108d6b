"""Streets, towns and postal codes."""

from __future__ import annotations

import re

from dicom_export.deidentify.reports.rules.patterns import (
    ALONE,
    any_of,
    any_phrase,
    compiled,
)

_STREET = any_of(
    """
    avenida avda av calle cll bulevar boulevard bvar bv blvd pasaje psje pje camino cno
    carretera carrera diagonal transversal ruta rua alameda travessa estrada rodovia praca plaza
    pza vereda viaducto viaduto ronda paseo calzada glorieta vial cuesta esplanada ladeira
    jardim rambla quadra circuito cerrada privada prolongacion periferico andador callejon
    retorno urbanizacion viela beco setor conjunto sitio trevo chacara colonia condominio fazenda
    loteamento morro parque residencial vila estacao favela trecho recanto alameda
    """
)
_STREET_CUT = any_of("ctra av avda cll bvar bv blvd psje pje cno pza")
"""Behind these a full stop ends no sentence."""
_STREET_BEHIND = any_of(
    """
    street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl way square sq
    terrace parkway pkwy circle highway hwy close crescent trail trl pike turnpike ridge vista cove
    creek crossing landing grove glen knoll knolls heights meadows springs gateway underpass mews
    manor gardens
    """
)
_DOOR = any_of(
    """
    apto apt ap apartamento dpto depto dto piso of oficina casa bloco sala suite ste edif
    edificio interior int local torre esq puerta pta bis
    """
)
_HOUSE = (
    r"(?:n[o°.]{1,2} ?|# ?|num\.? ?|numero )?(?:\d{1,5}(?!\d)(?!:\d)(?! ?(?:mm|cm|%|x ?\d))|s/n)"
)
_STREET_WORD = (
    r"(?!n[o°.]{1,2} ?\d)(?:(?!\d)[^\W_]{1,5}+[.']?|(?!\d)[^\W_]{6,30}+'?|\d{1,2}(?= de )) ?"
)
"""A full stop stands behind short words only: 'Av. Gral. Artigas', not 'periférico. Nódulo'."""
_COMPASS = r"(?: (?:bis|sur|norte|este|oeste))?"

STREETS = compiled(
    # Street, name, number, door: 'Av. Italia 2345 apto. 3', 'Rua das Flores, 12'.
    rf"(?<!\w)(?:{_STREET}|{_STREET_CUT}\.) (?P<name>(?:{_STREET_WORD}){{1,8}}+),? ?{_HOUSE}"
    rf"(?:,? ?(?:- ?)?{_DOOR}\b\.? ?\w{{1,6}}){{0,4}}",
    # Numbered streets of Colombia and La Plata: 'Calle 92U # 2-30', 'Calle 50 N° 1234'.
    rf"(?<!\w){any_of('calle carrera cra cll cl kr transversal diagonal avenida av')}\.? "
    rf"\d{{1,3}} ?[a-z]{{0,2}}{_COMPASS} ?(?:#|n[o°]\.?|no\.|con) ?\d{{1,4}} ?[a-z]?(?: ?- "
    rf"?\d{{1,3}})?{_COMPASS}"
    r"(?!\w)",
    # 'Mz. D Lt. 66', 'Blk 5 Lot 12', 'Qd. 7 Lt. 3'.
    rf"(?<!\w){any_of('mz manzana blk block qd quadra')}\.? ?[a-z0-9]{{1,3}},? "
    rf"{any_of('lt lote lot casa')}\.? ?[a-z0-9]{{1,3}}(?!\w)",
    # Number, name, street: '12 Oak Tree Road, Apt 4'.
    rf"(?<![\w.,/-])\d{{1,6}} (?P<name>(?:[a-z']{{2,20}}+ ){{1,4}}){_STREET_BEHIND}\b"
    r"(?:[.,]{0,2} (?:apt|suite|ste|unit|floor|#)\.? ?\w{1,5})?",
    # A Brazilian postal code.
    rf"{ALONE}\d{{5}}-\d{{3}}(?![\w-])",
)
"""The words of the name are capitalized or, where case says nothing, not all ordinary: 'camino a
3 cm de la carina' is no address."""

_HOME = any_phrase(
    """
    domicilio|direccion|endereco|address|home address|residencia|residence|morada|residente en|
    residente em|residente a|reside en|reside em|reside at|resides at|con domicilio en|
    send a copy to|vive en|lives at
    """
)
ADDRESS_LABELS = re.compile(
    rf"(?<!\w){_HOME}(?: particular| residencial)?(?: ?:[ \t]?| (?=[^\n]{{0,60}}\d))"
    r"(?P<value>(?=[^\n\x00]{0,60}[^\W\d_])[^\n\x00]{4,90})"
)
"""Behind these the rest of the line, up to the next label or sentence; without a colon only where
a number is in it."""

_TOWN = any_of(
    "localidad localidade ciudad cidade city municipio comuna barrio bairro provincia distrito "
    "town county"
)
PLACES_OF_LIVING = re.compile(
    rf"(?<!\w){_TOWN}(?: ?/ ?[a-z]{{3,12}})? ?:[ \t]?(?P<value>[^\W\d_][^\n\t\x00:;,.()]{{1,40}}?)"
    r"(?= ?(?:[\n\t\x00:;,.()]|$| {2}| - )| (?:tel|cp|cep|dni|edad|idade|fecha|data|pais)\b)"
)
"""Towns and quarters behind a label."""

_POSTAL = any_phrase(
    r"cp|c\.p\.|cep|codigo postal|cod\.? postal|zip(?: code)?|postcode|postal code"
)
POSTAL_CODES = re.compile(
    rf"(?<!\w){_POSTAL} ?:?[ \t]?"
    r"(?P<value>[a-z]{0,2}\d[\da-z]{1,5}(?:[ -]\d[\da-z]{1,3})?)(?!\w)"
)
