"""Certificates for the tests, created with the openssl program."""

import subprocess


def make_certificate(path):
    """Create a self-signed certificate for 127.0.0.1 and localhost; return its file and that of its key."""
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
