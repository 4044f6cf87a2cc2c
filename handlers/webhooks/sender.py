"""Feeds deliveries from the event log, and sends them, in every process that serves. docs/api/webhooks.md#delivery

Four tasks run in each process. `feed` makes deliveries of new events; `take` takes lanes that are due, each of which is then worked by a task of
its own; `note` writes what has come of attempts, many at a time, and gets what is to be sent next in their lanes; `keep` shows that the
process lives. A lane is taken by one process at a time, and within it one delivery is sent at a time: the next one only when it is
committed what has come of the one before. So a process that is killed sends at most one delivery of a lane twice, under the same webhook-id.
"""

import asyncio
import contextlib
import json
import time
import uuid
from typing import Any, NamedTuple

import asyncpg

from core import product
from core.data import sql
from core.duties import Duty
from core.http.application import Application
from core.http.outbound import Outbound
from core.problem import Problem
from handlers.webhooks import attempt, secret
from handlers.webhooks.areas import AREAS
from handlers.webhooks.places import Holder, Places

# Events that one transaction feeds; fewer where many webhooks want them, so that it makes not many more deliveries than this.
BATCH, MOST_MADE = 500, 10_000
# Seconds until an event whose hint was lost is fed, and until a lane that is due again is taken.
TICK = 0.5
# Seconds between two passes under load; of the feeder, so that one transaction takes several events; and after events that no webhook wants,
# of which there may be thousands a second.
PAUSE, FEED_PAUSE, UNWANTED_PAUSE = 0.005, 0.05, 0.2
# Seconds that a lane belongs to a process without a sign of life, and between two signs.
LEASE, BEAT = 20.0, 5.0
# Lanes that a process works at a time. Slow receivers have places of their own, so that they hold no others up.
QUICK, SLOW = 200, 100
# Seconds after which a lane goes back although it has more to send, where all places are taken and others may wait.
LONGEST_STAY = 1.0
# Outcomes that one statement notes.
NOTED_AT_ONCE = 200
# Seconds between two attempts to note while Postgres is away.
AWAY_SECONDS = 0.5
# Seconds that what is being sent has to end when the process does.
GRACE_SECONDS = 5.0
# Seconds until a task that failed is started again.
RESTART_SECONDS = 0.5
# Seconds between two removals of old deliveries, and messages that one statement removes.
PURGE_SECONDS, PURGE_BATCH = 60, 1_000

query = sql.load("webhooks/sender")
delivery_query = sql.load("webhooks/delivery")
log = product.logger("webhooks")

Lane = tuple[int, str]


class Stay(NamedTuple):
    """A lane that has a place of this process: since when (time.monotonic()), whose it is, and of which places."""

    since: float
    holder: Holder
    places: Places


class Sender:
    """What a process sends. `application.kept(Sender)` is the process's own."""

    def __init__(self, app: Application) -> None:
        self._app, self._keys = app, secret.by_check(app.config.secret_keys)
        self.id = uuid.uuid4()
        self.client = Outbound(allow_private=app.config.webhook_allow_private)  # type: ignore[attr-defined]
        self._fed, self._due, self._done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._quick, self._slow = Places(QUICK), Places(SLOW)
        self._lanes: dict[Lane, Stay] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[tuple[dict[str, Any], asyncio.Future[attempt.Turn | None]]] = []
        self._is_ending = self._is_full = False
        self._batch = BATCH

    def hint(self) -> None:
        """There may be something to send."""
        self._due.set()

    def heard(self) -> None:
        """There is an event to be fed."""
        self._fed.set()

    async def feed(self) -> None:
        """Make deliveries of new events until cancelled."""
        while True:
            await _wait(self._fed, TICK)
            # Where this takes too long, the task is started again, with half of it.
            most, self._batch = self._batch, max(1, self._batch // 2)
            found = await query.feed(self._app.db, most=most, areas=AREAS)
            if found["made"] <= MOST_MADE:
                self._batch = min(BATCH, 2 * most)
            if found["made"]:
                self.hint()
            if found["fed"] >= most:
                self.heard()
            else:
                await asyncio.sleep(FEED_PAUSE if found["made"] else UNWANTED_PAUSE)

    async def take(self) -> None:
        """Take lanes that are due until cancelled, and work each in a task of its own."""
        try:
            while True:
                await _wait(self._due, TICK)
                if (self._quick.free or self._slow.free) and not self._app.draining:
                    await self._take_some()
                self._is_full = not (self._quick.free and self._slow.free)
                await asyncio.sleep(PAUSE)
        except asyncio.CancelledError:
            await self._end()
            raise

    async def _take_some(self) -> None:
        """Take lanes that are due, as many as there are places."""
        places = json.dumps({"quick": self._quick.held(), "slow": self._slow.held()})
        turns = await query.take_lanes(self._app.db, owner=self.id, places=places, seconds=LEASE, areas=AREAS)
        for turn in turns:
            self._begin(turn)
        # Lanes of an account that has its share now may have hidden those of others.
        stays = [stay for turn in turns if (stay := self._lanes.get((turn["webhook_id"], turn["topic"])))]
        if any(stay.places.free and not stay.places.has_room(stay.holder) for stay in stays):
            self.hint()

    def _begin(self, turn: attempt.Turn) -> None:
        lane = (turn["webhook_id"], turn["topic"])
        # A process that stood still for longer than the lease takes its own lane again.
        if lane not in self._lanes:
            places = self._slow if turn["is_slow"] else self._quick
            stay = self._lanes[lane] = Stay(time.monotonic(), Holder(turn["account_id"], turn["webhook_id"]), places)
            places.enter(stay.holder)
            task = asyncio.create_task(self._work(lane, stay, turn))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: Lane, stay: Stay, first: attempt.Turn) -> None:
        """Send the deliveries of a lane, one after another, until it has none that is due, or goes back."""
        turn: attempt.Turn | None = first
        try:
            while turn is not None:
                outcome = await attempt.make(self.client, self._keys, stay.holder.account, turn)
                turn = await self._noted(outcome, stay)
        except Exception:
            log.exception("a lane of webhook %d failed, it is taken again in %g s", lane[0], LEASE)
        finally:
            del self._lanes[lane]
            stay.places.leave(stay.holder)
            if self._is_full:
                # Its place may be waited for.
                self.hint()

    async def _noted(self, outcome: dict[str, Any], stay: Stay) -> attempt.Turn | None:
        """Have an outcome noted; what is to be sent next in its lane, None: nothing now."""
        if self._is_ending or self._app.draining or self._makes_room(stay):
            outcome["go_on"] = False
        following: asyncio.Future[attempt.Turn | None] = asyncio.get_running_loop().create_future()
        self._outcomes.append((outcome, following))
        self._done.set()
        return await following

    def _makes_room(self, stay: Stay) -> bool:
        """Whether a lane goes back for others."""
        return self._is_full and (time.monotonic() - stay.since > LONGEST_STAY or stay.places.is_over(stay.holder))

    async def note(self) -> None:
        """Write what has come of attempts until cancelled."""
        while True:
            # A task before this one may have been cancelled while it wrote them.
            while self._outcomes:
                await self._note_some()
            await self._done.wait()
            self._done.clear()

    async def _note_some(self) -> None:
        """Note the oldest outcomes in one transaction. All that come meanwhile are noted by the next one."""
        some = self._outcomes[:NOTED_AT_ONCE]
        try:
            turns = await query.note_outcomes(
                self._app.db, owner=self.id, outcomes=json.dumps([outcome for outcome, _ in some]), areas=AREAS
            )
        except Problem:
            # Postgres is away. What was noted before the connection broke is not noted twice.
            await asyncio.sleep(AWAY_SECONDS)
            return
        except asyncpg.PostgresError:
            # They would stand in the way of all others for ever. Their lanes are taken again when the lease ends.
            log.exception("%d outcomes can't be noted", len(some))
            turns = []
        # Others may have been added behind them.
        del self._outcomes[: len(some)]
        following = {(turn["webhook_id"], turn["topic"]): turn for turn in turns}
        for outcome, future in some:
            if not future.done():
                future.set_result(following.get((outcome["webhook_id"], outcome["topic"])))

    async def keep(self) -> None:
        """Keep the lanes of this process until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            await self.renew()

    async def renew(self) -> None:
        """Keep the lanes that are worked for another LEASE. One that is this process's in Postgres alone, because the answer of take_lanes was
        lost or its task has failed, is left to end its lease: it would wait for ever."""
        if lanes := list(self._lanes):
            webhooks, topics = zip(*lanes, strict=True)
            await query.keep_lanes(self._app.db, owner=self.id, webhooks=webhooks, topics=topics, seconds=LEASE)

    async def _end(self) -> None:
        """Let what is being sent end, note it, and give the lanes back. The process cancels its tasks again and again, which is not heard
        meanwhile."""
        self._is_ending = True
        end = time.monotonic() + GRACE_SECONDS
        noting = asyncio.create_task(self.note())
        while self._tasks and time.monotonic() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(self._tasks, timeout=end - time.monotonic())
        for task in [*self._tasks, noting]:
            task.cancel()
        giving = asyncio.create_task(self._give_back())
        while not giving.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([giving])

    async def _give_back(self) -> None:
        with contextlib.suppress(Problem, TimeoutError):
            async with asyncio.timeout(1):
                await query.release_lanes(self._app.db, owner=self.id)
        await self.client.close()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    event.clear()


async def feed(app: Application) -> None:
    await app.kept(Sender).feed()


async def take(app: Application) -> None:
    await app.kept(Sender).take()


async def note(app: Application) -> None:
    await app.kept(Sender).note()


async def keep(app: Application) -> None:
    await app.kept(Sender).keep()


async def purge(app: Application) -> None:
    """Remove deliveries that are older than WEBHOOK_LOG_DAYS."""
    days = app.config.webhook_log_days  # type: ignore[attr-defined]
    while await delivery_query.purge(app.db, days=days, most=PURGE_BATCH) == PURGE_BATCH:
        pass


def _heard(app: Application, payload: bytes | None) -> None:
    app.kept(Sender).heard()


# The first four run until the process ends; these are the seconds before they start, and start again after a failure.
duties = [*(Duty(RESTART_SECONDS, work) for work in (feed, take, note, keep)), Duty(PURGE_SECONDS, purge)]
# The topics of the log that webhooks.meanings reads.
listeners = dict.fromkeys(
    ("books.changed", "sales.invoice", "pos.order", "pos.stock", "vendor.catalogue", "vendor.vendor"), _heard
)
