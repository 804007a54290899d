"""The spans of jobs, plans, tasks and attempts, made of what the database keeps of them once they have ended."""

from vidcompute.services.traces.service import Ended, ended_since

__all__ = ["Ended", "ended_since"]
