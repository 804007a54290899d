"""Events to a topic exchange of RabbitMQ, by type, durable and confirmed; who wants some binds a queue to it."""

import asyncio
from collections.abc import Sequence

from aio_pika import DeliveryMode, ExchangeType, Message, connect
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPException

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.broker import BrokerMessage

_ANSWER_S = 10.0
_TROUBLES = (AMQPException, RuntimeError, OSError, TimeoutError)  # a channel that was closed is a RuntimeError there


class RabbitBroker:
    """Implements `ports.broker.Broker`. A message's routing key is the event's type, its message_id the number."""

    def __init__(self, url: str, exchange: str) -> None:
        self._url = url
        self._name = exchange
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def publish(self, messages: Sequence[BrokerMessage]) -> None:
        """See `Broker.publish`."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                exchange = self._exchange or await self._open()
                for message in messages:  # one after the other: each is confirmed before the next
                    await exchange.publish(_packed(message), routing_key=message.type, mandatory=False)
        except _TROUBLES as error:
            await self.close()
            detail = f"RabbitMQ does not take events: {str(error) or type(error).__name__}."
            raise VidComputeError(Kind.UNAVAILABLE, "broker_unavailable", detail) from error

    async def _open(self) -> AbstractExchange:
        self._connection = await connect(self._url, timeout=_ANSWER_S)
        channel = await self._connection.channel(publisher_confirms=True)
        self._exchange = await channel.declare_exchange(self._name, ExchangeType.TOPIC, durable=True)
        return self._exchange

    async def close(self) -> None:
        """See `Broker.close`."""
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await connection.close()
            except _TROUBLES:
                pass  # it is gone already


def _packed(message: BrokerMessage) -> Message:
    return Message(
        message.body.encode(),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(message.seq),
        type=message.type,
    )
