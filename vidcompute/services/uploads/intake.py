"""Takes the bytes of uploads that may be cut off at any time, and go on where they were.

What is told to have come is on disk, and the row says so, and in which folder; where objects are in a bucket, it goes
there in parts while it comes. One sender at a time writes to an upload: in this process by a hold, among processes by a
lock that the kernel gives back when its owner dies. Bytes beyond the row's offset count for nothing, and are cut off by
who writes next. A row reaches its full length only together with the source and its job, so that a server that dies in
between has promised nothing: the sender goes on from where the row is.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from vidcompute.db.engine import Database, may_be_written
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.media.digest import TreeDigest
from vidcompute.ports.storage import DirectUploads, Storage
from vidcompute.services.assets import Source
from vidcompute.services.jobs import Prelude
from vidcompute.services.uploads import moves, queries
from vidcompute.services.uploads.direct import abandon
from vidcompute.services.uploads.holds import Hold, Holds, LetGoError
from vidcompute.services.uploads.models import Brought, Direct, NewUpload, Upload, UploadKind, UploadPolicy
from vidcompute.services.uploads.receiver import Hash, Received, Receiver, check_media, check_room, closing, receiving
from vidcompute.services.uploads.relaying import Relay, is_relayed
from vidcompute.services.uploads.service import NewSource, adopt, store
from vidcompute.services.uploads.staging import Staging, lost

_DIGESTS_KEPT = 64  # of uploads under way, so that a small piece does not cost a larger reading


class LineCutError(Exception):
    """The sender's line was cut: what came counts."""


class Sum(Hash, Protocol):
    """A checksum such as hashlib's."""

    def digest(self) -> bytes:
        """Of all bytes that were added."""
        ...


@dataclass(frozen=True)
class Checksum:
    """What a sender says of a piece: its bytes count when it is true, and not at all otherwise."""

    taken: Sum
    wanted: bytes

    def check(self) -> None:
        """Raise `upload_checksum_mismatch` where other bytes came."""
        if self.taken.digest() != self.wanted:
            detail = "The bytes that came are not those of the checksum, and none of them was kept."
            raise invalid("upload_checksum_mismatch", detail)


@dataclass(frozen=True)
class Piece:
    """What one request brings: bytes from `offset_bytes` on.

    `size_bytes` is the length of the whole where this request says it, `declared_bytes` that of this piece. With
    `at_once` the upload is to be complete with it.
    """

    offset_bytes: int
    size_bytes: int | None = None
    declared_bytes: int | None = None
    checksum: Checksum | None = None
    traceparent: str | None = None
    at_once: bool = False


class Intake:
    """All uploads that this process takes; `direct` gives the store that they go to in parts, where it is one.

    `prelude` says what the jobs that follow from them begin with.
    """

    def __init__(
        self,
        db: Database,
        storage: Storage,
        policy: UploadPolicy,
        direct: Callable[[], DirectUploads | None] = lambda: None,
        prelude: Prelude | None = None,
    ) -> None:
        self.db = db
        self.storage = storage
        self.policy = policy
        self.direct = direct
        self.prelude = prelude
        self.staging = Staging(policy.folder)
        self.holds = Holds(policy.idle_s, policy.stalled_s)
        self._digests: OrderedDict[str, TreeDigest] = OrderedDict()

    async def create(self, organization_id: str, new: NewUpload) -> Upload:
        """Begin an upload. Raises `upload_too_large`, `storage_full` or `too_many_uploads`."""
        if new.size_bytes is not None:
            check_room(self.staging.folder, new.size_bytes, new.max_bytes)
        if new.size_bytes == 0:
            check_media(b"")
        return await self.db.write(moves.create, organization_id, new, max_unfinished=self.policy.max_unfinished)

    async def begin(self, upload: Upload, size_bytes: int | None) -> Upload:
        """An upload of which nothing is here yet, with its length where that is said only now."""
        current = await self.db.read(queries.get, upload.organization_id, upload.id)
        moves.check_comes_here(current)
        if current.offset_bytes:
            raise moves.moved_on(upload.id)
        if size_bytes is None:
            return current
        check_room(self.staging.folder, size_bytes, current.max_bytes)
        return await self.db.write(moves.set_length, current, size_bytes)

    async def seen(self, upload: Upload) -> Upload:
        """The upload as it is, with what came from a sender who has fallen silent."""
        await self.holds.end_silent(upload.id)
        return await self.db.read(queries.get, upload.organization_id, upload.id)

    async def take(self, upload: Upload, piece: Piece, body: AsyncIterator[bytes]) -> Upload:
        """Add the bytes of one request; the upload as it is then, complete where nothing is missing.

        Raises `upload_busy`, `upload_offset_wrong`, `upload_checksum_mismatch`, `upload_exceeds_length` and what the
        first bytes and the disk have against it. A line that is cut ends in `body_cut`, and what came counts.
        """
        moves.check_comes_here(upload)  # before there is a file: what ended has none
        if upload.is_whole and piece.offset_bytes == upload.offset_bytes and piece.declared_bytes == 0:
            return upload
        async with self.holds.taken(upload.id) as hold, self._opened(upload, piece) as turn:
            try:
                return await turn.run(hold, body)
            except VidComputeError as error:
                if error.kind is Kind.REFUSED or error.code == "upload_too_large":
                    await turn.aclose()
                    await self._leave_nothing(await self.db.write(moves.fail, turn.upload, error))
                raise

    @asynccontextmanager
    async def _opened(self, upload: Upload, piece: Piece) -> "AsyncIterator[_Turn]":
        descriptor = self.staging.open(upload.id)
        try:
            current = await self._current(upload, piece)
            current, relay = await self._relayed(current, descriptor)
            self.staging.cut(descriptor, current.offset_bytes)
            tree = await self._tree(current)
            receiver = self._receiver(current, piece, descriptor, tree)
        except BaseException:
            os.close(descriptor)
            raise
        async with closing(receiver), aclosing(_Turn(self, current, piece, receiver, relay)) as turn:
            yield turn

    async def _relayed(self, upload: Upload, descriptor: int) -> tuple[Upload, Relay | None]:
        """What brings the upload to the store in parts; None where it goes there whole, when all of it is here.

        Where its bytes came to another machine, those in the store count: `upload_offset_wrong` where there are less,
        `upload_lost` where it does not go there in parts.
        """
        bucket = self.direct() if is_relayed(upload) and not upload.is_whole else None
        here = self._is_here(upload) and self.staging.has(descriptor, upload.offset_bytes)
        if bucket is None:
            if not here:
                raise lost()
            return upload, None
        etags = await self.db.read(queries.etags, upload.id, upload.relayed) if upload.relayed else {}
        if not here:
            upload = await self._fall_back(upload, etags)
        return upload, Relay(bucket, upload, self.staging.path(upload.id), etags)

    def _is_here(self, upload: Upload) -> bool:
        return upload.holder in {None, self.staging.name}

    async def _fall_back(self, upload: Upload, etags: Collection[int]) -> Upload:
        self._digests.pop(upload.id, None)
        in_store_bytes = upload.relayed.without_gap(etags) if upload.relayed else 0
        offset_bytes = min(upload.offset_bytes, in_store_bytes)
        fallen = await self.db.write(moves.fall_back, upload, offset_bytes, self.staging.name)
        if offset_bytes < upload.offset_bytes:
            raise moves.moved_on(upload.id)
        return fallen

    async def _current(self, upload: Upload, piece: Piece) -> Upload:
        """The row, now that nobody else writes; raises where this piece does not follow it."""
        current = await self.db.read(queries.get, upload.organization_id, upload.id)
        moves.check_comes_here(current)
        if current.offset_bytes != piece.offset_bytes:
            raise moves.moved_on(upload.id)
        if piece.size_bytes is not None:
            current = await self.db.write(moves.set_length, current, piece.size_bytes)
        declared_bytes = piece.declared_bytes or 0
        if current.size_bytes is not None and current.offset_bytes + declared_bytes > current.size_bytes:
            raise exceeds(current.size_bytes)
        check_room(self.staging.folder, declared_bytes, current.max_bytes)
        return current

    async def _tree(self, upload: Upload) -> TreeDigest:
        known = self._digests.pop(upload.id, None)
        if known is not None and known.position == upload.offset_bytes:
            return known
        parts = await self.db.read(queries.parts, upload.id)
        return await asyncio.to_thread(self.staging.digest, upload.id, parts, upload.offset_bytes)

    def _receiver(self, upload: Upload, piece: Piece, descriptor: int, tree: TreeDigest) -> Receiver:
        known = upload.size_bytes is not None
        looked_at = upload.kind == UploadKind.PARTIAL
        return Receiver(
            self.staging.path(upload.id),
            descriptor,
            upload.size_bytes if upload.size_bytes is not None else upload.max_bytes,
            tree=tree,
            head=None if looked_at else self.staging.head(descriptor, upload.offset_bytes),
            beside=piece.checksum.taken if piece.checksum else None,
            too_many=exceeds(upload.size_bytes or 0) if known else None,
        )

    def keep(self, upload_id: str, tree: TreeDigest) -> None:
        """Remember a digest for the piece that follows."""
        self._digests[upload_id] = tree
        while len(self._digests) > _DIGESTS_KEPT:
            self._digests.popitem(last=False)

    async def join(
        self, organization_id: str, new: NewUpload, piece_ids: Sequence[str], traceparent: str | None = None
    ) -> Upload:
        """Make one upload of partial ones that are whole, in this order; they are used up.

        Raises `upload_concat_invalid` where one of them is not there, is none or is not whole, `upload_too_large`.
        """
        pieces = await self.db.read(_pieces, organization_id, piece_ids)
        readings = [self._reading(piece) for piece in pieces]
        size_bytes = sum(piece.offset_bytes for piece in pieces)
        folder = self.staging.folder
        async with receiving(folder, max_bytes=new.max_bytes, declared_bytes=size_bytes) as receiver:
            for reading in readings:
                async for data in reading:
                    await receiver.write(data)
            source = NewSource(organization_id, await receiver.finish(), new.name)

            def use(conn: Connection, stored: Source) -> Upload:
                begin = moves.Begin(traceparent, self.prelude)
                return moves.join(conn, new, pieces, stored, begin)

            final = await store(self.db, self.storage, source, use)
        for piece in pieces:
            await self._leave_nothing(piece)
        return final

    def _reading(self, piece: Upload) -> AsyncIterator[bytes]:
        """The bytes of a whole piece, from this machine or from the store; `upload_lost` where neither has it."""
        if self._is_here(piece) and not _is_hollow(piece):
            return self.staging.pieces(piece.id, piece.offset_bytes)
        if piece.relayed is not None and piece.relayed.arrived:
            return self.storage.read(piece.relayed.key)
        raise lost()

    async def cancel(self, upload: Upload) -> None:
        """End an upload that its sender gives up, whoever writes to it; nothing of it is kept."""
        await self.db.write(_cancel, upload.organization_id, upload.id)
        await self.holds.end(upload.id)
        self._digests.pop(upload.id, None)
        await self._leave_nothing(await self.db.read(queries.get, upload.organization_id, upload.id))

    async def _leave_nothing(self, upload: Upload) -> None:
        self.staging.remove([upload.id])
        await abandon(self.direct(), self.storage, upload.in_parts)


class _Turn:
    """One request's bytes on their way into one upload, which nobody else writes to meanwhile."""

    def __init__(
        self, intake: Intake, upload: Upload, piece: Piece, receiver: Receiver, relay: Relay | None = None
    ) -> None:
        self.upload = upload
        self._intake = intake
        self._piece = piece
        self._receiver = receiver
        self._relay = relay
        self._parts_known = len(receiver.tree.parts())
        self._recorded_s = time.monotonic()
        self._stepwise = piece.checksum is None and not piece.at_once

    async def aclose(self) -> None:
        """It is over: what is on its way to the store is given up."""
        if self._relay is not None:
            await self._relay.close(recorded=self.upload.in_parts is not None)

    async def run(self, hold: Hold, body: AsyncIterator[bytes]) -> Upload:
        """Take the body to its end, or to where it is cut; the upload as it is then."""
        cut = await self._read(hold, body)
        if cut and not self._stepwise:
            raise cut_off()
        offset_bytes = await self._receiver.written()
        if self._piece.checksum is not None:
            self._piece.checksum.check()
        if self._is_last(offset_bytes):
            return await (self._arrive() if self.upload.kind == UploadKind.PARTIAL else self._complete())
        if self._piece.at_once:
            detail = f"{offset_bytes} bytes came of {self.upload.size_bytes}, and none of them was kept."
            raise invalid("upload_incomplete", detail)
        await self._settle()
        await self._record()
        self._intake.keep(self.upload.id, self._receiver.tree)
        if cut:
            raise cut_off()
        return self.upload

    async def _read(self, hold: Hold, body: AsyncIterator[bytes]) -> bool:
        """Whether the body was cut. What is on disk is recorded now and then, where it may count for itself."""
        try:
            async with aclosing(hold.pieces(body)) as pieces:
                async for data in pieces:
                    await self._receiver.write(data)
                    await self._offer()
                    if self._stepwise and self._is_due():
                        await self._record()
        except (LineCutError, LetGoError):
            return True
        return False

    def _is_due(self) -> bool:
        """Whether to record what came: it is time, or it has just begun in the store, where kills leave nothing."""
        has_begun = self._relay is not None and self._relay.has_begun
        return has_begun or time.monotonic() - self._recorded_s >= self._intake.policy.durable_every_s

    async def _offer(self) -> None:
        """Have the parts that are whole by now brought to the store."""
        if self._relay is not None:
            await self._relay.offer(self._receiver.tree.resume_position)

    async def _settle(self) -> None:
        if self._relay is not None:
            await self._offer()
            await self._relay.settle()

    def _is_last(self, offset_bytes: int) -> bool:
        expected, is_piece = self.upload.size_bytes, self.upload.kind == UploadKind.PARTIAL
        return offset_bytes == expected or (expected is None and self._piece.at_once and not is_piece)

    async def _record(self) -> None:
        """Have what came on disk and in the row; but for the last byte, which comes with what it completes."""
        offset_bytes = await self._receiver.durable()
        self._recorded_s = time.monotonic()
        if self._is_last(offset_bytes):
            return
        brought = self._relay.take_brought() if self._relay is not None else None
        if offset_bytes != self.upload.offset_bytes or brought is not None:
            await self._advance(offset_bytes, brought)

    async def _advance(self, offset_bytes: int, brought: Brought | None) -> None:
        parts, holder = self._receiver.tree.parts(), self._intake.staging.name
        fresh = parts[self._parts_known :]
        self.upload = await self._intake.db.write(
            moves.advance, self.upload, offset_bytes, fresh, brought=brought, holder=holder
        )
        self._parts_known = len(parts)

    async def _arrive(self) -> Upload:
        """A piece of another upload is whole: it waits in the store, where there is one, for whichever server joins it.

        Where the store has lost its parts, it waits here alone.
        """
        offset_bytes, brought = await self._receiver.durable(), None
        if self._relay is not None:
            if await self._relay.finish(offset_bytes):
                brought = Brought(replace(self._relay.direct, arrived=True), {})
            elif _is_hollow(self.upload):
                raise lost()
        await self._advance(offset_bytes, brought)
        return self.upload

    async def _complete(self) -> Upload:
        """Store the file, and record its source, its job and the end of the upload in one transaction."""
        received = await self._receiver.finish()
        ready = await asyncio.to_thread(self._intake.staging.second_name, self.upload.id)
        try:
            if self._relay is not None and await self._relay.finish(received.size_bytes):
                self.upload = await self._adopt(self._relay.direct, replace(received, path=ready))
            else:
                self.upload = await self._store(replace(received, path=ready))
        finally:
            ready.unlink(missing_ok=True)
        self._intake.staging.remove([self.upload.id])
        return self.upload

    def _ending(self, received: Received) -> Callable[[Connection, Source], Upload]:
        upload, begin = self.upload, moves.Begin(self._piece.traceparent, self._intake.prelude)

        def use(conn: Connection, source: Source) -> Upload:
            return moves.complete(conn, upload, source, begin, size_bytes=received.size_bytes)

        return use

    async def _store(self, received: Received) -> Upload:
        """The whole file is stored now; what was brought of it before is given up."""
        intake, upload = self._intake, self.upload
        if _is_hollow(upload):
            raise lost()
        source = NewSource(upload.organization_id, received, upload.name)
        done = await store(intake.db, intake.storage, source, self._ending(received))
        await abandon(intake.direct(), intake.storage, upload.in_parts)
        return done

    async def _adopt(self, direct: Direct, received: Received) -> Upload:
        """Its object has been made of its parts; this machine keeps what it has of it for its readers."""
        intake, upload = self._intake, self.upload
        source = NewSource(upload.organization_id, received, upload.name)
        bucket = intake.direct()
        try:
            if bucket is None or direct.hollow:
                await intake.storage.stat(direct.key)  # that it is there
            else:
                await bucket.keep(direct.key, received.path)
            return await adopt(intake.db, intake.storage, source, direct.key, self._ending(received))
        except BaseException as error:
            if not may_be_written(error):
                await intake.storage.delete_prefix(direct.key)
            raise


def _is_hollow(upload: Upload) -> bool:
    return upload.relayed is not None and upload.relayed.hollow


async def sweep(
    db: Database, storage: Storage, folder: Path, *, kept_ms: int, bucket: DirectUploads | None = None
) -> int:
    """End uploads whose time is over, and forget those that ended `kept_ms` ago; how many there were.

    What they left in `folder`, and in the `bucket` of those that went there in parts, is removed.
    """
    staging, count = Staging(folder), 0
    while ended := await db.write(moves.expire, now_ms()):
        staging.remove(upload.id for upload in ended)
        for upload in ended:
            await abandon(bucket, storage, upload.in_parts)
        count += len(ended)
    count += await db.write(moves.prune, now_ms() - kept_ms)
    left = await asyncio.to_thread(staging.left)
    unfinished = await db.read(queries.unfinished_of, left)
    staging.remove(upload_id for upload_id in left if upload_id not in unfinished)
    return count


def _pieces(conn: Connection, organization_id: str, piece_ids: Sequence[str]) -> list[Upload]:
    if not piece_ids or len(set(piece_ids)) < len(piece_ids):
        raise _not_to_be_joined("none is named, or one of them twice")
    found = queries.several(conn, organization_id, piece_ids)
    for number, piece_id in enumerate(piece_ids, 1):
        piece = found.get(piece_id)
        if piece is None or piece.kind != UploadKind.PARTIAL:
            raise _not_to_be_joined(f"number {number} is no partial upload")
        moves.check_comes_here(piece)
        if not piece.is_whole:
            raise _not_to_be_joined(f"number {number} is not complete")
    return [found[piece_id] for piece_id in piece_ids]


def _not_to_be_joined(why: str) -> VidComputeError:
    return invalid("upload_concat_invalid", f"These uploads can't be joined: {why}.")


def _cancel(conn: Connection, organization_id: str, upload_id: str) -> None:
    moves.cancel(conn, queries.get(conn, organization_id, upload_id))


def exceeds(size_bytes: int) -> VidComputeError:
    """The error of more bytes than an upload has."""
    detail = f"The upload has {size_bytes} bytes, and this request brings more."
    return VidComputeError(Kind.TOO_LARGE, "upload_exceeds_length", detail, extra={"size_bytes": size_bytes})


def cut_off() -> VidComputeError:
    """The error of a request whose line was cut, or that fell silent."""
    return invalid("body_cut", "The body did not come to its end: ask for the upload's offset, and go on there.")
