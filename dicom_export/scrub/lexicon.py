"""Words, folded, as the rules see them: those of any report, and those that are people's names.

Ordinary words end a name that is being read, and a known name that is one of them is only removed
where the words around it say that it is a name (``rules``). A word of a report that is missing here
costs at most itself, where it stands right behind a name in a text of capitals; a surname that
stands here by mistake is still removed behind a title or a label, or beside another name.

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
con contra could cual cuando cuarta cuarto cuatro cuya cuyo da das de dear decimo del dentro
desde despite despues dez did diez do doce does dois donde dos duas durante during e each eg
eight either el ella ellas ellos em en entre era eran es esa ese eso essa esse esta estan estas
este esto estos etc few first five foi for four fourth from fue fuera fueron further ha haber
habia hacia had han has hasta have hay he her here herself him himself his how however i ie if
in into is isto it its itself ja junto just la las last le least les less like lo los mais many
mas may me mediante menos mi might misma mismo more most much muito must muy my na nada nao nas
near nem nenhum nenhuma next ni nine ningun ninguna no none nor nos not nove noveno now nuestra
nuestro nueve o ocho octavo of off often oito on once one only or os other otra otro ou our out
outra outro over own para pela pelas pelo pelos per pero poca poco por porque pouco primeira
primeiro primer primera primero pues qual quando quatro que quien quinta quinto re regarding s
se sea sean second segun segunda segundo seis sem septimo ser sete seu seus seven sexto she
should si sido siete sin since six so sob sobre solo some son su sua suas such sus tal tambem
tambien tan tanto tem ten terceira terceiro tercer tercera tercero than that the their them then
there these they third this those three through to toda todo too toward towards tras tres tu two
u ultima ultimo um uma umas un una unas under uno unos uns until up upon us va versus very vez
via vs was we were what when where which while who will with within without would y ya yes you
your
"""

_ADMINISTRATION = """
abril acceso accession accompanied acesso acompana acompanado acompanante acompanhante addendum
address adenda adult adulta adulto afiliado age aged agosto agradeco agradezco alta ambulatoria
ambulatorio anestesiologia anesthesiology anexo annex ano anos antecedentes apellido apellidos
approved april aprobada aprobado apto assinada assinado assinatura atenciosamente atendida
atentamente atte attending august autorizada autorizado autorizo available avenida avenue
avisada avisado aviso badge bairro barrio bebe bed beneficiaria beneficiario best birth born boy
brother call calle called calls cama campus card cardiologia cardiology carne carnet cartao
carteira carteirinha cbr cc cedula cel cell celular center centre centro cep chief child ci
cidade cipa cirugia city ciudad cjp clinic clinica clinical clinico clinicos code codigo col
colega colegiada colegiado colleague colleagues comentada comentado companion company comunica
comunicada comunicado comunicados comunicar conferido conferiu consulta consultant consultation
consultorio contact contacto contato convenio coordinador copia copias copy cordialmente correo
country cp cpf cracha credencial crm curp dad data datas date dated dates daughter day days
december departamento department derivacion derivada derivado derivante dermatologia destination
destino deu dezembro dia diagnostico dias diciembre dictada dictado dictated digitada digitado
digitally digitalmente direccion director diretor discussed discutida discutido disponible
disponibles disponiveis ditado dn dni dnp do dob doc doctor doctora documento domicilio domingo
don dona done doutor doutora dr dra edad efectuada efectuado egreso elaborada elaborado elaboro
elaborou electronically electronicamente eletronicamente email emergencia emergency employer
empresa encaminhada encaminhado encaminhamento endereco endocrinologia enero enfermeira
enfermera enfermero entrada eps especialidad especialidade especialista esposa esposo estado
estimada estimado estudio estudios exam exame examen examenes exames examinada examination
examinee exams expediente ext externa externo familiar father fax febrero february fecha fechada
fechado fechas feira feita feito female femenina femenino feminino fevereiro ficha filha filho
filial final finalized firm firma firmada firmado firmante folio fone fono forename frcr fri
friday gastroenterologia gender ginecologia girl gracias guardia gynecology hc hecha hecho
hematologia hermana hermano hija hijo historia history hombre homem hora horas hospital hour
hours hrs hs http https husband id idade identidad identidade identificacao identificacion
identification identity imagen imagenes imagenologia imagens images infant informada informado
informante informe informed informes informo ingreso institute instituto insurance insured
internacao internacion internada internado internal interno interpreting janeiro january jefe
jueves julho julio july june junho junio kin kind laudada laudado laudo laudos leido leito
liberada liberado lic licence licencia licenciada licenciado license local localidad localidade
location lugar lunes madam made madre mae mail maio male man march marco marido martes marzo
masculina masculino matricula may mayo mbbs md medica medical medicas medicine medico medicos
member membro men menina menino mes meses miembro miercoles minuto minutos miss mn mobile mom
mon monday month months mother motivo movil mp mr mrn mrs ms mujer mulher municipio n nac
nacimiento name names nasc nascimento nass nefrologia neumologia neurologia neurology next nhc
nie nif nina nino no nombre nombres nome notified november novembro noviembre npi nro num number
numero nurse obra obrigado obstetricia obtained obtenida obtenidas obtenido obtida obtidas
october octubre oftalmologia old oncologia oncology ordem orden order ordering orders origem
origen origin orthopedics ortopedia otorrinolaringologia outubro pac paciente pacientes padre
pai pais pasaporte passport patient patients payer pcte pediatria pediatrics pedido pedidos
performed person persona pessoa peticion peticionario phd phone physician physicians piso plan
plano pneumologia policlinica policlinico policy poliza postal posto preliminar preliminary
prepared prevision prezada prezado procedencia profesional professional profissional pronto
prontuario provincia prueba psiquiatria pt pte puesto pulmonology quarta quinta radiodiagnostico
radiologa radiologist radiologista radiologists radiologo radiologos ramal read reading
realizada realizadas realizado realizados realizo record records referida referido referral
referred referring reg regards registro reingreso report reporte reported reports request
requested requesting requests requisicao requisitante requisition residence residencia resident
residente resides responsable responsavel responsible result resultado resultados results
reumatologia reviewed reviewing revisada revisado rfc rg road room rqe rua run rut sabado sala
saluda saludo saludos sanatorio sat saturday sede segunda seguro seguros semana semanas senhor
senhora senor senora september septiembre service services servicio servico setembro setiembre
sex sexo sexta signature signed sincerely sir sister site sitio sobrenome social socorro
solicita solicitacao solicitada solicitado solicitante solicitud son specialist specialty sr sra
srta ssn staff state street studies study sucursal sun sunday surgery surname taken tech
technician technologist tecnica tecnico tecnologa tecnologo tel telefone telefono telephone
terca test tests thank thanks thu thursday time titular tomada tomado transcribed transcripto
transcrita transcrito tratante traumatologia tue tuesday typed unidad unidade unit urgencia
urgencias url urologia urology usuaria usuario utente validada validado validated varon
verificado verified viernes view views visado vista vistas visto ward web wed wednesday week
weeks wife woman women www year years zip
"""

_ANATOMY = """
abdomen abdominal abdominales adenopathy adenopatia adenopatias aerea aereas aereo aereos airway
airways ala alas alveolar alveolares alveolo angle angles angulo angulos ankle aorta aortic
aortica aortico apex apicais apical apicales apice apices arcabouco arch arco arcos arteria
arterial artery articulacion articular articulares asa asas atrial atrio atrium auricula
auricular axila axilar axilla axillary axis baco basais basal basales base bases basilar bazo
biapical bibasal biliar biliary blandas body bone bones bony borda bordas borde border bordes
botao boton bowel brain branch breast bronchial bronchiectasis bronchogram bronchograms bronchus
broncograma broncogramas broncovascular bronquial bronquica bronquico bronquiectasia
bronquiectasias bronquio bronquios cabeca cabeza cadeia cadena cadera cage caixa caja camara
camera campo campos cara cardiac cardiaca cardiaco cardiacos cardiomediastinal
cardiomediastinica cardiomediastinico cardiopericardica carina cava cayado cerebro cervical
chamber chambers chest cissura cisura cisuras clavicle clavicula claviculas codo colon colonico
columna coluna contorno contornos contour contours coracao corazon corpo cortical costa costais
costal costales costas costela costelas costilla costillas costofrenico costofrenicos
costophrenic cotovelo craneo cranio cubito cuello cuerdas cuerpo cupula cupulas dedo dedos
diafragma diafragmas diafragmatica diafragmatico diaphragm disc disco discos disk dorsal
dorsales eixo eje elbow escapula esofagico esofago esophageal esophagus espacio espacios espaco
espacos esternal esterno esternon esternotomia estomago face feet femoral femur fibula field
fields figado finger fingers fissure fissures foot frenica frenico gallbladder ganglio
ganglionar ganglios gastric gastrica gastrico glandula hand hands head heart hemidiafragma
hemidiafragmas hemidiaphragm hemidiaphragms hemithorax hemitorax higado hila hilar hiliar
hiliares hilio hilios hilo hilos hilum hip hombro hueso huesos humeral humero humerus
infrahiliar intersticial intersticiales intersticio interstitial intestinal intestino joelho
joint joints kidney kidneys knee knob ligamento line linea lineas lines linfonodo
linfonodomegalia linfonodos lingula lingular linha linhas liver lobar lobe lobectomia lobes lobo
lobos lobulo lobulos lombar lumbar lumbares lumen lung lungs luz lymph mama mamaria mamario
mamas mano mao margen margenes margin margins materia matter mediastinal mediastinales
mediastinico mediastino mediastinum moles muneca muscle musculo musculos neck node nodes ombro
onda orbita organo orgao osea oseas oseo oseos ossea osseas osseo osseos osseous osso ossos
pancreas paracardiaco paranasales paratraqueal pared parede paredes parenchyma parenquima
parenquimatosa parenquimatoso part parte partes parts pe pecho peito pele pelvic pelvica pelvico
pelvis peribronquial perihiliar perone pescoco pie piel pilar pilares pleura pleurais pleural
pleurales pleuroparenquimatoso pleuropulmonar pulmao pulmoes pulmon pulmonar pulmonares
pulmonary pulmones punho quadril radio radius rama ramo ramos receso recess recesso renal
retrocardiac retrocardiaca retrocardiaco retroesternal rib ribs rim rinon rinones rins rodilla
sacra sacro sacrum scapula segment segmentar segmentario segmento segmentos segments seio seios
seno senos shoulder skin skull soft space spaces spinal spine spleen sternal sternotomy sternum
stomach subdiafragmatico subpleural subpleurales substancia superficie suprahiliar sustancia
tecido tecidos tejido tejidos tendon thoracic thorax thyroid tibia tireoide tiroides tissue
tissues tobillo toracica toracicas toracico toracicos torax tornozelo trachea tracheal trama
traquea traqueal tronco trunk ulna vale valle vascular vasculares vascularidad vascularizacao
vasculatura vasculature vaso vasos veia veias vein veins vena venas venosa venoso venous
ventricle ventricular ventriculo vertebra vertebrae vertebrais vertebral vertebrales vertebras
vertice vertices vesical vesicula vessels via vias wall walls wrist
"""

_FINDING = """
abnormalities abnormality achado achados achatamento acunamiento acunhamento acute aguda agudas
agudo agudos alambre alambres alongada alta altas alteracao alteracion alteraciones alteracoes
alterations alto altos amarillo amplia amplio amplitud amplo anatomica anatomico ancho anormal
anormalidad anterior anteriores antigo antigua antiguo apagamento aplanamiento aplastamiento
appearance artefacto artefactos artefato artifact artrose artrosis asimetrico aspecto aspectos
atelectasia atelectasias atelectasis ateromatosa ateromatosis atrapamiento aumentada aumentado
aumentados aumento azul bad baja bajas bajo bajos bilaterais bilateral bilaterales black blanca
blanco blancos blue blunt blunted blunting boa bom borrado borramiento branca branco
bronconeumonia brown buena bueno bulas bulla bullae bullas calcificacion calcificaciones
calcificada calcificado calcificados calcification calcified calcio calcium calculi calculo
caliber calibre callo calo calvo cambio cambios cancer canula cardiomegalia cardiomegaly case
cateter cateteres catheter cavidad cavidade cavitacion cavitada cavitation cavity cefalizacao
centrada centrado central centrilobular centrolobular centrolobulillar cephalization change
changed changes chronic cicatricial cicatriz cifose cifosis cisto clara claro claros clavo clear
clip clipes clips cloud compara comparacao comparacion comparada comparado comparar compare
compared comparison completa complete completo compression congestao congestion congestivo
conservada conservadas conservado conservados consolidacao consolidacion consolidation control
controlar controle copo copos cordon coroa corona coronaria coronario coronary corpo corte
cortes corto crema cronica cronicas cronico cronicos cross cruz cuerpo cuesta cyst degenerativa
degenerativas degenerative degenerativo degenerativos delgada delgado densidad densidade density
derecha derechas derecho derechos derrame derrames deslustrado despejado despejados desviacion
desvio deviation device devices diffuse difusa difusas difuso difusos direita direito direitos
discreta discreto dislocation disminucion disminuido dispositivo dispositivos distal drain
drenaje dreno dry dust edema effusion effusions electrodo electrodos eletrodos elevacao
elevacion elevada elevado elevated elevation elongada empeoramiento emphysema endotraqueal
enfisema english engrosada engrosadas engrosamiento enlarged escoliose escoliosis esguince
espessamento espiculada espiculado espiculas espina espondilose espondilosis esquerda esquerdo
estable estavel estranho estrella estrias eva eventracao eventracion evolucao evolucion
evolutivo externa externo extrano extremidade extremo failure fibrosa fibrosas fibrosis fibroso
fibrosos fibrotic field fina finas finding findings fino flattening flocos flow flujo fluxo
focais focal focales folha follow followup foreign forma forte fosco fractura fracturas fracture
fractures franca franco frank fratura fraturas free frontal fuente fuentes fuerte glass good
gordo gran grande grandes grant granuloma granulomas granulomatous grave green gris ground
grueso habitual habituales hall hallazgo hallazgos hernia hernias heterogeneo high
hiperinsuflacao hiperinsuflacion homogenea homogeneo hope humedo hyperinflation igual iguales
image imagem imagen imaging improved improvement improving increase increased inferior
inferiores infiltrado infiltrados infiltrate infiltrates insuficiencia interna interno irregular
izquierda izquierdas izquierdo izquierdos janela janelas jovem joven larga large largo laterais
lateral laterales lead leads leal left leite lesao lesion lesiones lesions lesoes leve level
levels leves libre libres lithiasis litiasis little livre livres long low lower luna luxacao
luxacion luxation maior major mala malo marcada marcado marcapasos marcapasso mark marked
marking markings marks masa masas mass massa massas masses matrix matriz mayor media medial
medio medios meio mejoria melhora melhoria menor metastasis mets mid middle midline miel mild
minima minimal minimo minor moderada moderado moderados moderate moreno morfologia multiple
multiples multiplos nasogastrica negra negro neoplasia neoplasico neto netos neumonia neumonico
neumotorax new nitido niveis nivel niveles nodular nodulares nodule nodules nodulo nodulos
normais normal normales nova novo nueva nuevo nuevos obliteracion obliterado obliterados old
opacidad opacidade opacidades opacified opacities opacity opaco oscuro osteofito osteofitos
osteopenia osteophytes osteoporosis pacemaker page palma palmas panal parafusos parcial
parciales partial patent pecho pequena pequenas pequeno pequenos permeable persiste persistencia
persistent pervia pie pink pinzamiento piora placa placas plate plates pneumonia pneumothorax
pneumotorax polo ponta ponte port porta posicao posicion position posterior posteriores
preservada preservadas preservado preservados preserved preto prev previa previas previo previos
previous price prior prosthesis protese protesis proximal puente puerto punta punto puntos
quiste radiada recent recente reciente red redistribucion reducao reduccion reduced reduzida
reduzido regular relacao relacion relation reservatorio reservorio resolucao resolucion
resolution respecto retificacao rich right roja rojas rojo rosa rosario rose saco scarring
scoliosis screws seca seco secos secuela secuelar secuelares secuelas seguimiento semejante
semelhante sequela sequelae sequelas severa severe severo sharp short sign signo signos signs
silhouette silhueta silueta simetrica simetrico simetricos similar sinais sinal size small
solitaria solitario solitary sombra sonda speaking stable stent stone stripe strong subagudo
sugar superior superiores sutura suturas symmetric table tamanho tamano thickened thickening
thin tip tornillo tornillos toro tortuous total totales tracto tractos trazo tube tubes tubo
tumor tumoral unchanged unica unico unilateral unremarkable upper vara variacao variacion velado
velamento velamiento ventana ventanas verde vermelho vidrio vidro vitreo ward water wedging
white window wires wood worse worsening young
"""

_CLINICAL = """
absence absent accident accidente ache acidente aconseja aconsejable acquisition acude adecuada
adecuado adequate admisional admissional admitted adquisicion advised aerated aeration afastar
aireacion alergia alergias alergico allergy analise analisis analysis angulo antecedente
antecedentes ap apnea apneia apresenta apto aquisicao arrived asbesto asintomatica asintomatico
asma asociada asociado assessment assintomatico associada associado associated asthma
asymptomatic ateneo attended ausencia ausente avaliacao avaliar bacteriana bedside began bien
bipedestacion breath brought caida calidad cardiologia cardiologo care centrado cirugia cirujano
cirurgia cirurgica cirurgico clase class classe clinicamente cobb colabora colaboro colaborou
comentario comentarios comienza comment comments compatible compativel complains complementar
complementario completar computada computarizada concepcion conclusao conclusion conclusiones
conclusoes condicion condition conference consistent consulta contrast contraste convem conviene
cooperate cooperated copd correcta correcto correlacao correlacion correlacionar correlate
correlation cough could covid cr critica critical critico crp ct cti cuadro cuenta cuidados
cursa dados dato datos debe debido decubito demonstrated demonstrates denies dentro derivo
descartado descartar describes descricao descripcion description details deve devido diabetes
diabetico diagnosed diagnoses diagnosis diagnosticada diagnosticado diagnostico diameter
diametro dieta digital digitales disease dislipidemia disnea dispneia dispoe dispone doble
doenca dolor dolores dor dores dose dosis double dpoc due dupla dx dyspnea eco ecografia
embarazo encuentra encuentran enfermedad enfermidade epoc equipamento equipment equipo erect
escala escarro escore espacio espiracion esputo estadiamento estadio estado evaluacion evaluar
evaluation evidence evidencia evident evidente excluded excluir exfumador existe existen
expanded expandido expandidos expectoracion exposed exposicao exposicion exposto exposure
expuesto extiende fall febre febril febrile fever fiebre film filme filmes films frecuencia
frente fum fumador gestante gesto ginecologia golpe grade grado grau gripe had hallado has havia
hay hemoptisis hemoptoica hemoptoico hemoptysis hipertension hipertenso historia hiv hold hrct
hta icu identifica identificado identifican identified importante impresion impresiona
impresionan impressao impression incidencia incidencias index indicacao indicacion indication
indice infeccao infeccion infecciosa infeccioso infection influenza informacao informacion
information ingresa ingreso inicia inicio inspiracion inspirado inspiration intensiva intensive
interconsulta interna internal interpretacao interpretacion interpretation intervenida
intervenido juicio kv laboral lat lateral lectura leitura leucocitos libre likely limitacao
limitacion limitada limitado limite limited limites limits localizada localizado located
lumpectomy mas mastectomia may medicina medicine medio meeting mejor mejora metodo mostra
mostraba motivo motivos mri muestra muestran nao nega negativa negative negativo neumologia
neumologo neurologia niega nino no normoposicionado normoposicionados nota note noted notes
obesidad obeso oblicua oblique observa observaciones observacoes observado observan observar
observations observed occupies occupying ocupa ocupacional ocupan oncologia oncologica
oncological oncologico operada operado operados operated operatorio opiniao opinion optimo
ortostase ortostatismo pa pain painful parece parecer pathology patologia patologica patologico
pcr pediatra pediatria pediatric penetracion perfil peso picked placa placas plaquetas platelets
pneumologista pode podria portable portatil posible posibles positiva positive positivo
posoperatorio possible possibly possivel post postoperative postoperatorio ppd prematuro
preoperative preoperatorio presencia present presenta presentan presente presented presenting
presents presion pressao pressure primario primary probable probables procedimento procedimiento
procedure proceso process processo projecao projecoes projected projection projections projects
prone prono protocol protocolo provavel proyeccion proyecciones proyecta proyectan puede puntaje
puntuacion quadro qualidade quality queda queixa quimioterapia quirurgica quirurgico quirurgicos
radiografia radiografias radiograph radiographs radiography radiologia radiologica radiological
radiologico radiologicos radiology radioterapia raio raios rango ratio rayo rayos reason
recomendacao recomendacion recomendaciones recommendation recommended refere refiere relacion
relacionada relacionado relata related relato relatorio relevante relevantes repeated repetido
repite reporting reports represent represents requiere required reseccion residencia resonancia
ressonancia resumen resumo retira retirado reuniao reunion rm rotacao rotacion rotated rule rx
satisfactorio saturacao saturacion saturation score se secondary secundaria secundario seems
seen sentada sentado sepsis shortness should show shown shows significancia significant
significativa significativo significativos silica sindrome situa situado smoker smoking solicita
sospecha sputum stage started states status suboptima sugere sugerencia sugestiva sugestivo
sugestivos suggested suggestive sugiere sugieren suma summary supine supino surgeon surgery
surgical suspected suspeita syndrome tabagismo tabagista tabaquismo tabaquista talla tasa tb tbc
tc tcar technique tecnica tecnico telerradiografia tem temperatura tenia tension terapia test
teve tiene tipo tolero tolerou tomografia tomography tos tosse trabajador trabalhador traida
traido trajo transparencia transparency tratamento tratamiento trauma traumatismo traumatologia
trazida trazido treatment tuberculose tuberculosis type ultrasonido ultrasound ultrassom upright
urologia us uti vaccinated vacinada vacinado vacunada vacunado valor valores value ve ven
ventilacion ventilado vih viral visible visibles visivel visualiza visualizado visualizan volume
volumen well within worker xr xray
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
aaron abel abigail abril adela adolfo adrian adriana agustin agustina aida alan alba alberto
alejandra alejandro alessandra alex alexander alexandra alexandre alexis alfonso alfredo alice
alicia alina aline allison alma alonso alvaro amalia amanda amelia amparo amy ana anabel analia
anderson andre andrea andreia andres andrew angel angela angeles angelica angelina anita ann
anna anne antonia antonio anunciacao aparecida april araceli ariana ariel armando arnaldo arthur
artur arturo ascensao ascension ashley assuncao asuncion augusto aurora barbara beatriz belen
benicio benito benjamin bento bernarda bernardo betty bianca blanca brandon braulio brenda brian
brittany bruna bruno bryan caetano caio camila candela candida carina carla carlos carmen carol
carolina caroline catalina catarina catherine cecilia celeste celia celina cesar charles
charlotte chloe christian christina christine christopher cintia clara clarice claudia claudio
clemente conceicao concepcion constanza consuelo cristian cristiane cristina cristobal cynthia
dalila damian daniel daniela danielle danilo dario davi david debora deborah delfina denis
denise diana diego dolores domingo domingos donald dora dorothy douglas dulce edgar edgardo
edith edson eduarda eduardo edward elaine elba eleanor elena elias eliecer elisa elisabeth
eliseo elizabeth ellen elsa elvira emanuel emilia emiliano emilio emily emma emmanuel encarnacao
encarnacion enrique enzo eric erica erika ernesto esperanza esteban estela ester esther ethan
eugenia eugenio eulalia eunice eva evelyn everton ezequiel fabian fabiana fabio fabiola facundo
fatima federico felicia felipe felix fermin fernanda fernando fidel flavia flavio florencia
francisca francisco franco frank gabriel gabriela gabrielly gael gary gaspar george georgina
gerardo german gilberto giovanna gisela giuliana gladys gloria gonzalo grace graciela gregorio
gregory guadalupe guilherme guillermina guillermo gustavo hannah harold haydee heather hector
heitor helen helena henrique henry herminia hernan hilda horacio hugo humberto ian ignacia
ignacio igor ilda ines ingrid irene iris irma isaac isabel isabella isadora ismael israel ivan
ivonne jacinto jack jacob jacqueline jaime james jamie jane janet janice jason javier jean
jeffrey jennifer jeremy jeronimo jesica jessica jesus joan joana joao joaquim joaquin joe joel
john johnny jonas jonathan jordi jorge jose josefa josefina josep joseph joshua joyce juan juana
judith julia julian juliana julie julieta julio june justin karen karina karl kate katherine
kathleen kathryn katia keith kelly kenneth kevin kimberly kyle laercio laila lara larissa laura
lauren laurence lautaro lavinia leandro leila leonardo leonel leonor leticia lidia lilia lilian
liliana linda lisa lisandro livia lorena lorenzo lourdes lucas lucia luciana luciano lucila
lucio lucrecia luis luisa luiz luiza luz lydia mabel macarena magali magdalena maite manuel
manuela mar mara marcela marcelino marcelo marcia marcio marco marcos margaret margarita maria
mariana mariano marie mariela marilia marina mario marisa marisel marisol mark marlene marta
martha martin martina mary mateo matheus mathew matias matilde matthew mauricio maximiliano
maximo maya megan melanie melina melissa mercedes mia micaela michael michelle miguel milagros
milena miriam moises monica morena murilo myriam nadia nahuel nancy natalia nathalia nathan
nazareno nelida nelly nelson nestor nicanor nicholas nicolas nicole nidia nieves nilda nina
noelia noemi nora norberto norma octavio ofelia olga olivia omar orlando oscar osvaldo otavio
otto pablo paloma pamela paola patricia patricio patrick paul paula paulina paulo pedro peter
philip piedad pietro pilar priscila purificacao purificacion rachel rafael rafaela ramiro ramon
ramona raquel raul raymond rebeca rebecca regina reinaldo remedios renan renata renato rene
reynaldo ricardo richard rita robert roberta roberto rocio rodolfo rodrigo rogelio roger rogerio
rolando roman romina ronald roque rosa rosalia rosana rosario rosaura rose roxana ruben rubens
rufino ruth ryan sabrina salome salvador samanta samantha samara samuel sandra santiago santino
sara sarah saul scott sean sebastian sebastiana selena sergio severino severo sharon sheila
silvana silvia silvina silvio simon simone sofia sol solange soledad sonia sophia stella
stephanie stephen steven susan susana tadeo tamara tania tatiana tatiane telma teodoro teresa
teresita terry thais thiago thomas tiago timothy tomas trinidad tyler ulises ursula valentin
valentina valeria valerio vanesa vanessa vera veronica vicente victor victoria vilma vinicius
violeta virginia vitor vitoria viviana walter wanda wellington wendy wesley william wilson
winifred xavier ximena yago yamila yanina yasmin yesica yolanda zachary zoe zulema
"""

_FAMILY = """
abreu acevedo acosta acuna adams aguilar aguilera aguirre alarcon albuquerque alfonso allen
almada almeida alonso alvarado alvarez alves amaral amorim amparo anderson andrade antunes
aparicio aragon arana aranda araujo araya arce arias armas arroyo assis avila ayala azevedo baez
bailey baker baptista barbosa barrera barreto barrett barrios barros bastos batista becerra bell
beltran benavides benitez bennett bermudez bernal blanco bonilla borges botelho braga branco
bravo brito brooks brown bueno butler caballero cabral cabrera caceres calado calderon calvo
camacho camargo campbell campos cano cardenas cardoso carina carmona carneiro caro carrasco
carrillo carter carvalho casas castillo castro cavalcante cavalcanti cerda cespedes chagas
chambers chavez clark clemente coelho collins colon conde contreras cook cooper cordeiro cordero
cordoba coronel correa correia cortes cortez costa couto cox cruz cuevas cunha davila davis
delgado delicado dias diaz diez dominguez duarte duran edwards escobar escudero esperanza
espinosa espinoza esteves estrada evans falcao farias fernandes fernandez ferrari ferreira
ferrer ferreyra figueira figueiredo figueroa fisher flores fonseca foote foster franca freire
freitas fuentes furtado galindo gallardo gallego gallegos galvez gamboa garcia garrido gibson
gil gimenez glasgow godoy gomes gomez goncalves gonzales gonzalez gordillo graham gray green
griffin guedes guerra guerrero guimaraes gutierrez guzman hall harris hart hayes henderson
heredia hernandez herrera hidalgo hilario hill howard huerta hughes hurtado ibanez ibarra
iglesias izquierdo jackson jara jenkins jesus jimenez johnson jones juarez juncal kelly kennedy
king lacerda lage lara leal ledesma lee leitao leite leiva lemos leon lewis lima lins lira
llanos lobo long lopes lopez lorenzo loureiro louro lozano lucero lugo luna macedo machado
maciel magalhaes maia major maldonado mancha manzano marin marques marquez marshall martinez
martins mata matos mattos medeiros medina meireles mejia melo mendes mendez mendoza menezes
mercado merino mesa mexia meyer miller miranda mitchell molina monteiro montenegro montero
montes montoya moore moraes morais morales moran moreira moreno morgan morris mota moura moya
munoz murillo murphy myers nascimento navarrete navarro negrao nelson neves nieto nobre nogueira
nuevo nunes nunez ocampo ochoa ojeda oliveira oliver olivera olmos ortega ortiz osorio otero
owens pacheco padilla paget paiva paixao palacios palma palomo pando paredes parker parra
parreira pascual passos patricio pavao paz pelayo pena peralta perdigao pereira perera pereyra
perez perry peterson phillips pimenta pimentel pineda pinheiro pinho pinto pires pizarro ponce
porter portillo powell prada prado price prieto queiroz quevedo quintana quintero quiroga quispe
ramirez ramos rangel rebelo reed rego reis rey reyes reynolds ribeiro richardson rico rios
riquelme risco rivas rivera rivero roberts robinson robles rocha rodrigues rodriguez rogers
rojas roldan rolon roman romano romero roque rosales rossi rozas rubio rueda ruiz russell russo
sa saavedra saenz saez salas salazar salcedo saldana salgado salinas samaniego sampaio sanabria
sanchez sanders sandoval santana santiago santos sanz saraiva sarmento seco segura seixas
sepulveda serra serrano silva silveira silvera simoes simon smith soares sobral sobrinho soler
sosa soto sousa souza stewart suarez sullivan tapia tavares taylor teixeira tejada tejedor teles
tellez tello tenorio thomas thompson toledo torrao torres tovar trejo trindade trinidad trujillo
turner ugarte urbina urrutia valdez valencia valente valenzuela valle valverde varela vargas
vasconcelos vasquez vaz vazquez vega veiga vela velasco velazquez velez veloso vera vergara
viana vicente vidal vieira viera vigo vilela villa villalba villanueva villar villegas vinas
walker walsh ward washington watson weber welch white williams wilson wood wright young zambrano
zamora zapata zarate zavala zuniga
"""

_BOTH = """
alba alta alto amor ancho angel angeles angulo bajo base bello best black blanca blancas blanco
blancos bone bonito branca branco brancos brava bravo brown bueno cabeza cabezas cadena caldeira
calvo camara campo campos cano cara cardo caro casa casas case castelo castillo clara claro
conceicao concepcion consuelo cook cordon coroa corona corral corte cortes corto costa costas
crema crespo cross cruz cuadro cuello cuervo cuesta curto day delgado dolores domingo domingos
dores duro english espina ferro fields filho fina fino folha fonte fontes foot forte fortuna
franca franco frank fuente fuentes fuerte gallo gato good gordo grace gracia gracias grande
grant gray green hall hand head hermoso hope izquierdo joy junior ladeira lago largo law leal
leao leite lima lindo little llano lobo lobos long love luna luz magro mano manso mar marco
marcos mark marks martes mata mato may mayo mayor media medio mejor mercado mercedes mesa
milagros minor monte montes mora moreno muro negro neto neves nieto nieves nino noble nova novo
oliva page palha palma palmas pan pardo paredes pastor paz pe pecho pena penha peral peso pie
piedad pies pilar pinheiro pino pintado pinto plaza polo ponte porta porto post prado prata
presa price prieto primo puente puerta pulido quinta quinto rama ramas ramo ramos rana rapido
real recto redondo reina reis remedio remedios reto rey reyes ribeiro rica rich rico rincon rio
rios roble robles roca rocha rojas rojo romo rosa rosado rosal rosario rosas rose rubia rubio
saco sala salas salto salvador sano santa santo santos seca seco segundo segura seguro serena
serra sharp sierra silva small sobrado sobrinho socorro sol soledad stern stone strong swan
terra toro torre torres trigo vaca vale valente valiente valle valles vara vela velho ventura
verde vertiz vidrio viejo villa viva wall ward waters weeks west white will wise wood woods
young
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
_NAMES = _GIVEN_NAMES | _FAMILY_NAMES | _NAMES_WITH_MEANING
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
