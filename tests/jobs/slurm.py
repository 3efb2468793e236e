"""A SLURM of one node, this one, for as long as a block lasts: its own munge, controller and node below a folder.

By hand: `python -m tests.jobs.slurm` starts one and says what to set to use it, until Ctrl-C.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")
# Debian has the services where only root's PATH looks.
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
SECONDS = 60.0
CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Return why there can be no SLURM here; empty: there can."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path=SEARCHED)]
    if missing:
        return f"no {', '.join(missing)}: Debian has them in slurmctld, slurmd, slurm-client and munge"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root alone"


@contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Start it, and give what a process needs in its environment to use it.

    Raises:
        RuntimeError: the node is not ready in time; what the services said is in the message.
    """
    with ExitStack() as stack:
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        made = CONF.format(
            folder=folder, host=host, user=getpass.getuser(), ports=_ports(2), cpus=os.cpu_count(),
            memory=psutil.virtual_memory().total // 2**20,
        )  # fmt: skip
        (folder / "slurm.conf").write_text(made)
        environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": SEARCHED}
        munge = (
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        for command in (munge, ("slurmctld", "-D"), ("slurmd", "-D", "-N", host)):
            stack.callback(_stop, _start(command, folder, environment))
            time.sleep(0.5)
        deadline = time.monotonic() + SECONDS
        while "idle" not in (said := _ask(environment, "sinfo", "--noheader", "--format=%T")):
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text()[-1000:] for path in sorted(folder.glob("*.log")))
                raise RuntimeError(f"the node is not idle: {said}\n{logs}")
            time.sleep(0.5)
        stack.callback(_ask, environment, "scancel", f"--user={getpass.getuser()}")
        yield environment


def _start(command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with open(folder / f"{command[0]}.out.log", "wb") as out:
        return subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)


def _stop(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGTERM)
    try:
        running.wait(15)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _ask(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, one_node(Path(place) / "slurm") as needed:
        print(f"export SLURM_CONF={needed['SLURM_CONF']}", flush=True)
        signal.pause()
