"""Certificates for one test: an authority, and who it vouches for (by the command openssl)."""

import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Identity:
    certificate: pathlib.Path
    key: pathlib.Path
    both: pathlib.Path  # in one file


class Authority:
    def __init__(self, folder: pathlib.Path, name: str = "authority"):
        self.folder = folder / name
        self.folder.mkdir()
        self.certificate = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "2", "-subj", f"/CN={name}",
                      "-keyout", str(self._key), "-out", str(self.certificate))

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)

    def identity(self, address: str) -> Identity:
        """A certificate for whoever has this IP address, or this host name."""
        key, request = self.folder / f"{address}.key", self.folder / f"{address}.csr"
        certificate, both = self.folder / f"{address}.pem", self.folder / f"{address}-both.pem"
        extensions = self.folder / f"{address}.ext"
        kind = "DNS" if address[-1].isalpha() else "IP"
        extensions.write_text(f"subjectAltName={kind}:{address}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/CN={address}", "-keyout", str(key), "-out", str(request))
        self._openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate),
                      "-CAkey", str(self._key), "-CAcreateserial", "-days", "2",
                      "-extfile", str(extensions), "-out", str(certificate))
        both.write_text(certificate.read_text() + key.read_text())
        return Identity(certificate, key, both)
