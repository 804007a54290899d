"""What `vidctl doctor` tries out of the storage in force, and of what else is set."""

import asyncio
from typing import TYPE_CHECKING

from vidcompute.adapters.storage_proof import Proof, proofs
from vidcompute.wiring import proving_aids
from vidcompute.wiring import storage as storages
from vidcompute.wiring.library import decided, known_library

if TYPE_CHECKING:
    from vidcompute.settings import Settings


def prove(settings: "Settings") -> list[Proof]:
    """One line for each thing that the storage must be able to do, in an order in which each needs those before it."""
    known = decided(settings, known_library(settings))
    storage = storages.tool_place(settings, known.at, keys_of=storages.place_of(settings, None))
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def all_proofs() -> list[Proof]:
        redirect = settings.delivery == "redirect"
        return [proof async for proof in proofs(storage, settings.data_dir, redirect=redirect)]

    found = asyncio.run(all_proofs())
    if known.before is not None:
        detail = f"moves from {known.before.url} to {known.at.url}: vidctl migrate-storage --to {known.at.url} goes on"
        found.append(Proof("storage moves", None, detail))
    elif known.chosen:
        found.append(Proof("storage place", None, f"moved to {known.at.url}; the settings still say another place"))
    return found + proving_aids.prove(settings)
