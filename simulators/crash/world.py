"""The providers of a world, and how they are copied: a cut continues from what they had then."""

import asyncio
import copy
from functools import cache

from simulators.crash.virtual_time import BEGIN
from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities
from simulators.gateway.merchant import Merchant
from simulators.gateway.provider import Provider


@cache
def _merchant(keys: Identities) -> Merchant:
    return keys.merchant  # reads the files each time


def _clock(loop: asyncio.AbstractEventLoop) -> Clock:
    return Clock(lambda: BEGIN.timestamp() + loop.time())


def providers(keys: Identities, loop: asyncio.AbstractEventLoop) -> Provider:
    """Both wallets, empty, on the world's time."""
    return Provider(_merchant(keys), _clock(loop))


def copied(provider: Provider, loop: asyncio.AbstractEventLoop) -> Provider:
    """The same books, on that loop's time; the keys are shared."""
    old, merchant = provider.clock, provider.merchant
    return copy.deepcopy(provider, {id(old): _clock(loop), id(merchant): merchant})
