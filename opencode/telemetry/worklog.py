"""Log lines for turns that have ended and for requests to models that failed."""

import logging

from opencode import observe
from opencode.schema.base import JsonObject

log = logging.getLogger(__name__)


class WorkLog(observe.Listener):
    """Writes the lines. They hold neither text of a conversation nor a provider's answer."""

    def ended(self, work: observe.Work) -> None:
        if isinstance(work, observe.Turn):
            data: JsonObject = {"outcome": work.outcome, "ms": round(work.seconds * 1000, 1)}
            log.info("turn %(outcome)s, %(ms).1f ms", data, extra={"data": data})
        elif isinstance(work, observe.ModelCall) and work.failure:
            data = {
                "model": f"{work.provider}/{work.model}",
                "failure": work.failure,
                "attempt": work.attempt,
                "purpose": work.purpose,
            }
            log.warning("%(model)s failed: %(failure)s, attempt %(attempt)d", data, extra={"data": data})
