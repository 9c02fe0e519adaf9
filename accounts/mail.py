"""
E-mails to users, sent by a thread of their own: how long an answer takes tells nobody whether one was sent.

A few hundred may wait. One that cannot be sent is logged by its kind, and the user asks again.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.mail import EmailMessage

from accounts import origin

logger = logging.getLogger("accounts.mail")

MOST_WAITING = 500
_thread = ThreadPoolExecutor(1, thread_name_prefix="mail")
_places = threading.BoundedSemaphore(MOST_WAITING)


def send(*, to: str, subject: str, text: str) -> None:
    """Sends it soon. Never raises."""
    if not _places.acquire(blocking=False):
        logger.error("mail dropped, too many wait")
        return
    request_id = origin.current().request_id
    message = EmailMessage(subject=subject, body=text, from_email=settings.DEFAULT_FROM_EMAIL, to=[to])
    _thread.submit(_send, message, request_id)


def wait() -> None:
    """Until what was sent before is out; for tests and commands."""
    _thread.submit(lambda: None).result()


def _send(message: EmailMessage, request_id: str) -> None:
    try:
        message.send()
    except Exception as error:  # noqa: BLE001  (the thread must live on, whatever a mail server answers)
        logger.error("mail not sent", extra={"kind": type(error).__name__, "request_id": request_id})
    finally:
        _places.release()
