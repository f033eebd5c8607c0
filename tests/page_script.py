"""Run the page's JavaScript under node, without a browser; its tests skip where node is not there."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest

import signalcam

FOLDER = f"{signalcam.__path__[0]}/plotting/browser"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run_script(code, **data):
    """Run code that sees the names of the page's files and `data`, and give what it returns."""
    files = ("text", "network", "resampling", "quality", "reading")
    imports = "".join(f'import * as {name} from "file://{FOLDER}/{name}.mjs";\n' for name in files)
    read = 'import fs from "node:fs"; const data = JSON.parse(fs.readFileSync(0, "utf-8"));\n'
    bytes_of = 'const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));\n'
    floats = "const floats = (text) => new Float32Array(bytesOf(text).buffer);\n"
    whole = f"{imports}{read}{bytes_of}{floats}console.log(JSON.stringify((() => {{{code}}})()));"
    command = [NODE, "--input-type=module", "--eval", whole]
    done = subprocess.run(command, input=json.dumps(data), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def packed(array):
    """Little-endian float32 of an array, in base64, for `floats` in the script."""
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode("ascii")


def files_of(*paths):
    """Files as the page gets them, with their bytes in base64."""
    return [{"name": path.name, "bytes": base64.b64encode(path.read_bytes()).decode()} for path in paths]
