"""Small files of the layouts that laboratories publish, written with the libraries they use."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
from pynwb.behavior import BehavioralTimeSeries

STRINGS = h5py.special_dtype(ref=h5py.Reference)


def _characters(file, name, text):
    data = np.array([[ord(each)] for each in text], np.uint16)
    return file.create_dataset(f"#refs#/{name}", data=data).ref


def write_reaching(path, seconds=4.0, channels=3, units=2, seed=5):
    """Write a file of the layout of the primate-reaching sets: returns trains[channel][unit]."""
    rng = np.random.default_rng(seed)
    t = 70.0 + np.arange(int(seconds * 250)) / 250.0
    phase = 2 * np.pi * (t - 70.0) / 2.0
    trains = [[np.sort(70.0 + seconds * rng.random(20 + 5 * unit + channel))
               for unit in range(units)] for channel in range(channels)]  # fmt: skip
    trains[-1][-1] = np.empty(0)
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset("spikes", (units, channels), dtype=STRINGS)
        for channel in range(channels):
            for unit in range(units):
                train = trains[channel][unit]
                if len(train):
                    node = file.create_dataset(f"#refs#/s{channel}_{unit}", data=train[None, :])
                else:
                    node = file.create_dataset(
                        f"#refs#/s{channel}_{unit}", data=np.zeros(2, np.uint64)
                    )
                    node.attrs["MATLAB_empty"] = np.uint8(1)
                cells[unit, channel] = node.ref
        names = file.create_dataset("chan_names", (1, channels), dtype=STRINGS)
        for channel in range(channels):
            names[0, channel] = _characters(file, f"n{channel}", f"M1 {channel + 1:03}")
        file["t"] = t[None, :]
        file["cursor_pos"] = np.stack([50 * np.sin(phase), 30 * np.cos(phase)])
        file["target_pos"] = np.stack([np.full(len(t), 80.0), np.zeros(len(t))])
        file["finger_pos"] = np.zeros((3, len(t)))
    return trains


def binned_structure(bins=40, seed=2):
    """Return the tables of a `binnedData` structure: 3 units, 50 ms, two axes, two muscles."""
    rng = np.random.default_rng(seed)
    return {
        "timeframe": (1.0 + 0.05 * np.arange(bins))[:, None],
        "spikeratedata": rng.poisson(2.0, (bins, 3)) / 0.05,
        "spikeguide": np.array(["ee1u1 ", "ee2u1 ", "ee10u2"]),
        "cursorposbin": rng.standard_normal((bins, 2)),
        "cursorposlabels": np.array(["x_pos", "y_pos"]),
        "velocbin": rng.standard_normal((bins, 3)),
        "veloclabels": np.array(["x_vel", "y_vel", "speed"]),
        "emgdatabin": rng.random((bins, 2)),
        "emgguide": np.array([["FCR", "ECRl"]], dtype=object),
        "forcedatabin": np.empty((0, 0)),
    }


def write_binned_5(path, structure):
    """Write it as MATLAB 5 does."""
    from scipy.io import savemat

    savemat(path, {"binnedData": structure, "other": np.arange(3)})


def write_binned_73(path, structure):
    """Write it as MATLAB 7.3 does: axes the other way round, characters as numbers."""
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("binnedData")
        for name, values in structure.items():
            if values.dtype == object:
                cells = group.create_dataset(name, values.T.shape, dtype=STRINGS)
                for at, text in enumerate(values.ravel()):
                    cells[at, 0] = _characters(file, f"{name}{at}", text)
            elif values.dtype.kind == "U":
                rows = [[ord(each) for each in text] for text in values]
                group.create_dataset(name, data=np.array(rows, np.uint16).T)
            elif values.size == 0:
                group.create_dataset(name, data=np.zeros(2, np.uint64))
                group[name].attrs["MATLAB_empty"] = np.uint8(1)
            else:
                group.create_dataset(name, data=values.T)


def brainflow_rows(samples=250, seed=3):
    """Return a table as the synthetic board gives it: 32 columns, 250 Hz, time in column 30."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0, 20.0, (samples, 32))
    values[:, 0] = np.arange(samples) % 256
    values[:, 30] = 1.76e9 + np.arange(samples) / 250.0
    values[:, 31] = 0.0
    values[[20, 50], 31] = [3.0, 1.5]
    return values


def write_brainflow(path, values):
    """Write it as DataFilter.write_file does."""
    np.savetxt(path, values, fmt="%.6f", delimiter="\t")


def _field(value, width):
    return str(value).ljust(width)[:width].encode("ascii")


def write_edf(path, names, values, rate_hz, notes=(), *, physical=1000, began_s=None):
    """Write integers (samples, channels) in records of 1 s; BDF by the suffix, notes as EDF+ has.

    A count is one microvolt times physical / the largest digital value. Values of several rates are
    a list of arrays (samples,), `rate_hz` is a list then. With `began_s` (records) the records are
    those of a file that was broken off and went on (EDF+D). A channel Status holds triggers.
    """
    bdf = path.suffix == ".bdf"
    size, most = (3, 8388607) if bdf else (2, 32767)
    plus = (bool(notes) or began_s is not None) * (
        ("BDF+" if bdf else "EDF+") + "CD"[began_s is not None]
    )
    rates = [rate_hz] * len(names) if isinstance(rate_hz, int) else list(rate_hz)
    columns = list(np.transpose(values)) if isinstance(values, np.ndarray) else list(values)
    channels = [*names, *[f"{'BDF' if bdf else 'EDF'} Annotations"] * bool(plus)]
    records, count, note_samples = len(columns[0]) // rates[0], len(channels), 60
    least = [-most - 1 if name == "Status" else -physical for name in channels]
    greatest = [most if name == "Status" else physical for name in channels]
    began_s = range(records) if began_s is None else began_s
    head = (b"\xffBIOSEMI" if bdf else _field("0", 8)) + _field("X X X X", 80)
    head += _field("Startdate 22-NOV-2026 X X X", 80) + b"22.11.2610.00.00"
    head += _field(256 * (1 + count), 8) + _field(plus, 44) + _field(records, 8)
    head += _field(1, 8) + _field(count, 4)
    for fields, width in (
        (channels, 16), ([""] * count, 80), (["uV"] * len(names) + [""] * bool(plus), 8),
        (least, 8), (greatest, 8), ([-most - 1] * count, 8),
        ([most] * count, 8), ([""] * count, 80), ([*rates, *[note_samples] * bool(plus)], 8),
        ([""] * count, 32),
    ):  # fmt: skip
        head += b"".join(_field(each, width) for each in fields)
    with path.open("wb") as file:
        file.write(head)
        for record, began in zip(range(records), began_s, strict=True):
            for column, rate in zip(columns, rates, strict=True):
                file.write(_digits(column[record * rate : (record + 1) * rate], size))
            if plus:
                text = f"+{began}\x14\x14\x00".encode()
                for onset, said in notes:
                    if began <= onset < began + 1:
                        text += f"+{onset}\x14{said}\x14\x00".encode()
                file.write(text.ljust(size * note_samples, b"\x00"))


def _digits(values, size):
    return np.asarray(values, "<i4")[:, None].view(np.uint8)[:, :size].tobytes()


def nwb_file(**subject):
    """Return an empty session."""
    return pynwb.NWBFile("a test", "a-test", datetime(2026, 11, 22, tzinfo=UTC), **subject)


def save_nwb(path, file):
    """Write it and return the path."""
    with pynwb.NWBHDF5IO(path, mode="w") as sink:
        sink.write(file)
    return path


def add_units(file, trains, observed=None, electrodes=None):
    """Add units with spike times, and perhaps when they were looked for and where."""
    if electrodes is not None:
        device = file.create_device("array")
        group = file.create_electrode_group("M1", "array", "M1", device)
        for _ in range(1 + max(electrodes)):
            file.add_electrode(group=group, location="M1")
    for at, train in enumerate(trains):
        fields = {} if observed is None else {"obs_intervals": observed}
        if electrodes is not None:
            fields["electrodes"] = [electrodes[at]]
        file.add_unit(spike_times=train, id=100 + at, **fields)


def write_falcon_m2(path, seconds=6.0, channels=96, seed=4):
    """Write a file as those of FALCON M2 are (DANDI 000953): counts that tell two velocities.

    Units are tuned alike in all of them, and fire otherwise with another seed.
    """
    rng = np.random.default_rng(seed)
    stamps = 10.0 + np.arange(round(seconds * 50)) / 50.0
    velocity = np.stack([np.sin(stamps * 2.0), np.cos(stamps * 3.0)], axis=1)
    weights = np.random.default_rng(0).normal(size=(2, channels))
    counts = rng.poisson(np.clip(3.0 + velocity @ weights, 0.1, 20.0))
    file = nwb_file()
    for channel in range(channels):
        within = (rng.uniform(0.05, 0.95, each) for each in counts[:, channel])
        times = [np.sort(at + 0.02 * part) for at, part in zip(stamps, within, strict=True)]
        file.add_unit(
            spike_times=np.concatenate(times), obs_intervals=[[stamps[0], stamps[-1] + 0.02]]
        )
    file.add_acquisition(channels_apart("finger_vel", ("index", "mrs"), velocity, stamps, "AU"))
    kept = np.ones(len(stamps), bool)
    kept[:5] = False
    file.add_acquisition(
        pynwb.TimeSeries(name="eval_mask", data=kept, unit="bool", timestamps=stamps)
    )
    file.add_trial_column(name="tgt_loc", description="location of target (0-1 AU)")
    for start in np.arange(stamps[0], stamps[-1], 2.0).tolist():
        file.add_trial(start_time=start, stop_time=start + 2.0, tgt_loc=[0.5, 0.5])
    save_nwb(path, file)
    return counts, velocity


def channels_apart(name, channels, values, stamps, unit):
    """Return an interface with a series a channel, as FALCON has EMG and velocities."""
    apart = BehavioralTimeSeries(name=name)
    for at, channel in enumerate(channels):
        apart.create_timeseries(
            name=channel, data=values[:, at], unit=unit, timestamps=stamps,
            comments=f"columns=[{channel}]",
        )  # fmt: skip
    return apart
