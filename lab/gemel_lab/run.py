"""Running other programs: output kept aside, shown only when one fails."""

import subprocess

from .paths import LabError


def run(*command, input_text=None, env=None, log=None, timeout=None):
    """Runs a program to its end and returns its output; raises LabError with that output if it fails."""
    try:
        done = subprocess.run(command, input=input_text, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout,
                              stdin=subprocess.DEVNULL if input_text is None else None, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is missing on this host; tools/install-deps installs it") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout} s: {' '.join(command)}") from error
    if log is not None:
        log.write(f"$ {' '.join(command)}\n{done.stdout}")
        log.flush()
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise LabError(f"failed ({done.returncode}): {' '.join(command)}\n{tail}")
    return done.stdout


def works(*command):
    """True if the program exists and ends well; its output is dropped."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False
