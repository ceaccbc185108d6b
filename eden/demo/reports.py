"""Generated patients, and radiology reports about them in Spanish, Portuguese and English.

Nobody here exists. The texts are built like real ones: the patient's and the doctors' names, record
numbers and dates stand in the heading, in the middle of sentences and in the signature; some texts
are plain, some are HTML as a report editor leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html.entities import codepoint2name
from random import Random
from typing import Literal
from uuid import UUID

Language = Literal["es", "pt", "en"]
Sex = Literal["F", "M"]
Subject = Literal["chest", "other"]

_LANGUAGE_OF_COUNTRY: dict[str, Language] = {"BR": "pt", "PT": "pt", "US": "en", "GB": "en"}

# Family names that are no clinical or common words in any of the three languages.
_FAMILIES: dict[Language, tuple[str, ...]] = {
    "es": (
        "Altamirano", "Berrutti", "Cendoya", "Echegaray", "Irigoyen", "Lavalleja",
        "Mendizábal", "Núñez", "Olazábal", "Urruty", "Yrurtia", "Zabaleta",
    ),
    "pt": (
        "Albuquerque", "Bittencourt", "Cavalcanti", "Drummond", "Gonçalves", "Guimarães",
        "Lacerda", "Magalhães", "Nepomuceno", "Tavares", "Valadão", "Ximenes",
    ),
    "en": (
        "Ashworth", "Blackwood", "Cartwright", "Ellsworth", "Hathaway", "Kingsley",
        "Langford", "Merriweather", "O'Dwyer", "Pemberton", "Thornbury", "Winslow",
    ),
}  # fmt: skip
_GIVEN: dict[Language, dict[Sex, tuple[str, ...]]] = {
    "es": {
        "F": ("María Eugenia", "Valentina", "Graciela", "Lucrecia", "Agustina", "Noemí"),
        "M": ("Juan Ignacio", "Sebastián", "Rodrigo", "Washington", "Facundo", "Germán"),
    },
    "pt": {
        "F": ("Maria Aparecida", "Juliana", "Letícia", "Conceição", "Tatiane", "Luíza"),
        "M": ("João Pedro", "Anderson", "Cláudio", "Everton", "Otávio", "Rubens"),
    },
    "en": {
        "F": ("Eleanor", "Mary Beth", "Josephine", "Harriet", "Winifred", "Abigail"),
        "M": ("Theodore", "John Paul", "Nathaniel", "Walter", "Desmond", "Gordon"),
    },
}


@dataclass(frozen=True, slots=True)
class Patient:
    """A generated person, as the files and the reports of one patient name them."""

    given: str
    family: str
    sex: Sex
    birth_date: date
    record_number: str
    """The hospital's number: Patient ID (0010,0020) in the files."""
    document: str
    """A national document in the country's way of writing; its digits are random."""

    @property
    def full_name(self) -> str:
        """Given names, then family name."""
        return f"{self.given} {self.family}"

    @property
    def dicom_name(self) -> str:
        """The name as a DICOM person name (PN)."""
        return f"{self.family.upper()}^{self.given.upper()}"

    def age_at(self, day: date) -> int:
        """Return the age in whole years on `day`."""
        before_birthday = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before_birthday


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report speaks of."""

    patient: Patient
    subject: Subject
    examination: str
    organization: str
    facility: str
    accession_number: str
    performed_at: datetime
    signed_at: datetime
    signer: str
    """Title, name: 'Dra. Lucía Berrondo'."""
    license_number: str
    referring: str | None


def language_of(country: str | None) -> Language:
    """Return the language of an ISO 3166 country's reports; Spanish where it is not known."""
    return _LANGUAGE_OF_COUNTRY.get(country or "", "es")


def patient_of(subject: UUID, language: Language) -> Patient:
    """Return the person behind a patient_id (or behind a study's id, where that is NULL)."""
    rng = Random(f"patient/{subject}")
    sex: Sex = rng.choice(("F", "M"))
    return Patient(
        given=rng.choice(_GIVEN[language][sex]),
        family=rng.choice(_FAMILIES[language]),
        sex=sex,
        birth_date=date(1931, 1, 1) + timedelta(days=rng.randrange(75 * 365)),
        record_number=f"{rng.choice('ABCDEH')}{rng.randrange(10**6, 10**7)}",
        document=_document(rng, language),
    )


def _document(rng: Random, language: Language) -> str:
    digits = f"{rng.randrange(10**11):011d}"
    if language == "es":
        return f"CI {digits[0]}.{digits[1:4]}.{digits[4:7]}-{digits[7]}"
    if language == "pt":
        return f"CPF {digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
    return f"SSN 9{digits[:2]}-{digits[2:4]}-{digits[4:8]}"


@dataclass(frozen=True, slots=True)
class _Phrases:
    """One language's wording; braces are filled from `_fields`."""

    title: str
    labels: tuple[str, str, str, str]
    """Clinical data, technique, findings, impression."""
    heading: tuple[str, ...]
    history: tuple[str, ...]
    technique: str
    comparison: tuple[str, ...]
    normal: tuple[str, ...]
    """The heart and the pleural angles first: only clear lungs go with those two."""
    chest: tuple[tuple[tuple[str, ...], str], ...]
    """(findings, impression) pairs, clear lungs first; some of `normal` follow the findings."""
    other: tuple[tuple[tuple[str, ...], str], ...]
    signature: str


_PHRASES: dict[Language, _Phrases] = {
    "es": _Phrases(
        title="INFORME RADIOLÓGICO",
        labels=("Datos clínicos", "Técnica", "Hallazgos", "Conclusión"),
        heading=(
            "{organization} - {facility}",
            "Paciente: {patient}    {document}    HC: {record}",
            "Fecha de nacimiento: {born}    Edad: {age} años",
            "Estudio: {examination}    Fecha: {performed}    Acceso: {accession}",
            "Médico solicitante: {referring}",
        ),
        history=(
            "{honorific} {family} consulta por tos y fiebre de cuatro días de evolución.",
            "Control preoperatorio solicitado por {referring}.",
            "Disnea de esfuerzo. Antecedente de tabaquismo. Derivado por {referring}.",
        ),
        technique="Radiografía digital obtenida el {performed}.",
        comparison=(
            "Se compara con estudio previo del {previous}, sin cambios significativos.",
            "No se dispone de estudios previos para comparar.",
            "Con respecto al control del {previous}, informado por {signer}, hay mejoría.",
        ),
        normal=(
            "Silueta cardiomediastínica de tamaño y morfología conservados.",
            "Senos costofrénicos libres.",
            "Hilios pulmonares de aspecto habitual.",
            "Estructuras óseas y partes blandas sin alteraciones agudas.",
            "Tráquea central. No se observa neumotórax.",
        ),
        chest=(
            (
                ("Campos pulmonares bien expandidos, sin opacidades focales.",),
                "Radiografía de tórax dentro de límites normales.",
            ),
            (
                (
                    "Opacidad alveolar en base derecha con broncograma aéreo.",
                    "Borramiento parcial del seno costofrénico homolateral.",
                ),
                "Consolidación basal derecha; en el contexto clínico impresiona neumonía.",
            ),
            (
                ("Índice cardiotorácico aumentado (0,56).", "Redistribución vascular apical."),
                "Cardiomegalia con signos de congestión venocapilar leve.",
            ),
            (
                ("Aplanamiento de ambos hemidiafragmas.", "Aumento del espacio retroesternal."),
                "Signos de atrapamiento aéreo en relación con EPOC.",
            ),
            (
                ("Nódulo de 9 mm en lóbulo superior izquierdo, de bordes netos.",),
                "Nódulo pulmonar solitario. Se sugiere tomografía de control.",
            ),
        ),
        other=(
            (
                ("No se observan trazos de fractura.", "Relaciones articulares conservadas."),
                "Sin lesiones óseas agudas.",
            ),
            (
                ("Distribución gaseosa inespecífica.", "Sin niveles hidroaéreos."),
                "Estudio sin hallazgos de significación.",
            ),
        ),
        signature="Informado y firmado digitalmente por {signer}, {license}, el {signed}.",
    ),
    "pt": _Phrases(
        title="LAUDO RADIOLÓGICO",
        labels=("Indicação clínica", "Técnica", "Achados", "Impressão"),
        heading=(
            "{organization} - {facility}",
            "Paciente: {patient}    {document}    Prontuário: {record}",
            "Data de nascimento: {born}    Idade: {age} anos",
            "Exame: {examination}    Data: {performed}    Pedido: {accession}",
            "Médico solicitante: {referring}",
        ),
        history=(
            "{honorific} {family} refere tosse produtiva e febre há cinco dias.",
            "Avaliação pré-operatória a pedido de {referring}.",
            "Dispneia aos esforços. Ex-tabagista. Encaminhamento de {referring}.",
        ),
        technique="Radiografia digital realizada em {performed}.",
        comparison=(
            "Em comparação com o exame de {previous}, não há alterações relevantes.",
            "Não há exames anteriores para comparação.",
            "Em relação ao controle de {previous}, laudado por {signer}, houve melhora.",
        ),
        normal=(
            "Área cardíaca dentro dos limites da normalidade.",
            "Seios costofrênicos livres.",
            "Hilos pulmonares de aspecto anatômico.",
            "Arcabouço ósseo íntegro.",
            "Traqueia centrada. Ausência de pneumotórax.",
        ),
        chest=(
            (
                ("Pulmões com transparência preservada, sem opacidades focais.",),
                "Radiografia de tórax sem alterações.",
            ),
            (
                (
                    "Opacidade alveolar no lobo médio, com broncogramas aéreos.",
                    "Espessamento da cissura horizontal.",
                ),
                "Consolidação no lobo médio, compatível com processo infeccioso.",
            ),
            (
                ("Velamento do terço inferior do hemitórax esquerdo.", "Sinal do menisco."),
                "Derrame pleural à esquerda, de volume moderado.",
            ),
            (
                ("Atelectasia laminar na base direita.", "Discreta elevação da cúpula direita."),
                "Atelectasia laminar basal direita.",
            ),
        ),
        other=(
            (
                ("Não há sinais de fratura ou luxação.", "Espaços articulares preservados."),
                "Exame sem alterações ósseas agudas.",
            ),
        ),
        signature="Laudo assinado eletronicamente por {signer}, {license}, em {signed}.",
    ),
    "en": _Phrases(
        title="RADIOLOGY REPORT",
        labels=("Clinical history", "Technique", "Findings", "Impression"),
        heading=(
            "{organization} - {facility}",
            "Patient: {patient}    {document}    MRN: {record}",
            "Date of birth: {born}    Age: {age} years",
            "Examination: {examination}    Date: {performed}    Accession: {accession}",
            "Referring physician: {referring}",
        ),
        history=(
            "{honorific} {family} presents with productive cough and fever.",
            "Preoperative clearance requested by {referring}.",
            "Shortness of breath on exertion; former smoker. Seen by {referring}.",
        ),
        technique="Digital radiographs obtained on {performed}.",
        comparison=(
            "Compared with the prior study of {previous}, there is no significant change.",
            "No prior studies are available for comparison.",
            "Compared with {previous}, read by {signer}, aeration has improved.",
        ),
        normal=(
            "The cardiomediastinal silhouette is within normal limits.",
            "The costophrenic angles are sharp.",
            "The hila are unremarkable.",
            "No acute osseous abnormality.",
            "The trachea is midline. There is no pneumothorax.",
        ),
        chest=(
            (
                ("The lungs are clear without focal consolidation.",),
                "No acute cardiopulmonary process.",
            ),
            (
                (
                    "Patchy airspace opacity in the left lower lobe.",
                    "Trace blunting of the left costophrenic angle.",
                ),
                "Left lower lobe pneumonia. Follow-up in six weeks is recommended.",
            ),
            (
                ("The heart is enlarged.", "Interstitial markings and Kerley B lines."),
                "Cardiomegaly with mild interstitial edema.",
            ),
            (
                (
                    "Median sternotomy wires are intact.",
                    "Right central venous catheter with its tip in the superior vena cava.",
                ),
                "Postoperative chest; lines and wires in expected position.",
            ),
        ),
        other=(
            (
                ("No fracture or dislocation.", "Joint spaces are preserved."),
                "No acute osseous abnormality.",
            ),
        ),
        signature="Electronically signed by {signer}, {license}, on {signed}.",
    ),
}

_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_HONORIFICS: dict[Language, dict[Sex, str]] = {
    "es": {"F": "La Sra.", "M": "El Sr."},
    "pt": {"F": "A Sra.", "M": "O Sr."},
    "en": {"F": "Ms.", "M": "Mr."},
}
_NO_REFERRING: dict[Language, str] = {
    "es": "guardia externa",
    "pt": "pronto atendimento",
    "en": "the emergency department",
}


def write_report(key: str, language: Language, facts: ReportFacts, *, html: bool) -> str:
    """Return a report's text. The same key and facts give the same text.

    With `html`, the text is what a report editor stores: paragraphs, a list, bold labels,
    `&nbsp;` and named entities; otherwise plain text whose lines end in a line feed.
    """
    rng = Random(f"report/{key}")
    phrases = _PHRASES[language]
    fields = _fields(rng, language, facts)
    found, impression, usual = _reading(rng, phrases, facts.subject)
    draft = _Draft(
        title=phrases.title,
        labels=phrases.labels,
        heading=tuple(line.format(**fields) for line in phrases.heading),
        history=rng.choice(phrases.history).format(**fields),
        technique=" ".join((phrases.technique, rng.choice(phrases.comparison))).format(**fields),
        findings=(*found, *usual),
        impression=impression,
        signature=phrases.signature.format(**fields),
    )
    return _as_html(draft) if html else _as_text(draft)


def _reading(
    rng: Random, phrases: _Phrases, subject: Subject
) -> tuple[tuple[str, ...], str, list[str]]:
    """Return findings, impression, and normal findings that do not contradict them."""
    if subject == "other":
        return (*rng.choice(phrases.other), [])
    found, impression = rng.choice(phrases.chest)
    clear = found == phrases.chest[0][0]
    return found, impression, rng.sample(phrases.normal if clear else phrases.normal[2:], 3)


@dataclass(frozen=True, slots=True)
class _Draft:
    title: str
    labels: tuple[str, str, str, str]
    heading: tuple[str, ...]
    history: str
    technique: str
    findings: tuple[str, ...]
    impression: str
    signature: str


def _fields(rng: Random, language: Language, facts: ReportFacts) -> dict[str, str]:
    patient = facts.patient
    day = facts.performed_at.date()
    return {
        "organization": facts.organization,
        "facility": facts.facility,
        "patient": patient.full_name,
        "family": patient.family,
        "honorific": _HONORIFICS[language][patient.sex],
        "document": patient.document,
        "record": patient.record_number,
        "born": _written(patient.birth_date, language),
        "age": str(patient.age_at(day)),
        "examination": facts.examination,
        "accession": facts.accession_number,
        "performed": _written(day, language),
        "previous": _written(day - timedelta(days=rng.randrange(40, 700)), language),
        "signed": f"{_written(facts.signed_at.date(), language)} {facts.signed_at:%H:%M}",
        "signer": facts.signer,
        "license": facts.license_number,
        "referring": facts.referring or _NO_REFERRING[language],
    }


def _written(day: date, language: Language) -> str:
    if language == "en":
        return f"{_ENGLISH_MONTHS[day.month - 1]} {day.day}, {day.year}"
    return f"{day:%d/%m/%Y}"


def _as_text(draft: _Draft) -> str:
    history, technique, findings, impression = draft.labels
    return "\n".join(
        (
            draft.title,
            "",
            *draft.heading,
            "",
            f"{history.upper()}: {draft.history}",
            f"{technique.upper()}: {draft.technique}",
            "",
            f"{findings.upper()}:",
            *(f"- {finding}" for finding in draft.findings),
            "",
            f"{impression.upper()}: {draft.impression}",
            "",
            draft.signature,
            "",
        )
    )


def _as_html(draft: _Draft) -> str:
    history, technique, findings, impression = map(_entities, draft.labels)
    heading = "<br>".join(map(_entities, draft.heading))
    items = "".join(f"<li>{_entities(finding)}</li>" for finding in draft.findings)
    return (
        f"<p><b>{_entities(draft.title)}</b></p>"
        f"<p>{heading}</p>"
        f"<p><b>{history}:</b>&nbsp;{_entities(draft.history)}</p>"
        f"<p><b>{technique}:</b>&nbsp;{_entities(draft.technique)}</p>"
        f"<p><b>{findings}:</b></p><ul>{items}</ul>"
        f"<p><b>{impression}:</b>&nbsp;{_entities(draft.impression)}</p>"
        f"<p>&nbsp;</p><p><i>{_entities(draft.signature)}</i></p>"
    )


def _entities(text: str) -> str:
    """Return text for HTML: accents and marks as named entities, wide gaps as `&nbsp;`."""
    return "".join(
        f"&{codepoint2name[ord(letter)]};" if ord(letter) in codepoint2name else letter
        for letter in text.replace("    ", " \N{NO-BREAK SPACE} ")
    )
