"""The SCP-ECG statements that the simulated set uses, in the columns of PTB-XL's `scp_statements.csv`.

Codes, the superclass and the subclass of each are facts of the SCP-ECG standard (ISO 11073-91064) as PTB-XL
groups them (P. Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci. Data
7:154, 2020); the descriptions are our own.
"""

import numpy as np
import pandas as pd

STATEMENT_COLUMNS = (
    "description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass",
    "Statement Category", "SCP-ECG Statement Description", "AHA code", "aECG REFID", "CDISC Code",
    "DICOM Code",
)  # fmt: skip

# code: (superclass, subclass, also a form statement, description)
DIAGNOSTIC = {
    "NORM": ("NORM", "NORM", False, "normal ECG"),
    "IMI": ("MI", "IMI", False, "inferior myocardial infarction"),
    "ASMI": ("MI", "AMI", False, "anteroseptal myocardial infarction"),
    "AMI": ("MI", "AMI", False, "anterior myocardial infarction"),
    "ALMI": ("MI", "AMI", False, "anterolateral myocardial infarction"),
    "LMI": ("MI", "LMI", False, "lateral myocardial infarction"),
    "ILMI": ("MI", "IMI", False, "inferolateral myocardial infarction"),
    "NDT": ("STTC", "STTC", True, "T wave abnormality without a diagnosis"),
    "NST_": ("STTC", "NST_", True, "ST change without a diagnosis"),
    "DIG": ("STTC", "STTC", True, "ST-T as under digitalis"),
    "LNGQT": ("STTC", "STTC", True, "long QT interval"),
    "ISC_": ("STTC", "ISC_", False, "ischaemic ST-T without a territory"),
    "ISCAL": ("STTC", "ISCA", False, "ischaemic ST-T, anterolateral"),
    "ISCIN": ("STTC", "ISCI", False, "ischaemic ST-T, inferior"),
    "ISCLA": ("STTC", "ISCA", False, "ischaemic ST-T, lateral"),
    "LAFB": ("CD", "LAFB/LPFB", False, "left anterior fascicular block"),
    "LPFB": ("CD", "LAFB/LPFB", False, "left posterior fascicular block"),
    "IRBBB": ("CD", "IRBBB", False, "incomplete right bundle branch block"),
    "CRBBB": ("CD", "CRBBB", False, "complete right bundle branch block"),
    "CLBBB": ("CD", "CLBBB", False, "complete left bundle branch block"),
    "IVCD": ("CD", "IVCD", False, "slow conduction in the ventricles without a bundle's pattern"),
    "1AVB": ("CD", "_AVB", False, "first degree AV block"),
    "LVH": ("HYP", "LVH", False, "left ventricular hypertrophy"),
    "RVH": ("HYP", "RVH", False, "right ventricular hypertrophy"),
    "LAO/LAE": ("HYP", "LAO/LAE", False, "left atrial enlargement"),
    "RAO/RAE": ("HYP", "RAO/RAE", False, "right atrial enlargement"),
}
FORM = {
    "ABQRS": "abnormal QRS", "PVC": "ventricular premature beat", "PAC": "atrial premature beat",
    "QWAVE": "Q waves", "INVT": "inverted T waves", "LOWT": "low T waves", "STD_": "ST depression",
    "VCLVH": "voltage as in left ventricular hypertrophy", "LVOLT": "low QRS voltage",
    "HVOLT": "high QRS voltage", "LPR": "long PR interval",
}  # fmt: skip
RHYTHM = {
    "SR": "sinus rhythm", "SBRAD": "sinus bradycardia", "STACH": "sinus tachycardia",
    "SARRH": "sinus arrhythmia", "AFIB": "atrial fibrillation",
}  # fmt: skip


def statement_table() -> pd.DataFrame:
    """The statements as a table indexed by code, with the columns of PTB-XL's own."""
    rows = {}
    for code, (superclass, subclass, form, text) in DIAGNOSTIC.items():
        rows[code] = (text, 1.0, 1.0 if form else np.nan, np.nan, superclass, subclass, "diagnosis")
    for code, text in FORM.items():
        rows[code] = (text, np.nan, 1.0, np.nan, None, None, "form")
    for code, text in RHYTHM.items():
        rows[code] = (text, np.nan, np.nan, 1.0, None, None, "rhythm")
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(STATEMENT_COLUMNS[:7]))
    return table.reindex(columns=list(STATEMENT_COLUMNS)).assign(
        **{"SCP-ECG Statement Description": table["description"]}
    )


def superclass_of(statement: str) -> str:
    """The superclass of a diagnostic statement; a KeyError for another."""
    return DIAGNOSTIC[statement][0]
