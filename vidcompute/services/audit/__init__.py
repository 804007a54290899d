"""The audit log: who did what, in each organization."""

from vidcompute.services.audit.models import AuditEntry, AuditFilter
from vidcompute.services.audit.queries import list_entries
from vidcompute.services.audit.service import prune

__all__ = ["AuditEntry", "AuditFilter", "list_entries", "prune"]
