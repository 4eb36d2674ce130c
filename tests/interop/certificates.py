"""The certificates of a run: one authority, a server, a client, and a second authority that nobody trusts."""

import subprocess
from dataclasses import dataclass

DAYS = "7"


@dataclass(frozen=True)
class Pair:
    certificate: str
    key: str


@dataclass(frozen=True)
class Certificates:
    ca: str
    server: Pair
    client: Pair
    stranger: Pair  # signed by an authority that the server does not know


def make(run_dir, hosts=(), dns_name="localhost"):
    """`hosts`: IP addresses that the server's certificate is for, besides 127.0.0.1."""
    names = ",".join([*(f"IP:{host}" for host in ("127.0.0.1", *hosts)), f"DNS:{dns_name}"])
    folder = run_dir / "certificates"
    folder.mkdir(exist_ok=True)
    ca, other = _authority(folder, "ca"), _authority(folder, "other-ca")
    return Certificates(
        ca=ca.certificate,
        server=_signed(folder, "server", ca, f"subjectAltName={names}\nextendedKeyUsage=serverAuth"),
        client=_signed(folder, "client", ca, "subjectAltName=DNS:client.interop.test\nextendedKeyUsage=clientAuth"),
        stranger=_signed(folder, "stranger", other, "extendedKeyUsage=clientAuth"),
    )


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _new_key(path):
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _authority(folder, name):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    _new_key(key)
    _openssl("req", "-x509", "-new", "-key", key, "-days", DAYS, "-subj", f"/CN=interop {name}", "-out", certificate,
             "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return Pair(str(certificate), str(key))


def _signed(folder, name, authority, extensions):
    certificate, key, request = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.csr"
    wanted = folder / f"{name}.ext"
    wanted.write_text(f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n{extensions}\n")
    _new_key(key)
    _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial",
             "-days", DAYS, "-extfile", wanted, "-out", certificate)
    return Pair(str(certificate), str(key))
