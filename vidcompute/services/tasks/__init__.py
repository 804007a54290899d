"""Tasks, shared by the jobs that want them: their moves through the state machine, and interests."""

from vidcompute.services.tasks.interests import drop, reprice
from vidcompute.services.tasks.models import Artifact, Attempt, Placed, Ready, ReadyTask, TaskAttempt, Terms
from vidcompute.services.tasks.moves import move, move_all
from vidcompute.services.tasks.queries import (
    artifact,
    artifacts,
    lost_attempts,
    next_ready_ms,
    owned,
    placed,
    ready_tasks,
)

__all__ = [
    "Artifact",
    "Attempt",
    "Placed",
    "Ready",
    "ReadyTask",
    "TaskAttempt",
    "Terms",
    "artifact",
    "artifacts",
    "drop",
    "lost_attempts",
    "move",
    "move_all",
    "next_ready_ms",
    "owned",
    "placed",
    "ready_tasks",
    "reprice",
]
