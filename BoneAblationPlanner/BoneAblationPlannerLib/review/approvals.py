"""Decisions on a plan: one JSON line each in ``approvals.jsonl`` beside the plan, only ever added to."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.outputs import APPROVALS as FILE

SCHEMA = "bone-plan-approval/1"
LONGEST_NAME, LONGEST_REASON = 120, 2000

Decision = Literal["approved", "rejected"]


@dataclass(frozen=True)
class Approval:
    """Who decided what on which plan, by the hashes of its files; `at` is UTC.

    `previous_sha256` is the hash of everything that the file held before, so that a line that was changed or taken
    out later shows.
    """

    decision: Decision
    name: str
    reason: str
    plan: str
    plan_sha256: str
    scene_sha256: str
    at: str
    software: str
    previous_sha256: str
    schema: str = SCHEMA


def decide(
    folder: Path,
    decision: str,
    name: str,
    reason: str,
    *,
    reason_needed: bool,
    plan: str,
    plan_sha256: str,
    scene_sha256: str,
    software: str,
) -> Approval:
    """Add a decision to the record and return it.

    Raises
    ------
    InputError
        Without a name, without a reason where one is needed, or when the file cannot be written.
    """
    name, reason = " ".join(str(name).split()), str(reason).strip()
    if decision not in ("approved", "rejected"):
        raise InputError(f"decision: {decision!r}; expected approved or rejected")
    if not name:
        raise InputError("name: empty; expected the name of the person who decides")
    if len(name) > LONGEST_NAME or len(reason) > LONGEST_REASON:
        raise InputError(f"name or reason: too long; expected at most {LONGEST_NAME} and {LONGEST_REASON} characters")
    if not reason and (reason_needed or decision == "rejected"):
        what = "a rejection" if decision == "rejected" else "a plan with warnings in red"
        raise InputError(f"reason: empty; expected one for {what}")
    path = folder / FILE
    before = path.read_bytes() if path.is_file() else b""
    start = b"" if not before or before.endswith(b"\n") else b"\n"  # a line that a crash cut off stays alone
    approval = Approval(
        decision="approved" if decision == "approved" else "rejected",
        name=name,
        reason=reason,
        plan=plan,
        plan_sha256=plan_sha256,
        scene_sha256=scene_sha256,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        software=software,
        previous_sha256=hashlib.sha256(before + start).hexdigest(),
    )
    line = json.dumps(asdict(approval), ensure_ascii=False).encode() + b"\n"
    _append(path, start + line)
    return approval


def _append(path: Path, line: bytes) -> None:
    """One write at the end of the file, on the disk before it counts."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            written = os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); the decision was not recorded") from None
    if written != len(line):
        raise InputError(f"{path}: the disk is full; the decision was not recorded")


@dataclass(frozen=True)
class Record:
    """The decisions that can be read, and whether the file is as this program left it."""

    approvals: tuple[Approval, ...]
    problems: tuple[str, ...]


def read_record(folder: Path) -> Record:
    """Every decision in the order they were made; a broken or changed line is a problem, never an error."""
    path = folder / FILE
    if not path.is_file():
        return Record((), ())
    approvals: list[Approval] = []
    problems: list[str] = []
    before = b""
    for number, raw in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        approval = _parse(raw)
        if approval is None:
            if raw.strip():
                problems.append(f"{FILE} line {number}: cannot be read")
        elif approval.previous_sha256 != hashlib.sha256(before).hexdigest():
            problems.append(f"{FILE} line {number}: what stands before it was changed after it was written")
            approvals.append(approval)
        else:
            approvals.append(approval)
        before += raw
    return Record(tuple(approvals), tuple(problems))


def _parse(raw: bytes) -> Approval | None:
    try:
        values: Any = json.loads(raw)
        return Approval(**{key: str(value) for key, value in values.items()})  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError):
        return None
