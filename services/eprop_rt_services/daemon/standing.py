"""What an operator left in force, on the disk: a crash does not undo it."""

import logging
from collections.abc import Callable
from dataclasses import replace

from eprop_rt.orders import Freeze, Order, Set, Thaw
from eprop_rt_services.journal.folder import JournalFolder, Standing

log = logging.getLogger("eprop_rt")


class InForce:
    """Follows the orders of one session; without a folder nothing outlives a crash."""

    def __init__(
        self, folder: JournalFolder | None, beside: Callable[[Callable[[], None]], None]
    ) -> None:
        """`beside` has something done that may wait for the disk."""
        self._folder, self._standing, self._beside = folder, Standing(), beside

    def recall(self) -> list[tuple[Order, str]]:
        """The orders that bring back what was in force when the daemon before crashed."""
        self._standing = stood = Standing() if self._folder is None else self._folder.stands()
        orders: list[tuple[Order, str]] = []
        if stood.settings:
            orders.append((Set(stood.settings), "operator"))
        if stood.frozen_by:
            orders.append((Freeze(), stood.frozen_by))
        return orders

    def heed(self, order: Order, by: str) -> None:
        """An order that was carried out."""
        match order:
            case Freeze():
                self._leave(replace(self._standing, frozen_by=by))
            case Thaw():
                self._leave(replace(self._standing, frozen_by=""))
            case Set():
                settings = {**self._standing.settings, **order.values}
                self._leave(replace(self._standing, settings=settings))

    def forget(self) -> None:
        """An end in good order, or another beginning: it was for the session that is over."""
        self._leave(Standing())

    def _leave(self, standing: Standing) -> None:
        self._standing = standing
        self._beside(self._write)

    def _write(self) -> None:
        if self._folder is not None:
            try:
                self._folder.leave(self._standing)
            except OSError as error:
                told = {"event": "standing_not_written"}
                log.warning(
                    "what an operator said would not outlive a crash: %s", error, extra=told
                )
