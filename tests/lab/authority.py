"""A certificate authority of our own, made anew for each run: no private key is ever kept."""

import os
import subprocess

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
NAMES = "DNS:localhost,IP:127.0.0.1"


class Authority:
    """`authority.file` is what `ca_file` names; `issue` makes a server's certificate and key."""

    def __init__(self, directory, name="test authority"):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.file = os.path.join(directory, "ca.pem")
        self._key = os.path.join(directory, "ca.key")
        _openssl("req", "-x509", *CURVE, "-days", "2", "-subj", f"/CN={name}",
                 "-keyout", self._key, "-out", self.file)

    def issue(self, name, names=NAMES, days=2):
        """(certificate file, key file); days below 0: it is over."""
        base = os.path.join(self.directory, name)
        certificate, key, request, extension = (
            f"{base}.{ending}" for ending in ("pem", "key", "csr", "ext"))
        with open(extension, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        _openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key,
                 "-CAcreateserial", "-days", str(days), "-extfile", extension,
                 "-out", certificate)
        return certificate, key


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
