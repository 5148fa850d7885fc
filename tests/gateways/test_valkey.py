"""Who starts the embedded Valkey, who takes over, and what is left when processes end or are killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from service.gateways.valkey import EmbeddedValkey, socket_path, socket_url
from tests.parts import await_that
from tests.parts.valkey import ValkeyServer, is_alive

ROOT = Path(__file__).resolve().parents[2]

HOLD = """
import os, pathlib, signal, sys, time
from service.gateways.valkey import EmbeddedValkey
from service.signal_event import SignalEvent
ended = SignalEvent()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
embedded = EmbeddedValkey(pathlib.Path(sys.argv[1]))
embedded.hold()
if sys.argv[2:]:
    child = os.fork()
    if child == 0:
        if sys.argv[2] == "and release in a child":
            embedded.release()
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
print("holder" if embedded.is_holder else "other", flush=True)
ended.wait(60)
embedded.release()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder whose path leaves room for a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="pli-d-"))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def process(data: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A long-running process with a share in the server; it is killed when the block ends."""
    command = [sys.executable, "-c", HOLD, str(data), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.kill()


def said(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def server_pid(data: Path) -> int:
    """The process id of the server that answers, or 0."""
    with Redis.from_url(socket_url(data)) as client:
        try:
            return int(client.info("server")["process_id"])
        except RedisConnectionError:
            return 0


def test_the_socket_lies_in_the_data_folder_unless_its_path_is_too_long(tmp_path: Path) -> None:
    assert socket_path(Path("/srv/pli/data")) == Path("/srv/pli/data/valkey.sock")
    assert socket_url(Path("/srv/pli données")) == "unix:///srv/pli%20donn%C3%A9es/valkey.sock"
    long = tmp_path / ("é" * 60)
    elsewhere = socket_path(long)
    assert len(os.fsencode(elsewhere)) <= 100
    assert elsewhere.parent.parent == Path(tempfile.gettempdir())
    assert elsewhere == socket_path(long)
    assert elsewhere != socket_path(long / "b")


def test_a_long_path_gets_a_private_folder_and_a_server_all_the_same(tmp_path: Path) -> None:
    long = tmp_path / ("é" * 60)
    with EmbeddedValkey(long):
        assert server_pid(long)
        assert socket_path(long).parent.stat().st_mode & 0o777 == 0o700
    socket_path(long).parent.rmdir()


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("é" * 60)
    socket_path(long).parent.mkdir()
    socket_path(long).parent.chmod(0o777)
    with pytest.raises(PermissionError, match="not a private folder"):
        EmbeddedValkey(long).hold()
    socket_path(long).parent.rmdir()


def test_the_server_keeps_nothing_listens_on_no_port_and_evicts_nothing(data: Path) -> None:
    with EmbeddedValkey(data) as embedded:
        assert embedded.is_holder
        assert socket_path(data).stat().st_mode & 0o777 == 0o700
        with Redis.from_url(socket_url(data)) as client:
            wanted = {"port": "0", "save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "dir": str(data)}
            assert client.config_get(*wanted) == wanted
            pid = client.info("server")["process_id"]
    assert not is_alive(pid)
    assert not socket_path(data).exists()


def test_processes_started_together_share_one_server(data: Path) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(process(data)) for _ in range(3)]
        assert sorted(said(one) for one in running) == ["holder", "other", "other"]
        assert server_pid(data)
        assert len(list(data.glob("*.sock"))) == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_ended_in_any_order_they_leave_no_server(data: Path, order: tuple[int, ...]) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(process(data)) for _ in range(3)]
        for one in running:
            said(one)
        seen = {server_pid(data)}
        for number in order:
            running[number].terminate()
            assert running[number].wait(30) == 0
            seen.add(server_pid(data))
        assert not socket_path(data).exists()
        assert not [pid for pid in seen if pid and is_alive(pid)]


def test_ended_at_once_they_leave_no_server(data: Path) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(process(data)) for _ in range(3)]
        for one in running:
            said(one)
        pid = server_pid(data)
        for one in running:
            one.terminate()
        assert [one.wait(30) for one in running] == [0, 0, 0]
        assert not is_alive(pid)
        assert not socket_path(data).exists()


def test_killing_the_holder_leaves_no_server(data: Path) -> None:
    with process(data) as holder:
        assert said(holder) == "holder"
        pid = server_pid(data)
        holder.kill()
        await_that(lambda: not is_alive(pid), "the server ends with its holder")


def test_another_process_takes_over_from_a_killed_holder(data: Path) -> None:
    with process(data) as holder:
        assert said(holder) == "holder"
        with process(data) as other:
            assert said(other) == "other"
            before = server_pid(data)
            holder.kill()
            await_that(lambda: server_pid(data) not in (0, before), "another server answers")
            await_that(lambda: not is_alive(before), "the first server has ended")
            assert server_pid(data), "the end of the first server does not take the socket of the second"


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_holder(data: Path) -> None:
    with process(data, "and fork") as holder:
        child = int(said(holder))
        try:
            assert said(holder) == "holder"
            before = server_pid(data)
            with process(data) as other:
                assert said(other) == "other"
                holder.kill()
                await_that(lambda: server_pid(data) not in (0, before), "another server answers")
                assert is_alive(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_has_no_share_to_give_up(data: Path) -> None:
    with process(data, "and release in a child") as holder:
        child = int(said(holder))
        assert said(holder) == "holder"
        before = server_pid(data)
        await_that(lambda: not is_alive(child), "the child has ended")
        with process(data) as other:
            assert said(other) == "other"
            assert server_pid(data) == before


def test_a_server_that_ends_late_does_not_take_its_successors_socket(data: Path) -> None:
    with process(data) as holder:
        said(holder)
        late = server_pid(data)
        os.kill(late, signal.SIGSTOP)
        try:
            holder.kill()
            holder.wait()
            socket_path(data).unlink()
            with EmbeddedValkey(data):
                successor = server_pid(data)
                os.kill(late, signal.SIGCONT)
                await_that(lambda: not is_alive(late), "the late server has ended")
                assert server_pid(data) == successor
        finally:
            if is_alive(late):
                os.kill(late, signal.SIGKILL)


def test_a_server_that_dies_is_started_anew(data: Path) -> None:
    with EmbeddedValkey(data):
        before = server_pid(data)
        os.kill(before, signal.SIGKILL)
        await_that(lambda: server_pid(data) not in (0, before), "another server answers")


def test_a_server_whose_socket_was_removed_is_started_anew(data: Path) -> None:
    with EmbeddedValkey(data):
        before = server_pid(data)
        socket_path(data).unlink()
        await_that(lambda: server_pid(data) not in (0, before), "another server answers")
        assert not is_alive(before)


def test_a_server_that_answers_already_is_adopted_and_ended_in_the_end(data: Path) -> None:
    left = ValkeyServer(data)
    left.start()
    assert left.process is not None
    with EmbeddedValkey(data) as embedded:
        await_that(lambda: embedded.is_holder, "the lock is taken")
        assert server_pid(data) == left.process.pid
    assert left.process.wait(30) == 0
    assert not socket_path(data).exists()


def test_an_adopted_server_that_ends_has_a_successor(data: Path) -> None:
    left = ValkeyServer(data)
    left.start()
    with EmbeddedValkey(data) as embedded:
        await_that(lambda: embedded.is_holder, "the lock is taken")
        left.stop()
        await_that(lambda: server_pid(data), "a server of ours answers")


def test_a_socket_left_by_a_killed_server_is_no_hindrance(data: Path) -> None:
    left = ValkeyServer(data)
    left.start()
    assert left.process is not None
    left.process.kill()
    left.process.wait()
    assert socket_path(data).exists()
    with EmbeddedValkey(data):
        assert server_pid(data)


def test_no_server_within_the_time_is_said(data: Path) -> None:
    with (data / "valkey.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        embedded = EmbeddedValkey(data)
        with pytest.raises(TimeoutError, match="No Valkey answers"):
            embedded.hold(seconds=0.2)
        assert not embedded.is_holder
        embedded.release()


def test_the_share_can_be_taken_again_after_it_was_given_up(data: Path) -> None:
    embedded = EmbeddedValkey(data)
    for _ in range(2):
        with embedded:
            assert server_pid(data)
        assert not server_pid(data)
