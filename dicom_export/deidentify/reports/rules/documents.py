"""National documents, record and accession numbers, licences."""

from __future__ import annotations

import re

from dicom_export.deidentify.reports.folding import BARRIER
from dicom_export.deidentify.reports.rules.patterns import ALONE, any_of, any_phrase, compiled

_ID = any_phrase(
    r"""
    dni|d\.n\.i\.?|c\.p\.f\.?|afiliado pami|afiliado osde|ni no|
    ci|c\.i\.?|cc|ti|rut|r\.u\.t\.?|run|curp|rfc|cpf|rg|cns|nif|nie|nit|cuil|cuit|
    ssn|nss|nass|cipa|nhc|hc|h\.c\.?|hcl|mrn|mr ?#|nhs(?: no)?|cedula|documento|doc|pasaporte|
    passport|passaporte|identidad|identidade|identificacion|identificacao|identification|
    historia clinica|hist\.? clin\.?|historia|ficha clinica|ficha|expediente|folio|prontuario|
    registro|reg|record|medical record number|record number|hospital number|hospital no|hosp no|
    accession(?: number)?|acc|acceso|acesso|orden|ordem|order(?: number)?|pedido|requisicao|
    request|peticion|solicitud|atend|atendimento|visit|acct|account|protocolo|matricula|carne|
    carteira|carteirinha|cartao(?: sus)?|afiliado|beneficiario|policy|poliza|credencial|badge|
    cracha|member|insurance id|insurance|seguro|prevision|obra social|eps|convenio|plano|payer|id|
    codigo|code|processo|episodio|episode|encounter|estudio|ingreso|turno|ac|sns|medicare|cip|
    guia|voucher|tramite|plan|prestador|operadora|cobertura|mutual|mutualista|prepaga|
    mutualista/seguro
    """
)
_NUMBER_SIGN = r"(?:[.:# \t)/-]|n\.?[o°ro]{0,2}[.: ]|num\.? |numero |number |no |clinica ){0,16}"

_DOCUMENT_TYPE = any_of("cc ce ti rc pp le lc os")
"""'Identificación: CC 12.345.678', 'Pedido: OS 123456'."""

LABELLED_ID = re.compile(
    rf"\b{_ID}\b{_NUMBER_SIGN}(?P<value>(?:[a-z]{{1,4}}[.-]?|[a-mp-z] |{_DOCUMENT_TYPE} |"
    rf"(?<=: )(?!{_ID}\b)[a-z]{{3,8}} (?=\d{{6}}))?\d"
    r"[a-z0-9]{0,30}+(?:[ ./-]\d[a-z0-9]{0,30}+|[./-][a-z0-9]{1,30}+){0,6}+"
    r"(?: [a-z]{2}\d| ssp(?:[/-][a-z]{2})?| [/-] [\dk](?!\w)| [a-z](?=[,;)\n]|$))?)(?!\w)"
)
"""Behind a label: anything with digits, also with strokes, points or blanks in it."""

DIGITS_BEHIND_A_LABEL = 4
"""'Estudio 2', 'acceso 5 Fr' and 'ingreso 2018' stay."""
DIGITS_OF_NO_MEASURE = 7
"""Behind a label so many are no measurement: 'CI 2.282.649 - 45 años'."""
DIGITS_BEHIND_A_COLON = 2
"""'HC: 45', 'Registro N° 45'."""

IDS = compiled(
    # UIDs and UUIDs.
    r"(?<![\w.])\d{1,10}(?:\.\d{1,40}){4,30}(?![\w.]\d)",
    r"(?<!\w)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?!\w)",
    # Grouped, with or without a check digit: CI, DNI, RUT, CPF, CNPJ, SSN.
    rf"{ALONE}(?:[a-z]{{1,2}}-)?\d{{1,3}}(?:\.\d{{3}}){{2,3}}(?:/\d{{4}})?(?:-[\dk]{{1,2}})?"
    r"(?![\w/-])(?![.,]\d)",
    rf"{ALONE}\d{{1,3}}(?: \d{{3}}){{2}}-[\dk](?![\w/-])",
    rf"{ALONE}\d{{1,3}}(?:\.\d{{3}}){{2}} - [\dk](?![\w/-])",
    rf"{ALONE}\d{{3}}[ -]\d{{2}}[ -]\d{{4}}(?![\w/-])",
    # Of a report: 'Informe N° 1234.567', 'Report no. OS 541978'.
    rf"\b(?:n[o°]\.?|nro\.?|num\.?|numero|number) (?:del?|do|of) "
    rf"{any_of('informe laudo report relatorio examen exame exam estudio')}[: ]{{1,2}}"
    r"(?P<value>\d[\d./-]{2,20}\d)(?!\w)",
    rf"\b{any_of('informe laudo report relatorio examen exame exam placa')} "
    rf"?(?:n[o°]\.?|no\.|nro\.?|num\.?|numero|number|#)[: ]{{0,2}}(?P<value>(?:{_DOCUMENT_TYPE} )?"
    r"\d[\d./-]{2,20}\d)(?!\w)",
    # A Portuguese citizen's card; a masked number.
    r"(?<!\w)\d{8} \d [a-z]{2}\d(?!\w)",
    r"(?<!\w)[x*]{3}-[x*]{2}-\d{4}(?!\w)",
    # Letters around the digits: CURP, RFC, a British national insurance number.
    r"(?<!\w)[a-z]{4}\d{6}[a-z0-9]{3,8}(?!\w)",
    r"(?<!\w)[a-z]{2} \d\d \d\d \d\d [a-z](?!\w)",
)

CODE = re.compile(
    r"(?<![\w.,@/-])(?=[a-z./_-]{0,40}\d)[a-z0-9]{1,40}+(?:[-./_][a-z0-9]{1,40}+){0,6}+(?![\w@])"
)
"""Letters, digits and strokes: removed with as many digits as the number of a file has."""

DIGITS_OF_A_CODE = 5
"""With letters or strokes in it: 'HC-12345'. No measurement has so many outside of KEPT."""
DIGITS_OF_A_NUMBER = 6
"""Of digits alone: '123456'."""

NO_CODE = re.compile(
    r"\d{1,3}(?:[.,]\d{3})?(?:[.,]\d+)?|\d+[.,]\d{1,3}|\d+x\d+(?:x\d+)?|"
    r"(?:19|20)\d\d[-/](?:(?:19|20)?\d\d)|\d{1,5}[/-]\d{1,4}|1:\d+"
)
"""Numbers, sizes of pictures, years from to."""

_LICENCE = any_phrase(
    r"""
    mp|m\.p\.?|mn|m\.n\.?|mat\.? nac|mat\.? prov|cjppu|colegiatura|reg\.? msp|r\.m\.?|
    o\.m\.?|ctmp|crm[a-z]{2}|reg\.? medico|
    mat|matr|matricula|cjp|c\.j\.p\.?|crm|cro|
    crtr|rqe|npi|lic|licen[cs]e|
    licencia|licenca|colegiado|colegiada|n ?o?col|cedula profesional|ced\.? prof\.?|gmc|gmc no|
    registro medico|reg\.? prof\.?|reg\.? med\.?|rnm|cmp|rne|ahpra|c\.m\.?|r\.n\.m\.?|cofen|coren|
    crefito|tpm
    """
)
_LICENCE_SIGN = r"(?:[.:# /()\t\n-]|n[o°]\.? ?|no\.? |numero |number |medica |profesional ){0,5}"

LICENCES = re.compile(
    rf"\b(?:(?P<long>rm|om|rt|ct|col|dea|md)|{_LICENCE})\b{_LICENCE_SIGN}"
    r"(?:[a-z]{2}[ :-]{1,2}(?:n[o°]\.? ?)?)?"
    r"(?P<value>[a-z]{0,3}\d[\d./-]{1,12}\d)(?!\w)"
)
"""Only the number goes; the word before it and the state behind it stay."""

LICENCE_BEHIND_NAME = re.compile(
    rf"(?<={BARRIER})(?: ?[(-]? ?|[ .,\n-]{{1,4}}(?:[a-z]{{1,14}}[./:\n ]{{1,3}}){{1,4}})"
    r"(?!(?:19|20)\d\d\b)(?P<value>\d{4,7}(?:[/-]\d{1,2})?)(?=\)|\n| -|\.?$)"
)
"""'Responsable: [DOCTOR] (12345)', '[DOCTOR]\nReg. Nac. 12345': found once the name is a mark."""

DIGITS_OF_A_LICENCE = 4
DIGITS_OF_A_SHORT_LICENCE = 5
"""Behind letters with other meanings: RM is an examination, 'col.' a colon."""
