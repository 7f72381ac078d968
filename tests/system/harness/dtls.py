"""A party of DTLS-SRTP that nobody here wrote: the command openssl, at a media port of its own."""

import hashlib
import pathlib
import ssl

from .certificates import Identity
from .lab import Namespace
from .process import Process
from .rtp import Address

PROFILE = "SRTP_AES128_CM_SHA1_80"


def fingerprint(identity: Identity) -> str:
    """As a=fingerprint has it."""
    octets = ssl.PEM_cert_to_DER_cert(identity.certificate.read_text())
    digest = hashlib.sha256(octets).hexdigest().upper()
    return "sha-256 " + ":".join(digest[at:at + 2] for at in range(0, len(digest), 2))


def describe(description: str, named: Identity, setup: str) -> str:
    """The same description, over DTLS, by the certificate that it names."""
    return (description.replace("RTP/AVP", "UDP/TLS/RTP/SAVP")
            + f"a=fingerprint:{fingerprint(named)}\r\na=setup:{setup}\r\n")


class DtlsClient(Process):
    """Begins a handshake, from `own` to `peer`."""

    def __init__(self, namespace: Namespace, own: Address, peer: Address, shown: Identity,
                 folder: pathlib.Path):
        super().__init__("dtls", ["openssl", "s_client", "-dtls1_2", "-bind", "%s:%d" % own,
                                  "-connect", "%s:%d" % peer, "-use_srtp", PROFILE,
                                  "-cert", str(shown.certificate), "-key", str(shown.key)],
                         folder / "dtls.log", namespace, typed=True)
