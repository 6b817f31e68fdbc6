"""Work in the background: progress, Cancel, one at a time, errors handed over."""

import threading

import pytest

from BoneAblationPlannerLib.background import BackgroundTask
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.progress import step


def test_a_result_and_its_progress_come_back():
    def work(report):
        step(report, 0.25, "first")
        return threading.get_ident()

    task = BackgroundTask(work)
    assert task.result() != threading.get_ident()
    assert task.progress == (0.25, "first")
    assert task.poll()


def test_cancel_ends_the_work_at_its_next_step():
    go = threading.Event()

    def work(report):
        step(report, 0.1, "waiting")
        go.wait(10)
        step(report, 0.2, "never said")

    task = BackgroundTask(work)
    assert not task.poll(0.01)
    task.cancel()
    go.set()
    with pytest.raises(Cancelled):
        task.result()


def test_an_error_comes_out_of_the_result():
    def work(report):
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        BackgroundTask(work).result()


def test_two_tasks_do_not_run_at_the_same_time():
    running, most = [], []

    def work(report):
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.05)
        running.pop()

    for task in [BackgroundTask(work) for _ in range(3)]:
        task.result()
    assert most == [1, 1, 1]
