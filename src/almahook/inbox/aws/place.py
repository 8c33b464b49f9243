"""Where the queues and the bucket of an inbox are; found once, when they are first needed."""

import threading
from urllib.parse import urlsplit

from almahook.errors import InboxUnavailableError
from almahook.inbox.aws import resources
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
            self._queue_url = self._queue_url or self._ask(resources.queue_name(self._name))
            return self._queue_url

    @property
    def dead_letter_queue_url(self) -> str:
        """The queue that holds what waits for a person.

        Raises:
            InboxUnavailableError: There is none, or it cannot be asked for.
        """
        with self._lock:
            name = resources.dead_letter_queue_name(self._name)
            self._dead_letter_queue_url = self._dead_letter_queue_url or self._ask(name)
            return self._dead_letter_queue_url

    @property
    def bucket(self) -> str:
        """The bucket for what is too large.

        Raises:
            InboxUnavailableError: The queue, whose URL says the account, cannot be asked for.
        """
        with self._lock:
            if not self._bucket:
                account = urlsplit(self.queue_url).path.split("/")[1]
                region = self._clients.region
                self._bucket = resources.bucket_name(self._name, account=account, region=region)
            return self._bucket

    def _ask(self, queue: str) -> str:
        with typed_errors(f"queue {queue}"):
            url = str(self._clients.get("sqs").get_queue_url(QueueName=queue)["QueueUrl"])
        if urlsplit(url).path.count("/") < 2:  # noqa: PLR2004 - /account/name
            raise InboxUnavailableError(f"The queue {queue} has an address that names no account.")
        return url
