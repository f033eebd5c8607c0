"""Write small recordings in the formats that the gate reads, for its tests."""

import numpy as np

from signalcam.leads import LEADS

DICOM_NUMBERS = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def write_wfdb(folder, signals, name="r1", rate=100, leads=LEADS, gain="1000.0(0)/mV"):
    """One record in format 16 with 1 uV per step; gives the header's path."""
    samples = np.rint(np.asarray(signals, np.float64) * 1000).astype("<i2")
    samples.tofile(folder / f"{name}.dat")
    lines = [f"{name} {len(leads)} {rate} {len(samples)}"]
    for lead, column in zip(leads, samples.T, strict=True):
        checksum = int(column.astype(np.int64).sum()) % 65536
        lines.append(f"{name}.dat 16 {gain} 16 0 {column[0]} {checksum} 0 {lead}")
    path = folder / f"{name}.hea"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_csv(path, signals, leads=LEADS, mark=",", times=None, time_name="time"):
    """Values as given, one row a sample."""
    columns, header = list(np.asarray(signals, np.float64).T), list(leads)
    if times is not None:
        columns, header = [times, *columns], [time_name, *header]
    rows = [mark.join(f"{value:.9g}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([mark.join(header), *rows]) + "\n")
    return path


def write_edf(path, signals, leads=LEADS, rates=100, unit="uV", physical_range=(-32768, 32767), seconds=10):
    """Values as given, in `unit`, one EDF signal a lead."""
    import edfio

    rates = [rates] * len(leads) if np.isscalar(rates) else rates
    edf = edfio.Edf(
        [
            edfio.EdfSignal(
                np.asarray(column[: int(rate * seconds)], np.float64),
                rate,
                label=lead,
                physical_dimension=unit,
                physical_range=physical_range,
            )
            for column, lead, rate in zip(np.asarray(signals).T, leads, rates, strict=True)
        ]
    )
    edf.write(path)
    return path


def dicom_dataset(signals, leads=LEADS, rate=100, unit="uV", sensitivity="1.0", baseline="0"):
    """A 12-lead ECG object with 16-bit samples; values as given, in steps of `sensitivity` `unit`."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = TwelveLeadECGWaveformStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = len(leads), len(signals)
    group.SamplingFrequency = str(rate)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = [_channel(lead, unit, sensitivity, baseline) for lead in leads]
    steps = (np.asarray(signals, np.float64) - float(baseline)) / float(sensitivity or 1)
    group.WaveformData = np.rint(steps).astype("<i2").tobytes()
    group["WaveformData"].VR = "OW"
    dataset.WaveformSequence = [group]
    return dataset


def write_dicom(path, signals, **keys):
    dicom_dataset(signals, **keys).save_as(path, enforce_file_format=True)
    return path


def _channel(lead, unit, sensitivity, baseline):
    from pydicom.dataset import Dataset

    channel, source, units = Dataset(), Dataset(), Dataset()
    source.CodeValue, source.CodingSchemeDesignator = f"2:{DICOM_NUMBERS[lead]}", "MDC"
    source.CodeMeaning = f"Lead {lead}"
    channel.ChannelSourceSequence = [source]
    if sensitivity:
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = sensitivity, "1.0"
    if unit:
        units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
        channel.ChannelSensitivityUnitsSequence = [units]
    channel.ChannelBaseline = baseline
    channel.WaveformBitsStored = 16
    return channel
