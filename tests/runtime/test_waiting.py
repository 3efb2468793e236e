"""How threads wait is chosen by what other processes take of the cores, and by the user before all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import SimpleNamespace

import psutil
import pytest

from pipeline.runtime import waiting
from pipeline.runtime.waiting import CHOSEN_BY_USER, Contention, choose, decided

CORES = 4


@dataclass
class Machine:
    """A clock and the processor seconds that others and this process have used; `others` cores are taken by others."""

    others: float = 0.0
    own: float = 0.0
    now: float = 100.0
    busy: float = 50.0
    used: float = 10.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.used += self.own * seconds
        self.busy += (self.own + self.others) * seconds


class CpuTimes(tuple):
    """As psutil's: user, system, idle, iowait, guest; a guest's time is counted in user too."""

    user, system, idle, iowait, guest = (property(lambda self, i=i: self[i]) for i in range(5))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    for name in (*CHOSEN_BY_USER, "OMP_NUM_THREADS", "HSD_THREADS"):
        monkeypatch.delenv(name, raising=False)
    # What `choose` sets is taken back at the end of the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(waiting.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(waiting.time, "sleep", made.pass_)
    guest = 3.0
    monkeypatch.setattr(
        psutil, "cpu_times", lambda: CpuTimes((made.busy - 5 + guest, 5.0, CORES * made.now - made.busy, 7.0, guest))
    )
    own = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=made.used, system=0.5))
    monkeypatch.setattr(psutil, "Process", lambda: own)
    monkeypatch.setattr(psutil, "cpu_count", lambda: CORES)
    return made


@pytest.mark.parametrize("name", CHOSEN_BY_USER)
def test_the_user_decides(machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert not decided()
    monkeypatch.setitem(os.environ, name, "ACTIVE")
    machine.others = CORES
    asked = Contention()
    machine.pass_(1.0)
    choose()
    assert decided() and not asked()
    assert {key: os.environ.get(key) for key in CHOSEN_BY_USER if key != name} == dict.fromkeys(
        set(CHOSEN_BY_USER) - {name}
    )
    assert os.environ[name] == "ACTIVE"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "HSD_THREADS"])
def test_one_thread_waits_for_nobody(machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(os.environ, name, "1")
    machine.others = CORES
    asked = Contention()
    machine.pass_(1.0)
    choose()
    assert decided() and not asked() and "OMP_WAIT_POLICY" not in os.environ


@pytest.mark.parametrize(
    ("others", "own", "passive"),
    [(0.0, 0.0, False), (0.2, 0.0, False), (1.0, 0.0, True), (CORES, 0.0, True), (0.0, CORES, False), (0.5, 2.0, True)],
)
def test_threads_sleep_where_others_take_cores(machine: Machine, others: float, own: float, passive: bool) -> None:
    machine.others, machine.own = others, own
    choose()
    assert os.environ.get("OMP_WAIT_POLICY") == ("PASSIVE" if passive else None)
    assert decided() == passive


def test_cores_that_no_thread_of_ours_wants_do_not_count(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "2")
    machine.others = 2.0
    choose()
    assert not decided()
    machine.others = 2.5
    choose()
    assert decided()


def test_contention_is_that_since_the_last_call(machine: Machine) -> None:
    asked = Contention()
    machine.own = CORES
    machine.pass_(10.0)
    assert not asked()
    machine.own, machine.others = CORES - 1, 1.0
    machine.pass_(10.0)
    assert asked()
    machine.own, machine.others = CORES, 0.0
    machine.pass_(10.0)
    assert not asked()
    # A little of it in a long time is noise.
    machine.others = 1.0
    machine.pass_(2.0)
    machine.others = 0.0
    machine.pass_(18.0)
    assert not asked()


def test_where_threads_sleep_already_nothing_is_asked_again(machine: Machine) -> None:
    machine.others = 1.0
    asked = Contention()
    choose()
    machine.pass_(10.0)
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and not asked()
