"""Certificates for the tests, made with the openssl program."""

import subprocess


def make_certificate(path):
    """Make a certificate that signs itself, for 127.0.0.1 and localhost; give the files of it and its key."""
    certificate, key = path / "server.pem", path / "server.key"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
