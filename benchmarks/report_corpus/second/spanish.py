"""Spanish as it is dictated from Bogotá to Bilbao."""

from __future__ import annotations

from benchmarks.report_corpus.second.layout import Sentences

SPANISH = Sentences(
    headings=(
        "{organization}\n{facility} - Servicio de Imágenes Diagnósticas\n\n"
        "Paciente: {patient}        Edad: {age}   Sexo: {sex}\n{paper}     {record}\n"
        "Fecha de estudio: {study}    {order}\nMédico solicitante: {referring_t}",
        "Nombre: {patient}\nIdentificación: {paper_no}\nEdad: {age}  Género: {sex}\n"
        "Fecha de nacimiento: {birth}\nTeléfono: {mobile}\nEPS: Sanitas   {other_id}\n"
        "Fecha: {study}\nRemite: {referring}",
        "PACIENTE: {patient}\n{record}   {order}\nSERVICIO: URGENCIAS   CAMA: 14\n"
        "FECHA DEL EXAMEN: {study} {time}\nESTUDIO: RADIOGRAFÍA DE TÓRAX PA Y LATERAL",
        "{city}, {study}\n\n[[Sr(a).|Señor(a)|Paciente]] {patient}\n[[Presente|{paper}|Edad: "
        "{age}]]\n\n"
        "Estimado(a) [[doctor(a)|colega]] {referring_t}:",
        "[[Pte.|Pcte.|Pac.|PTE]]: {patient}   {paper}   {age}\n"
        "[[Sol.|Solicita|Ref.|Dr. solicitante]]: {referring_t}   Fecha: {study}",
        "NOMBRE DEL PACIENTE  {patient}\nFECHA NAC.  {birth}   EDAD  {age}\n"
        "{record}   {paper}\nMEDICO TRATANTE  {referring}\nESTUDIO REALIZADO  {study}",
        "Apellidos y nombres: {patient}\n{paper} | {record} | Edad: {age}\n"
        "Domicilio: {street}\nTel. contacto: {mobile}\nF. examen: {study}  F. informe: {signed}\n"
        "Procedencia: {elsewhere}\nSolicitante: {referring_t} {licence}",
        "{organization} · Tel. {desk} · {mail}\nINFORME RADIOLÓGICO\n"
        "{patient} ({paper}) · {age} · {order} · {study}",
        "Datos del paciente\nNombre y apellidos: {patient}\nF. Nac: {birth} ({age})\n"
        "{record}  {other_id}\nPrioridad: Urgente\nPeticionario: {referring}\nFecha exploración: "
        "{study}",
        "A quien corresponda:\n\nSe realizó estudio a {patient_prose}, {age}, {paper}, "
        "el día {study} en {facility}.",
        "Paciente;{patient}\nID;{record_no}\nFec. "
        "Nac.;{birth}\nEstudio;{order_no}\nFecha;{compact}",
        "{order}  {patient}  {sex}  {age}  {study}\nMédico: {referring_t}",
        "DATOS DE FILIACIÓN\nNombre : {patient}\nRUT/DNI/CC : {paper_no}\nFono : {mobile}\n"
        "Previsión : FONASA B\nMédico Derivante : {referring_t}\nFecha toma de muestra/examen : "
        "{study}",
        "Nombre del Px: {patient}    Edad: {age}\nFecha: {study}     {order}\n"
        "Médico que refiere: {referring_t}",
        "Madre: {relative}   Hijo(a): {patient}\n{paper}   Tel acudiente: {mobile}\n"
        "Fecha del estudio {study}",
    ),
    titles=(
        "RADIOGRAFÍA DE TÓRAX", "Rx de tórax (AP portátil)", "TC DE TÓRAX SIMPLE",
        "RADIOGRAFIA DE TORAX PA Y LATERAL", "ANGIO-TC DE TÓRAX", "Tele de tórax",
        "TAC DE TÓRAX CON CONTRASTE", "Rx columna dorsolumbar AP y L",
    ),
    labels=(
        ("Indicación", "Datos clínicos", "Motivo de consulta", "Antecedentes", "Dx. presuntivo",
         "Información clínica", "HISTORIA CLÍNICA"),
        ("Técnica", "TÉCNICA", "Protocolo", "Procedimiento"),
        ("Hallazgos", "Informe", "HALLAZGOS", "Descripción", "Interpretación"),
        ("Conclusión", "Impresión diagnóstica", "IDx", "Opinión", "Comentario",
         "Juicio diagnóstico", "CONCLUSIONES"),
    ),
    history=(
        "Tos y fiebre de 5 días de evolución.",
        "Paciente de {age} con disnea progresiva, antecedente de EPOC.",
        "{mister}, {age}, dolor torácico atípico.",
        "Sospecha de NAC. Saturación 88 % al aire ambiente.",
        "Control de neumotórax, tubo de tórax instalado el {prior}.",
        "Ca de mama izquierda operado en {prior}, quimioterapia hasta {prior}.",
        "Control posoperatorio, cirugía cardíaca ({other_t}) el {prior}.",
        "Paciente {patient_prose} consulta por hemoptisis; FUM {prior}.",
        "Traída por su hija {relative}, quien refiere caída desde su altura el {prior}.",
        "Contacto de TBC (esposo {relative}). BK pendiente.",
        "Preoperatorio de colelap, programada para el {later} con {other_t}.",
        "Lumbago crónico. Dolores nocturnos. Descartar fractura.",
        "COVID-19 confirmado por PCR el {prior}. Día 9.",
        "Remitido por {other_t} de {elsewhere} para descartar masa.",
        "RN hijo de {relative}, pretérmino de 32 semanas, SDR.",
        "HTA, DM2, ERC estadio 3. Edema de miembros inferiores.",
    ),
    technique=(
        "Se obtienen proyecciones PA y lateral.", "Proyección AP en decúbito, equipo portátil.",
        "Cortes axiales de 1,25 mm desde vértices hasta bases, sin contraste.",
        "Se administran 80 cc de contraste yodado no iónico, sin complicaciones.",
        "Realizado por [[TM|TR|Téc.|Tec. Rx|Lic.]] {technician}, 110 kV, 2,5 mAs.",
        "Estudio realizado en equipo digital. Tecnólogo: {technician}.",
        "Adquisición helicoidal, MPR y MIP. DLP 312 mGy·cm.",
    ),
    comparison=(
        "", "", "Se compara con estudio previo del {prior}.", "Comparado con {prior}.",
        "Comparación: Rx de tórax {prior} y TC {prior}.", "Sin estudios previos para comparar.",
        "Se dispone de radiografía de {prior} realizada en {elsewhere}.",
        "Con respecto a control de {prior}, sin cambios.", "Estudio previo: {prior} ({order}).",
        "Comparativo: {prior}, {prior}.",
    ),
    findings=(
        "Silueta cardiomediastínica de tamaño y morfología conservados.",
        "Aumento del índice cardiotorácico, con aorta elongada y ateromatosa.",
        "Opacidad alveolar en el lóbulo inferior derecho, con broncograma aéreo.",
        "Ángulos costofrénicos libres. Campos pulmonares bien ventilados.",
        "Infiltrado intersticial bilateral de predominio basal, que ha progresado respecto al "
        "{prior}.",
        "Pinzamiento del seno costofrénico izquierdo, no presente en {prior}.",
        "Catéter venoso central por vía yugular derecha con extremo en vena cava superior, "
        "instalado por {other_t} el {prior}.",
        "Tubo endotraqueal a 4 cm de la carina.", "Sonda nasogástrica bien posicionada.",
        "Nódulo pulmonar sólido en el segmento 6 derecho, de 7 mm (serie 4, imagen 112).",
        "Calcificaciones ganglionares hiliares, secuela de proceso granulomatoso.",
        "Estructuras óseas con cambios degenerativos propios de la edad.",
        "Fracturas de los arcos costales 5.º a 7.º izquierdos, en consolidación.",
        "Hernia de Bochdalek izquierda. Lóbulo de la ácigos.",
        "No se observa neumotórax ni neumomediastino.",
        "Patrón en vidrio deslustrado multilobar, compromiso aproximado del 40 %.",
        "Elevación del hemidiafragma derecho. Gas en cámara gástrica.",
        "Marcapasos bicameral, electrodos en aurícula y ventrículo derechos.",
        "Signo de Kerley B y cefalización del flujo.", "Derrame en la cisura mayor.",
        "El tórax de {mister} no muestra lesiones de aspecto agudo.",
        "Ganglio prevascular de 12 mm que en {prior} medía 9 mm.",
        "Signo de la silueta positivo con el borde cardíaco derecho.",
        "Granuloma calcificado de Ranke. Mamas densas.",
    ),
    measured=(
        "Índice cardiotorácico 0,54.", "Diámetro transverso de 12-13 mm, longitud de 3 cm.",
        "Acuñamiento de T12-L1, pérdida de altura del 30 %.", "Nódulo de 8 x 6 x 5 mm en LSD.",
        "Aorta ascendente 38 mm, descendente 26 mm.", "Cobb de 12° entre T5 y T11.",
        "Espondilosis C4-C5 y C5-C6.", "Lung-RADS 4A, control en 3 meses.",
        "Derrame de 450 cc aproximadamente, 2/3 inferiores.",
        "Densidad media de 35 UH, rango 12-58 UH.", "Lesiones de 3/4/6 mm en serie 3.",
        "VCS a 2,1 cm; carina a nivel de T4/T5.", "TNM T2a N1 M0.", "FEVI 55 %, PSAP 45 mmHg.",
        "CTDIvol 8,4 mGy, DLP 412.", "Proyecciones 1 de 2 y 2 de 2.", "CIE-10: J18.9.",
    ),
    traps=(
        "Cruz ósea sin alteraciones; pilar diafragmático normal.",
        "Infiltrado blanco, campos superiores respetados.", "Dolores a la palpación costal.",
        "Luz traqueal central, de calibre conservado.",
        "Peñasco derecho neumatizado.", "Placa blanda, poco penetrada.",
        "Se aprecia franco borramiento del ángulo.", "Mamas densas con calcificaciones.",
        "Bordes costales sin reacción perióstica.",
        "Cambios en cruz de San Andrés no descritos.", "Delgado trazo cisural visible.",
        "Cabeza humeral centrada. Cuello del fémur íntegro.", "Línea blanca media.",
        "Ángulo franco y libre.", "Cuerpo vertebral con grandes osteofitos y puentes.",
    ),
    impressions=(
        "Neumonía de la base derecha. Se sugiere control en 2 semanas.",
        "Estudio dentro de límites normales.", "Sin cambios significativos respecto a {prior}.",
        "Derrame pleural izquierdo en resolución comparado con {prior}.",
        "Nódulo pulmonar indeterminado. Controlar en {later}.",
        "Signos de insuficiencia cardíaca. Correlacionar con clínica.",
        "Atelectasia laminar bibasal.", "Secuelas pleuroparenquimatosas apicales.",
        "Sin signos de enfermedad pulmonar aguda.", "Escoliosis de convexidad derecha.",
        "Hallazgos compatibles con COVID-19, CO-RADS 5.",
        "Progresión tumoral en comparación con TC de {prior}.",
    ),
    remarks=(
        "", "", "", "", "",
        "Hallazgo crítico informado a {other_t} vía telefónica ({mobile}) a las {time} hrs.",
        "Se comenta con {referring_t}, tel. {desk}.",
        "NOTA: Se llama al {mobile} y se informa a [[su hijo|su madre|la esposa|familiar]] "
        "{relative}.",
        "Se sugiere cita de control el {later}. Pedir turno al {desk} o por WhatsApp {mobile}.",
        "Addendum {signed}: se revisa caso con {colleague_t}, se agrega fractura del 6.º arco "
        "costal.",
        "C.C.: {referring_t}, {other_t}. Copia al correo {mail}.",
        "Paciente [[alérgico|alérgica]] a yodo según refiere {relative} (madre).",
        "Se entrega CD y placas a {relative}, {paper}.",
        "Enmienda: donde dice izquierdo debe decir derecho. {colleague} {signed}",
        "{first} volverá el {later} con los estudios de {prior}.",
        "Se avisa a enfermería (EU {colleague}) fono {desk}.",
        "{other_id}. Resultado disponible en {url}.",
        "Interconsulta: {other_t} (Neumología), cel {mobile}.",
        "Se deja constancia que {patient_prose} firmó consentimiento informado el {study}.",
        "A la paciente la conocen [[como|por el apodo de|como doña]] {nickname}.",
    ),
    closings=(
        "Atentamente,\n\n{signer_t}\nMédico Radiólogo\n{licence}",
        "{signer_t}\n[[Radiólogo|Especialista en imágenes diagnósticas|Medicina Nuclear]] - "
        "{licence}\n"
        "Firmado electrónicamente {signed}",
        "Dictado por: {signer}\nTranscrito por: {colleague}\nFecha transcripción: {signed}",
        "Leído por {signer}. Validado: {signed}. [[Residente|R2|R3|MR2]]: {resident}",
        "INFORMÓ: {signer_t}  {licence}   /{typist}",
        "{initials}/{typist}",
        "Fdo.: {signer_t}. {licence}. {city}, a {study}",
        "Informado por:   {signer}\n{licence}\nTecnólogo Médico:   {technician}",
        "Radiólogo responsable: {signer}, {licence}. Fecha y hora de validación: {signed}",
        "{signer}\nMÉDICO RADIÓLOGO\n{licence}\n{organization}. {street}. Tel {desk}",
        "Firmado digitalmente por {signer} el {signed}. Imprime: {typist}",
        "Saluda atte.\n{signer_t}\n{licence}\n\nLey 20.584. Documento impreso el {signed}",
        "Dr. Tratante: {referring}\nDr. Informante: {signer}\n{licence}",
        "Elaboró: {resident_t} (residente de radiología)\nRevisó: {signer_t}\n{licence}",
        "",
    ),
)  # fmt: skip
