"""English of the United States, the United Kingdom and the Philippines."""

from __future__ import annotations

from benchmarks.report_corpus.second.layout import Sentences

ENGLISH = Sentences(
    headings=(
        "{organization}\n{facility}\nDIAGNOSTIC IMAGING REPORT\n\nPATIENT NAME: {patient}\n"
        "DOB: {birth}   AGE: {age}   SEX: {sex}\n{record}   {order}\nDATE OF EXAM: {study}\n"
        "ORDERING PHYSICIAN: {referring}",
        "Patient: {patient}\n{record}\nDate of Birth: {birth}\nExam Date: {study} {time}\n"
        "Referring: {referring_t}\nAttending: {other_t}",
        "RE: {patient}\nDOB {birth}\n{paper}\n\nDear {referring_t},\n\nThank you for referring "
        "this patient.",
        "Name: {patient}    {record}    Ward: 7A\n{paper}    DoB: {birth}\nRequested by: "
        "{referring}\n"
        "Examination date: {study}",
        "NAME        {patient}\nAGE/SEX     {age}/{sex}\nCASE NO     {record_no}\nDATE        "
        "{study}\n"
        "PHYSICIAN   {referring_t}\nEXAMINATION CHEST PA",
        "Pt: {patient}  {record}  {other_id}\nPCP: {referring_t}  Ph: {desk}\nDOS: {study}",
        "Clinician: {referring}\nPatient ID {record_no}, {patient}, {age}, {sex}\nEvent "
        "{order_no} on {study}",
        "{patient}\n{record}\n{other_id}\nAdm: {study}\nHome phone: {mobile}\nAddress: "
        "{street}",
        "{caret}  {record_no}  {compact}  CR  {order_no}",
        "Account of {patient_prose}, {age} old. {order}. Examined {study}.",
        "Patient's Name: {patient}\nAddress: {street}\nContact No.: {mobile}\nDate Requested: "
        "{study}\n"
        "Requesting Physician: {referring_t}",
    ),
    titles=(
        "CHEST, TWO VIEWS", "XR CHEST 1V PORTABLE", "CT CHEST WITHOUT CONTRAST", "X-RAY CHEST PA",
        "EXAM: XR Thoracolumbar spine", "CTPA", "Chest radiograph",
    ),
    labels=(
        ("CLINICAL HISTORY", "Indication", "Clinical details", "Reason for exam", "HISTORY"),
        ("TECHNIQUE", "Technique", "Procedure"),
        ("FINDINGS", "Findings", "Report", "RADIOGRAPHIC FINDINGS"),
        ("IMPRESSION", "Impression", "Conclusion", "REMARKS", "Opinion"),
    ),
    history=(
        "Cough and fever for 3 days.", "{age} old with shortness of breath.",
        "{mister} presents with pleuritic chest pain.", "s/p CABG {prior} by {other_t}.",
        "Fall on {prior}, brought in by daughter {relative}.",
        "Known Ca bronchus, last chemo {prior}.",
        "Positive PPD. Contact: husband {relative}.",
        "Pre-op for hip replacement on {later}, {other_t}.",
        "Baby of {relative}, 33 weeks, RDS.", "SOB, ?PE. Wells score 4.5. D-dimer 1200.",
        "Transferred from {elsewhere} per {other_t}.", "COVID+ {prior}.", "Rule out pneumonia.",
        "{patient_prose} is a pleasant {age} old smoker.",
        "PICC placement {prior}, check position.",
    ),
    technique=(
        "PA and lateral views of the chest.", "Single portable AP view at {time}.",
        "Helical CT, 1.25 mm, 75 mL Omnipaque 350.", "Performed by {technician}, RT(R).",
        "Radiographer: {technician}.", "Tech: {technician}. 120 kVp, 3.2 mAs.",
    ),
    comparison=(
        "", "", "COMPARISON: {prior}.", "Compared to {prior}.",
        "Comparison is made with CT of {prior}.",
        "COMPARISON: None.", "Prior: {prior} ({order}).",
        "Comparison: Chest radiograph {prior}, CT {prior}.",
        "Previous study from {elsewhere}, {prior}.", "Prior examination dated {prior_words}.",
    ),
    findings=(
        "The heart size is within normal limits.", "Lungs are clear bilaterally.",
        "Patchy airspace opacity in the right lower lobe.", "No pleural effusion or pneumothorax.",
        "New left basal consolidation since {prior}.", "ET tube tip 4 cm above the carina.",
        "Right IJ line placed by {other_t} on {prior} terminates in the SVC.",
        "Degenerative changes of the thoracic spine.", "Old healed rib fractures on the left.",
        "Calcified granuloma in the right upper lobe.", "Median sternotomy wires are intact.",
        "The previously seen nodule ({prior}) is unchanged.",
        "Mild cardiomegaly, upper lobe diversion.",
        "Kerley B lines. Small fissural effusion.", "Mediastinal contours are normal.",
        "{mister} was rotated to the left, limiting assessment.",
        "Hardware in the lower cervical spine.",
        "Long segment stenosis of the trachea.",
        "Ghon focus and Ranke complex.", "Swan-Ganz catheter in the right pulmonary artery.",
    ),
    measured=(
        "Cardiothoracic ratio 0.56.", "8 x 6 mm nodule, series 4 image 112.",
        "Compression of T12-L1, 30%.",
        "Disc space narrowing at C5-6 and L4/5.", "Ascending aorta 4.2 cm, descending 2.6 cm.",
        "Nodes up to 10-12 mm.", "Lung-RADS 4A; Fleischner 2017.", "Cobb angle 14 degrees T5-T11.",
        "Effusion approximately 300 mL.", "DLP 345 mGy-cm, CTDIvol 8.2.",
        "Views 1 of 2 and 2 of 2.",
        "Attenuation -80 to 12 HU.", "Line tip 2.1 cm below carina, T6/7.", "Gleason 3+4=7.",
        "Ribs 5-7 fractured.", "SUVmax 4.2, 3 of 10 lesions.", "ICD-10 J18.9.",
    ),
    traps=(
        "Long bone cortex is intact.", "Small bowel gas is unremarkable.",
        "Stone in the gallbladder.",
        "Gray-white differentiation preserved on limited cuts.", "Little change overall.",
        "Fields of view are adequate.", "Young patient, no degenerative change.",
        "Cross-table lateral obtained.",
        "Hope to repeat at full inspiration.", "Page kidney excluded.", "Mark placed on the skin.",
        "Bell-shaped thorax.", "White matter not assessed.", "A page of prior images is missing.",
        "Well healed surgical cross-clips.", "Bony bridge at the cross of ribs 4 and 5.",
    ),
    impressions=(
        "Right lower lobe pneumonia.", "No acute cardiopulmonary process.",
        "No change since {prior}.",
        "Improving effusion compared to {prior}.", "Follow-up chest CT in 3 months, by {later}.",
        "Findings of congestive failure.", "Stable granulomatous disease.",
        "Essentially negative chest.",
        "Suspicious for malignancy; urgent 2WW referral.", "Interval enlargement from {prior}.",
    ),
    remarks=(
        "", "", "", "", "",
        "Critical result called to {other_t} at {time} on {study}, {desk}.",
        "Discussed with {referring_t} by phone ({mobile}).",
        "ADDENDUM {signed}: reviewed with {colleague_t}.",
        "cc: {referring_t}; {other_t}", "Results given to daughter, {relative}, tel {mobile}.",
        "RN {colleague} notified at {time}.", "Findings relayed to {colleague} RN, {desk}.",
        "{first} will return on {later}.", "{other_id} billed {study}.", "E-mailed to {mail}.",
        "Read back by {colleague_t}.", "Patient goes by \"{nickname}\".",
        "Coded alert sent to {referring}, {desk}.",
        "Next of kin: {relative} {mobile}.",
    ),
    closings=(
        "Electronically signed by: {signer}, MD on {signed}",
        "Dictated by: {signer}, M.D.\nD: {study} T: {signed}\nTranscribed by: {typist}",
        "Reported by {signer_t}, Consultant Radiologist, {licence}",
        "{signer_t}\nRadiologist\n{licence}",
        "Interpreting Radiologist: {signer}\nFinal report {signed}",
        "Reading physician: {signer} DO  {licence}",
        "I, {signer}, have personally reviewed the images and agree with the findings of "
        "{resident_t}.",
        "Resident: {resident}\nAttending: {signer}\nSigned {signed}",
        "{signer}, FRCR {licence}\nVerified: {signed}",
        "{initials}/{typist}", "Yours sincerely,\n\n{signer_t}\nSpR: {resident}",
        "Prepared by: {typist}\nNoted by: {signer}, MD, FPCR\n{licence}",
        "Thank you for the courtesy of this referral.\n{signer}, M.D.\n{organization}  {street}  "
        "Tel. {desk}",
        "Approved by: {signer} {signed}\nTechnologist: {technician}", "",
    ),
)  # fmt: skip
