"""How often each stage is tried, after what waits, and for how long: by settings and by its own word."""

from typing import TYPE_CHECKING

from vidcompute.errors import invalid
from vidcompute.runner import STAGES
from vidcompute.runner.registry import Registered, Registry
from vidcompute.services.jobs import RetryPolicy
from vidcompute.settings import StageTerms

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_AS_ALL = StageTerms()


def registry(settings: "Settings") -> Registry:
    """The stages there are; `settings_invalid` where the settings name another one."""
    found = Registry(STAGES)
    unknown = sorted(settings.stages.keys() - found.every().keys())
    if unknown:
        known = ", ".join(sorted(found.every()))
        raise invalid("settings_invalid", f"The setting stages names {unknown[0]!r}, which is none of: {known}.")
    return found


def timeout_s(settings: "Settings", stage: Registered) -> float:
    """How long one attempt at a stage may take."""
    asked = settings.stages.get(stage.cls.name, _AS_ALL).timeout_s
    return asked or min(settings.attempt_timeout_s, stage.timeout_s or settings.attempt_timeout_s)


def retry_policy(settings: "Settings") -> RetryPolicy:
    """How tasks are tried again: those of each stage, and of stages that there are no more."""
    by_stage = {name: _policy(settings, stage) for name, stage in registry(settings).every().items()}
    return RetryPolicy(
        settings.max_attempts,
        settings.max_losses,
        base_s=settings.retry_base_s,
        cap_s=settings.retry_cap_s,
        by_stage=by_stage,
    )


def _policy(settings: "Settings", stage: Registered) -> RetryPolicy:
    asked = settings.stages.get(stage.cls.name, _AS_ALL)
    return RetryPolicy(
        asked.max_attempts or stage.max_attempts or settings.max_attempts,
        settings.max_losses,
        base_s=asked.retry_base_s or settings.retry_base_s,
        cap_s=asked.retry_cap_s or settings.retry_cap_s,
    )
