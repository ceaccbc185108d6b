"""Numbers that stay: sizes, doses, vertebrae, ribs, scores, blood pressure, views."""

from __future__ import annotations

from dicom_export.deidentify.reports.rules.patterns import ALONE, UNIT, any_of, compiled

_NUMBER = r"\d{1,5}(?:[.,]\d{1,3}){0,3}"
_PER = rf"/ ?{any_of('mm[23]? ul ml l dl min campo hpf')}\b"
_MEASURED = rf"(?:%|°|\^|{_PER}|x ?10\b|{UNIT}(?:[23^]|\b)(?!\w))"
_VERTEBRA = r"[ctdls]\d{1,2}"
_ORDINAL = f"{any_of('° [oa]s? ro ra er do da to ta mo ma vo va no na th st nd rd')}?"
_TO = f"(?:,|-|/| ?{any_of(', - y e a al and to through ate ao')} ?)"
_COUNTED = rf"\d{{1,2}}{_ORDINAL}(?:{_TO}\d{{1,2}}{_ORDINAL}){{0,6}}"
_BONE = any_of(
    """
    costillas? costelas? ribs? arcos? costales costais costal vertebras? vertebrae cuerpos?
    dedos? metacarpianos? metatarsianos? fingers? toes? espacios? segmentos? segments? cortes?
    slices?
    """
)
_SCORE = any_of(
    """
    (?:bi|lung|ti|pi|co|o|li)-?rads acr genant kellgren nyha asa eva glasgow gcs apgar brixia
    reid tss score escore escala puntaje puntuacion pain dolor severidad severidade severity
    grado grau grade tipo type estadio stage cobb (?:cie|cid|icd)-?10 cie cid icd indice index
    ratio relacion relacao ict ctr
    """
)
_OF_SCORE = any_of(
    """
    de of do del no n the clase classe class grado grau grade tipo es is funcional densidad
    density cardiotoracico cardiotoracica cardiothoracic reid cobb genant brixia
    """
)
_PICTURE = any_of(
    """
    imagen imagenes imagem image images serie series corte slice pagina page pag hoja folha
    ventana janela window matriz matrix fila placa
    """
)
_PART = any_of(
    """
    de del da do of medio medios inferior inferiores superior superiores lower upper partes?
    proximal distal anterior posterior externos? internos?
    """
)

KEPT = compiled(
    # Sizes, doses, times: '4,5 x 3,2 x 2,8 cm', '12/10/8 mm', '6-12 meses', '150.000/mm3'.
    rf"{ALONE}{_NUMBER}(?: ?(?:x|\u00d7|por|by) ?{_NUMBER}){{1,3}}",
    rf"{ALONE}{_NUMBER}(?:[/-]{_NUMBER}){{1,2}} ?{_MEASURED}",
    rf"{ALONE}{_NUMBER} (?:-|a|to|y|e|o|ou|or) {_NUMBER} ?{_MEASURED}",
    rf"{ALONE}{_NUMBER}(?: ?\+/?- ?{_NUMBER})? ?{_MEASURED}",
    rf"{ALONE}\d{{4,7}} "
    rf"{any_of('plaquetas platelets leucocitos leukocytes hematies copias copies')}\b",
    rf"(?<![\w.,/])-?{_NUMBER}/-{_NUMBER}",
    # Vertebrae and segments: 'D12', 'L4-L5-S1', 'C3-4-5'.
    rf"\b{_VERTEBRA}(?:{_TO}[ctdls]?\d{{1,2}}){{0,5}}\b(?![./-]\d)",
    # Ribs, fingers, slices: the noun on either side of the numbers.
    rf"\b{_BONE}(?: [a-z]{{1,12}}){{0,3}} {_COUNTED}(?![./-]?\d)",
    rf"{ALONE}{_COUNTED} {_BONE}\b",
    # Scores, stages, classes, codes of diseases.
    rf"\b{_SCORE}(?: {_OF_SCORE}){{0,3}}\W{{0,3}}[a-z]?\d{{1,4}}(?:[.,/:]\d{{1,4}})?[a-z]?\b"
    r"(?![./-]\d)",
    # Blood pressure, pictures, windows.
    rf"\b{any_of('ta pas? bp tension presion pressao pressure')}(?: "
    rf"arterial)?\W{{0,3}}\d{{2,3}}/\d{{1,3}}"
    r"\b(?!/)",
    rf"\b(?!page \d{{4}}){_PICTURE}\W{{1,3}}\d{{1,4}}(?: ?[/-] ?-?\d{{1,4}})?\b(?![./-]\d)",
    # Parts of a field: '1/3 medio', '2/3 inferiores'.
    rf"{ALONE}[1-9]/[2-9]\b(?![/.-]?\d)(?= {_PART}\b)",
)
"""Within these, only a known id, a whole date or an age over 89 is removed."""
