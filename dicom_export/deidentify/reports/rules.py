"""The rules of scrubbing, in one place: what says that a name follows, and the form of numbers.

Words are folded: no capitals, no accents (``folding``). Where a rule could hurt a clinical
sentence, the reason for its limits stands beside it. What is done with the rules: ``names`` and
``numbers``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dicom_export.deidentify.reports.folding import BARRIER
from dicom_export.deidentify.reports.types import Kind

RULES_VERSION = "9"
"""Changes with every change of a rule or of the lexicon: the export sends reports anew then."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _any(text: str) -> str:
    """Make a pattern of words or of patterns without blanks; the longest is tried first."""
    return f"(?:{'|'.join(sorted(text.split(), key=len, reverse=True))})"


def _phrases(text: str) -> str:
    """Make a pattern of phrases, which are parted by strokes; none may stand within a phrase."""
    phrases = [" ".join(phrase.split()) for phrase in text.split("|")]
    return f"(?:{'|'.join(sorted(phrases, key=len, reverse=True))})"


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, patterns))


# --------------------------------------------------------------------------------------------
# Names
# --------------------------------------------------------------------------------------------

PARTICLES = _words(
    """
    de del la las los da das do dos d di du e y i van von der den ter le san santa sant st saint
    mac mc al el bin ibn
    """
)
"""Words within a name that are no evidence of it."""

WORDS_OF_ONE_LETTER = frozenset("aeiouy")
ABBREVIATIONS = _words("ma fca jn sta sto fco st mc jr gral ing ste gpe hno hna fdez glez mtnez")
"""Within a name, a full stop behind one of these or behind an initial ends no sentence."""

NAME_ABBREVIATIONS = _words("ma fco fca jn gpe")
"""Given names cut short, which no other word is: before a known name they belong to it."""

SHORT_ROLES = _words("tm tr rt rx eu tec")
"""Between a title, a label or 'por' and a name, they are no part of it: 'Téc. Rx J. Serra'."""

RESIDENT = re.compile(r"(?<!\w)(?:m?r[1-5]|pgy[ -]?[1-7]|st[1-8])(?P<mark> ?: {0,4}| )(?=[^\W\d_])")
"""'R2: Dolores Gil', 'PGY-3: A. Long': labels that hold a digit."""

NICKNAME = re.compile(
    r"(?<!\w)(?:l[aeo]s? (?:conocen|llaman|dicen)(?: (?:como|por))?(?: el apodo(?: de)?)?|apodo de|"
    r"apodad[oa](?: como)?|apelidad[oa](?: (?:de|como))?|alias|goes by|nicknamed|"
    r"(?:likes|prefers) to be called|(?:paciente|pcte|pte|patient|pt) (?:es |e |is |also )?"
    r"(?:conocid[oa]|conhecid[oa]|llamad[oa]|chamad[oa]|known)(?: (?:como|as|de|por))?):?"
    r" (?:[\"'\u201c\u00ab(]{1,2})?(?=[^\W\d_])"
)
"""Before what a patient is called by those who know them: only people are spoken of like this."""

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

SUFFIXES = _words("sr jr")
"""Behind an English name they end it, unless another name follows: 'Small Sr., Frank'."""

ARTICLES = _words("el la al del o a ao do da the los las")

MOST_PARTICLES = 3
"""'María de los Ángeles', 'Juan de la Cruz y Paz'."""

TITLES: Mapping[str, Kind] = {
    **dict.fromkeys(
        _words(
            """
            dr dra drs dres doctor doctora doutor doutora prof profa profesor professor
            professora lic licda tec tecn tco tca tecnol enf enfa bach mag mgter msc sor
            """
        ),
        Kind.DOCTOR,
    ),
    **dict.fromkeys(
        _words(
            """
            sr sra srta sres senor senora senhor senhora don dona dna mr mrs ms mister mme
            """
        ),
        Kind.PERSON,
    ),
}
"""Before a name, with or without a full stop. 'Miss' is left out: it is a verb, too."""

LETTER_TITLES: Mapping[str, Kind] = {"tr": Kind.DOCTOR, "rt": Kind.DOCTOR, "d": Kind.PERSON}
"""Only in capitals before a capitalized name: 'TR Ana Ruiz'."""

_PATIENT = """
nombre del nino|nombre de la nina|nombre del bebe|nome da crianca|nome do bebe|childs name|
babys name|nome proprio|nombre propio|nombre de pila|apelido|apelidos|apellido paterno|
apellido materno|
primer apellido y segundo|segundo nombre|primer nombre|insured|insured name|px|nombre del px|
nombre del enfermo|enfermo|enferma|doente|nome do utente|nome do doente|
nome completo do paciente|apellido s y nombre s|apellidos nombres|apellido nombre|nombre s|
apellido s|nombre s y apellido s|nome s|menor|nombre del menor|lactente|client name|subject|
subject name|patient surname|patients name|patients full name|baby|child|
paciente|pacientes|pte|pcte|pac|paciente nombre|nombre del paciente|nombre de la paciente|
nome do paciente|nome da paciente|nombre paciente|nome paciente|patient|patients|patient name|
name of patient|pt|pt name|nombre|nombres|nome|name|nombre completo|nome completo|full name|
nombre y apellido|nombre y apellidos|nombres y apellidos|apellido y nombre|apellidos y nombres|
apellidos y nombre|apellido|apellidos|primer apellido|segundo apellido|nome e sobrenome|sobrenome|
surname|last name|first name|middle name|given name|given names|forename|forenames|family name|
nome social|usuario|usuaria|usuario a|utente|beneficiario|beneficiaria|afiliado|afiliada|
asegurado|segurado|member|examinee|persona atendida|pessoa examinada|persona examinada|examinado|
examinada|nombre social|re|ref|asunto|assunto|cliente|client|titular|identificacion del paciente|
datos del paciente
"""
_DOCTOR = """
postgrado|posgrado|docente|mit|tecnico actuante|tecnica actuante|medico actuante|
clinician|requesting clinician|referring clinician|spr|registrar|specialist registrar|sho|
requisitado|requisitada|emitido|leido|lido|
supervisor|supervisora|preceptor|firma electronica|firma digital|assinatura eletronica|
assinatura digital|responsable del informe|responsavel pelo laudo|responsavel pelo exame|
responsible for this report|reported by|authenticated|rpt|inf|visto|ordering md|referring md|
resp|responsable tecnico|responsavel tecnico|rad|tec|tca|tco|tec rx|tec rad|tecnico rx|sol|med|
med sol|medico sol|med solicitante|dr solicitante|dra solicitante|doctor solicitante|med tratante|
medico remitente|medico emisor|medico de cabecera|medico de guardia|medico interno|medico de sala|
medico ref|medico radiologo informante|medico especialista|medico executante|medico de familia|
profissional solicitante|profissional responsavel|profesional responsable|profesional actuante|
profesional informante|executante|executor|ejecutante|realizo|realizado|realizada|realizou|
executado|efectuo|efetuado|firma medico|firma del medico|firma y aclaracion|firma y sello|
aclaracion|sello|carimbo|assinatura e carimbo|nombre del medico|nome do medico|enfermera|
enfermero|enfermeira|enfermeiro|nurse|anesthetist|anesthesiologist|gp|general practitioner|
family doctor|family physician|consultant radiologist|reporting radiologist|reporting doctor|
reported|authorised|authorized|dictating physician|dictating radiologist|dictating|dictation|
transcriptionist|typist|author|autor|autora|signatory|signed off|electronically signed|
electronic signature|final signature|verifying|verifier|cosigned|cosigner|requester|requestor|
requested|ordered|referrer|radiology resident|fellow|radiographers|imaging technologist|
performed|performing technologist|performing physician|primer lector|segundo lector|
laudou|laudista|segunda lectura|segunda leitura|
medico|medica|medico solicitante|medica solicitante|medico tratante|medico derivante|
medico informante|medico que refiere|medico referente|medico responsable|medico responsavel|
medico laudador|medico assistente|medico radiologo|medico radiologista|solicitante|solicita|
solicito|solicitado|requisitante|peticionario|derivante|tratante|informante|responsable|
responsavel|profesional|profissional|profesional solicitante|radiologo|radiologa|radiologista|
radiologist|radiologo responsable|radiologista responsavel|responsible radiologist|
radiologo informante|tecnico|tecnica|tecnologo|tecnologa|tecnico em radiologia|tecnico radiologo|
tecnico operador|operador|operadora|tech|technologist|technician|operator|radiographer|
referring physician|referring doctor|referring provider|referring|ordering physician|
ordering provider|requesting physician|attending|attending physician|attending radiologist|
physician|provider|consultant|interpreting physician|interpreting radiologist|reading radiologist|
reading physician|primary care physician|pcp|firma|firmado|firmante|fdo|ass|assinado|assinatura|
signed|signature|informo|informado|laudo|laudado|dicto|dictado|ditado|dictated|transcripto|
transcrito|transcribio|transcribed|digitado|digitou|typed|reviso|revisado|revisou|reviewed|valido|
validado|validado electronicamente|validated|verificado|verified|autorizo|autorizado|autorizou|
approved|aprobado|aprobo|elaboro|elaborado|elaborou|prepared|conferiu|conferido|liberado|visado|
cc|con copia|copia|copia para|refiere|remite|remitido|enviado|doctor|doctora|dr|dra|dr a|
dr a informante|jefe de servicio|residente|resident|staff|cirujano|surgeon|anestesista|enviado a|
dirigido a|a|ao|to|attn|atencion|para|from
"""
_PERSON = """
family contact|contacto familiar|contato familiar|marido|mama|papa|mae e acompanhante|abuela|
abuelo|avo|grandmother|
grandfather|tia|tio|aunt|uncle|sobrina|sobrino|cuidador|cuidadora|carer|caregiver|vecina|vecino|
esposa e acompanhante|companheiro|companheira|pareja|partner|cunada|nuera|yerno|apoderado|
apoderada|persona responsable|pessoa responsavel|responsible person|emergency contact name|
madre|nombre de la madre|nome da mae|mae|mother|mothers name|padre|pai|father|nome do pai|conyuge|
esposo|esposa|hijo|hija|filho|filha|daughter|wife|husband|acompanante|acompanhante|companion|
familiar|familiar responsable|familiar responsavel|responsable legal|responsavel legal|guardian|
next of kin|contacto|contacto de emergencia|emergency contact|contato|retira|retirado|tutor|
representante|persona de contacto|pessoa de contato|autorizado a retirar|hermano|hermana|irmao|
irma|brother|sister|encargado|encargada
"""


def _labels() -> dict[tuple[str, ...], Kind]:
    groups = {Kind.PATIENT: _PATIENT, Kind.DOCTOR: _DOCTOR, Kind.PERSON: _PERSON}
    return {
        tuple(label.split()): kind
        for kind, labels in groups.items()
        for label in labels.replace("\n", "").split("|")
    }


LABELS = _labels()
"""Before a colon: what follows is a name, unless it is an ordinary word ('Paciente: masculino').
A label of five letters or more is known with one letter wrong, too, if nothing else is meant."""

WEAK_LABELS = _words(
    """
    a ao to para from re ref copia tecnica laudo contacto contato resp rad tec sol med tio tia mama
    papa sello carimbo subject menor realizado realizada performed dictation baby child partner
    inf visto rpt nombres s dictating px autor avo fellow verifying reported requested
    ordered
    """
)
"""These stand before other things as often: a name must be known or usual to be taken for one."""

LABELS_OF_TEXT = _words("tecnica laudo")
"""What is done or found stands behind these as often as a name: 'Técnica: Cortes axiales'."""

LONGEST_LABEL = max(map(len, LABELS))
SHORTEST_MISSPELT = 5

COMMA_LABELS = _words("son")
"""Before a comma, or where it begins: 'los hallazgos son: ...' is Spanish."""

BARE_LABELS: Mapping[str, Kind] = {
    **dict.fromkeys(
        _words(
            """
            paciente pte pcte pac patient pt beneficiario beneficiaria utente member usuario
            usuaria px enfermo enferma doente menor nino nina crianca lactente baby child
            """
        ),
        Kind.PATIENT,
    ),
    **dict.fromkeys(
        _words(
            """
            tecnologo tecnologa tecnico technologist radiographer supervisor preceptor
            cardiologo cardiologa cardiologista cardiologist neumologo neumologa pneumologista
            pulmonologist oncologo oncologa oncologista oncologist cirujano cirujana surgeon
            disparo registrar postgrado posgrado
            tratante solicitante derivante radiologo radiologa radiologista responsable
            responsavel radiologist colega colleague doctor
            """
        ),
        Kind.DOCTOR,
    ),
    **dict.fromkeys(
        _words(
            """
            marido conjuge conyuge spouse
            abuela abuelo grandmother grandfather tia tio aunt uncle sobrina sobrino cuidador
            cuidadora carer caregiver vecina vecino pareja partner companheiro companheira
            madre mae mother padre pai father hijo hija filho filha son daughter esposo
            esposa wife husband hermano hermana irmao irma brother sister acompanante
            acompanhante
            """
        ),
        Kind.PERSON,
    ),
}
"""The same without a colon ('la paciente María Ruiz'): only what is capitalized, or, where
capitals tell nothing, only known and usual names, since a sentence may go on behind them."""

MADE = _words(
    """
    firmado firmada informado informada informa laudado laudada dictado dictada ditado ditada
    dictated transcripto transcripta transcrito transcrita transcribed digitado digitada typed
    revisado revisada reviewed read interpreted solicitado solicitada solicita solicitados
    requested ordered referred referido referida derivado derivada derivados encaminhado
    encaminhada enviado enviada indicado indicada realizado realizada realizados realizadas
    performed obtenido obtenida obtenidas efectuado efectuada tomado tomada tomadas elaborado
    elaborada prepared validado validada validated verificado verified visado visto autorizado
    autorizada approved aprobado aprobada assinado assinada signed operado operada operated
    intervenido atendido atendida seguido seguida controlado controlada tratado tratada
    conferido liberado supervisado supervisada supervised evaluado evaluada examinado examinada
    views view films film exposure exposicion exposicao made taken feito feita feitas
    mastectomia lumpectomy surgery cirugia cirurgia pedido peticion request reportado reportada
    retirado retirada retira picked obtained cargo technique imaged authenticated hecho hecha
    operou informo revisto requisitado requisitada emitido emitida executado executada leido leida
    lido lida
    """
)
"""What people do to a patient or a report: with a 'by' behind it, somebody follows."""

MADE_BY = _words("por pelo pela by al ao up de")

TOLD = _words(
    """
    comentado comentada comenta discute discutido discutida discussed comunicado comunicada
    comunica comunicados communicated notified avisado avisada avisa aviso informado informed
    reviewed called call calls spoke copia copy agradezco agradeco thank saluda saludo hablado
    conversado hablo dirigido consensuado consulta interconsulta lectura leitura read visit
    vive mora lives convive entregado entregada entregue handed delivered given hable falei
    talked llamar
    revisto
    presentado presentada presented compartido revisado acordado coordinado
    sent relayed escalated faxed paged bleeped texted emailed
    """
)
"""What people say to others: with a 'to' or 'with' behind it, somebody follows."""

TOLD_TO = _words("con com with to a al ao on por pelo pela by")

DEED_ADVERBS = _words(
    """
    digitalmente electronicamente eletronicamente electronically digitally telefonicamente y e
    and en em conjunto together jointly junto mano maos over
    informado firmado assinado signed telefone phone por by via out la lo el the o
    """
)

CLOSINGS = _words("atte atentamente atenciosamente cordialmente sincerely regards saludos saluda")
"""Behind these, also on the next lines, stands who wrote the report."""

ROLES = _words(
    """
    md mbbs frcr franzcr ffrrcsi phd do dnp mbchb mrcp frcp fracr dabr facr bsc mph rn np crnp arrt
    tm imagenologo imagenologa imaginologista imagiologista emergencista emergentologo urgenciologo
    intensivista clinico clinica ginecologo ginecologa geriatra reumatologo reumatologa
    nefrologo nefrologa infectologo infectologa hematologo hematologa neurologo neurologa
    ortopedista urologo urologa gastroenterologo gastroenterologa endocrinologo endocrinologa
    dermatologo dermatologa psiquiatra anestesiologo anestesiologa anestesista cirurgia
    pulmonologist cardiologist oncologist surgeon pediatrician internist hospitalist
    intensivist nurse consultant registrar fellow radiographer enfermero enfermera enfermeiro
    enfermeira coordinador coordinadora coordenador coordenadora director directora diretor
    diretora jefe jefa chefe radiologo radiologa radiologista radiologist medico medica
    especialista specialist residente resident neumologo neumologa pneumologista cardiologo
    cardiologa pediatra cirujano cirujana cirurgiao traumatologo traumatologa oncologo oncologa
    internista tecnico tecnica tecnologo technologist attending membro miembro matricula crm mp
    mn cjp gmc npi licencia license colegiado rqe mat
    """
)
"""Behind a name and a comma, a stroke or a line's end, they say that it was one."""

KNOWN_AS = _words("conocido conocida conhecido conhecida known llamado llamada chamado chamada")
"""'Conocida como Clara', 'known as Ann': only before what is a name for certain."""

SAYS = _words("dice diz cuenta conta")
"""Where a sentence begins, also before a name: 'Dice Costa que...'."""

LABEL_ADJECTIVES = _words("principal legal responsable responsavel primary main in charge")
"""'Cuidador principal Juan Pérez'."""

YEARS_OF_RESIDENTS = _words("first second third fourth fifth")
"""'..., third-year resident'."""

QUOTED = _words(
    "relato relata refiere refere manifiesta comenta informa dice diz cuenta conta dichos"
)
ACCORDING = _words("segun segundo according conforme")
"""'Según relata X', 'segundo relato de X', 'according to X': what a known person said."""

PERSON_VERBS = _words(
    """
    had says said tells dice dijo diz disse cuenta refiere relata consulta acude niega queixa queja
    refere nega comenta concurre ingresa reside
    vive trabaja trabalha lives works
    reingresa manifiesta presents complains denies states reports describes attended underwent
    wishes
    """
)
"""Only people do this: 'Costa refiere...'. 'Presenta' is left out, since ribs present, too."""

EPONYM_NOUNS = _words(
    """
    signo signos sinal sign signs sindrome syndrome enfermedad doenca disease mal linea lineas
    linha linhas line lines hernia hernias triangulo triangle clasificacion classificacao
    classification indice index escala scale escore score puntaje tumor quiste cisto cyst angulo
    angle fractura fratura fracture nodulo node giba corcova hump maniobra manobra maneuver
    cateter catheter view vista proyeccion projecao projection esofago esophagus criterios
    criteria metodo method tecnica technique test prueba clavo nail tubo tube conducto duct
    ligamento foramen grade grado grau tetralogia tetralogy anomalia anomaly lymphoma linfoma
    lesion lesao procedimiento procedure operacion arteria agujero placa osteofito cells celulas
    area lobo espacio espaco sonda esternotomia
    """
)
"""'Enfermedad de Chagas', 'Baker cyst': with one of these beside it, a lone name is not of ours."""

# --------------------------------------------------------------------------------------------
# Numbers that stay
# --------------------------------------------------------------------------------------------

_ALONE = r"(?<![\w.,/-])(?<!\d:)"
_NUMBER = r"\d{1,5}(?:[.,]\d{1,3}){0,3}"
_UNIT = _any(
    """
    mmhg mm cm km mts? m cc ml dl l kg mg mcg ug ng pg gr g gy cgy mgy sv msv kvp? mas? hz khz
    mhz fr french hu uh bpm lpm rpm ppm mui miu ui iu mmol meq grados graus degrees deg c
    segundos? seconds? seg sec s minutos? minutes? min horas?(?!:?[^\\w]\\d) hours? hrs? hs?
    dias? days?
    semanas? weeks? wks? meses mes months? anos? years? yrs? plaquetas platelets leucocitos
    hematies copias copies celulas cells pixeles? pixels? dpi paquetes? packs? cigarrillos
    cigarros litros? latidos veces vezes times
    """
)
_PER = rf"/ ?{_any('mm[23]? ul ml l dl min campo hpf')}\b"
_MEASURED = rf"(?:%|°|\^|{_PER}|x ?10\b|{_UNIT}(?:[23^]|\b)(?!\w))"
_VERTEBRA = r"[ctdls]\d{1,2}"
_ORDINAL = f"{_any('° [oa]s? ro ra er do da to ta mo ma vo va no na th st nd rd')}?"
_TO = f"(?:,|-|/| ?{_any(', - y e a al and to through ate ao')} ?)"
_COUNTED = rf"\d{{1,2}}{_ORDINAL}(?:{_TO}\d{{1,2}}{_ORDINAL}){{0,6}}"
_BONE = _any(
    """
    costillas? costelas? ribs? arcos? costales costais costal vertebras? vertebrae cuerpos?
    dedos? metacarpianos? metatarsianos? fingers? toes? espacios? segmentos? segments? cortes?
    slices?
    """
)
_SCORE = _any(
    """
    (?:bi|lung|ti|pi|co|o|li)-?rads acr genant kellgren nyha asa eva glasgow gcs apgar brixia
    reid tss score escore escala puntaje puntuacion pain dolor severidad severidade severity
    grado grau grade tipo type estadio stage cobb (?:cie|cid|icd)-?10 cie cid icd indice index
    ratio relacion relacao ict ctr
    """
)
_OF_SCORE = _any(
    """
    de of do del no n the clase classe class grado grau grade tipo es is funcional densidad
    density cardiotoracico cardiotoracica cardiothoracic reid cobb genant brixia
    """
)
_PICTURE = _any(
    """
    imagen imagenes imagem image images serie series corte slice pagina page pag hoja folha
    ventana janela window matriz matrix fila placa
    """
)
_PART = _any(
    """
    de del da do of medio medios inferior inferiores superior superiores lower upper partes?
    proximal distal anterior posterior externos? internos?
    """
)

KEPT = _compiled(
    # Sizes, doses, times: '4,5 x 3,2 x 2,8 cm', '12/10/8 mm', '6-12 meses', '150.000/mm3'.
    rf"{_ALONE}{_NUMBER}(?: ?(?:x|\u00d7|por|by) ?{_NUMBER}){{1,3}}",
    rf"{_ALONE}{_NUMBER}(?:[/-]{_NUMBER}){{1,2}} ?{_MEASURED}",
    rf"{_ALONE}{_NUMBER} (?:-|a|to|y|e|o|ou|or) {_NUMBER} ?{_MEASURED}",
    rf"{_ALONE}{_NUMBER}(?: ?\+/?- ?{_NUMBER})? ?{_MEASURED}",
    rf"{_ALONE}\d{{4,7}} {_any('plaquetas platelets leucocitos leukocytes hematies copias copies')}"
    r"\b",
    rf"(?<![\w.,/])-?{_NUMBER}/-{_NUMBER}",
    # Vertebrae and segments: 'D12', 'L4-L5-S1', 'C3-4-5'.
    rf"\b{_VERTEBRA}(?:{_TO}[ctdls]?\d{{1,2}}){{0,5}}\b(?![./-]\d)",
    # Ribs, fingers, slices: the noun on either side of the numbers.
    rf"\b{_BONE}(?: [a-z]{{1,12}}){{0,3}} {_COUNTED}(?![./-]?\d)",
    rf"{_ALONE}{_COUNTED} {_BONE}\b",
    # Scores, stages, classes, codes of diseases.
    rf"\b{_SCORE}(?: {_OF_SCORE}){{0,3}}\W{{0,3}}[a-z]?\d{{1,4}}(?:[.,/:]\d{{1,4}})?[a-z]?\b"
    r"(?![./-]\d)",
    # Blood pressure, pictures, windows.
    rf"\b{_any('ta pas? bp tension presion pressao pressure')}(?: "
    rf"arterial)?\W{{0,3}}\d{{2,3}}/\d{{1,3}}"
    r"\b(?!/)",
    rf"\b(?!page \d{{4}}){_PICTURE}\W{{1,3}}\d{{1,4}}(?: ?[/-] ?-?\d{{1,4}})?\b(?![./-]\d)",
    # Parts of a field: '1/3 medio', '2/3 inferiores'.
    rf"{_ALONE}[1-9]/[2-9]\b(?![/.-]?\d)(?= {_PART}\b)",
)
"""Nothing but a known id, a whole date and an age over 89 is ever removed from within these."""

# --------------------------------------------------------------------------------------------
# Dates
# --------------------------------------------------------------------------------------------

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
_MONTH = _any(" ".join(MONTH_NUMBERS))
_FULL_MONTH = _any(" ".join(_FULL_MONTHS))
_WEEKDAYS = _any(
    """
    lunes martes miercoles jueves viernes sabado domingo
    (?:segunda|terca|quarta|quinta|sexta)(?:-feira)?
    (?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)? lun mie jue vie
    """
)
_WEEKDAY = rf"(?:{_WEEKDAYS}[.,]? )?"
WEEKDAYS = _words(
    "lunes martes miercoles jueves viernes sabado domingo segunda terca quarta quinta sexta"
)
_FULL_YEAR = r"(?:(?:19|20)\d\d|2[.,]0\d\d)"
_ANY_YEAR = rf"(?:{_FULL_YEAR}|'?\d\d(?! ?(?:anos?|years?|yrs?|y/o|a\.|mm|cm|%)))"
_OF = r"(?:(?:de|del|do|da|of|d') ?(?:(?:mes de|ano|the) )?)?"
_SUFFIX = r"(?:°|[oa]|ro|er|st|nd|rd|th)?"
_DAY_OF_NUMBER = r"(?:0?[1-9]|[12]\d|3[01])"
_NUMBER_WORD = _any(
    """
    primero primeiro uno um dos dois tres cuatro quatro cinco seis siete sete ocho oito nueve
    nove diez dez once onze doce doze trece treze catorce catorze quince quinze dieciseis
    dezesseis diecisiete dezessete dieciocho dezoito diecinueve dezenove veinte vinte treinta
    trinta veinti(?:un|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)
    """
)
_TENS = r"(?:cua|qua|cin|se|oc|oi|no)[a-z]{2,5}nta"
_CENTURY = _phrases("dos mil|dois mil|mil novecientos|mil novecentos")
_WRITTEN_YEAR = rf"{_CENTURY}(?: (?:y|e|{_NUMBER_WORD}|{_TENS})\b){{0,4}}"
_STROKE = r" ?[/.\-\u00b7] ?"
_BEFORE = r"(?<!\w)(?<!\d[.,/:-])"
_BEHIND = r"(?!\w)(?![/.,-]\d)"
_CLOCK = r"\d{1,2}[:.h]\d\d(?:[:.]\d\d(?:[.,]\d{1,6})?)?(?: ?(?:am|pm)\b)?"
_TIME = rf"(?:(?:,? {{1,2}}|t|,| - ){_CLOCK})?"
"""A time right behind a date makes a time stamp with it, and goes with it; others stay."""
_FULL_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_NO_MEASURE = r"(?![\w%])(?! ?[x%])(?![/.,-]\d)"

WHOLE_DATES = _compiled(
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
"""Dates that nothing else looks like: removed wherever they stand. A year alone stays."""

MONTH_WORD = re.compile(rf"(?<![a-z]){_MONTH}(?![a-z])")
DATES_WITH_MONTHS = frozenset(
    pattern
    for pattern in WHOLE_DATES
    if any(month in pattern.pattern for month in (_MONTH, _FULL_MONTH, "may"))
)
"""Those that need a month's name: most reports hold none, and are not searched for them."""

_STUDY = _any(
    """
    tc tac ct rx rm mri? xr cxr radiografia radiograph estudio estudo study exame examen exam
    control controle torax chest anterior anteriores previo previa previos previas prior previous
    """
)
_THINGS = _any(
    """
    cortes imagenes imagens images slices lesiones lesoes lesions segmentos segments nodulos nodules
    campos fields ganglios nodes espacios casos cases veces vezes times proyecciones views
    """
)
_NOT_COUNTED = rf"(?! ?{_UNIT}\b)(?! (?:de los |de las |of the |dos |das )?{_THINGS}\b)"
_COMPARED = (
    rf"(?:{_any('comparado comparada comparacion comparacao comparativo comparison compared')}|"
    rf"{_any('comparativa respecto relacao relacion since from prior previo previos previa')}|"
    rf"{_any('previas anterior anteriores desde hasta ate seen fum fur operado last')}|"
    rf"{_any('quimioterapia ver better than igual ultimo ultima control')}|"
    rf"{_any('coteja fell films? cf[.]? versus vs[.]? see')}|"
    rf"{_any('ecocardiograma placa quanto melhora mejoria alongside lobectomy comparar')}|"
    rf"{_any('operada chemo cabg pcr covid[+] placement presente evidentes medida tc tac ct')})"
    rf"(?:[ :(,]{{1,3}}(?:{_STUDY}|con|com|to|with|de|del|da|do|a|al|ao|el|en|em|on|nodule|of|"
    rf"que|than|films?|ct|cxr)"
    r"(?!\w)){0,6}[ :(,]{1,3}"
)
"""What speaks of an earlier study or of what was done then: here two numbers are a day or a month,
unless a measure follows."""

SHORT_DATES = _compiled(
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
"""Dates that a measurement may look like: removed unless they lie in a number that stays."""

# --------------------------------------------------------------------------------------------
# Contacts, addresses, ages
# --------------------------------------------------------------------------------------------

EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}(?: ?@ ?|\(at\)|\[at\])(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?![\w-])"
)
_PATH = r"[^\s<>\"\x00]"
URL = re.compile(
    rf"(?<!\w)(?:(?:https?|ftp)://|www\.){_PATH}{{1,2000}}|"
    rf"(?<![\w.@-])(?:[\w-]{{1,63}}\.){{1,4}}{_any('com org net edu gov gob gub med')}"
    rf"(?:\.[a-z]{{2}})?(?:/{_PATH}{{0,2000}})?(?![\w@])"
)

_PHONE = _any(
    """
    tels? telef telefonos? telefone fono fone phone ph cell? celular movil movel mobile whatsapp
    wsp wp fax pager beeper bleep busca tlfn? tfno contacto contato contact switchboard
    pbx pabx conmutador
    central.telefonica
    """
)
_EXTENSION_WORD = _any(
    "x ext[.]? extn[.]? extension int[.]? interno ramal ramais anexo anx[.]? extensao loc[.]? local"
)
_SOME_EXTENSION = (
    rf"(?:[ ,/(-]{{0,3}}{_EXTENSION_WORD}:? ?\d{{1,6}}|[ ,]{{1,2}}r\. ?\d{{1,4}}|"
    rf" al \d\d(?![\w%])(?! ?(?:de|del|mm|cm)\b)|/\d{{2,4}}(?![/\d]))"
)
_EXTENSION = f"{_SOME_EXTENSION}?"
_GROUP_ALONE = r"(?<![\w.,/+-])"

_OF_WHOM = r"(?:de la|de|del|da|do|of the|of) [a-z]{3,12}"

EXTENSIONS = _compiled(
    # 'tel. anexo 452', 'Ph: loc. 0729', 'tel. R: 1984': however short.
    rf"(?<!\w){_PHONE}\b[.: \t]{{0,4}}(?:{_EXTENSION_WORD}|r|bleep|busca|pager)[.: ]{{1,3}}"
    r"(?P<value>\d[\d/-]{1,8}\d)(?!\w)",
    r"(?<!\w)(?:ext|extn|extension|anexo|ramal)[.:]{0,2} ?(?P<value>\d-\d{4})(?!\w)(?!-)",
)

CALLED_NUMBER = re.compile(
    rf"(?<!\w){_any('llamar? llame llamo llamando call called calling ligar ligou turno')}"
    r"(?: [a-z]{1,12}){0,2} (?:al|a|at|no|para o|pelo|on|numero) "
    r"(?P<value>\(?\d[\d() .-]{4,20}\d)(?!\w)(?![/.,-]\d)"
)
"""'Se llama al 57 31 21 41', 'pedir turno al (57-1) 274 3087': six digits or more."""

DIGITS_OF_A_CALLED_NUMBER = 6

LABELLED_PHONE = re.compile(
    rf"\b{_PHONE}\b(?:\.? {_OF_WHOM})?(?:[.: \t]|n[o°]\.?|numero|number|al|ao|to|em|at|/|\(){{0,6}}"
    rf"(?P<value>\+?\(?\d[\d() ./-]{{2,22}}\d{_EXTENSION})(?!\w)"
)
"""Behind a word for it, any number of four digits or more."""

INTERNATIONAL_PHONE = re.compile(
    rf"(?<![\w+])(?<!\d[ .-])(?<!\) )(?:\+ ?|\(\+ ?|00(?=[1-9]))\d{{1,3}}\)?[ .-]?"
    rf"\(?\d[\d() .-]{{5,20}}\d{_EXTENSION}(?!\w)"
)
"""+598 99 123 456, (+34) 912 34 56 78, 0044 20 7946 0958; a line may end within."""

DIGITS_OF_AN_INTERNATIONAL_PHONE = 8

PHONES = _compiled(
    # (011) 4567-8901; 11 98765-4321; 555-123-4567; 0800 1234; x1234.
    rf"(?<!\w)(?:\d[ .-])?\((?:0xx)?\d{{2,5}}\) ?\d[\d .-]{{5,13}}\d{_EXTENSION}(?!\w)",
    rf"{_GROUP_ALONE}(?:\d{{1,4}}[ .-])?(?:\d{{1,3}}[ .-])?\d{{3,5}}[.-]\d{{4}}{_EXTENSION}"
    r"(?![\w/-])(?![.,]\d)",
    rf"{_GROUP_ALONE}0 ?[89]00[ -]?\d{{3,4}}(?:[ -]?\d{{2,4}})?(?!\w)",
    rf"{_GROUP_ALONE}[01][ -]\d{{3}}[ -]\d{{3}}[ -]\d{{4}}(?!\w)",
    rf"{_GROUP_ALONE}(?<![\d)] )x\d{{4,6}}(?!\w)",
    # With an extension it is a phone, and so is an extension alone: 'ramal 4521', 'ext. 4512'.
    rf"{_GROUP_ALONE}\d{{6,12}}{_SOME_EXTENSION}(?!\w)",
    rf"\b{_any('ext extn extension interno int ramal ramais anexo anx extensao loc page')}"
    r"[.:]{0,2} ?\d{4,6}(?!\w)",
)

GROUPED_PHONE = re.compile(
    rf"{_GROUP_ALONE}(?:\(\d{{1,5}}\)[ -]?)?\d{{1,9}}(?:[ -]{{1,2}}\d{{1,9}}){{1,6}}+{_EXTENSION}"
    rf"(?![\w/])(?![.,]\d)|{_GROUP_ALONE}\d{{1,5}}(?:\.\d{{2,5}}){{1,4}}(?![\w/-])(?![.,]\d)"
)
"""Any digits in groups ('099 123 456', '11 9 9999 9999'): removed where there are as many as a
phone has, and as long groups as a row of measurements has not."""

PHONE_BEHIND_NAME = re.compile(
    rf"(?<={BARRIER})[ ,(]{{1,2}}(?P<value>\d{{3}}[ -]\d{{4}})(?!\w)(?![.,/-]\d)"
)
"""'Contact: [PERSON] 375 7687': read when the name is gone."""

DIGITS_OF_A_GROUPED_PHONE = range(8, 22)
LONG_GROUP = 3
"""One longer group than this, or two of it, make the difference."""
PAIRED_PHONE = re.compile(
    r"(?:[6-9]\d\d[ -]\d\d[ -]\d\d[ -]\d\d|\d\d[ -]\d\d\d[ -]\d\d[ -]\d\d|0\d(?:[ -]\d\d){4})"
)
"""'607 64 38 78', '91 234 56 78', '06 12 34 56 78'."""

NO_PHONE = re.compile(r"(?:19|20)\d\d[ -](?:19|20)\d\d|\d{1,3}[.,]\d{3,4}")
"""Years from to, and numbers with a point."""

_STREET = _any(
    """
    avenida avda av calle cll bulevar boulevard bvar bv blvd pasaje psje pje camino cno
    carretera carrera diagonal transversal ruta rua alameda travessa estrada rodovia praca plaza
    pza vereda viaducto viaduto ronda paseo calzada glorieta vial cuesta esplanada ladeira
    jardim rambla quadra circuito cerrada privada prolongacion periferico andador callejon
    retorno urbanizacion viela beco setor conjunto sitio trevo chacara colonia condominio fazenda
    loteamento morro parque residencial vila estacao favela trecho recanto alameda
    """
)
_STREET_CUT = _any("ctra av avda cll bvar bv blvd psje pje cno pza")
"""Behind these a full stop ends no sentence."""
_STREET_BEHIND = _any(
    """
    street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl way square sq
    terrace parkway pkwy circle highway hwy close crescent trail trl pike turnpike ridge vista cove
    creek crossing landing grove glen knoll knolls heights meadows springs gateway underpass mews
    manor gardens
    """
)
_DOOR = _any(
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

STREETS = _compiled(
    # Street, name, number, door: 'Av. Italia 2345 apto. 3', 'Rua das Flores, 12'.
    rf"(?<!\w)(?:{_STREET}|{_STREET_CUT}\.) (?P<name>(?:{_STREET_WORD}){{1,8}}+),? ?{_HOUSE}"
    rf"(?:,? ?(?:- ?)?{_DOOR}\b\.? ?\w{{1,6}}){{0,4}}",
    # Numbered streets of Colombia and La Plata: 'Calle 92U # 2-30', 'Calle 50 N° 1234'.
    rf"(?<!\w){_any('calle carrera cra cll cl kr transversal diagonal avenida av')}\.? \d{{1,3}} ?"
    rf"[a-z]{{0,2}}{_COMPASS} ?(?:#|n[o°]\.?|no\.|con) ?\d{{1,4}} ?[a-z]?(?: ?- "
    rf"?\d{{1,3}})?{_COMPASS}"
    r"(?!\w)",
    # 'Mz. D Lt. 66', 'Blk 5 Lot 12', 'Qd. 7 Lt. 3'.
    rf"(?<!\w){_any('mz manzana blk block qd quadra')}\.? ?[a-z0-9]{{1,3}},? "
    rf"{_any('lt lote lot casa')}\.? ?[a-z0-9]{{1,3}}(?!\w)",
    # Number, name, street: '12 Oak Tree Road, Apt 4'.
    rf"(?<![\w.,/-])\d{{1,6}} (?P<name>(?:[a-z']{{2,20}}+ ){{1,4}}){_STREET_BEHIND}\b"
    r"(?:[.,]{0,2} (?:apt|suite|ste|unit|floor|#)\.? ?\w{1,5})?",
    # A Brazilian postal code.
    rf"{_ALONE}\d{{5}}-\d{{3}}(?![\w-])",
)
"""The words of the name must look like a name: capitalized or, where capitals tell nothing, not all
ordinary; 'camino a 3 cm de la carina' is no address."""

_HOME = _phrases(
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

_TOWN = _any(
    "localidad localidade ciudad cidade city municipio comuna barrio bairro provincia distrito "
    "town county"
)
PLACES_OF_LIVING = re.compile(
    rf"(?<!\w){_TOWN}(?: ?/ ?[a-z]{{3,12}})? ?:[ \t]?(?P<value>[^\W\d_][^\n\t\x00:;,.()]{{1,40}}?)"
    r"(?= ?(?:[\n\t\x00:;,.()]|$| {2}| - )| (?:tel|cp|cep|dni|edad|idade|fecha|data|pais)\b)"
)
"""Where somebody lives, behind its label."""

_POSTAL = _phrases(r"cp|c\.p\.|cep|codigo postal|cod\.? postal|zip(?: code)?|postcode|postal code")
POSTAL_CODES = re.compile(
    rf"(?<!\w){_POSTAL} ?:?[ \t]?"
    r"(?P<value>[a-z]{0,2}\d[\da-z]{1,5}(?:[ -]\d[\da-z]{1,3})?)(?!\w)"
)

_NINETY = r"(?:9\d|1[0-2]\d)"
_ONES = _any(
    """
    un[oa]? uma? dos dois duas tres cuatro quatro cinco seis siete sete ocho oito nueve nove one
    two three four five six seven eight nine
    """
)
AGES = _compiled(
    rf"{_ALONE}(?P<value>{_NINETY})[ -]?(?=(?:anos?|years?|yrs?|y/o|yo|year-old)\b)",
    rf"\((?P<value>{_NINETY}) ?(?:a\.?|y\.?|yo)\)",
    r"\b(?:edad|idade|age|aged)(?: de| of| actual)?(?: ?[:=.][ \t]{0,2}|[ \t])"
    rf"(?P<value>{_NINETY})(?![\w.,/%]\d|\d|%)",
    r"(?<!\w)(?P<value>(?:noventa|ninety|cento|ciento|cien|centenari[oa])"
    rf"(?:(?: y | e |-| ){_ONES})?)(?=[ -](?:anos?|years?))",
)
"""Ages of 90 and more are one group (HIPAA, 45 CFR 164.514(b)(2)(i)(C)); younger ones stay."""

# --------------------------------------------------------------------------------------------
# Documents, records, licences
# --------------------------------------------------------------------------------------------

_ID = _phrases(
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

_DOCUMENT_TYPE = _any("cc ce ti rc pp le lc os")
"""'Identificación: CC 12.345.678', 'Pedido: OS 123456'."""

LABELLED_ID = re.compile(
    rf"\b{_ID}\b{_NUMBER_SIGN}(?P<value>(?:[a-z]{{1,4}}[.-]?|[a-mp-z] |{_DOCUMENT_TYPE} |"
    rf"(?<=: )(?!{_ID}\b)[a-z]{{3,8}} (?=\d{{6}}))?\d"
    r"[a-z0-9]{0,30}+(?:[ ./-]\d[a-z0-9]{0,30}+|[./-][a-z0-9]{1,30}+){0,6}+"
    r"(?: [a-z]{2}\d| ssp(?:[/-][a-z]{2})?| [/-] [\dk](?!\w)| [a-z](?=[,;)\n]|$))?)(?!\w)"
)
"""Behind a word for it: anything with digits, with strokes, points or blanks within."""

DIGITS_BEHIND_A_LABEL = 4
"""'Estudio 2', 'acceso 5 Fr' and 'ingreso 2018' stay."""
DIGITS_OF_NO_MEASURE = 7
"""Behind a label so many are no measurement: 'CI 2.282.649 - 45 años'."""
DIGITS_BEHIND_A_COLON = 2
"""'HC: 45', 'Registro N° 45'."""

IDS = _compiled(
    # UIDs and UUIDs.
    r"(?<![\w.])\d{1,10}(?:\.\d{1,40}){4,30}(?![\w.]\d)",
    r"(?<!\w)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?!\w)",
    # Grouped, with or without a check digit: CI, DNI, RUT, CPF, CNPJ, SSN.
    rf"{_ALONE}(?:[a-z]{{1,2}}-)?\d{{1,3}}(?:\.\d{{3}}){{2,3}}(?:/\d{{4}})?(?:-[\dk]{{1,2}})?"
    r"(?![\w/-])(?![.,]\d)",
    rf"{_ALONE}\d{{1,3}}(?: \d{{3}}){{2}}-[\dk](?![\w/-])",
    rf"{_ALONE}\d{{1,3}}(?:\.\d{{3}}){{2}} - [\dk](?![\w/-])",
    rf"{_ALONE}\d{{3}}[ -]\d{{2}}[ -]\d{{4}}(?![\w/-])",
    # Of a report: 'Informe N° 1234.567', 'Report no. OS 541978'.
    rf"\b(?:n[o°]\.?|nro\.?|num\.?|numero|number) (?:del?|do|of) "
    rf"{_any('informe laudo report relatorio examen exame exam estudio')}[: ]{{1,2}}"
    r"(?P<value>\d[\d./-]{2,20}\d)(?!\w)",
    rf"\b{_any('informe laudo report relatorio examen exame exam placa')} "
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
"""What may be the number of some file: removed where it has as many digits as those have."""

DIGITS_OF_A_CODE = 5
"""With letters or strokes in it: 'HC-12345'. No measurement has so many outside of KEPT."""
DIGITS_OF_A_NUMBER = 6
"""Of digits alone: '123456'."""

NO_CODE = re.compile(
    r"\d{1,3}(?:[.,]\d{3})?(?:[.,]\d+)?|\d+[.,]\d{1,3}|\d+x\d+(?:x\d+)?|"
    r"(?:19|20)\d\d[-/](?:(?:19|20)?\d\d)|\d{1,5}[/-]\d{1,4}|1:\d+"
)
"""Numbers, sizes of pictures, years from to."""

_LICENCE = _phrases(
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
"""The number alone goes; the word before it, and the state behind it, stay."""

LICENCE_BEHIND_NAME = re.compile(
    rf"(?<={BARRIER})(?: ?[(-]? ?|[ .,\n-]{{1,4}}(?:[a-z]{{1,14}}[./:\n ]{{1,3}}){{1,4}})"
    r"(?!(?:19|20)\d\d\b)(?P<value>\d{4,7}(?:[/-]\d{1,2})?)(?=\)|\n| -|\.?$)"
)
"""'Responsable: [DOCTOR] (12345)', '[DOCTOR]\nReg. Nac. 12345': read when the name is gone."""

DIGITS_OF_A_LICENCE = 4
DIGITS_OF_A_SHORT_LICENCE = 5
"""Behind letters that mean other things, too: RM is an examination, 'col.' a colon."""

# --------------------------------------------------------------------------------------------
# Places
# --------------------------------------------------------------------------------------------

FACILITY_WORDS = _words(
    """
    hospital clinica sanatorio policlinica policlinico policlinicas instituto institute
    maternidad maternidade centro center centre clinic imaging radiology imagem imagenes
    diagnostico diagnosticos laboratorio laboratorios fundacion fundacao santa casa saude sede
    sucursal unidad unidade filial anexo annex campus posto puesto medical infirmary hospice
    associates regional municipal general
    """
)
FACILITY_HEADS = _words(
    """
    hospital sanatorio policlinica policlinico clinica instituto maternidad maternidade
    """
)
"""Before capitalized words that are no ordinary ones: 'Hospital San Roque'."""
FACILITY_TAILS = _words("hospital clinic infirmary hospice")
"""Behind such words in English: 'St. Brendan Hospital'."""
