"""What a phone answers to a challenge (RFC 7616)."""

import hashlib
import re


def authorization(challenge: str, method: str, user: str, password: str) -> str:
    """The Authorization line for this value of WWW-Authenticate."""
    algorithm = re.search(r"algorithm=([\w-]+)", challenge)[1]  # type: ignore
    make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]
    nonce = re.search(r'nonce="([^"]+)"', challenge)[1]  # type: ignore
    realm = re.search(r'realm="([^"]+)"', challenge)[1]  # type: ignore

    def digest(text: str) -> str:
        return make(text.encode()).hexdigest()

    secret = digest(f"{user}:{realm}:{password}")
    response = digest(f"{secret}:{nonce}:00000001:abc:auth:" + digest(f"{method}:sip:{realm}"))
    return (f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", '
            f'uri="sip:{realm}", response="{response}", algorithm={algorithm}, qop=auth, '
            f'nc=00000001, cnonce="abc"')
