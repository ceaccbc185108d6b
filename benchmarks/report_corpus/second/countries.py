"""What people, papers and phones are like, by country.

Shapes: ``#`` a digit, ``%`` a digit but 0, ``@`` a capital letter, ``~`` the sign #; all else
stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report_corpus.cast import Language

Pool = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """One country's ways."""

    code: str
    language: Language
    women: Pool
    men: Pool
    families: Pool
    two_families: bool
    cities: Pool
    organizations: Pool
    facilities: Pool
    papers: tuple[tuple[str, str], ...]
    """National documents: what stands before the number, and its shape."""
    records: tuple[tuple[str, str], ...]
    """The number of the patient in the hospital."""
    orders: tuple[tuple[str, str], ...]
    """Accession and order numbers."""
    others: tuple[tuple[str, str], ...]
    """Numbers that the warehouse has not: insurance, admission, invoice."""
    mobiles: Pool
    desks: Pool
    """Phones of wards and offices."""
    licences: tuple[tuple[str, str, str], ...]
    """Before, shape, behind."""
    streets: Pool


_ES_WOMEN = (
    "María Fernanda", "Luz Marina", "Ana María", "Yolanda", "María del Carmen", "Claudia Patricia",
    "Rosa Elena", "Gloria Inés", "Martha Lucía", "Blanca Nieves", "María de los Ángeles", "Paola",
    "Ximena", "Graciela", "Norma Beatriz", "Silvia", "Guadalupe", "María Guadalupe", "Leticia",
    "Verónica", "Josefina", "Carolina", "Constanza", "Francisca Javiera", "Pilar", "Dolores",
    "Concepción", "Milagros", "Flor de María", "Nélida", "Mirta Susana", "Yesenia", "Esperanza",
    "Consuelo", "Rocío", "Soledad", "Alba Luz", "Inés", "Teresa de Jesús", "Esther", "Elvira",
)  # fmt: skip
_ES_MEN = (
    "Juan Carlos", "José Luis", "Luis Alberto", "Jorge Eduardo", "Carlos Arturo", "Héctor Fabio",
    "Óscar", "José de Jesús", "Francisco Javier", "Miguel Ángel", "Rigoberto", "Wilson", "Álvaro",
    "Gustavo Adolfo", "Segundo Manuel", "Raúl Osvaldo", "Néstor", "Ramón", "Ignacio", "Cristóbal",
    "Jesús", "Ángel", "Salvador", "Domingo", "Edwin", "Jhon Jairo", "Fredy", "Matías", "Iñaki",
    "Juan de Dios", "Pedro Pablo", "Eleuterio", "Hernán", "Facundo", "Santiago", "Víctor Hugo",
)  # fmt: skip
_EN_WOMEN = (
    "Jennifer", "Linda", "Mary Ann", "Shirley", "Keisha", "Guadalupe", "Priya", "Siobhan", "Grace",
    "Margaret", "Fatima", "Thuy", "Hope", "Ashley", "Jo-Ann", "Rose", "Charlotte", "Aoife",
)  # fmt: skip
_EN_MEN = (
    "Robert", "James", "William", "Darnell", "Mark", "Frank", "Wei", "Mohammed", "Gareth",
    "Alistair", "Jose", "Billy Ray", "Grant", "Dwayne", "Patrick", "Harold", "Nathaniel", "Tomasz",
)  # fmt: skip

COLOMBIA = Country(
    "CO",
    "es",
    _ES_WOMEN,
    _ES_MEN,
    ("Rodríguez", "Gómez", "Restrepo", "Ospina", "Valencia", "Echeverri", "Cárdenas", "Quintero",
     "Montoya", "Giraldo", "Ñáñez", "Caicedo", "Arango", "Buitrago", "Cruz", "Blanco", "Rojas",
     "Guerrero", "Peña", "De la Hoz", "Castro", "Moreno", "Murillo", "Palacios", "Zuluaga",
     "Bermúdez", "Muñoz", "Villa", "Duque", "Franco"),
    True,
    ("Bogotá D.C.", "Medellín", "Cali", "Barranquilla", "Pereira", "Bucaramanga"),
    ("Clínica Los Nogales del Otún", "Fundación Hospital La Candelaria", "IDIME Occidente",
     "Hospital Universitario del Quindío", "Radiólogos Asociados del Café"),
    ("Sede Norte", "Sede Chapinero", "Torre B", "Sede Poblado"),
    (("CC", "%.###.###.###"), ("C.C. No.", "%#.###.###"), ("CC:", "%#######"),
     ("TI", "%#########"), ("Cédula de ciudadanía", "%#.###.###"), ("CC-", "%#########"),
     ("Doc:", "CC %#######"), ("Identificación:", "CC%#######"), ("RC", "%#########"),
     ("CE", "######"), ("Documento:", "%#######")),
    (("Historia clínica:", "%######"), ("HC", "%#######"), ("No. Historia", "%########"),
     ("H.C.:", "%#####-#")),
    (("No. de orden:", "RX-######"), ("Estudio No.", "20##-######"), ("Orden", "%#######"),
     ("Accession:", "CO%########"), ("Consecutivo:", "%#####")),
    (("Autorización:", "%##########"), ("Ingreso No.", "%######"), ("Póliza", "%####-#####"),
     ("Factura", "FE-######"), ("Admisión:", "%######")),
    ("3## ### ## ##", "3## ### ####", "3#########", "+57 3## ### ####", "(+57) 3##-###-####",
     "57 3## #######", "3##-#######", "3## ####### / 3## #######", "+573#########"),
    ("(601) ### ## ##", "(604) ### #### ext. ####", "60# ####### Ext ###", "PBX 60# ### ####",
     "PBX: (602) ####### ext. ###", "(57-1) #######"),
    (("R.M.", "####/##", ""), ("RM", "%#####", ""), ("Reg. Médico", "%#-####", ""),
     ("Registro médico No.", "%#######", ""), ("R.M. No.", "%##.###", ""),
     ("RM:", "######-#", "")),
    ("Calle %# ~ %#-%#", "Cra. %# No. %#A-%#", "Carrera %# #%#-%# Apto ###", "Cl %# Sur ~ %#-%#",
     "Av. Boyacá ~ %#-%#", "Manzana # Casa %# Barrio La Esperanza", "Diagonal %# ~ %#-%#"),
)  # fmt: skip

MEXICO = Country(
    "MX",
    "es",
    _ES_WOMEN,
    _ES_MEN,
    ("Hernández", "Martínez", "López", "García", "Ramírez", "Flores", "Cruz", "Reyes", "Ruiz",
     "De la Torre", "Villaseñor", "Ávalos", "Zavala", "Ibarra", "Xicoténcatl", "Campos", "Luna",
     "Santos", "Rosas", "Guerra", "Salinas", "Ponce de León", "Cervantes", "Nava", "Pacheco",
     "Treviño", "Güemes", "Aguirre", "Cabeza de Vaca", "Ríos"),
    True,
    ("Ciudad de México", "Guadalajara, Jal.", "Monterrey, N.L.", "Puebla, Pue.", "Mérida, Yuc."),
    ("Hospital Ángeles de Anáhuac", "Imagenología Diagnóstica del Bajío",
     "Clínica Santa Engracia", "UMAE Nuevo Milenio", "Laboratorios y Gabinete Xoco"),
    ("Sucursal Del Valle", "Unidad Satélite", "Torre de Especialidades"),
    (("CURP:", "@@@@######HDFRRN0%"), ("CURP", "@@@@######MJCLPR#%"), ("NSS:", "## ## ## #### #"),
     ("NSS", "###########"), ("INE:", "#############"), ("RFC:", "@@@@######@#@"),
     ("Afiliación:", "####-##-####-#")),
    (("Expediente:", "%#####"), ("No. Exp.", "##-#####"), ("EXP.", "%######/##"),
     ("Núm. de expediente:", "%######")),
    (("Folio:", "%######"), ("No. de estudio:", "MX######"), ("Folio", "@-#####"),
     ("No. Acceso:", "%#########")),
    (("Nota de remisión", "A-%####"), ("Póliza GMM:", "%#######-##"), ("Episodio", "%########"),
     ("Clave ISSSTE:", "@@@@######/##")),
    ("55 #### ####", "(55) #### ####", "044 55 #### ####", "+52 1 33 #### ####",
     "+52 81 #### ####", "33-####-####", "222 ### ## ##", "9991 ## ## ##", "55########"),
    ("5# ## ## ## ext. ####", "Tel. 5### ####", "01 800 ### ####", "(33) #### #### al ##",
     "conm. 55 #### #### ext ###"),
    (("Céd. Prof.", "%######", ""), ("Ced. Esp.", "%#######", ""), ("CP", "%######", ""),
     ("Cédula profesional:", "%######", " U.N.A.M."), ("D.G.P.", "%######", ""),
     ("Céd. Prof.", "%###### / Céd. Esp. ########", "")),
    ("Av. Insurgentes Sur %###, Col. Del Valle, C.P. 03###", "Calle Hidalgo No. %##, Col. Centro",
     "Priv. Morelos ## Int. #, Fracc. Las Palmas", "Blvd. Díaz Ordaz %## Pte."),
)  # fmt: skip

CHILE = Country(
    "CL",
    "es",
    _ES_WOMEN,
    _ES_MEN,
    ("González", "Muñoz", "Rojas", "Soto", "Contreras", "Sepúlveda", "Fuentes", "Valenzuela",
     "Riquelme", "Catalán", "Errázuriz", "Huenchumilla", "Painemal", "Paredes", "Bravo", "Leal",
     "Hidalgo", "Vergara", "San Martín", "Cortés", "Ulloa", "Donoso", "Aravena", "Del Río"),
    True,
    ("Santiago", "Concepción", "Viña del Mar", "Temuco", "Antofagasta"),
    ("Clínica Alto Maipo", "Hospital Base de Llanquihue", "RedImagen Biobío",
     "Centro Radiológico Providencia Sur"),
    ("Sucursal Ñuñoa", "Sede Los Leones", "Edificio Oriente"),
    (("RUT:", "%#.###.###-#"), ("RUT", "%#######-K"), ("Rut:", "%.###.###-#"),
     ("R.U.T.:", "%#.###.###-k"), ("RUN", "%#######-#"), ("RUN:", "%#.###.###-#")),
    (("Ficha:", "%#####"), ("Nº Ficha", "%####"), ("Ficha clínica Nº", "%######")),
    (("Nº de examen:", "%#######"), ("N° Solicitud", "%######"), ("Acc:", "CL%#######"),
     ("Cód. atención:", "%########")),
    (("Bono Fonasa", "%########"), ("Folio LME", "#-%#######"), ("Nº Episodio:", "%#########")),
    ("+56 9 #### ####", "+569########", "09-########", "9 #### ####", "(+56 9) ########",
     "569 #### ####"),
    ("(2) 2### ####", "+56 2 2### ####", "anexo ####", "(41) 2######", "22 ### ## ##"),
    (("RCM", "%####-#", ""), ("R.C.M.", "%####", ""), ("Reg. SIS", "######", ""),
     ("Registro Superintendencia Nº", "%#####", "")),
    ("Av. Apoquindo %###, of. ###", "Pasaje Los Aromos ### Villa El Bosque", "Los Carrera %##",
     "Camino El Alba %####, Las Condes"),
)  # fmt: skip

ARGENTINA = Country(
    "AR",
    "es",
    _ES_WOMEN,
    _ES_MEN,
    ("Fernández", "Gutiérrez", "Benítez", "Acosta", "Giménez", "Pereyra", "Di Stéfano", "Bianchi",
     "Romano", "De Luca", "Schmidt", "Ferreyra", "Sosa", "Molina", "Costa", "Ledesma", "Paz",
     "Quiroga", "Ibáñez", "Weber", "Kowalczuk", "D'Angelo", "Rey", "Blanco", "Cabrera", "Luna"),
    False,
    ("Ciudad Autónoma de Buenos Aires", "Rosario", "Córdoba", "La Plata", "Mendoza"),
    ("Sanatorio Las Acacias", "Instituto de Diagnóstico Belgrano Norte",
     "Hospital Zonal Dr. Oñativia", "Centro de Imágenes Parque Sur"),
    ("Sede Caballito", "Sucursal San Isidro", "Anexo Pilar"),
    (("DNI", "%#.###.###"), ("DNI:", "%#######"), ("D.N.I. Nº", "%#.###.###"),
     ("CUIL", "20-%#######-#"), ("Doc.:", "DNI %#######"), ("LE", "%.###.###"),
     ("DU", "%#######"), ("L.C.", "%.###.###")),
    (("HC:", "%#####"), ("H.C. N°", "%####/##"), ("Historia Clínica N°", "%######")),
    (("Protocolo N°", "%#####"), ("Prot.", "%######-#"), ("Nro. de estudio:", "AR######"),
     ("Turno:", "%#######")),
    (("Nº de afiliado:", "## ###### #/##"), ("Afiliado OSDE", "## ######## # ##"),
     ("Nro. afiliado PAMI", "############ ##"), ("N° Orden", "%#######-##")),
    ("11 #### ####", "15-####-####", "(011) 15-####-####", "+54 9 11 ####-####",
     "0351 15 ### ####", "+54 9 341 ### ####", "(0221) ###-####", "54911########", "11-####-####"),
    ("011 ####-#### int. ###", "4###-####", "(011) 4###-####/####", "int. ####",
     "(0341) ### #### int ##"),
    (("M.N.", "%#####", ""), ("MN", "%##.###", ""), ("M.P.", "%####", ""),
     ("MP:", "%#####/#", ""), ("M.N.", "%##### / M.P. #####", ""),
     ("Matrícula Nacional", "%#####", "")),
    ("Av. Rivadavia %### 4° B", "Calle 13 N° %## e/ 45 y 46", "Bv. Oroño %##",
     "Belgrano %##, PB A", "San Martín %### piso 2 dto. C"),
)  # fmt: skip

PERU = Country(
    "PE",
    "es",
    _ES_WOMEN,
    _ES_MEN,
    ("Quispe", "Mamani", "Huamán", "Flores", "Chávez", "Rojas", "Espinoza", "Vásquez", "Ccori",
     "Condori", "De la Cruz", "Cárdenas", "Yupanqui", "Ñahui", "Tello", "Salazar", "Palomino",
     "Campos", "Chumpitaz", "Del Águila", "Villanueva", "Mendoza", "Cruzado"),
    True,
    ("Lima", "Arequipa", "Trujillo", "Cusco", "Chiclayo"),
    ("Clínica San Cayetano de Surco", "Hospital III Virgen de Chapi", "Resomag Perú Norte"),
    ("Sede Miraflores", "Sede Los Olivos", "Pabellón B"),
    (("DNI", "########"), ("DNI N°", "########"), ("D.N.I.:", "########"), ("C.E.", "#########"),
     ("Doc. Identidad:", "########")),
    (("N° HC", "%#####"), ("Historia Clínica:", "%######-#"), ("HCL", "%#####"),
     ("H. Cl. N°", "%#####")),
    (("Nº Atención", "%#######"), ("Código de examen:", "P######"), ("N° Placa", "%####-##")),
    (("Autogenerado EsSalud:", "######%@@@@##0"), ("Cód. SIS", "2-########"),
     ("N° Carta de garantía", "%######")),
    ("9## ### ###", "9########", "+51 9## ### ###", "(51) 9########", "9##-###-###",
     "999 ## ## ##"),
    ("(01) ### ####", "01-#######", "### #### anexo ####", "(054) ######", "Anx. ####"),
    (("CMP", "#####", ""), ("C.M.P.", "%####", ""), ("CMP:", "%#### RNE: #####", ""),
     ("CMP N°", "%####", ""), ("CTMP", "####", "")),
    ("Jr. Huallaga %##", "Av. Brasil %### Dpto. ###", "Mz. @ Lt. ## Urb. Santa Rosa",
     "Calle Las Begonias %##, San Isidro"),
)  # fmt: skip

SPAIN = Country(
    "ES",
    "es",
    ("María Dolores", "Mª Carmen", "Montserrat", "Pilar", "Encarnación", "Ainhoa", "Inmaculada",
     "Rosario", "M.ª Ángeles", "Begoña", "Lucía", "Amparo", "Nuria", "Isabel", "Ana Belén"),
    ("José Antonio", "Manuel", "Jordi", "Xabier", "Fco. Javier", "Antonio", "Rafael", "Joaquín",
     "Juan José", "Ángel Luis", "Eduard", "José María", "Bartolomé", "Sergi"),
    ("García", "Fernández", "Sánchez", "Etxeberria", "Puig i Ferrer", "Ortega", "Vidal",
     "Iglesias", "Castaño", "Nogueira", "Ruiz de Alda", "Calvo", "Delgado", "Rubio", "Serra",
     "Marín", "Bosch", "Cano", "Zabala", "Crespo", "Montes", "Del Olmo", "Lozano"),
    True,
    ("Madrid", "Barcelona", "Sevilla", "Bilbao", "València"),
    ("Hospital Universitario Ribera del Duero", "Clínica Mare Nostrum",
     "Complejo Asistencial de Ulía"),
    ("Consultas Externas Norte", "Edificio Sur", "C.E. Argüelles"),
    (("DNI", "########@"), ("DNI:", "########-@"), ("NIE", "X#######@"),
     ("D.N.I.", "##.###.###-@"), ("NIF:", "########@")),
    (("NHC:", "%######"), ("NHC", "%#####"), ("Nº Historia:", "%#######"), ("N.H.C.", "%######")),
    (("Nº petición:", "%########"), ("Petición", "RX##-######"), ("Nº Acceso", "ES%########")),
    (("CIP:", "@@@@############"), ("CIPA", "##########"), ("NASS", "##/########/##"),
     ("TIS:", "########"), ("Nº Episodio", "%########"), ("SIP", "%#######")),
    ("6## ### ###", "6## ## ## ##", "+34 6## ### ###", "0034 6########", "7########",
     "6##.###.###", "(+34) 6## ## ## ##"),
    ("91 ### ## ##", "Ext. #####", "93 ### ## ## (ext. ####)", "busca #####", "954 ## ## ##",
     "tlfn. 94# ### ###"),
    (("Nº Col.", "28/#####", ""), ("Colegiado nº", "%#####", ""), ("Col.", "%####", ""),
     ("Nº colegiado:", "08 %####", ""), ("CNP", "#########", ""), ("Col. nº", "46/####-#", "")),
    ("C/ Mayor ##, 3º B", "Avda. de la Constitución, ##", "Pza. del Carmen # bajo izda.",
     "Ctra. de Utrera km #", "C/ Alcalá %##, 28###"),
)  # fmt: skip

BRAZIL = Country(
    "BR",
    "pt",
    ("Maria Aparecida", "Ana Cláudia", "Francisca", "Jéssica", "Rosângela", "Maria das Dores",
     "Vera Lúcia", "Luzia", "Thaís", "Maria da Conceição", "Terezinha", "Ivone", "Clara", "Neusa",
     "Maria José", "Edileuza", "Antônia", "Cleide Regina", "Letícia", "Yasmin", "Marlene"),
    ("José Carlos", "Antônio", "Francisco", "João Batista", "Raimundo Nonato", "Wellington",
     "Sebastião", "Luiz Fernando", "Edson", "Paulo César", "Domingos", "José Ribamar", "Cícero",
     "Benedito", "Gilberto", "Washington Luís", "Thiago", "João Vítor", "Valdemar", "Rogério"),
    ("da Silva", "dos Santos", "Oliveira", "Souza", "Pereira", "Ferreira", "Costa", "Alves",
     "de Lima", "do Nascimento", "Ribeiro", "Campos", "Rocha", "Batista", "Yamamoto",
     "Bittencourt", "Schneider", "Cruz", "Ramos", "da Conceição", "Leite", "Prado", "Barbosa",
     "das Neves", "Zanetti", "Cavalcanti de Albuquerque", "Brandão", "Seixas"),
    True,
    ("São Paulo", "Rio de Janeiro", "Belo Horizonte", "Recife", "Curitiba", "Fortaleza"),
    ("Hospital Santa Marcelina do Vale", "Clínica Diagnóstica Ipê Amarelo",
     "UPA 24h Jardim Ângela II", "Santa Casa de Ourinhos do Sul", "CDI Litoral Norte"),
    ("Unidade Paulista", "Unidade Tatuapé", "Bloco C", "Filial Centro"),
    (("CPF:", "###.###.###-##"), ("CPF", "###########"), ("RG:", "##.###.###-#"),
     ("RG", "%.###.### SSP/MG"), ("CNS:", "### #### #### ####"),
     ("Cartão SUS:", "###############"), ("RG", "MG-##.###.###"), ("C.P.F.", "###.###.### ##"),
     ("CPF nº", "#########-##")),
    (("Prontuário:", "%######"), ("Prontuário nº", "%####-#"), ("Pront.:", "%######"),
     ("Registro:", "%#######"), ("Reg. Hosp.", "%#####/##"), ("Matrícula:", "%######")),
    (("Nº do exame:", "%#######"), ("Pedido:", "%######-#"), ("Exame nº", "BR-######"),
     ("Accession Number:", "%##########"), ("Cód. do exame:", "%########"),
     ("OS:", "###-#####-##"), ("Protocolo:", "%######")),
    (("Atendimento:", "%#######"), ("Carteirinha:", "# ### ############ #"),
     ("Convênio: Unimed Mat.", "#### #### ###### ##-#"), ("Guia nº", "%########"),
     ("Nº da guia TISS:", "%###########"), ("Senha:", "%######")),
    ("(11) 9####-####", "11 9 #### ####", "(21) 9 ####-####", "+55 11 9####-####", "9####-####",
     "(31)9########", "55 85 9########", "(0xx41) 9####-####", "+55 (81) 9####-####",
     "119########"),
    ("(11) 3###-####", "ramal ####", "(21) 2### #### r. ###", "3###-#### ramal ##",
     "0800 ### ####", "PABX (31) 3###-####", "R: ####"),
    (("CRM", "%#####", ""), ("CRM-SP", "%##.###", ""), ("CRM/RJ", "52-#####-#", ""),
     ("CRM:", "%####", " MG"), ("CRM", "%##### - RQE #####", ""), ("CRM-PR nº", "%####", ""),
     ("CRM SP", "%#####", ""), ("CRMMG", "%####", ""), ("CRTR", "%####", " 5ª Região"),
     ("COREN-SP", "%#####", "-TE")),
    ("Rua das Acácias, %## - Jd. Primavera", "R. XV de Novembro %### apto ##", "Av. Brasil, %###",
     "Travessa São José nº ##, Centro, CEP #####-###", "Qd. ## Lt. ## Setor Bueno",
     "SQN ### Bloco @ ap. ###"),
)  # fmt: skip

PORTUGAL = Country(
    "PT",
    "pt",
    ("Maria de Fátima", "Ana Rita", "Maria da Graça", "Catarina", "Maria Manuela", "Beatriz",
     "Deolinda", "Maria João", "Inês", "Natércia"),
    ("António José", "Manuel", "Rui Miguel", "João Pedro", "Joaquim", "Nuno", "Américo", "Tiago",
     "Fernando", "Jorge"),
    ("Fonseca", "Marques", "Lopes", "Gonçalves", "Figueiredo", "Henriques", "Pinheiro", "Branco",
     "Teixeira", "Serra", "Vale", "Morais Sarmento", "Carneiro", "Nóbrega", "Sá", "Paiva",
     "Antunes", "Reis"),
    True,
    ("Lisboa", "Porto", "Coimbra", "Braga"),
    ("Hospital de São Teotónio da Serra", "Clínica Imagiologia do Mondego", "ULS Alto Sado"),
    ("Unidade de Leiria", "Polo 2", "Piso 1 Poente"),
    (("NIF", "### ### ###"), ("NIF:", "#########"), ("CC", "######## # ZY#"),
     ("Nº Utente:", "#########"), ("N.º de Utente SNS", "### ### ###"), ("BI", "########")),
    (("Processo:", "%######"), ("Proc. Clínico nº", "%#####"), ("Nº Processo", "%#######")),
    (("Requisição n.º", "%#######"), ("Nº exame:", "PT######"), ("Pedido nº", "%######/##")),
    (("Episódio:", "%#######"), ("Credencial", "### #### #### ####"), ("Apólice", "%#######")),
    ("91# ### ###", "+351 9## ### ###", "96#######", "00351 93# ### ###", "93 ### ## ##",
     "(+351) 912 ### ###"),
    ("21# ### ###", "ext. ####", "239 ### ### (ext. ###)", "+351 22 ### ## ##"),
    (("OM", "%####", ""), ("Céd. Prof. OM n.º", "%####", ""), ("O.M.", "%####", ""),
     ("Cédula", "C-0#####", "")),
    ("Rua do Almada, ##, 2.º Esq.", "Av. da Liberdade n.º %##", "Largo do Rossio #",
     "Urb. Quinta Nova, Lote ##, 3### Viseu"),
)  # fmt: skip

UNITED_STATES = Country(
    "US",
    "en",
    _EN_WOMEN,
    _EN_MEN,
    ("Johnson", "Nguyen", "Washington", "O'Brien", "Garcia", "Kowalski", "Young", "Stone",
     "Patel", "McAllister", "Van Buren", "Fields", "Brooks", "Long", "Hernandez", "Cohen",
     "Mills", "Wong", "De La Cruz", "Whitfield", "Little", "Page", "Schwartz", "Small", "Gray",
     "Hamilton-Reed", "Rosenbaum", "St. Clair", "Gunn", "Bell"),
    False,
    ("Cleveland, OH", "Houston, TX", "Tampa, FL", "Fresno, CA", "Albany, NY"),
    ("Mercy Ridge Medical Center", "Tri-County Radiology Group", "Desert Palms Imaging",
     "St. Anselm Regional Hospital"),
    ("Outpatient Pavilion", "Eastlake Clinic", "Building 4"),
    (("SSN", "###-##-####"), ("SSN:", "XXX-XX-####"), ("SS#", "### ## ####"), ("DL#", "@#######")),
    (("MRN:", "########"), ("MRN", "%######"), ("MR#", "##-##-##"), ("Med Rec No:", "M#########"),
     ("MRN#", "E########"), ("Patient ID:", "@@######"), ("Medical Record Number:", "00######")),
    (("Accession #:", "##-@@-######"), ("Accession:", "########"), ("ACC#", "CR########"),
     ("Acc No.", "##-#######"), ("Exam #", "%#######"), ("Order #:", "%########"),
     ("Accession Number(s):", "@########")),
    (("FIN:", "%#########"), ("Account #:", "@#########"), ("Encounter:", "%########"),
     ("CSN:", "%########"), ("Acct", "V00##########"), ("Medicare #", "%@@#-@@#-@@##"),
     ("HAR", "%########"), ("Job #", "%######")),
    ("(%##) %##-####", "%##-%##-####", "%##.%##.####", "+1 %## %## ####", "1-%##-%##-####",
     "(%##)%##-####", "%##%######", "+1 (%##) %##-####"),
    ("x#####", "ext. ####", "(%##) %##-#### ext ###", "pager ####", "extension %###",
     "pager ~ (%##) %##-####", "%##-%##-#### x###", "ext %-####"),
    (("NPI", "1#########", ""), ("NPI:", "1#########", ""), ("Lic.#", "MD######", ""),
     ("License", "G#####", ""), ("DEA", "@@#######", "")),
    ("%### Maple Ave, Apt %#", "%## W. 4th Street", "P.O. Box %###", "%#### SE Division St ~%##",
     "%## County Road 9, Lot 4"),
)  # fmt: skip

BRITAIN = Country(
    "GB",
    "en",
    _EN_WOMEN,
    _EN_MEN,
    ("Smith", "Jones", "Khan", "MacDonald", "Ap Rhys", "Hughes", "Begum", "O'Connor", "White",
     "Wood", "Marsh", "Hill", "Fitzgerald", "Okonkwo", "Featherstone-Hale", "Price", "Cross",
     "Singh", "Llewellyn", "Banks"),
    False,
    ("London", "Leeds", "Cardiff", "Glasgow"),
    ("Royal Tamar Infirmary", "Wharfedale District General", "Kingsmead NHS Treatment Centre"),
    ("Ward 14B", "Main X-ray", "Satellite Clinic"),
    (("NHS No:", "### ### ####"), ("NHS Number:", "##########"), ("NHS no.", "###-###-####"),
     ("CHI:", "##########"), ("H&C No", "### ### ####"), ("NI No", "@@ ## ## ## @")),
    (("Hospital No:", "@######"), ("Hosp. No.", "%######"), ("Unit No:", "RTI######"),
     ("Hosp No", "@@######"), ("CRN:", "%#####@")),
    (("Accession:", "RTI%########"), ("Acc. No.", "@@@######"), ("Event Key:", "%######"),
     ("Exam ID", "%#######"), ("Attendance No", "##-######")),
    (("Spell No", "%######"), ("Invoice", "INV-#####"), ("Referral ID", "@#####")),
    ("07### ######", "+44 7### ######", "07### ### ###", "+44 (0)7### ######", "0044 7#########"),
    ("020 7### ####", "ext ####", "bleep ####", "(0113) ### ####", "01### ###### ext. ####",
     "Bleep # ###", "x%####", "extn %####"),
    (("GMC", "#######", ""), ("GMC No.", "%######", ""), ("HCPC", "RA#####", ""),
     ("GMC:", "%######", ""), ("(GMC", "#######", ")")),
    ("%# Orchard Close, Otley LS%# #@@", "Flat %, %# Mile End Road, E1 4@@", "The Old Rectory",
     "%## High Street"),
)  # fmt: skip

PHILIPPINES = Country(
    "PH",
    "en",
    ("Maria Cristina", "Ma. Theresa", "Rowena", "Jocelyn", "Lourdes", "Analyn", "Ma. Corazon",
     "Cherry Mae", "Erlinda", "Luzviminda"),
    ("Jose Mari", "Rodel", "Reynaldo", "John Paul", "Ferdinand", "Jun-Jun", "Bienvenido", "Arnel",
     "Juanito", "Mark Anthony"),
    ("Dela Cruz", "Santos", "Reyes", "Bautista", "Macaraeg", "Delos Santos", "Tan", "Sy", "Lim",
     "Villanueva", "Dimaculangan", "De Guzman", "Ocampo", "Pangilinan", "Magsaysay", "Cruz",
     "San Jose", "Go"),
    False,
    ("Quezon City", "Cebu City", "Davao City", "Makati"),
    ("Our Lady of Peñafrancia Medical Center", "Cebu Lahug Doctors Hospital"),
    ("OPD Annex", "Room 214", "Main Building"),
    (("PhilHealth No.", "##-#########-#"), ("PHIC:", "############"), ("SSS No.", "##-#######-#"),
     ("PhilHealth PIN:", "## ######### #"), ("TIN", "###-###-###")),
    (("Hospital No.", "##-##-##"), ("Case No.:", "20##-#####"), ("HRN:", "############"),
     ("Pin:", "%#######")),
    (("X-ray No.", "##-####"), ("File No.:", "XR-##-#####"), ("Exam No.", "%######")),
    (("OR No.", "%######"), ("Senior Citizen ID", "%#####"), ("HMO LOA#", "%########")),
    ("0917 ### ####", "09#########", "+63 9## ### ####", "0918-###-####", "(0999) ### ####",
     "+639#########"),
    ("(02) 8### ####", "loc. ####", "8###-#### loc. ###", "(032) ### ####", "local ###"),
    (("PRC Lic. No.", "0######", ""), ("Lic. No.", "######", ""), ("PRC", "00#####", ""),
     ("PTR No.", "%######", "")),
    ("Blk # Lot ## Phase 2, Brgy. San Isidro", "%## Rizal St., Poblacion",
     "Unit ## Tower 1, Ayala Ave.", "Purok 3, Brgy. Talamban"),
)  # fmt: skip

COUNTRIES: tuple[Country, ...] = (
    COLOMBIA, MEXICO, BRAZIL, CHILE, UNITED_STATES, ARGENTINA, BRAZIL, PERU, SPAIN, BRITAIN,
    COLOMBIA, PORTUGAL, PHILIPPINES, MEXICO, BRAZIL, UNITED_STATES,
)  # fmt: skip
"""In turn; how often each comes is meant."""
