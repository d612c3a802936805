"""What the shipped program can agree on over TLS: it selects OpenSSL's algorithms, and nothing else is there."""

import contextlib
import shutil
import ssl
import socket
import subprocess
import threading

import pytest

from cloud import event_handler
from events import heartbeat, push
from programs import PATIENCE_SECONDS

KEYS = {"rsa": ["rsa:2048"], "rsa-3072": ["rsa:3072"], "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"], "ed25519": ["ed25519"]}


def presented(directory, key):
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    certificate, private = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *KEYS[key], "-nodes", "-keyout", private, "-out", certificate,
         "-days", "2", "-subj", "/CN=upstream", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True)
    return certificate, private


@contextlib.contextmanager
def upstream(certificate, private, version, ciphers=None, groups=None):
    """A listening socket, and the context of its TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if groups:
        context.set_ecdh_curve(groups)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield listener, context


def started(start, shared, listener, **anchors):
    """The program, with the listener in BigQuery's place."""
    address = f"https://127.0.0.1:{listener.getsockname()[1]}/"
    return event_handler(start, shared, CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY=address,
                         GOOGLE_CLOUD_PROJECT="demo-project", **anchors)


def accepted(listener, context):
    """The next connection, once its handshake is done."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE_SECONDS)
    return context.wrap_socket(connection, server_side=True)


def agreed(start, shared, listener, context, certificate):
    """The version and cipher that the program and BigQuery's place agree on; their failure otherwise."""
    started(start, shared, listener, SSL_CERT_FILE=str(certificate))
    with accepted(listener, context) as stream:
        return stream.version(), stream.cipher()[0]


def test_anchors_of_a_file_and_of_a_directory_are_both_trusted(start, shared, tmp_path):
    certificate, private = presented(tmp_path, "p256")
    directory = tmp_path / "anchors"
    directory.mkdir()
    shutil.copy(certificate, directory / "anchor.pem")
    subprocess.run(["openssl", "rehash", directory], check=True)
    with upstream(certificate, private, ssl.TLSVersion.TLSv1_3) as (listener, context):
        # The other services' authority is in SSL_CERT_FILE, which the local cloud names.
        program = started(start, shared, listener, SSL_CERT_DIR=str(directory))
        with accepted(listener, context) as stream:
            assert stream.version() == "TLSv1.3"
        shared.wait("requests.container", atLeast=1)
        assert program.process.poll() is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("key", ["rsa", "p256"])
def test_a_session_is_resumed(start, shared, tmp_path, key, version):
    certificate, private = presented(tmp_path, key)
    with upstream(certificate, private, version) as (listener, context):
        program = started(start, shared, listener, SSL_CERT_FILE=str(certificate))
        with accepted(listener, context) as first:
            assert not first.session_reused
            first.unwrap()  # The tickets that stand before it are read with it.
        event = threading.Thread(target=push, args=(program.port, heartbeat(1)))
        event.start()
        with accepted(listener, context) as second:
            assert second.session_reused
        listener.close()
        event.join(PATIENCE_SECONDS)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("group", ["X25519", "prime256v1", "secp384r1"])
def test_tls_13_with_every_key_and_group(start, shared, tmp_path, key, group):
    certificate, private = presented(tmp_path, key)
    with upstream(certificate, private, ssl.TLSVersion.TLSv1_3, groups=group) as (listener, context):
        assert agreed(start, shared, listener, context, certificate)[0] == "TLSv1.3"


@pytest.mark.parametrize("key, cipher", [
    ("rsa", "ECDHE-RSA-AES128-GCM-SHA256"), ("rsa", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("rsa", "ECDHE-RSA-CHACHA20-POLY1305"), ("p256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("p384", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("ed25519", "ECDHE-ECDSA-CHACHA20-POLY1305")])
def test_tls_12_with_every_aead_cipher(start, shared, tmp_path, key, cipher):
    certificate, private = presented(tmp_path, key)
    with upstream(certificate, private, ssl.TLSVersion.TLSv1_2, cipher) as (listener, context):
        assert agreed(start, shared, listener, context, certificate) == ("TLSv1.2", cipher)


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_what_is_not_selected_is_not_there(start, shared, tmp_path, cipher):
    certificate, private = presented(tmp_path, "rsa")
    with upstream(certificate, private, ssl.TLSVersion.TLSv1_2, cipher) as (listener, context):
        with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
            agreed(start, shared, listener, context, certificate)
