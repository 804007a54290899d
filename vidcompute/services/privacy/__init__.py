"""What is kept about a person: shown to them whole, and taken away."""

from vidcompute.services.privacy.erasing import erase
from vidcompute.services.privacy.exporting import export
from vidcompute.services.privacy.models import ERASED
from vidcompute.services.privacy.queries import by_email

__all__ = ["ERASED", "by_email", "erase", "export"]
