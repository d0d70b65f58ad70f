"""Where the development recordings are, and how a test knows that it has the right one.

They are looked for in the folder named by EPROP_RT_DATA, then in ../shared/data beside the
repository. A test that needs one that is not there is skipped.
"""

import functools
import hashlib
import os
from pathlib import Path

import pytest

VARIABLE = "EPROP_RT_DATA"
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"

# name: (path in the folder, sha256)
RECORDINGS = {
    "contdata95": (
        "contdata95.nwb",
        "c876a44eca9dab36fea48cfd5daffa9dd35281b5e75d18ccebaea1c065adea20",
    ),
    "spike_wf/2012-07-18": (
        "spike_wf/2012-07-18.nwb",
        "231ba97458abceaf547acc73205f9b80a534b94f688002093a9f009ee9c8e8de",
    ),
    "spike_wf/2012-07-19": (
        "spike_wf/2012-07-19.nwb",
        "49aede8cce52c0b4b1ff2f0c0777db43c3af4ee9b5485824371deb1e355bd9d6",
    ),
    "spike_wf/2012-07-20": (
        "spike_wf/2012-07-20.nwb",
        "c4807cc36fb39eaf6dee56d115f39f74658f7d3584f0d55d0e854b7c52952217",
    ),
    "spike_wf/2012-07-21": (
        "spike_wf/2012-07-21.nwb",
        "e04353af42559a84b1692b9b7b749b2214f3e907e405355ac004e7a8420f27c8",
    ),
    "spike_wf/2012-07-27": (
        "spike_wf/2012-07-27.nwb",
        "4eeb6ee519deaac221b78656bc7d62020334fcf3562b0f998fd74e76ade3bc4f",
    ),
    "spike_wf/2012-08-17": (
        "spike_wf/2012-08-17.nwb",
        "809d57ec7440a7d4eaf64152f25138fd48f689ad013874c4b477f99108f49174",
    ),
    "spike_wf/2012-08-20": (
        "spike_wf/2012-08-20.nwb",
        "a9016b2c832eab0d4ca9af16e93a2a367b39c8d44865ef258194fc4e8aaeebe5",
    ),
    "spike_wf/2012-08-21": (
        "spike_wf/2012-08-21.nwb",
        "a6fd6760b59cfba28ee79f3501f17c31ecf79744aaaf2d348c03a1e9f2fb0999",
    ),
    "stabilizedbci_20160325": (
        "stabilizedbci_20160325.nwb",
        "461e685c27153e3905cae5f5a9188e36eb2416bce863acf884d9546ed789ac70",
    ),
    "xdf_edge/clock_resets": (
        "xdf_edge/clock_resets.xdf",
        "88536b24df4ed09082a00b04c31f65fd2447fa7acb8b929ec264ff8fac29ccec",
    ),
    "xdf_edge/empty_streams": (
        "xdf_edge/empty_streams.xdf",
        "50b7cfcd9116986f54258da36cffb3c5834621a0db97087c8ad0baaaf0293a76",
    ),
    "xdf_edge/lossy_51Hz_of_125Hz": (
        "xdf_edge/lossy_51Hz_of_125Hz.xdf",
        "35d3e48cff1b62d9e3911023557640d6779d9981ec8817acd65bae8fda0fb214",
    ),
    "xdf_edge/minimal": (
        "xdf_edge/minimal.xdf",
        "cd1b4f2171b1b165b17528c75131bd912c9bee209182b60d8cc07f4cb63fccea",
    ),
    "xdf_edge/truncated_no_footer": (
        "xdf_edge/truncated_no_footer.xdf",
        "e11b6c1d9d7ee3c693499fef943301664c8aea9d0fe58dd51a7523633dcbcb15",
    ),
    "xdf_emg/three_machines": (
        "xdf_emg/threeMotionData_three_motion_one.xdf",
        "e421a93b4cb0151200a9eb6a19927caaa06e2cfc2a740293d74f53422bc7777d",
    ),
    "xdf_emg/ayush": (
        "xdf_emg/threeMotionTwo_ayush.xdf",
        "0cb39f7150733fce0a66c8bef16077fd8e67a75badcae89f0e780ddb05dda963",
    ),
}


def find(name: str) -> Path:
    """Return the path of a recording; skip the test where it is missing, fail it on a wrong one."""
    relative, sha256 = RECORDINGS[name]
    named = os.environ.get(VARIABLE)
    folders = ([Path(named)] if named else []) + [BESIDE]
    for folder in folders:
        path = folder / relative
        if path.is_file():
            if _sha256(path) != sha256:
                pytest.fail(f"{path} is not the recording {name!r} that the tests know (sha256)")
            return path
    looked = " or ".join(map(str, folders))
    pytest.skip(f"no recording {relative} in {looked}: name the folder that has it in {VARIABLE}")


@functools.cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
