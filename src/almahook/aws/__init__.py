"""One signed call to an AWS service, with the standard library only."""

from almahook.aws.call import Service
from almahook.aws.sigv4 import Credentials, sign

__all__ = ["Credentials", "Service", "sign"]
