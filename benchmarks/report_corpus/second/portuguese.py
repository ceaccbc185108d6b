"""Portuguese of Brazil, and some of Portugal."""

from __future__ import annotations

from benchmarks.report_corpus.second.layout import Sentences

PORTUGUESE = Sentences(
    headings=(
        "{organization} - {facility}\nSetor de Diagnóstico por Imagem\n\nPaciente: {patient}\n"
        "Data de nascimento: {birth}   Idade: {age}   Sexo: {sex}\n{record}   {order}\n"
        "Médico solicitante: {referring_t} {licence}\nData do exame: {study}",
        "NOME: {patient}\n{paper}   DN: {birth}\nCONVÊNIO: SUS   {other_id}\nDATA: {study}\n"
        "SOLICITANTE: {referring_t}",
        "Nome do paciente: {patient}\n{record} | {order} | Realizado em {study} às {time}\n"
        "Origem: Pronto Socorro  Leito 07",
        "Pcte: {patient}, {age}\nSolic.: {referring_t}\nData: {study}",
        "Ao(À) {referring_t}\n\nPaciente: {patient}\nExame: RX de tórax\n{city}, {study}.",
        "Utente: {patient}\n{paper}\n{record}\nData de Nasc.: {birth}\nRequisitado por: "
        "{referring}\n"
        "Data do exame: {study}",
        "Paciente {patient}    Idade {age}    Cód. {record_no}\nConvênio {other_id}\n"
        "Telefone {mobile}\nEndereço {street}\nExame realizado em {study}",
        "{order}\n{patient}\nNasc. {birth} ({age})\nResp.: {relative}\nMãe: {relative}\n"
        "Fone: {mobile}\nEntrada: {signed}",
        "LAUDO MÉDICO\n\nPaciente: {patient} - {paper}\nMédico(a): {referring_t}\nEmissão: "
        "{signed}",
        "IDENTIFICAÇÃO\nNome social: {patient}\nNome da mãe: {relative}\n{paper}\n{record}\n"
        "Data de realização: {study}",
        "{patient}\n{age} - {sex}\n{record} - {study}",
    ),
    titles=(
        "RADIOGRAFIA DO TÓRAX", "Raio-X de tórax PA e perfil", "RX TORAX NO LEITO",
        "TOMOGRAFIA COMPUTADORIZADA DO TÓRAX", "TC de tórax de alta resolução",
        "RX DE COLUNA TORACOLOMBAR", "Telerradiografia do tórax",
    ),
    labels=(
        ("Indicação clínica", "História clínica", "INDICAÇÃO", "Dados clínicos", "HD"),
        ("Técnica", "Método", "TÉCNICA", "Técnica de exame"),
        ("Análise", "Relatório", "Achados", "Os seguintes aspectos foram observados", "LAUDO"),
        ("Impressão diagnóstica", "Conclusão", "Opinião", "IMPRESSÃO", "Hipótese diagnóstica"),
    ),
    history=(
        "Tosse produtiva e febre há 4 dias.", "Dispneia aos esforços, tabagista 40 anos/maço.",
        "{mister}, {age}, dor torácica.", "Pós-operatório de RM em {prior} ({other_t}).",
        "Paciente refere queda em {prior}. Acompanhada pela filha {relative}.",
        "Controle de tuberculose, tratamento iniciado em {prior}.",
        "Neo de pulmão, última TC em {prior}.", "Contato domiciliar (esposa {relative}) com BK+.",
        "RN de {relative}, IG 34 semanas, desconforto respiratório.",
        "Pré-operatório, cirurgia marcada para {later} com {other_t}.",
        "Encaminhado por {other_t} do {elsewhere}.", "PCR para SARS-CoV-2 positivo em {prior}.",
        "ICC, HAS e DM. Edema de MMII.", "Paciente {patient_prose}, diabética, em hemodiálise.",
    ),
    technique=(
        "Incidências PA e perfil.", "Exame realizado no leito, em AP.",
        "Aquisição volumétrica multislice, sem contraste endovenoso.",
        "Técnico responsável: {technician}.",
        "Exame executado por {technician}, [[Tec. RX|biomédica]].",
        "Cortes de 1,0 mm, 120 kV. DLP: 280 mGy.cm.", "Infundidos 90 mL de contraste iodado.",
    ),
    comparison=(
        "", "", "Comparado ao exame de {prior}.", "Exame comparativo: {prior}.",
        "Em relação ao estudo anterior ({prior}), nota-se melhora.", "Sem exames anteriores.",
        "Comparação com TC de {prior} realizada no {elsewhere}.",
        "Exames prévios: {prior} e {prior}.",
        "Estudo comparativo com radiografia datada de {prior}.",
    ),
    findings=(
        "Área cardíaca de dimensões normais.", "Aorta alongada e calcificada.",
        "Seios costofrênicos livres.",
        "Consolidação no lobo inferior esquerdo com broncogramas aéreos.",
        "Opacidades em vidro fosco esparsas, não evidentes em {prior}.",
        "Cateter venoso central à direita, passado por {other_t} em {prior}.",
        "Cânula traqueal bem posicionada.", "Nódulo calcificado no lobo superior direito.",
        "Fratura antiga do 8º arco costal direito.", "Hilos de aspecto preservado.",
        "Sinais de hiperinsuflação pulmonar.",
        "Dreno de tórax à esquerda, sem pneumotórax residual.",
        "Derrame pleural que aumentou desde {prior}.",
        "Osteófitos marginais nos corpos vertebrais.",
        "Tórax de {mister} sem lesões agudas.", "Cúpulas diafragmáticas regulares.",
        "Linhas B de Kerley. Vasos ingurgitados.", "Espessamento pleural apical bilateral.",
        "Campos pulmonares de transparência normal.", "Fios metálicos de esternorrafia.",
    ),
    measured=(
        "Índice cardiotorácico de 0,52.", "Nódulo de 0,9 x 0,7 cm no LSD.",
        "Redução de 25% da altura de T12 e L1.", "Espondilose em C5-C6 e L4/L5.",
        "Linfonodo de 11 mm, menor eixo.", "Aorta com 4,1 cm; tronco pulmonar com 32 mm.",
        "Derrame de cerca de 300 ml.", "Escoliose com Cobb de 14 graus.",
        "Imagens 45/120 e 46/120.",
        "Atenuação de -80 a 12 UH.", "Acometimento de 25-50% do parênquima.",
        "Lung-RADS 2; Fleischner 2017.", "CID-10: J15.9.", "Lesões de 10-12 mm em S6 e S10.",
        "CTDI 7,9 mGy.", "Dose de 0,5 mL/kg, vazão 3,0 mL/s.",
    ),
    traps=(
        "Costas sem alterações. Cruz diafragmática preservada.", "Rocha petrosa não avaliada.",
        "Campos inferiores livres.", "Leite de cálcio na mama esquerda.",
        "Dores à palpação costal.",
        "Aspecto em ramos de árvore em brotamento.", "Calcificações claras e regulares.",
        "Estudo limitado pela rotação do paciente.", "Vale lembrar a correlação clínica.",
        "Base pulmonar direita com franco colapso.", "Ramos segmentares pérvios.",
        "Aspecto leitoso da mama. Pilar diafragmático íntegro.", "Luz traqueal centrada.",
    ),
    impressions=(
        "Pneumonia em base esquerda.", "Exame sem alterações significativas.",
        "Sem alterações em relação a {prior}.", "Redução do derrame em comparação com {prior}.",
        "Sugere-se controle em 30 dias ({later}).", "Sinais de congestão pulmonar.",
        "Atelectasias laminares.", "Sequela de processo granulomatoso.",
        "Achados sugestivos de pneumonia viral.", "Estabilidade das lesões desde {prior}.",
    ),
    remarks=(
        "", "", "", "", "",
        "Achado crítico comunicado a {other_t}, tel. {desk}, às {time}.",
        "Contato telefônico com {relative} (filho) pelo {mobile}.",
        "Adendo em {signed}: revisado com {colleague_t}.",
        "Resultado enviado para {mail} e WhatsApp {mobile}.",
        "Retorno em {later} com {referring_t}, tel. {desk}.",
        "c/c {referring_t}; {other_t}.", "Exame entregue a {relative}, {paper}.",
        "{other_id} autorizada em {study}.", "Retificação de laudo: {colleague}, {signed}.",
        "Enf. {colleague} ciente, às {time}h.", "Paciente [[conhecido|conhecida]] como {nickname}.",
        "{first} deverá retornar em {later}.", "Dúvidas: falar com {colleague_t} no {mobile}.",
    ),
    closings=(
        "{signer_t}\n{licence}\nMédico Radiologista", "Laudado por: {signer_t} - {licence}",
        "Atenciosamente,\n\n{signer_t}\n{licence}",
        "Assinado eletronicamente por {signer} em {signed}",
        "Médico responsável: {signer} ({licence})\nLiberado em: {signed}",
        "Digitado por: {colleague}\nRevisado por: {signer_t}\nData da liberação: {signed}",
        "Laudo emitido por {resident} ([[R1|R2|residente]]) sob supervisão de {signer_t}.",
        "{signer}\n{licence}\n{organization} - {street} - Tel.: {desk}",
        "{city}, {study}\n{signer_t} {licence}", "{initials}/{typist}",
        "O médico radiologista, {signer_t} ({licence})",
        "Resp. técnico: {colleague_t} {licence}",
        "Radiologista: {signer}  {licence}\nTécnico: {technician}", "",
    ),
)  # fmt: skip
