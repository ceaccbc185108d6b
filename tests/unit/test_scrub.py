"""Sentences, and what is left of them: one for every rule, in three languages."""

from __future__ import annotations

from datetime import date

import pytest

from dicom_export.deidentify.files.rules import vocabulary
from dicom_export.deidentify.reports import Directory, Kind, KnownIdentifiers, Person, Scrubber
from dicom_export.deidentify.reports.lexicon import is_ordinary

NOBODY = Scrubber(KnownIdentifiers())


def scrub_for(
    *patient_names: str, doctors: tuple[str, ...] = (), staff: tuple[str, ...] = ()
) -> Scrubber:
    known = KnownIdentifiers(
        patient_names=patient_names,
        doctors=tuple(Person(name, f"DOCTOR-{number:04d}") for number, name in enumerate(doctors)),
    )
    directory = Directory([Person(name, f"DOCTOR-S{n:03d}") for n, name in enumerate(staff)])
    return Scrubber(known, directory)


# ---- Known people


@pytest.mark.parametrize(
    "written",
    [
        "María Eugenia Lavalleja Núñez",
        "MARIA EUGENIA LAVALLEJA NUNEZ",
        "LAVALLEJA NÚÑEZ, MARÍA EUGENIA",
        "Lavalleja, María",
        "lavalleja maria eugenia",
        "M. E. Lavalleja",
        "Lavalleja-Núñez, M.E",
        "Lavalleja",
        "NUNEZ",
        "LAVALLEJA^MARIA^EUGENIA",
        "L A V A L L E J A",
        "Lavallejanúñez",
        "Lavaleja Núñez",
        "María de los Ángeles Lavalleja",
        "Lavalleja y Núñez",
        "María\nLavalleja",
        "LAVALLEJANUNEZMARIAEUGENIA",
        "mariaeugenialavallejanunez",
        "LavallejaMaria",
        "Lavalleja_Nunez_Maria",
    ],
)
@pytest.mark.parametrize("before", ["Control de {}.", "consulta {}, de 40 años", "{}"])
def test_a_known_patient_is_found_however_written(before: str, written: str) -> None:
    scrubber = scrub_for("LAVALLEJA NUNEZ^MARIA EUGENIA")
    assert scrubber.scrub(before.format(written)).text == before.format("[PATIENT]")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("DE LA CRUZ^JUAN", "Juan de la Cruz"),
        ("DE LA CRUZ^JUAN", "DE LA CRUZ, JUAN"),
        ("DE LOS SANTOS PAZ^ANA", "Ana de los Santos y Paz"),
        ("SILVA DOS SANTOS^JOAO", "João da Silva dos Santos"),
        ("O'DWYER^LIAM", "Liam O\u2019Dwyer"),
        ("O'DWYER^LIAM", "Liam ODwyer"),
        ("O'DWYER^LIAM", "O Dwyer, Liam"),
        ("GARCIA-LOPEZ^ANA", "Ana García López"),
        ("GARCIA LOPEZ^ANA", "Ana García-López"),
        ("GARCIA LOPEZ^ANA", "Ana GarcíaLópez"),
        ("GARCIA DOLORES^MARIA", "GARCÍA DOLORES, María de los Ángeles"),
        ("YAMADA^TARO=山田^太郎", "Taro Yamada"),
        ("PEREZ^JUAN", "Juan Carlos Pérez"),
        ("PEREZ^JUAN", "PÉREZ RODRÍGUEZ, Juan Carlos"),
    ],
)
def test_particles_apostrophes_and_hyphens(name: str, written: str) -> None:
    assert scrub_for(name).scrub(f"Viene {written}, con tos.").text == "Viene [PATIENT], con tos."


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        # Clinical words stay ...
        ("COSTA^MARIA", "Arco costal y costa esquerda íntegra.", None),
        ("COSTA^MARIA", "COSTA ESQUERDA ÍNTEGRA.", None),
        ("GARCIA^DOLORES", "Dolores torácicos. Refiere dolores costales.", None),
        ("GARCIA^DOLORES", "DOLORES TORÁCICOS. REFIERE DOLORES COSTALES.", None),
        ("GARCIA^PILAR", "Pilar diafragmático derecho prominente.", None),
        ("CAMPOS^ANA", "Campos pulmonares libres. CAMPOS PULMONARES LIBRES.", None),
        ("CAMPOS CLAROS^ANA", "Se ven campos claros en ambos vértices.", None),
        ("BLANCO^LUIS", "Pulmón blanco. Sustancia blanca.", None),
        ("CRUZ^LUZ", "Luz traqueal. Vasos en cruz.", None),
        ("VERTIZ^JUAN", "Vértice derecho; vértices libres.", None),
        ("BRANCO^JOSE", "Pulmão branco à direita.", None),
        ("DORES^MARIA", "Dores torácicas.", None),
        ("WHITE^ANN", "White matter; white-out of the lung.", None),
        ("SHARP^TOM", "Sharp costophrenic angles.", None),
        ("CHAGAS^JOSE", "Doença de Chagas com megaesôfago.", None),
        ("BAKER^TOM", "Baker cyst. Known Barrett esophagus.", None),
        ("HODGKIN^TOM", "Consider Hodgkin lymphoma.", None),
        ("PEREZ^EVA", "Dolor EVA 8/10.", None),
        ("KERLEY^TOM", "Líneas B de Kerley. Kerley B lines.", None),
        # ... and names go.
        ("COSTA^MARIA", "Sra. Maria Costa con dolor costal", "Sra. [PATIENT] con dolor costal"),
        (
            "COSTA^MARIA",
            "SRA. COSTA, DOLOR EN COSTA DERECHA",
            "SRA. [PATIENT], DOLOR EN COSTA DERECHA",
        ),
        ("COSTA^MARIA", "Costa refiere tos.", "[PATIENT] refiere tos."),
        ("COSTA^MARIA", "PACIENTE: COSTA, MARIA", "PACIENTE: [PATIENT]"),
        ("COSTA^MARIA", "Se trata de Costa, de 40 años.", "Se trata de [PATIENT], de 40 años."),
        ("COSTA^MARIA", "M. Costa, tos", "[PATIENT], tos"),
        ("COSTA^MARIA", "A Costa se le colocó un tubo", "A [PATIENT] se le colocó un tubo"),
        ("MILLER^CARL", "temperature 38.5 c. miller score of 3", None),
        ("COSTA^MARIA", "MOTIVO: COSTA, 34 AÑOS, EPOC", "MOTIVO: [PATIENT], 34 AÑOS, EPOC"),
        ("GARCIA^DOLORES", "Se llama a Dolores García", "Se llama a [PATIENT]"),
        ("GARCIA^DOLORES", "DOLORES GARCIA CON DOLORES", "[PATIENT] CON DOLORES"),
        ("CAMPOS^PILAR", "Pilar Campos: campos libres", "[PATIENT]: campos libres"),
        ("BLANCO^LUIS", "El Sr. Blanco, pulmón blanco", "El Sr. [PATIENT], pulmón blanco"),
        ("SHARP^TOM", "Sharp reports pain. Mr. Sharp.", "[PATIENT] reports pain. Mr. [PATIENT]."),
        ("CHAGAS^JOSE", "Sr. Chagas, doença de Chagas", "Sr. [PATIENT], doença de Chagas"),
    ],
)
def test_names_that_are_words_of_radiology(name: str, text: str, left: str | None) -> None:
    assert scrub_for(name).scrub(text).text == (left or text)


def test_a_name_in_one_word_is_a_name_however_it_ends() -> None:
    """'-ose' ends words of medicine."""
    scrubber = scrub_for("OLIVERA^MARIA JOSE")
    assert scrubber.scrub("Ver OLIVERAMARIAJOSE.").text == "Ver [PATIENT]."
    assert scrubber.scrub("copia en mariaolivera_2.pdf").text == "copia en [PATIENT]_2.pdf"


def test_letters_that_an_old_interface_garbled() -> None:
    scrubber = scrub_for("GIMENEZ NUNEZ^ANGEL")
    for encoding in ("latin-1", "cp1252"):
        garbled = "Giménez Ñúñez".encode().decode(encoding)
        assert scrubber.scrub(f"Control de {garbled}.").text == "Control de [PATIENT]."
    assert scrubber.scrub("Ã\ufffdngel Gimenez, 30 aÃ±os").text == "[PATIENT], 30 aÃ±os"
    assert scrubber.scrub("NÃO HÁ LESÃO").text == "NÃO HÁ LESÃO"


def test_a_particle_that_is_somebodys_whole_surname() -> None:
    scrubber = scrub_for("LE^KYLIE", doctors=("Van Minh Le",))
    assert scrubber.scrub("Mrs. Le, cough").text == "Mrs. [PATIENT], cough"
    assert scrubber.scrub("Se le indica control").text == "Se le indica control"


def test_the_patient_as_one_who_returns() -> None:
    scrubber = scrub_for("WARD^HOPE")
    assert scrubber.scrub("Hope will return on Monday").text == "[PATIENT] will return on Monday"
    assert scrubber.scrub("Hope to repeat at full inspiration").text.startswith("Hope to")


def test_a_known_word_that_was_left_is_counted_for_review() -> None:
    assert scrub_for("COSTA^MARIA").scrub("Costa esquerda íntegra.").review == 1
    assert scrub_for("LAVALLEJA^MARIA").scrub("Costa esquerda íntegra.").review == 0


@pytest.mark.parametrize(
    "name", ["RX^TORAX", "PACIENTE^PRUEBA", "TEST", "CONTROL DE CALIDAD", "^^", ""]
)
def test_what_is_no_name_removes_nothing(name: str) -> None:
    text = "Rx de tórax de control. Paciente en decúbito. Test negativo."
    assert scrub_for(name).scrub(text).text == text


# ---- Doctors


def test_doctors_appear_by_their_pseudonyms() -> None:
    scrubber = scrub_for(
        "LAVALLEJA^ANA",
        doctors=("Lucía Berrondo", "Gonzalo Etcheverry"),
        staff=("Noemí Zubillaga",),
    )
    text = (
        "Dra. Lucía Berrondo\nDR. ETCHEVERRY\nBERRONDO, LUCIA\nL. Berrondo\nZubillaga, N.\n"
        "Dr. Juan Pérez\n"
        "Etcheverri"
    )
    assert scrubber.scrub(text).text == (
        "Dra. [DOCTOR-0000]\nDR. [DOCTOR-0001]\n[DOCTOR-0000]\n[DOCTOR-0000]\n[DOCTOR-S000].\n"
        "Dr. [DOCTOR]\n"
        "[DOCTOR-0001]"
    )


def test_a_name_of_two_people_has_no_pseudonym() -> None:
    scrubber = scrub_for(doctors=("Ana Zubillaga", "Luis Zubillaga"))
    assert (
        scrubber.scrub("Dr. Zubillaga. Dra. Ana Zubillaga").text
        == "Dr. [DOCTOR]. Dra. [DOCTOR-0000]"
    )


def test_titles_tell_doctors_from_patients_of_the_same_name() -> None:
    scrubber = scrub_for("ITURRALDE^ANA", doctors=("Luis Iturralde",))
    text = "Sra. Iturralde, vista por Dr. Iturralde. Ana Iturralde. Luis Iturralde."
    assert scrubber.scrub(text).text == (
        "Sra. [PATIENT], vista por Dr. [DOCTOR-0000]. [PATIENT]. [DOCTOR-0000]."
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Solicitado por Dr. Juan Pérez a las 10:45", "Solicitado por Dr. [DOCTOR] a las 10:45"),
        ("Dr. Smith at 10:45", "Dr. [DOCTOR] at 10:45"),
        ("DR. JUAN PEREZ SOLICITA CONTROL", "DR. [DOCTOR] SOLICITA CONTROL"),
        ("Dr(a). Ana Ruiz", "Dr(a). [DOCTOR]"),
        ("Dra Luz Blanco informa", "Dra [DOCTOR] informa"),
        ("Drª. Conceição Leite", "Drª. [DOCTOR]"),
        ("Lic. Ana Gómez; Téc. J. R. Díaz", "Lic. [DOCTOR]; Téc. [DOCTOR]"),
        ("Sr. Rodríguez, Mrs. O'Brien, Dona Maria", "Sr. [PERSON], Mrs. [PERSON], Dona [PERSON]"),
        ("Sr./Sra. Aguirre", "Sr./Sra. [PERSON]"),
        ("Médico tratante: Juan Pérez", "Médico tratante: [DOCTOR]"),
        ("Medico Solicitnte: Juan Pérez", "Medico Solicitnte: [DOCTOR]"),
        ("Referring physician: JOHN H. WATSON", "Referring physician: [DOCTOR]"),
        ("Paciente: PEREZ GOMEZ, JUAN  Edad: 45", "Paciente: [PATIENT]  Edad: 45"),
        ("Paceinte: Zoilo Quiñónez", "Paceinte: [PATIENT]"),
        ("Nome do paciente:\tJOÃO DA SILVA", "Nome do paciente:\t[PATIENT]"),
        ("Apellidos: Roca Caballero\nNombre: Ana", "Apellidos: [PATIENT]\nNombre: [PATIENT]"),
        ("PATIENT NAME: DOE, JANE MARIE", "PATIENT NAME: [PATIENT]"),
        ("Paciente: J.M.R.", "Paciente: [PATIENT]."),
        ("la paciente Zulma Ortiz refiere", "la paciente [PATIENT] refiere"),
        ("Firmado digitalmente por Ana Ruiz", "Firmado digitalmente por [DOCTOR]"),
        (
            "Laudo assinado eletronicamente por Rui Barbosa",
            "Laudo assinado eletronicamente por [DOCTOR]",
        ),
        ("Electronically signed by Ann Jones on", "Electronically signed by [DOCTOR] on"),
        ("INFORMADO POR ANA RUIZ.", "INFORMADO POR [DOCTOR]."),
        ("Se comenta con Andrés Ibarra.", "Se comenta con [DOCTOR]."),
        ("Comentado con Costa.", "Comentado con [DOCTOR]."),
        ("Atte.\nAna Ruiz Díaz\nMP 12345", "Atte.\n[DOCTOR]\nMP [LICENCE]"),
        ("Sincerely,\n\nJohn Watson, MD", "Sincerely,\n\n[DOCTOR], MD"),
        ("Ana Ruiz Díaz\nMédica Radióloga", "[DOCTOR]\nMédica Radióloga"),
        ("I, John Watson, have reviewed", "I, [DOCTOR], have reviewed"),
        ("su madre, Ana Ruiz, tel", "su madre, [PERSON], tel"),
        ("Acompañante: Ana Ruiz", "Acompañante: [PERSON]"),
        ("Vino con Juan Carlos Pérez ayer", "Vino con [PERSON] ayer"),
        ("Según relata Zulma Ortiz, cayó", "Según relata [PERSON], cayó"),
        ("According to Zulma Ortiz, she fell", "According to [PERSON], she fell"),
        ("obtenidas por TR Zoilo Quiñónez", "obtenidas por TR [DOCTOR]"),
        ("made 6.9.2015 by RT Ann Jones.", "made [DATE] by RT [DOCTOR]."),
        ("Zoilo Quiñónez, third-year resident", "[DOCTOR], third-year resident"),
        ("COM DR E. COSTELA", "COM DR [DOCTOR]"),
        ("Méd. Sol.: Zoilo Quiñónez", "Méd. Sol.: [DOCTOR]"),
        ("Apellido/s y nombre/s: QUIÑÓNEZ, Zoilo", "Apellido/s y nombre/s: [PATIENT]"),
        ("la niña Ana Ruiz tose", "la niña [PATIENT] tose"),
        ("Surname: Price  Given names: Ann", "Surname: [PATIENT]  Given names: [PATIENT]"),
        ("Cuidador principal Juan Pérez, cel", "Cuidador principal [PERSON], cel"),
        ("conocida como Ana Ruiz, sana", "conocida como [PERSON], sana"),
        ("Dice Zulma Ortiz que tose", "Dice [PERSON] que tose"),
        ("Entregado a Zulma Ortiz ayer", "Entregado a [DOCTOR] ayer"),
        ("DE DRA. ANA RUIZ DEL JULIO 17 DEL 2022", "DE DRA. [DOCTOR] DEL [DATE]"),
        ("Sra. Barón-Planas", "Sra. [PERSON]"),
        ("-- DE GOMES, ANTÔNIO --", "-- [PERSON] --"),
        ("Ruiz, Ana (12345)\nMédica", "[PERSON] ([LICENCE])\nMédica"),
        ("con su esposo Zoilo Quiñónez por", "con su esposo [PERSON] por"),
        ("Revisado en conjunto con Zulma Ortiz", "Revisado en conjunto con [DOCTOR]"),
        ("Nombre de la niña: Zulma Ortiz", "Nombre de la niña: [PATIENT]"),
        ("Paciente......: Quiñónez, Zoilo", "Paciente......: [PATIENT]"),
        ("Vive con Zulma Ortiz", "Vive con [DOCTOR]"),
        ("Technologist in charge Zulma Ortiz", "Technologist in charge [DOCTOR]"),
        ("DE DRA. ANA VALLE: COINCIDE", "DE DRA. [DOCTOR]: COINCIDE"),
        ("por Dr. Torres Hernández el julio 5, 2015", "por Dr. [DOCTOR] el [DATE]"),
        # Not names.
        ("Lauo: Listese grau 1. Inforem: TA 120/80", None),
        ("Hijo: sano. Vila. Estação 12", None),
        ("Médico: guardia externa", None),
        ("Protocolo técnico: Placa única. Known Barrett esophagus.", None),
        ("Los hallazgos son:\nCampos pulmonares libres.", None),
        ("Los hallazgos son: Tractos fibrosos.", None),
        ("Obtenida por TR; D.O.B. sin dato", None),
        ("Sol: tomó dosis alta. Autor: n/d. Rad: PA.", None),
        ("Menor: opacidad basal. Realizado: Frente y Perfil.", None),
        ("El menor diámetro. La niña serena y eupneica.", None),
        ("Paciente: masculino de 45 años", None),
        ("PACIENTE: FEMENINA, ADULTA", None),
        ("Técnica: Radiografía digital. TÉCNICA: PA Y LATERAL.", None),
        ("Paciente en decúbito. Paciente adulto mayor.", None),
        ("El doctor tratante indica control.", None),
        ("D. Nasc. e D.O.B. sem dados", None),
        ("Firmado por: ", None),
        ("Don't repeat. Miss rate low.", None),
        ("grado I, Nódulo", None),
        ("Enfermedad de Hodgkin, signo de Westermark, clavo de Küntscher.", None),
        ("Catéter de Swan-Ganz. Hernia de Bochdalek. Siemens Mobilett.", None),
        ("Silueta Cardíaca Normal. Senos Costofrénicos Libres.", None),
        ("Validado. R2: Dolores Güemes", "Validado. R2: [DOCTOR]"),
        ("SpR: Jocelyn Reyes", "SpR: [DOCTOR]"),
        ("R2: sin lesiones", None),
        ("REALIZADO POR TEC. RX J. SERRA, 110 kV", "REALIZADO POR TEC. RX [DOCTOR], 110 kV"),
        ("Realizado por TM Elsa Vidal, 110 kV", "Realizado por TM [DOCTOR], 110 kV"),
        ("Laudo emitido por R. Ferreira (R2)", "Laudo emitido por [DOCTOR] (R2)"),
        ("Alert sent to T. Dimaculangan, noted", "Alert sent to [DOCTOR], noted"),
        ("A LA PACIENTE LA CONOCEN COMO NANA.", "A LA PACIENTE LA CONOCEN COMO [PATIENT]."),
        ('Patient goes by "Skip".', 'Patient goes by "[PATIENT]".'),
        ("LESION CONOCIDA COMO HIDATIDOSIS", None),
        ("Baby of Keisha Dunmore, 33 weeks", "Baby of [PERSON], 33 weeks"),
        ("RN hijo de Inés Ramírez, SDR", "RN hijo de [PERSON], SDR"),
        ("Técnica: Cortes axiales de 1 mm", None),
        ("PATIENT NAME: De Guzman Sr., Mohammed", "PATIENT NAME: [PATIENT]"),
        ("R3 E. Moreira / Dra. Tanaka", "R3 [DOCTOR] / Dra. [DOCTOR]"),
        ("Hizo la placa A. Lemos", "Hizo la placa [DOCTOR]"),
        ("TÓRAX F Y P\n\nClínica: tos", None),
        ("Usuario: Nancy Cabrera C.I.: 12345678", "Usuario: [PATIENT] C.I.: [ID]"),
    ],
)
def test_names_of_people_that_nobody_knows(text: str, left: str | None) -> None:
    assert NOBODY.scrub(text).text == (text if left is None else left)


# ---- Dates


@pytest.mark.parametrize(
    "written",
    [
        "03/04/2018", "3/4/2018", "03-04-2018", "03.04.2018", "3/4/18", "03-04-18", "03.04.18",
        "2018-04-03",
        "2018/04/03", "2018.04.03", "20180403", "03 / 04 / 2018", "03 04 2018", "03·04·2018",
        "3 de abril de 2018",
        "3 de abril del 2018", "3 de abril 2018", "3 abril, 2018", "3 de abril de 2.018",
        "1° de mayo de 2018",
        "lunes 3 de abril de 2018", "segunda-feira, 3 de abril de 2018", "3 de março de 2018",
        "3 de marzo",
        "tres de marzo de dos mil dieciocho", "03-ABR-2018", "03/abr/18", "3-abr", "03ABR2018",
        "3 abr 2018",
        "abril 3 de 2018", "April 3, 2018", "Apr. 3, 2018", "April 3rd, 2018", "April 3rd",
        "3rd of April, 2018",
        "the 3rd of April", "3 Apr 18", "Sat 03 Apr 2018", "May 3, 2018", "May 3rd", "3/IV/2018",
        "abril de 2018",
        "abril 2018", "04/2018", "04-2018", "abr-18", "abr/2018", "2018-04-03T10:45:12",
        "03/04/2018 10:45:12",
        "3 de Setembro de 2018", "12 out 2018", "10/DEZ/18", "3 del 4 del 2018", "marzo 3/2018",
    ],
)  # fmt: skip
def test_dates_in_every_form(written: str) -> None:
    assert NOBODY.scrub(f"Rx ({written}): igual.").text == "Rx ([DATE]): igual."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Control del 03/04, igual", "Control del [DATE], igual"),
        ("desde el 3/4 y em 03/04", "desde el [DATE] y em [DATE]"),
        ("since March, en abril, em maio", "since [DATE], en [DATE], em [DATE]"),
        ("el 03/04/2018 a las 10:45", "el [DATE] a las 10:45"),
        ("October 29,\n2016", "[DATE]"),
        ("tomado 03/04/2018 10:45 hs", "tomado [DATE] hs"),
        ("início em\n12-03.", "início em\n[DATE]."),
        ("lunes (03/04/2018), el jueves 22, since Tue the 3rd", "[DATE], el [DATE], since [DATE]"),
        (
            "el 21 de mar, previo de sep 13, desde quarta-feira, 06/07",
            "el [DATE], previo de [DATE], desde [DATE]",
        ),
        ("em 18 de dez. 69 anos", "em [DATE]. 69 anos"),
        ("FECHA 22/1/16  HORA 12:53", "FECHA [DATE]  HORA 12:53"),
        ("en mar 17 mm; de set 12 %; em 2 de 3", None),
        ("en 2018, desde 2015-2016", None),
        ("ocupa 2/3 inferiores y 1/3 medio", None),
        ("Grade 2 may represent edema. It may 3 times.", None),
        ("a las 10:45 h; 48-72 h; 3 meses; hace 5 años", None),
        ("relación 1/2000; nota 10/10", None),
        ("2 sets out of 3 ago", None),
        ("Sin cambios respecto a 3/19.", "Sin cambios respecto a [DATE]."),
        ("Rx de tórax 04/11 y TC 05/12", "Rx de tórax 04/11 y TC [DATE]"),
        ("Comparación: Rx 04/11 y TC 05/12", "Comparación: Rx [DATE] y TC [DATE]"),
        ("No change since 08-22.", "No change since [DATE]."),
        ("Presente en 3/10 cortes, antes en 12/15 imágenes", None),
        ("Compared to 12-13 mm previously", None),
        ("Cambios posquirúrgicos (23/09)", "Cambios posquirúrgicos ([DATE])"),
        ("EVA (10/10), Glasgow (14/15), nota 3/4", None),
        ("Last CXR 29 Jan. See 26 Sep.", "Last CXR [DATE]. See [DATE]."),
        ("Se coteja con Rx 24/1", "Se coteja con Rx [DATE]"),
    ],
)
def test_dates_between_other_numbers(text: str, left: str | None) -> None:
    assert NOBODY.scrub(text).text == (text if left is None else left)


def test_the_files_own_dates_are_shown_as_the_files_show_them() -> None:
    known = KnownIdentifiers(study_dates=(date(2018, 3, 5),), birth_dates=(date(1950, 3, 5),))
    scrubber = Scrubber(known, shift_days=-700)
    text = (
        "05/03/2018, March 5, 2018, 20180305, 5 de marzo de 2018, 05-MAR-18; 06/03/2018; 05/03/1950"
    )
    assert scrubber.scrub(text).text == ", ".join(["[DATE 2016-04-04]"] * 5) + "; [DATE]; [DATE]"
    assert Scrubber(known).scrub("05/03/2018").text == "[DATE]"


# ---- Ids and other numbers


@pytest.mark.parametrize(
    "written",
    [
        "A1234567",
        "a-1234567",
        "A 123.4567",
        "1234567",
        "A1 23 45 67",
        "0001234567",
        "12/3456",
        "12-3456",
        "1.234.567-8",
        "A1234567-K",
    ],
)
def test_known_numbers_are_found_however_broken(written: str) -> None:
    scrubber = Scrubber(KnownIdentifiers(ids=("A1234567", "12/3456", "")))
    assert scrubber.scrub(f"({written}) sin cambios").text == "([ID]) sin cambios"


def test_a_known_number_of_few_digits_is_no_measurement() -> None:
    scrubber = Scrubber(KnownIdentifiers(ids=("12", "1234", "2018", "T4", "12345")))
    text = "Nódulo de 12 mm en T4; 1234 ml en 2018; 12345 ml"
    assert scrubber.scrub(text).text == text
    assert scrubber.scrub("HC: 1234, 12345").text == "HC: [ID], [ID]"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("DNI 12.345.678", "DNI [ID]"),
        ("DNI: 12345678-A", "DNI: [ID]"),
        ("C.I. 1.234.567-8", "C.I. [ID]"),
        ("RUT 12.345.678-K", "RUT [ID]"),
        ("CURP POIZ840426MBSFDA03", "CURP [ID]"),
        ("CPF 666.355.166-38", "CPF [ID]"),
        ("66635516638", "[ID]"),
        ("SSN 547-75-6678", "SSN [ID]"),
        ("NHS No: 485 777 3456", "NHS No: [ID]"),
        ("HC: 45", "HC: [ID]"),
        ("Prontuário nº 4512", "Prontuário nº [ID]"),
        ("Registro 45123", "Registro [ID]"),
        ("Acceso RX19-0045123", "Acceso [ID]"),
        ("código 7F-1234-XZ", "código [ID]"),
        ("1.2.840.113619.2.55.3.604688119", "[ID]"),
        ("9b2e1c1a-0d5f-4f6e-9f6e-0123456789ab", "[ID]"),
        ("tel. 2487 1234", "tel. [PHONE]"),
        ("(011) 4567-8901 int. 23", "[PHONE]"),
        ("+598 99 123 456", "[PHONE]"),
        ("099 123 456", "[PHONE]"),
        ("11 98765-4321", "[PHONE]"),
        ("(0xx11) 9876-5432", "[PHONE]"),
        ("91 234 56 78; 21 345 67 89", "[PHONE]; [PHONE]"),
        ("Tel. de la madre: 375 7687", "Tel. de la madre: [PHONE]"),
        ("85 1 4453-3652; (85) 00525 8924; 1 (391) 914-5863", "[PHONE]; [PHONE]; [PHONE]"),
        ("Dirección: Av. Cedillo 3421  Teléfonos: 2901 2345",
        "Dirección: [ADDRESS]  Teléfonos: [PHONE]"),
        ("Nro. de informe 61.242, doc. 43 949 309 A,", "Nro. de informe [ID], doc. [ID],"),
        ("Dra. Ana Ruiz\nRadióloga\nCremeb 77322", "Dra. [DOCTOR]\nRadióloga\n[DOCTOR] [LICENCE]"),
        ("Switchboard 375 7687, WhatsApp to 375 7687", "Switchboard [PHONE], WhatsApp to [PHONE]"),
        ("su hija Ana Ruiz 375 7687", "su hija [PERSON] [PHONE]"),
        ("02 2667350; +52 55 1923 6314", "[PHONE]; [PHONE]"),
        ("Seguro: OSDE 82712814; RG 14.759.520-4 SSP/SP", "Seguro: [ID]; RG [ID]"),
        ("Dra. Ana Ruiz\nReg. Nac. 51234", "Dra. [DOCTOR]\nReg. Nac. [LICENCE]"),
        ("MAT. NAC. 51234, CRM/MG: 61756", "MAT. NAC. [LICENCE], CRM/MG: [LICENCE]"),
        ("(+34) 912 34 56 78; 0044 20 7946 0958", "[PHONE]; [PHONE]"),
        ("4600-3752, int. 53; ramal 4521", "[PHONE]; [PHONE]"),
        ("07700 900123", "[PHONE]"),
        ("555-123-4567 ext. 12", "[PHONE]"),
        ("607 64 38 78", "[PHONE]"),
        ("0800 123 4567", "[PHONE]"),
        ("juan.perez@hospital.com.uy", "[EMAIL]"),
        ("https://pacs.example.org/img?x=1 y www.example.com.ar", "[URL] y [URL]"),
        ("MP 12345, M.N. 98.765, CRM 12345-SP, CRM-RJ 52.12345-6",
        "MP [LICENCE], M.N. [LICENCE], CRM [LICENCE]-SP, CRM-RJ [LICENCE]"),
        ("Domicilio: Av. Italia 2345 apto. 3, tel. 099 123 456",
        "Domicilio: [ADDRESS], tel. [PHONE]"),
        ("vive en Calle San Martín 123", "vive en [ADDRESS]"),
        ("Rua das Flores, 123", "[ADDRESS]"),
        ("12 Oak Tree Road, Apt 4", "[ADDRESS]"),
        ("Localidad: Tarapuy. CP: 28935", "Localidad: [ADDRESS]. CP: [ADDRESS]"),
        ("Endereço: Trevo Isis Duarte", "Endereço: [ADDRESS]"),
        ("Address: 419 Young Springs Apt. 425", "Address: [ADDRESS]"),
        ("PATRON PERIFERICO BILATERAL. NODULO DE 5 MM", None),
        ("Téc. María Cuesta. Dosis 0,12 Gy", "Téc. [DOCTOR]. Dosis 0,12 Gy"),
        ("Identificación: CC 12.345.678", "Identificación: [ID]"),
        ("INFORME N° 7250.028. Laudo nº OS 541978", "INFORME N° [ID]. Laudo nº [ID]"),
        ("CPF 41626130 5 ZZ6; ID XXX-XX-7648", "CPF [ID]; ID [ID]"),
        ("Informe: 24 h. Report: 12 mm. Informe: 5° arco", None),
        ("CRM/RS nº 58.453, C.M. 89639, RNM 9828",
        "CRM/RS nº [LICENCE], C.M. [LICENCE], RNM [LICENCE]"),
        ("3780-5431, r. 166; 11 4154-8049/1228; 24086264 int 1277", "[PHONE]; [PHONE]; [PHONE]"),
        ("+54 2 11 2148-7464. 61 años", "[PHONE]. 61 años"),
        ("(91 a.), (45 a.)", "([AGE 90+] a.), (45 a.)"),
        ("ingreso en 2018; estudio de 2018", None),
        ("paciente de 92 años", "paciente de [AGE 90+] años"),
        ("Edad: 101. Idade: 95 anos. 90-year-old",
        "Edad: [AGE 90+]. Idade: [AGE 90+] anos. [AGE 90+]-year-old"),
        ("noventa y dos años", "[AGE 90+] años"),
        ("Hospital San Roque; derivado del Sanatorio Los Tilos", "[PLACE]; derivado del [PLACE]"),
        # Not identifying.
        ("89 años, edad 45, 95 %, FC 98 lpm", None),
        ("Leucocitos 12.500/mm3, plaquetas 150.000/mm3, 150000 plaquetas", None),
        ("120 kV 200 mAs; 2048 x 2500; 1:2000; 0,56; J18.9; T2N1M0", None),
        ("acceso venoso 5 Fr; estudio 2; ingreso 2018; serie 2 imagen 45", None),
        ("RM 1.5 T, RM 2018", None),
        ("COVID-19, SARS-CoV-2, H1N1, PaO2 60, FiO2 0,21", None),
        ("camino a 3 cm de la carina; vía aérea; calle 3 mm", None),
        ("la clínica del paciente; clínica médica; Hospital de Día", None),
        ("Tel. anexo 452, bleep 4 623", "Tel. anexo [PHONE], bleep [PHONE]"),
        ("Pedir turno al 57 31 21 41 o", "Pedir turno al [PHONE] o"),
        ("Findings told, ext 5-8526", "Findings told, ext [PHONE]"),
        ("C.P.F. 148.610.884 24", "C.P.F. [ID]"),
        ("NI No WK 36 89 77 Z", "NI No [ID]"),
        ("CRM: 42110 MG", "CRM: [LICENCE] MG"),
        ("Mz. D Lt. 66", "[ADDRESS]"),
        ("Cédula 2.282.649 - 3, fone ramais 7366/7479", "Cédula [ID], fone ramais [PHONE]"),
        ("CI 2.282.649 - 45 años", "CI [ID] - 45 años"),
    ],
)  # fmt: skip
def test_numbers_contacts_and_places(text: str, left: str | None) -> None:
    assert NOBODY.scrub(text).text == (text if left is None else left)


def test_places_of_the_organization() -> None:
    directory = Directory(
        place_names=["Clínica del Valle", "Northside Imaging", "Central", "Tarapuy"]
    )
    scrubber = Scrubber(KnownIdentifiers(), directory)
    text = (
        "CLINICA DEL VALLE, clinica del  valle; Northside-Imaging; Tarapuy. "
        "Vía central. Onda en valle."
    )
    assert scrubber.scrub(text).text == (
        "[PLACE], [PLACE]; [PLACE]; [PLACE]. Vía central. Onda en valle."
    )


def test_other_phrases_of_the_files() -> None:
    known = KnownIdentifiers(phrases=("Camino Viejo s/n esq. Ombú",))
    assert Scrubber(known).scrub("CAMINO VIEJO S/N, ESQ OMBU.").text == "[ADDRESS]."


# ---- Words


def test_words_of_descriptions_are_ordinary_words_of_reports() -> None:
    words = [word.lower() for word in vocabulary("description") if word.isalpha()]
    assert [word for word in words if len(word) > 2 and not is_ordinary(word)] == []


# ---- As a whole


def test_counts_by_kind() -> None:
    scrubbed = NOBODY.scrub(
        "Paciente: Juan Pérez, DNI 12.345.678. Dr. Ana Ruiz, Dr. Luis Gil. 03/04/2018"
    )
    assert scrubbed.counts == {Kind.DATE: 1, Kind.DOCTOR: 2, Kind.ID: 1, Kind.PATIENT: 1}
    assert list(scrubbed.counts) == sorted(scrubbed.counts)


def test_a_number_goes_on_in_the_next_line_where_lines_are_filled() -> None:
    text = "El trabajador expuesto a sílice, de la credencial 4462 3018\n5455, no refiere tos."
    assert NOBODY.scrub(text).text == (
        "El trabajador expuesto a sílice, de la credencial [ID], no refiere tos."
    )
    assert NOBODY.scrub("Nódulos de 9 mm\n12 mm\n30 mm").text == "Nódulos de 9 mm\n12 mm\n30 mm"


def test_particles_before_a_known_name_are_its_own() -> None:
    scrubber = scrub_for("DE LA CRUZ^LUIS")
    assert scrubber.scrub("SEGÚN RELATA DE LA CRUZ, CAYÓ").text == "SEGÚN RELATA [PATIENT], CAYÓ"


def test_lines_of_a_list_stay_lines() -> None:
    text = "- Paciente: Juan Pérez\n- Fecha: 03/04/2018\n  - Nódulo de 9 mm\n\n1. Sin cambios\tT4"
    assert NOBODY.scrub(text).text == (
        "- Paciente: [PATIENT]\n- Fecha: [DATE]\n  - Nódulo de 9 mm\n\n1. Sin cambios\tT4"
    )


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\x00", "[DATE]", "[PATIENT] [DOCTOR-ABCD1234] [AGE 90+]"]
)
def test_nothing_to_do(text: str) -> None:
    assert NOBODY.scrub(text).text == text
