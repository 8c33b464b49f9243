"""Where the queues and the bucket of an inbox are; found once, when they are first needed."""

import threading

from almahook.inbox.aws import names
from almahook.inbox.aws.clients import Clients, typed_errors


class Place:
    """The addresses that follow from an inbox's name.

    Args:
        queue_url, dead_letter_queue_url, bucket: Known already, so that they are not asked for;
            empty leaves them to the name.
    """

    def __init__(
        self,
        clients: Clients,
        name: str,
        *,
        queue_url: str = "",
        dead_letter_queue_url: str = "",
        bucket: str = "",
    ) -> None:
        self._clients = clients
        self._name = name
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._bucket = bucket
        self._lock = threading.RLock()

    @property
    def queue_url(self) -> str:
        """The queue that events arrive in.

        Raises:
            InboxUnavailableError: There is none, or it cannot be asked for.
        """
        with self._lock:
            self._queue_url = self._queue_url or self._ask(names.queue_name(self._name))
            return self._queue_url

    @property
    def dead_letter_queue_url(self) -> str:
        """The queue that holds what waits for a person.

        Raises:
            InboxUnavailableError: There is none, or it cannot be asked for.
        """
        with self._lock:
            name = names.dead_letter_queue_name(self._name)
            self._dead_letter_queue_url = self._dead_letter_queue_url or self._ask(name)
            return self._dead_letter_queue_url

    @property
    def bucket(self) -> str:
        """The bucket for what is too large.

        Raises:
            InboxUnavailableError: AWS does not say which account this is.
        """
        with self._lock:
            if not self._bucket:
                self._bucket = names.bucket_name(
                    self._name, account=self._account(), region=self._clients.region
                )
            return self._bucket

    def _account(self) -> str:
        # No role needs a right for this one call.
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        with typed_errors("account"):
            return str(self._clients.get("sts").get_caller_identity()["Account"])

    def _ask(self, queue: str) -> str:
        with typed_errors(f"queue {queue}"):
            return str(self._clients.get("sqs").get_queue_url(QueueName=queue)["QueueUrl"])
