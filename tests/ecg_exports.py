"""Write small recordings as other systems export them: HL7 aECG, MUSE XML, Philips XML and SCP-ECG.

By hand, from the formats' own descriptions: the library that reads them is held against other writing.
"""

import base64
import binascii
import struct
import zlib

import numpy as np

from signalcam.leads import LEADS

SCP_CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def counts(signals, microvolts):
    """Samples as whole steps of so many uV."""
    return np.rint(np.asarray(signals, np.float64) * 1000 / microvolts).astype("<i2")


def write_aecg(
    path, signals, leads=LEADS, rate=100, microvolts=5.0, unit="uV", head="", scale=None, origin=0
):
    """aECG: digits times scale plus origin; the increment between samples in s."""
    samples = counts(signals, microvolts)
    scale = microvolts if scale is None else scale
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="{origin}" unit="{unit}"/>'
        f'<scale value="{scale}" unit="{unit}"/>'
        f"<digits>{' '.join(map(str, column))}</digits></value></sequence></component>"
        for lead, column in zip(leads, samples.T, strict=True)
    )
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<component><series><code code="RHYTHM"/><component><sequenceSet>'
        '<component><sequence><code code="TIME_RELATIVE"/><value xsi:type="GLIST_PQ">'
        f'<head value="0" unit="s"/><increment value="{1 / rate}" unit="s"/></value></sequence></component>'
        f"{sequences}</sequenceSet></component></series></component></AnnotatedECG>"
    )
    return path


def write_muse(path, signals, leads=EIGHT, rate=100, microvolts=4.88, unit="MICROVOLTS", damage=0, extra=""):
    """MUSE stores the eight leads that are measured, each as base64 of 16-bit steps with a CRC-32."""
    columns = counts(signals, microvolts)[:, [LEADS.index(lead) for lead in leads]].T
    parts = []
    for lead, column in zip(leads, columns, strict=True):
        data = column.tobytes()
        crc = zlib.crc32(data) + damage
        parts.append(
            f"<LeadData><LeadByteCountTotal>{len(data)}</LeadByteCountTotal>"
            f"<LeadSampleCountTotal>{len(column)}</LeadSampleCountTotal>"
            f"<LeadAmplitudeUnitsPerBit>{microvolts}</LeadAmplitudeUnitsPerBit>"
            f"<LeadAmplitudeUnits>{unit}</LeadAmplitudeUnits><LeadSampleSize>2</LeadSampleSize>"
            f"<LeadID>{lead}</LeadID><LeadDataCRC32>{crc}</LeadDataCRC32>{extra}"
            f"<WaveFormData>{base64.b64encode(data).decode()}</WaveFormData></LeadData>"
        )
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG>'
        "<MuseInfo><MuseVersion>9</MuseVersion></MuseInfo><Waveform><WaveformType>Rhythm</WaveformType>"
        f"<SampleBase>{rate}</SampleBase><SampleExponent>0</SampleExponent>{''.join(parts)}</Waveform></RestingECG>"
    )
    return path


def write_philips(path, signals, rate=100, microvolts=5, head=""):
    """Philips 1.04 without compression: all leads, one after the other, as base64."""
    samples = counts(signals, microvolts)
    data = base64.b64encode(samples.T.tobytes()).decode()
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<restingecgdata><documentinfo>'
        "<documenttype>PhilipsECG</documenttype><documentversion>1.04</documentversion></documentinfo>"
        f"<dataacquisition><signalcharacteristics><samplingrate>{rate}</samplingrate>"
        f"<resolution>{microvolts}</resolution></signalcharacteristics></dataacquisition><waveforms>"
        f'<parsedwaveforms dataencoding="Base64" compressflag="False" numberofleads="{len(LEADS)}" '
        f'leadlabels="{" ".join(LEADS)}" samplespersecond="{rate}" resolution="{microvolts}" '
        f'durationperchannel="{1000 * len(samples) // rate}">{data}</parsedwaveforms>'
        "</waveforms></restingecgdata>"
    )
    return path


def write_scp(path, signals, leads=LEADS, rate=100, nanovolts=5000, damage=0):
    """SCP-ECG without compression: section 0 points to 3 (the leads) and 6 (the samples)."""
    samples = counts(signals, nanovolts / 1000)
    n_times, n_leads = samples.shape
    lead_bytes = b"".join(struct.pack("<IIB", 1, n_times, SCP_CODES[lead]) for lead in leads)
    bodies = {3: struct.pack("<BB", n_leads, n_leads << 3 | 4) + lead_bytes}
    sizes = struct.pack(f"<{n_leads}H", *[2 * n_times] * n_leads)
    bodies[6] = struct.pack("<HHBB", nanovolts, 1_000_000 // rate, 0, 0) + sizes + samples.T.tobytes()
    length = 16 + 10 * 3
    places, start = [(0, length, 7)], 6 + length
    for number, body in bodies.items():
        places.append((number, 16 + len(body), start + 1))
        start += 16 + len(body)
    bodies = {0: b"".join(struct.pack("<HII", *place) for place in places)} | bodies
    sections = b"".join(_section(number, body) for number, body in bodies.items())
    whole = struct.pack("<I", 6 + len(sections)) + sections
    path.write_bytes(struct.pack("<H", binascii.crc_hqx(whole, 0xFFFF) ^ damage) + whole)
    return path


def _section(number, body):
    rest = struct.pack("<HIBB6x", number, 16 + len(body), 20, 20) + body
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest
