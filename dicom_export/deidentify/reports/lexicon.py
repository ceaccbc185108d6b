"""Words, folded, as the rules see them: those of any report, and those that are people's names.

Ordinary words end a name that is being read, and a known name that is one of them is only removed
where the words around it say that it is a name (``rules``). A word of a report that is missing here
costs at most itself, where it stands right behind a name in a text of capitals; a surname that
stands here by mistake is still removed behind a title or a label, or beside another name.

The final search of outgoing files (``deidentify.residual``) asks the same lists which names alone
are no finding: a word that a report may keep is none there.

To add a term: put it, folded (no capitals, no accents), into the list that its use belongs to, a
name that is a common word into ``_BOTH``, and raise ``rules.RULES_VERSION``.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FUNCTION = """
a about above after again against al algum alguma algun alguna all along also although ambas
ambos among an and ante antes any ao aos apos aquel are around as asi at ate aun aunque bajo be
because been before behind below between beyond bien both but by cada can casi cinco com como
con contra could cual cuando cuarta cuarto cuatro cursa curso cuya cuyo da das de dear decimo
del dentro desde despite despues dez did diez do doce does dois donde dos duas durante during e
each eg eight either el ella ellas ellos em en entre era eran es esa ese eso essa esse esta
estaba estan estas estava este esteve esto estos estuvo etc few first five foi for four fourth
from fue fuera fueron further given ha haber habia hacia had han handed has hasta have hay he
her here herself him himself his how however i ie if in into is isto it its itself ja junto just
known la las last le least les less like lo los main mais many mas may me mediante menos mi
might misma mismo more most much muito must muy my na nada nao nas near nem nenhum nenhuma next
ni nine ningun ninguna no none nor nos not nove noveno now nuestra nuestro nueve o ocho octavo
of off often oito on once one only or os other otra otro ou our out outra outro over own para
pela pelas pelo pelos per pero poca poco por porque pouco primeira primeiro primer primera
primero principal pues qual quando quatro que quien quinta quinto re regarding s said says se
sea sean second segun segunda segundo seis sem septimo ser sete seu seus seven sexto she should
si sido siete sin since six so sob sobre solo some son su sua suas such sus tal tambem tambien
tan tanto tem ten terceira terceiro tercer tercera tercero than that the their them then there
these they third this those three through to toda todo too toward towards tras tres tu two u
ultima ultimo um uma umas un una unas under uno unos uns until up upon us va versus very vez via
vs was we were what when where which while who will with within without would y ya yes you your
"""

_ADMINISTRATION = """
ca ciente cnh crn docente enfermagem enfermeria fonasa franzcr gmc hcpc hrn
ig ihi ine medicare nursing ph postgrado ppsn prc registrar sns ubs
abril acceso accession accompanied account acct acesso acompana acompanado acompanante
acompanhante addendum address adenda adult adulta adulto afiliado age aged agosto agradeco
agradezco alta ambulatoria ambulatorio anestesiologia anesthesiology anexo annex ano anonima
anonimo anonymous anos antecedentes apellido apellidos approved april aprobada aprobado apto
area assinada assinado assinatura assunto asunto atenciosamente atendida atentamente atte
attending august autorizada autorizado autorizo available avenida avenue avisada avisado aviso
badge bairro barrio bebe bebes bed beneficiaria beneficiario best birth born boy brother call
calle called calls cama campus card cardiologa cardiologia cardiologist cardiologista cardiologo
cardiology caregiver carer carne carnet cartao carteira carteirinha cbr cc cedula cel cell
celular center central centre centro cep chief child ci cidade cipa cirugia cirurgiao city
ciudad cjp clinic clinica clinical clinico clinicos cobertura code codigo col colega colegiada
colegiado colleague colleagues comentada comentado companion company comunica comunicada
comunicado comunicados comunicar conferido conferiu conhecida conhecido conjuge conjunto
conocida conocido consulta consultant consultation consultorio conta contact contacto contato
convenio conyuge coordinador copia copias copy cordialmente correo country cp cpf cracha
credencial crianca crm cuenta cuidador cuidadora curp dad data datas date dated dates daughter
day days december departamento department derivacion derivada derivado derivante dermatologia
desconocida desconocido destination destino deu dezembro dia diagnostico dias dice dicho
diciembre dictada dictado dictated digitada digitado digitally digitalmente dijo direccion
director diretor discussed discutida discutido disponible disponibles disponiveis disse ditado
diz dn dni dnp do dob doc doctor doctora documento domicilio domingo don dona done doutor
doutora dr dra edad efectuada efectuado egreso elaborada elaborado elaboro elaborou
electronically electronicamente eletronicamente email emergencia emergency employer empresa
encaminhada encaminhado encaminhamento encounter endereco endocrinologia enero enfermeira
enfermera enfermero entrada episode episodio eps especialidad especialidade especialista esposa
esposo estado estandar estimada estimado estudio estudios exam exame examen examenes exames
examinada examination examinee exams expediente ext extension externa externo familiar father
fax febrero february fecha fechada fechado fechas feira feita feito female femenina femenino
feminino fevereiro ficha filha filho filial final finalized firm firma firmada firmado firmante
folio fone fono forename frcr fri friday gastroenterologia gender ginecologia girl gracias
guardia guia gynecology hc hecha hecho hematologia hermana hermano hija hijo historia history
hombre homem hora horario horas hospital hour hours hrs hs http https husband id idade identidad
identidade identificacao identificacion identification identity imagen imagenes imagenologia
imagens images infant informada informado informante informe informed informes informo ingreso
institute instituto insurance insured internacao internacion internada internado internal
interno interpretado interpreted interpreting janeiro january jefe jueves julho julio july june
junho junio kin kind laudada laudado laudo laudos leido leito liberada liberado lic licence
licencia licenciada licenciado license local localidad localidade location lugar lunes madam
made madre mae mail maio male man march marco marido martes marzo masculina masculino matricula
may mayo mbbs md medica medical medicas medicine medico medicos member membro men menina menino
mes meses miembro miercoles minuto minutos miss mn mobile mom mon monday month months mother
motivo movil mp mr mrn mrs ms mujer mulher municipio mutualista n nac nacido nacimiento name
names nasc nascimento nass nefrologia neonatal neumologia neurologia neurologista neurology next
nhc nie nif nina nino no nombre nombres nome notified november novembro noviembre npi nro num
number numero nurse obra obrigado obstetricia obtained obtenida obtenidas obtenido obtida
obtidas october octubre oftalmologia old oncologia oncologist oncologista oncology operadora
ordem orden order ordering orders origem origen origin orthopedics ortopedia ortopedista
otorrinolaringologia outubro pac paciente pacientes padre pai pais pasaporte passport patient
patients payer pcte pediatria pediatrica pediatrico pediatrics pedido pedidos performed person
persona pessoa peticion peticionario phd phone phones physician physicians piso plan plano
pneumologia pneumologista policlinica policlinico policy poliza postal posto preceptor
preliminar preliminary prepared prestador prevision prezada prezado procedencia profesional
professional profissional pronto prontuario provincia prueba psiquiatria pt pte puesto
pulmonologist pulmonology quarta quinta radiodiagnostico radiologa radiologist radiologista
radiologists radiologo radiologos ramal read reading realizada realizadas realizado realizados
realizo recien record records ref referida referido referral referred referring reg regards
registro reingreso report reporte reported reports request requested requesting requests
requisicao requisitante requisition residence residencia resident residente resides responsable
responsavel responsible result resultado resultados results reumatologia reviewed reviewing
revisada revisado rfc rg road room rotina routine rqe rua run rut rutina sabado sala saluda
saludo saludos sanatorio sat saturday sector sede segunda seguro seguros semana semanas senhor
senhora senor senora september septiembre service services servicio servico setembro setiembre
sex sexo sexta signature signed sincerely sir sister site sitio sobrenome social socorro
solicita solicitacao solicitada solicitado solicitante solicitud son specialist specialty spouse
sr sra srta ssn staff standard state street studies study sucursal sun sunday supervisor surgery
surname switchboard taken tech technician technologist tecnica tecnico tecnologa tecnologo
tecnologos tel telefone telefones telefono telefonos telephone terca test tests thank thanks thu
thursday time titular together tomada tomado transcribed transcripto transcrita transcrito
tratante traumatologia tue tuesday turno typed uci unidad unidade unit unknown urgencia
urgencias url urologia urologista urology usuaria usuario utente validada validado validated
varon verificado verified viernes view views visado vista vistas visto voucher ward web wed
wednesday week weeks wife woman women www year years zip
"""

_ANATOMY = """
abdomen abdominal abdominales acromioclavicular adenopathy adenopatia adenopatias aerea aereas
aereo aereos airway airways ala alas alveolar alveolares alveolo angle angles angulo angulos
ankle aorta aortic aortica aortico apex apicais apical apicales apice apices arcabouco arch arco
arcos arteria arteriais arterial artery articulacion articular articulares asa asas atrial atrio
atrium auricula auricular axila axilar axilla axillary axis baco basais basal basales base bases
basilar bazo biapical bibasal biliar biliary blandas body bone bones bony borda bordas borde
border bordes botao boton bowel brain branch breast bronchial bronchiectasis bronchogram
bronchograms bronchus broncograma broncogramas broncovascular bronquial bronquica bronquico
bronquiectasia bronquiectasias bronquio bronquios cabeca cabeza cadeia cadena cadera cage caixa
caja camara camera campo campos cara cardiac cardiaca cardiaco cardiacos cardiomediastinal
cardiomediastinica cardiomediastinico cardiopericardica carina cava cayado cerebro cervical
chamber chambers chest cissura cisura cisural cisurales cisuras clavicle clavicula claviculas
codo colon colonico columna coluna contorno contornos contour contours coracao corazon corpo
cortical costa costais costal costales costas costela costelas costilla costillas
costodiafragmatico costodiafragmaticos costofrenico costofrenicos costophrenic cotovelo craneo
cranio cubito cuello cuerdas cuerpo cupula cupulas dedo dedos diafragma diafragmas diafragmatica
diafragmatico diaphragm disc disco discos disk dorsal dorsales eixo eje elbow epicardica
epicardico escapula esofagico esofago esophageal esophagus espacio espacios espaco espacos
esternal esterno esternon esternotomia estomago face feet femoral femur fibula field fields
figado finger fingers fissure fissures foot frenica frenico gallbladder ganglio ganglionar
ganglios gastric gastrica gastrico glandula glenohumeral hand hands head heart hemidiafragma
hemidiafragmas hemidiaphragm hemidiaphragms hemithorax hemitorax higado hila hilar hiliar
hiliares hilio hilios hilo hilos hilum hip hombro hueso huesos humeral humero humerus
infrahiliar interlobar interlobares intersticial intersticiales intersticio interstitial
intestinal intestino joelho joint joints kidney kidneys knee knob ligamento line linea lineas
lines linfonodo linfonodomegalia linfonodos lingula lingular linha linhas liver lobar lobe
lobectomia lobes lobo lobos lobulillo lobulo lobulos lombar lumbar lumbares lumen lung lungs luz
lymph mama mamaria mamario mamas mano mao margen margenes margin margins materia matter
mediastinal mediastinales mediastinico mediastino mediastinum moles muneca muscle musculo
musculos neck node nodes ombro onda orbita organo orgao osea oseas oseo oseos ossea osseas osseo
osseos osseous osso ossos pancreas paracardiaco paranasales paratraqueal paravertebral
paravertebrales pared parede paredes parenchyma parenquima parenquimatosa parenquimatoso part
parte partes parts pe pecho peito pele pelvic pelvica pelvico pelvis peribronquial pericardial
pericardico pericardio perihiliar perone pescoco pie piel pilar pilares pleura pleurais pleural
pleurales pleuras pleuroparenquimatoso pleuropulmonar pleuropulmonares prevertebral pulmao
pulmoes pulmon pulmonar pulmonares pulmonary pulmones punho quadril radio radius rama ramo ramos
receso recess recesso renal retrocardiac retrocardiaca retrocardiaco retroesternal rib ribs rim
rinon rinones rins rodilla sacra sacro sacrum scapula segment segmentar segmentario segmento
segmentos segments seio seios seno senos shoulder skin skull soft space spaces spinal spine
spleen sternal sternotomy sternum stomach subdiafragmatico subpleural subpleurales substancia
superficie suprahiliar sustancia tecido tecidos tejido tejidos tendon thoracic thorax thyroid
tibia tireoide tiroides tissue tissues tobillo toracica toracicas toracico toracicos torax
tornozelo trachea tracheal trama traquea traqueal tronco trunk ulna vale valle vascular
vasculares vascularidad vascularizacao vasculatura vasculature vaso vasos veia veias vein veins
vena venas venosa venoso venous ventricle ventricular ventriculo vertebra vertebrae vertebrais
vertebral vertebrales vertebras vertice vertices vesical vesicula vessels via vias wall walls
wrist
"""

_FINDING = """
abnormalities abnormality achado achados achatamento acinar acinares acunamiento acunhamento
acute aguda agudas agudo agudos alambre alambres alargamento alongada alta altas alteracao
alteracion alteraciones alteracoes alterations alto altos amarillo amplia amplio amplitud amplo
anatomica anatomico ancho anormal anormalidad anterior anteriores antigo antigua antiguo
apagamento aplanamiento aplastamiento appearance artefacto artefactos artefato artifact artrose
artrosis asimetrico aspecto aspectos atelectasia atelectasiada atelectasiado atelectasias
atelectasis ateromatosa ateromatosis atrapamiento aumentada aumentado aumentados aumento azul
bad baja bajas bajo bajos bilaterais bilateral bilaterales bilobulado black blanca blanco
blancos blue blunt blunted blunting boa bom borrado borramiento branca branco bronconeumonia
bronquiectasico brown buena bueno bulas bulla bullae bullas bullosa bulloso bullous
calcificacion calcificaciones calcificada calcificado calcificados calcification calcified
calcio calcium calculi calculo caliber calibre callo callos callus calo calos calvo cambio
cambios cancer canula cardiomegalia cardiomegaly case cateter cateteres catheter cavidad
cavidade cavitacion cavitada cavitation cavity cefalizacao centrada centrado central
centrilobular centrolobular centrolobulillar cephalization change changed changes chronic
cicatrices cicatricial cicatriz cifose cifosis cisto clara claro claros clavo clear clip clipes
clips cloud colapsada colapsado colapso colecao coleccion collapse collapsed collection compara
comparacao comparacion comparada comparado comparar compare compared comparison completa
complete completo compression condensacion condensaciones congestao congestion congestivo
congruente conservada conservadas conservado conservados consolidacao consolidacion
consolidation control controlar controle copo copos cordon coroa corona coronaria coronario
coronary corpo corte cortes corto crack crema cronica cronicas cronico cronicos cross cruz
cuerpo cuesta cyst degenerativa degenerativas degenerative degenerativo degenerativos delgada
delgado densidad densidade density derecha derechas derecho derechos derrame derrames
deslustrado despejado despejados desplazada desplazado desviacion desviada desviado desvio
deviated deviation device devices diffuse difusa difusas difuso difusos dilatada dilatado
dilatados dilated direita direito direitos discreta discreto dislocation disminucion disminuido
displaced dispositivo dispositivos distal drain drenaje dreno dry dust ectasia ectasica ectasico
edema effusion effusions electrodo electrodos eletrodos elevacao elevacion elevada elevado
elevated elevation elongada empeoramiento emphysema endotraqueal enfisema english engrosada
engrosadas engrosamiento enlarged ensanchada ensanchado ensanchamiento escoliose escoliosis
esguince espessamento espiculada espiculado espiculas espina espondilose espondilosis esquerda
esquerdo estable estavel estranho estrella estrias eva eventracao eventracion evolucao evolucion
evolutivo excavada excavado externa externo extrano extremidade extremo failure faint
fibrocicatriciais fibrocicatricial fibrocicatrizal fibrocicatrizales fibrosa fibrosas fibrosis
fibroso fibrosos fibrotic field fina finas finding findings fino fissura fisura flattening
flocos flow flujo fluxo focais focal focales folha follow followup foreign forma forte fosco
fractura fracturas fracture fractures franca franco frank fratura fraturas free frontal fuente
fuentes fuerte glass good gordo gran grande grandes grant granuloma granulomas granulomatous
grave green gris ground grueso habitual habituales hall hallazgo hallazgos hazy hemoglobina
hernia hernias heterogeneo high hiperinsuflacao hiperinsuflacion hiperinsuflado homogenea
homogeneo hope humedo hyperinflation igual iguales image imagem imagen imaging improved
improvement improving increase increased inferior inferiores infiltrado infiltrados infiltrate
infiltrates insuficiencia interna interno irregular izquierda izquierdas izquierdo izquierdos
janela janelas jovem joven laminar laminares larga large largo laterais lateral laterales lead
leads leal left leite lesao lesion lesiones lesions lesoes leve level levels leves libre libres
lithiasis litiasis little livre livres lobulada lobulado loculada loculado loculated long low
lower luna luxacao luxacion luxado luxation maior major mala malo marcada marcado marcapasos
marcapasso mark marked marking markings marks masa masas mass massa massas masses matrix matriz
maxima maximo mayor media medial medio medios meio mejoria melhora melhoria menor metastasis
mets micronodulo micronodulos mid middle midline miel mild miliar miliares minima minimal minimo
minor moderada moderado moderados moderate moreno morfologia multiple multiples multiplos
nasogastrica negra negro neoplasia neoplasico neto netos neumonia neumonico neumotorax new
nitido niveis nivel niveles nodular nodulares nodule nodules nodulillar nodulillo nodulillos
nodulo nodulos normais normal normales nova novo nueva nuevo nuevos obliteracion obliterado
obliterados old opacidad opacidade opacidades opacified opacities opacity opaco oscuro osteofito
osteofitos osteopenia osteophytes osteoporosis pacemaker padrao page palma palmas panal
parafusos parcheada parcheadas parcheado parcial parciales partial patchy patent patron pattern
pecho pequena pequenas pequeno pequenos permeable persiste persistencia persistent pervia
petequia petequias pie pink pinzamiento piora placa placas plate plates pneumonia pneumothorax
pneumotorax polo ponta ponte port porta posicao posicion position posterior posteriores
preservada preservadas preservado preservados preserved preto prev previa previas previo previos
previous price prior prosthesis protese protesis proximal puente puerto punta punto puntos
quiste radiada recent recente reciente rectificacion rectificada rectificado red redistribucion
reducao reduccion reduced reduzida reduzido regular relacao relacion relation reservatorio
reservorio residuais residual residuales resolucao resolucion resolution respecto reticular
reticulares reticulonodular reticulonodulares retificacao retraccion retraction retraida
retraido rich right roja rojas rojo rosa rosario rose saco scarring scoliosis screws seca seco
secos secuela secuelar secuelares secuelas seguimiento semejante semelhante septada septado
sequela sequelae sequelas severa severe severo sharp short sign signo signos signs silhouette
silhueta silueta simetrica simetrico simetricos similar sinais sinal size small sobreelevacion
sobreelevada sobreelevado solitaria solitario solitary sombra sonda speaking stable stent stone
stripe strong subagudo subtle sugar superior superiores sutil sutiles sutis sutura suturas
symmetric tabicada tabicado table tamanho tamano tempestade tenue tenues thickened thickening
thin tip tormenta tornillo tornillos toro tortuosa tortuoso tortuous total totales tracto
tractos trazo tube tubes tubo tumor tumoral unchanged unica unico unilateral unremarkable upper
vara variacao variacion velado velamento velamiento ventana ventanas verde vermelho vidrio vidro
vitreo ward water wedging white widened widening window wires wood worse worsening young
"""

_CLINICAL = """
abdome absceso abscess abscesso absence absent accident accidente ache acidente aconseja
aconsejable acquisition acude adecuada adecuado adelgazamiento adequate adinamia admisional
admissional admitted adquisicion advised aerated aeration afastar aireacion alergia alergias
alergico allergy analise analisis analysis anemia angulo anorexia antecedente antecedentes
antero anteroposterior ap apicolordotica apnea apneia apresenta apto aquisicao arritmia arrived
asbesto asintomatica asintomatico asma asociada asociado assessment assintomatico associada
associado associated astenia asthma asymptomatic ateneo attended ausencia ausente avaliacao
avaliar axial bacteriana bedside began bien bipedestacion bradicardia breath bronchiolitis
bronchitis bronquiolitis bronquitis brought bucky caida calafrios calidad cardiologia cardiologo
care cefalea cefaleia centrado chills cirugia cirujano cirurgia cirurgica cirurgico clase class
classe clinicamente cobb colabora colaboro colaborou comentario comentarios comienza comment
comments compatible compativel complains complementar complementario completar computada
computarizada concepcion conclusao conclusion conclusiones conclusoes condicion condition
conference consistent consulta contrast contraste convem conviene cooperate cooperated copd
coqueluche correcta correcto correlacao correlacion correlacionar correlate correlation cough
could covid cr crackles crepitantes critica critical critico crp ct cti cuadro cuenta cuidados
cursa dados dato datos debe debido decubito decubitus demonstrated demonstrates denies dentro
derivo desaturacion desaturation descartado descartar describes descricao descripcion
description dessaturacao details deve devido diabetes diabetico diagnosed diagnoses diagnosis
diagnosticada diagnosticado diagnostico diameter diametro diarrea diarreia diarrhea dieta
digital digitales disease disfagia dislipidemia disnea dispneia dispoe dispone doble doenca
dolor dolores dor dores dose dosis double dpoc due dupla dx dysphagia dyspnea eco ecografia
edema edemas emagrecimento embarazo empiema empyema encuentra encuentran enfermedad enfermidade
enfisema epoc equipamento equipment equipo erect erecto escala escalofrios escarro escore
espacio espiracion esputo estadiamento estadio estado estertores evaluacion evaluar evaluation
evidence evidencia evident evidente excluded excluir exfumador existe existen expanded expandido
expandidos expectoracion exposed exposicao exposicion exposto exposure expuesto extiende fadiga
fall fatiga fatigue febre febril febrile fever fiebre film filme filmes films frecuencia frente
fum fumador gestante gesto ginecologia golpe grade grado grau grid gripe had hallado has havia
hay hemoptisis hemoptoica hemoptoico hemoptysis hemothorax hemotorax hipertension hipertenso
hipoxemia hipoxia historia hiv hold hrct hta hypoxemia hypoxia ictericia icu identifica
identificado identifican identified importante impresion impresiona impresionan impressao
impression incidencia incidencias index indicacao indicacion indication indice infeccao
infeccion infecciosa infeccioso infection influenza informacao informacion information ingresa
ingreso inicia inicio inspiracion inspirado inspiration intensiva intensive interconsulta
interna internal interpretacao interpretacion interpretation intervenida intervenido juicio kv
laboral laringitis lat lateral lecho lectura leitura leucocitos leucocitosis leucopenia libre
likely limitacao limitacion limitada limitado limite limited limites limits localizada
localizado located lordotic lordotica lordotico lumpectomy malestar mareos mas mastectomia may
medicina medicine medio meeting mejor mejora metodo mostra mostraba motivo motivos mri muestra
muestran nao nausea nega negativa negative negativo neumologia neumologo neumomediastino
neumopericardio neurologia niega nino no normoposicionado normoposicionados nota note noted
notes obesidad obeso oblicua obliqua oblique obliquo observa observaciones observacoes observado
observan observar observations observed occupies occupying ocupa ocupacional ocupan odinofagia
oncologia oncologica oncological oncologico operada operado operados operated operatorio opiniao
opinion optimo ortostase ortostatismo pa pain painful palpitaciones palpitacoes parece parecer
parrilla parrillero pathology patologia patologica patologico pcr pediatra pediatria pediatric
penetracion perfil peso picked placa placas plaquetas platelets pneumologista pneumomediastino
pneumomediastinum pode podria politrauma politraumatizado portable portatil posible posibles
positiva positive positivo posoperatorio possible possibly possivel post postero posteroanterior
postoperative postoperatorio ppd prematuro preoperative preoperatorio presencia present presenta
presentan presente presented presenting presents presion pressao pressure primario primary
probable probables procedimento procedimiento procedure proceso process processo projecao
projecoes projected projection projections projects prone prono protocol protocolo provavel
proyeccion proyecciones proyecta proyectan puede puntaje puntuacion quadro qualidade quality
queda queixa quemadura quilotorax quimioterapia quirurgica quirurgico quirurgicos radiografia
radiografias radiograph radiographs radiography radiologia radiologica radiological radiologico
radiologicos radiology radioterapia raio raios rango ratio rayo rayos reason recomendacao
recomendacion recomendaciones recommendation recommended refere refiere relacion relacionada
relacionado relata related relato relatorio relevante relevantes repeated repetido repite
reporting reports represent represents requiere required reseccion residencia resonancia
ressonancia resumen resumo retira retirado reuniao reunion rinorrea rm roncus ronquera rotacao
rotacion rotated rule rx satisfactorio saturacao saturacion saturation score se secondary
secundaria secundario seems seen sentada sentado sepsis shortness should show shown shows
sibilancias significancia significant significativa significativo significativos silica simple
simples sincopal sincope sindrome sitting situa situado smoker smoking solicita sospecha sputum
stage started states status suboptima sudoracion sudorese sugere sugerencia sugestiva sugestivo
sugestivos suggested suggestive sugiere sugieren suma summary supine supino surgeon surgery
surgical suspected suspeita syncope syndrome tabagismo tabagista tabaquismo tabaquista tachypnea
talla taquicardia taquipnea tasa tb tbc tc tcar technique tecnica tecnico telerradiografia tem
temperatura tenia tension terapia test teve tiene tipo tolero tolerou tomografia tomography tos
tosferina tosse trabajador trabalhador traida traido trajo transparencia transparency tratamento
tratamiento trauma traumatica traumatico traumatismo traumatologia trazida trazido treatment
tuberculose tuberculosis type ultrasonido ultrasound ultrassom upright urologia us uti
vaccinated vacinada vacinado vacunada vacunado valor valores value ve ven ventilacion ventilado
vih viral visible visibles visivel visualiza visualizado visualizan volume volumen vomiting
vomitos well wheeze wheezing within worker xr xray
"""

_EPONYMS = """
apgar baastrup baker bankart barrett behcet benz bertolotti blakemore bochdalek brixia broviac
burkitt caldwell caplan castleman chagas charcot chopart churg cobb codman colles crohn cushing
ebstein eisenmenger ewing fallot felty fleischner foley freiberg galeazzi ganz genant gerota
ghon glasgow goodpasture hamman hampton hashimoto hickman hirtz hodgkin kaposi kartagener
kellgren kerley kienbock kirschner kohler law lisfranc loffler looser luschka marfan milkman
modic monteggia morgagni naclerio neer osgood paget pancoast perthes ranke raynaud rhese riedel
sachs salter scheuermann schlatter schmorl schuller sengstaken sjogren steinmann stenvers sudeck
swan takayasu towne waters wegener westermark
"""

_GIVEN = """
aaron abel abigail abril adela adolfo adrian adriana agustin agustina aida aiden alan alba
albert alberto alejandra alejandro alessandra alex alexander alexandra alexandre alexis alfie
alfonso alfred alfredo alice alicia alina aline alison allison alma alonso alvaro alyssa amalia
amanda amber amelia amparo amy ana anabel analia anderson andre andrea andreia andres andrew
angel angela angeles angelica angelina anita ann anna anne antonia antonio anunciacao aparecida
april araceli archie ariana ariel armando arnaldo arthur artur arturo ascensao ascension ashley
assuncao asuncion audrey augusto aurelio aurora autumn ava barbara barry bautista beatriz belen
benicio benito benjamin bento bernarda bernardo betty beverly bianca blanca bonnie brandon
braulio brenda breno brett brian brisa brittany brooke bruce bruna bruno bryan caetano caio
caitlin callum camila candace candela candida carina carl carla carlos carmela carmelo carmen
carol carolina caroline casimiro cassandra cassidy cassio catalina catarina catherine caue
cecilia celeste celia celina cesar chad charles charlotte chelsea cheryl chloe christian
christina christine christopher christy cindy cintia citlali clara clarence clarice claudemir
claudia claudio cleber cleiton clemente clive cody colin conceicao concepcion concha conchita
constanza consuelo courtney craig cristian cristiane cristina cristobal crystal cuauhtemoc
cynthia dale dalila damian daniel daniela danielle danilo dante darci dario darlene darren davi
david dawn dean debora deborah declan deisy delfina denis denise dennis derek diana diego dirceu
dolores domingo domingos donald dora dorothy douglas dulce dustin dylan earl edelmira edgar
edgardo edilson edith edna edson eduarda eduardo edward elaine elba eleanor elena eleuterio
elias elida eliecer elisa elisabeth eliseo elizabeth ellen elsa elton elvira emanuel emerson
emilia emiliano emilio emily emma emmanuel encarnacao encarnacion enrique enzo eric erica erika
erin ernest ernesto esperanza esteban estela ester esther ethan ethel eugene eugenia eugenio
eulalia eunice eusebio eva evaristo evelyn everton evie ewerton ezequiel fabian fabiana fabio
fabiola facundo fatima federico felicia felipe felix fermin fernanda fernando fidel flavia
flavio florence florencia francisca francisco franco frank fred freddie frederick freya
fulgencio gabriel gabriela gabrielly gael gareth gary gaspar george georgina geraldo gerardo
german gertrude gilberto gillian gilmar gilson gino giovanna gisela giuliana gladys glenda glenn
gloria gonzalo grace graciela graham gregorio gregory guadalupe guilherme guillermina guillermo
gustavo hailey hannah harold harry haydee hazel heather hector heitor helen helena henrique
henry herminia hernan hilda hipolito horacio hortensia howard hugo humberto ian iara ignacia
ignacio igor ilda ines ingrid inmaculada iolanda irene iris irma isaac isabel isabella isadora
isidora isidro isla ismael israel itzel ivan ivone ivonne izabel jacinto jack jacob jacqueline
jaime jair jairo james jamie jane janet janice jason javier jean jefferson jeffrey jenna
jennifer jeremy jeronimo jerry jesica jesse jessica jesus jhon jhonny jill jimena joan joana
joann joanna joanne joao joaquim joaquin joaquina jodi joe joel johana johanna john johnny jonas
jonathan jordi jorge jose josefa josefina josep joseph joshua josiane josue joyce juan juana
juarez judith judy julia julian juliana julie julieta julio june jussara justin justino kaio
kaique kara karen karina karl kate katherine kathleen kathryn katia kaua kayla keith kelly
kelsey kenneth kevin kimberly kleber kristen kristin kurt kyle laercio laila lais lara larissa
laura lauren laurence lautaro lavinia leandro leda leidy leila leo leonard leonardo leonel
leonor leopoldo lesley leslie leticia liam lidia lilia lilian liliana lillian linda lindsay lisa
lisandro livia lizbeth logan lois lola lonnie lorena lorenzo louis lourdes luan luana lucas
lucca lucia luciana luciano lucila lucineia lucio lucrecia luis luisa luiz luiza lupe luz luzia
lydia mabel macarena madalena madison magali magdalena maite manoel manoela manolo manuel
manuela mar mara marcela marcelino marcelle marcelo marcia marcio marco marcos margaret
margarida margarita maria mariana mariano maribel marie mariela marilda marilia marilyn marina
mario marisa marisel marisela marisol mark marlene marli marta martha martin martina mary mason
mateo matheus mathew matias matilde matthew maureen mauricio mauro maximiliano maximo maya megan
melanie melina melinda melissa merce mercedes mia micaela michael michelle miguel milagros
milena miriam mirta mirtha misty mitchell moacir moises monica montserrat mora morena murilo
myriam nadia nahuel nancy naomi natalia natanael nathalia nathan nazareno neil nelida nelly
nelson nestor neusa nicanor nicholas nicolas nicole nidia nieves nigel nilda nilza nina nivaldo
noah noelia noemi nora norberto norma norman nuria octavio odete ofelia olga oliver olivia omar
orlando oscar osvaldo otaviano otavio otto owen pablo paca paco paloma pamela paola patricia
patricio patrick paul paula paulina paulo pedro pepa pepe pere peter philip piedad pietra pietro
pilar poppy priscila purificacao purificacion quiteria rachel rafael rafaela raimunda raimundo
ralph ramiro ramon ramona randy raquel raul raymond rebeca rebecca regiane regina reginaldo
reinaldo remedios renan renata renato rene reynaldo rhonda rhys ricardo richard rita robert
roberta roberto robin rocio rodolfo rodrigo rogelio roger rogerio rolando roman romina ronald
roque rosa rosalia rosalinda rosana rosangela rosario rosaura rose roseli rosemary rosimeire
roxana roy ruben rubens ruby rufino rui russell rute ruth ryan sabrina salete salome salvador
samanta samantha samara samuel sandra santiago santino sara sarah saturnino saul scott sean
sebastian sebastiana selena selma sergio severina severino severo sharon shaun sheila shelly
sheri silas silvana silvia silvina silvio simao simon simone sofia sol solange soledad sonia
sophia stacy stanley stella stephanie stephany stephen steven stuart sueli susan susana tadeo
tadeu talita tamara tammie tammy tania tarcisio tatiana tatiane telma teodoro teresa teresita
tereza terezinha terry thais theresa thiago thomas tiago tiffany timothy toby todd tomas tonya
tracy travis trevor trinidad troy tyler ubirajara ulises ulisses ursula valdemar valdete valdir
valentin valentina valentino valeria valerio vanesa vanessa vania vera veronica vicente vicki
victor victoria vilma vinicius violeta virginia vitor vitoria viviana wagner waldemar waldir
wallace walter wanda wanderley washington wayne wellington wendy wesley wilfredo william wilmer
wilson winifred xavier ximena xochitl yago yamila yanina yara yasmin yeimi yesenia yesica
yolanda yuliana yvette yvonne zacarias zachary zelia zilda zoe zulema zulma
"""

_FAMILY = """
abalos abreu acevedo acosta acuna adams aguiar aguilar aguilera aguirre alarcon albuquerque
alcantara alencar alfonso allen almada almeida alonso alvarado alvarez alves amado amaral amorim
amparo anderson andrada andrade antunes aparicio aragon arana aranda aranha araujo araya arce
arias armas arroyo assis avila ayala azevedo baez bailey baker bandeira banks baptista barbosa
barcelos barker barnes barnett barrera barreto barrett barrios barros bastos bates batista
becerra beck becker bell beltran benavides benites benitez bennett bermudez bernal bezerra
bishop bittencourt blanco boaventura bonfim bonilla borges botelho bowman boyd bradley braga
branco brandao bravo brito brizuela brooks brown bueno burke burton bustamante butler byrd
caballero cabral cabrera caceres caetano calado caldas calderon calvo camacho camara camargo
campbell campos cano cardenas cardoso carina carmona carneiro caro carpenter carr carranza
carrasco carrillo carroll carson carter carvalho casas castillo castro cavalcante cavalcanti
centurion cerda cerqueira cervantes cespedes chagas chambers chandler chaparro chapman chavarria
chaves chavez cisneros clark clemente coelho cohen coimbra cole coleman collins colon conde
contreras cook cooper cordeiro cordero cordoba cornejo coronado coronel corrales correa correia
cortes cortez cossio costa couto cox crawford crespo cruz cuevas cunha cunningham curry curtis
damasceno daniel daniels dantas davenport davidson davila davis dean delgado delicado dias diaz
diez diniz dixon dominguez douglas dourado duarte duncan dunn duran edwards elliott ellis
erickson escalante escalona escobar escudero esperanza espino espinosa espinoza esteves estrada
evans fagundes fajardo falcao farfan farias feitosa ferguson fernandes fernandez ferrari ferraz
ferreira ferrer ferreyra fields fierro figueira figueiredo figueroa fisher fitzgerald fleming
fletcher flores fonseca foote ford foster fowler fox franca francis franklin frazao frazier
freeman freire freitas fuentes fuller furtado gaitan galarza galeano galindo gallagher gallardo
gallego gallegos galvao galvez gamarra gamboa garay garces garcia gardner garner garrett garrido
garza gaspar george gibson gil gilbert gimenez glasgow godinez godoi godoy gomes gomez goncalves
gonzales gonzalez gordillo gordon goulart graham granados graves gray green greene greer gregory
griffin grijalva guedes guerra guerreiro guerrero guevara guimaraes gusmao gutierrez guzman hale
hall hamilton hammond hansen hanson hardy haro harper harrington harris harrison hart harvey
hawkins hayes henderson henry heredia hermosillo hernandez herrera hidalgo hilario hill hinojosa
hodges hoffman holmes hopkins howard huamani hubbard hudson huerta hughes hunt hurtado ibanez
ibarra iglesias ingram izquierdo jackson jacobs jaimes jara jaramillo jardim jenkins jennings
jensen jesus jimenez johnson jones jordan joseph juarez juncal junqueira keller kelley kelly
kennedy kim king klein lacerda lage lambert lara larson lawrence lawson lazo leal ledesma lee
leitao leite leiva leme lemos leon leonard lewis lima linhares lins lira lizarraga llanos loayza
lobato lobo long lopes lopez lorenzo loureiro louro lowe lozano lucas lucero lucio lugo luna
luque lynch lyons macdonald macedo machado maciel mack mackenzie magalhaes magana maia major
maldonado malone malta mamani mancha mann manrique manzano marin marques marquez marquina marsh
marshall martinez martins mascarenhas mason mata matos matthews mattos maturana mayorga mccarthy
mccoy mcdonald mckinney medeiros medina meireles mejia melo mena menchaca mendes mendez mendoza
menezes mercado merida merino mesa mesquita mexia meyer meyers miller miranda mires mitchell
molina moncada montano monteiro montenegro montero montes montiel montoya moore moraes morais
morales moran moreira moreno morgan morillo morris morrison morton mosquera moss mota moura
mourao moya mullins muniz munoz murillo murphy murray myers naranjo nascimento nava navarrete
navarro negrao nelson neves newman newton nguyen nichols nieto nobre nobrega nogueira norman
noronha norris novaes novoa nuevo nunes nunez obando obrien ocampo ochoa oconnor odonnell ojeda
olguin olivares oliveira oliver olivera olmedo olmos olson oneill ordonez orellana orozco ortega
ortiz osorio osullivan otero oviedo owens pacheco padilla paget paiva paixao palacios palhares
palma palmer palomo pando paniagua pantoja parada paredes park parker parra parreira pascual
passos pastrana patel patino patricio patterson pavao paz pearson pedraza peixoto pelayo pena
penha peralta perdigao pereira perera pereyra perez perkins perry pessoa peters peterson
phillips pierce pimenta pimentel pineda pinheiro pinho pinto pinzon pires pizarro poblete ponce
porter portillo porto powell prada prado price prieto pulgar quaresma queiroz quevedo quijano
quinn quintana quintanilla quintero quiroga quispe rabelo ramalho ramallo ramirez ramos ramsey
rangel rebelo rebolledo recabarren reed reeves rego reis rengifo resende restrepo retamal
revilla rey reyes reynolds rezende rhodes ribas ribeiro richardson rico riley rios riquelme
risco rivadeneira rivas rivera rivero roberts robinson robles rocha rodgers rodrigues rodriguez
rogers rojas roldan rolon roman romano romero roque rosa rosado rosales rossi rowe rozas ruano
rubiano rubio rueda ruiz russell russo ryan sa saavedra saenz saez salas salazar salcedo saldana
saldanha saldivar salgado salinas salles samaniego sampaio sanabria sanchez sanders sandoval
santana santander santiago santos sanz saraiva sarmento sarmiento schmidt schneider schultz
schwartz seabra seco segovia segura seixas sepulveda serna serpa serra serrano shaw shelton
silva silveira silvera simmons simoes simon simpson sims sinclair singh siqueira smith snyder
soares sobral sobrinho solano soler solorzano sosa sotelo soto sousa souza spencer stephens
stevens stevenson stewart stone suarez sullivan sutton tamayo tapia tavares taylor teixeira
tejada tejedor teles telles tellez tello tenorio terrazas terry thomas thompson tirado tobar
todd toledo torquato torrao torrealba torres tovar tran trejo trindade trinidad trujillo tucker
turner ugarte ulloa urbina uribe urrea urrutia valadares valderrama valdes valdez valdivia
valencia valente valenzuela valle vallejo vallejos valverde varela vargas vasconcellos
vasconcelos vasquez vaughn vaz vazquez vega veiga vela velasco velazquez velez veloso vera
vergara viana vicente vidal vieira viera vigo vilar vilela villa villalba villanueva villar
villegas vinas viveros wagner walker wallace walsh walters ward warner warren washington watkins
watson watts weaver webb weber welch wheeler white whitehead wilkerson wilkinson williams willis
wilson wong wood wright xavier yanez yepes young zabala zambrano zamora zamudio zanetti zapata
zarate zavala zeballos zelaya zimmerman zorrilla zuniga
"""

_BOTH = """
agua aguas alba alta alto amor ancho angel angeles angulo bajo banks baron barra barras barros
base bell bello best black blanca blancas blanco blancos bone bonito booth borges bosque branca
branco brancos brava bravo bridges brooks brown bueno burns bush cabeza cabezas cabral cadena
caldeira calle calvo camara campo campos cano cara cardo caro casa casas case cash castelo
castillo chase church clara claro cole conceicao concepcion consuelo cook cordero cordon coroa
corona corral corte cortes corto costa costas crema crespo cross cruz cuadro cuello cuervo
cuesta curto day dean delgado dolores domingo domingos dores drake duro english espina estrella
ferro field fields filho fina fino fogo folha fonte fontes foot ford forte fortuna fox franca
franco frank frost fry fuente fuentes fuerte fuller gallo gates gato gill glass good goodman
gordo grace gracia gracias grande grant gray green guardia guardias hall hand hardy head hermoso
hill holes home hood hooks hope horn house hunter iglesias izquierdo joy junior keys knight knox
ladeira lago lagos lake lamb lane largo law leach leal leao leite lima lindo little llano lobo
lobos long love luck luna luz magro mano manso manzano mar marco marcos mark marks marsh martes
mata mato may mayo mayor mays mead media medio mejor mercado mercedes mercer merchant merino
merritt mesa milagros mills minor monte montes moody moon mora morena moreno moss muro nail
nails nash neal negro neto neves nieto nieves nino noble north nova novo odom oliva pace page
pages palha palma palmas palomo pan pardo paredes park parks passos pastor paul paz pe peace
pearl pecho peck pedra pedras pedroso pena penha peral person peso pie piedad pies pilar
pinheiro pino pinos pintado pinto pires pitts plaza polo ponce ponte pool poole pope porta porto
post power powers pozo pozos prado prata pratt presa price pride prieto primo puente puerta pugh
pulido quick quinta quinto rains rama ramas ramo ramos ramp rana rapido ray real recto redondo
reina reis remedio remedios reto rey reyes ribeiro rica rice rich rico rincon rio rios rivers
roach roble robles roca rocha rojas rojo romo rosa rosado rosal rosario rosas rose rowe rubia
rubio rudd rush saco sage sala salas salto salvador sands sano santa santo santos savage seca
seco segundo segura seguro self sellers serena sereno serra sharp shell shields short sierra
silva singer skinner small snow sobrado sobrinho socorro sol sola soledad solis sparks spears
starr stern still stokes stone stones stout strong summers swan sweet tate temple terra toro
torre torres tower towers trigo trout vaca vale valente valiente valle valles vance vara vargas
vela velho ventura verde vertiz vidal vidrio viejo villa vines viva wade walker wall waller
walls ward ware waters weaver webb weeks well wells west white wiley will winkler winters wise
witt wood woods worth yates young
"""
"""Names that are words as well: lower case, or in a line of capitals, they may be just that."""


_SUFFIX = re.compile(
    r"^.{4,}(?:cion|ciones|sion|siones|cao|coes|soes|mente|idad|idades|idade|dade|dades|itis|ite|"
    r"osis|ose|"
    r"grafia|grafias|grafico|grafica|grama|gramas|patia|patias|ectomia|scopia|logia|logico|logica|"
    r"megalia|emia|uria|algia|plasia|trofia|tion|tions|sions|ness|ology|graphy|ectomy|pathy|tomy|"
    r"ically|ously|ical|ble|bles|ibles|aveis|iveis|miento|mientos|mento|mentos)$"
)
"""Endings of words that reports are full of and that end no name of this region, behind four
letters or more."""

_LONGEST_CHECKED = 20

_SHORTEST_STEM = 4


_GIVEN_NAMES = frozenset(_GIVEN.split())
_FAMILY_NAMES = frozenset(_FAMILY.split())
_NAMES_WITH_MEANING = frozenset(_BOTH.split())
_NAMES = _GIVEN_NAMES | _FAMILY_NAMES | _NAMES_WITH_MEANING | frozenset(_EPONYMS.split())
_OF_HEADINGS = frozenset((_FUNCTION + _ADMINISTRATION).split())
_ORDINARY = frozenset(
    (_FUNCTION + _ADMINISTRATION + _ANATOMY + _FINDING + _CLINICAL + _EPONYMS).split()
)


def is_name(word: str) -> bool:
    """Whether people are called so, whatever else the word means."""
    return word in _NAMES


def has_meaning(word: str) -> bool:
    """Whether a name is a common word, too, which even a report may hold now and then."""
    return word in _NAMES_WITH_MEANING or is_ordinary(word)


def is_given_name(word: str) -> bool:
    """Whether it is a usual given name."""
    return word in _GIVEN_NAMES


def is_family_name(word: str) -> bool:
    """Whether it is a usual family name."""
    return word in _FAMILY_NAMES or word in _NAMES_WITH_MEANING


def is_administrative(word: str) -> bool:
    """Whether it is a word of headings and signatures: no part of a name, even with a capital."""
    return word in _OF_HEADINGS


@lru_cache(maxsize=100_000)
def is_ordinary(word: str) -> bool:
    """Whether a report may hold the word without speaking of anybody."""
    if word in _ORDINARY:
        return True
    if word in _GIVEN_NAMES or word in _FAMILY_NAMES:
        return False
    return any(form in _ORDINARY for form in _other_forms(word)) or _has_suffix(word)


def _other_forms(word: str) -> tuple[str, ...]:
    """Give the singular, and the other gender, of what may be a noun or an adjective."""
    if len(word) <= _SHORTEST_STEM:
        return ()
    forms = [word[:-1]] if word.endswith("s") else []
    if word.endswith("es") and word[-3] not in "aeiou":
        forms.append(word[:-2])
    turned = {"a": "o", "o": "a"}
    forms += [
        form[:-1] + turned[form[-1]]
        for form in (word, word.removesuffix("s"))
        if form[-1] in turned
    ]
    return tuple(forms)


def _has_suffix(word: str) -> bool:
    return bool(_SUFFIX.match(word[-_LONGEST_CHECKED:]))
