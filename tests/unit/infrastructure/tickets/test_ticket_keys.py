"""The keys that sign tickets: in KMS, as its API is described by botocore, and in a file of a laptop."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.tickets.tokens import PublicKey
from chalicelib.infrastructure.tickets.signatures import SigningKeyInFileMadeOnFirstUse, SigningKeyInKms, is_signed

ALIAS = "alias/cinema-dev-tickets"
ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_ARN = ARN.replace("1234abcd", "5678abcd")
MESSAGE = b"a ticket"
KEY = Ed25519PrivateKey.generate()


def der(public_key: Any) -> bytes:
    """Writes a public key as KMS's GetPublicKey gives it: SubjectPublicKeyInfo in DER."""
    return bytes(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@pytest.fixture
def kms() -> Iterator[Stubber]:
    """A client that checks each request by botocore's model of KMS, and sends none."""
    client = boto3.client("kms", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def signer_of(kms: Stubber) -> SigningKeyInKms:
    client: Any = kms.client
    return SigningKeyInKms(client, ALIAS)


def has_key(kms: Stubber, key: Ed25519PrivateKey = KEY, arn: str = ARN) -> None:
    answer = {"KeyId": arn, "PublicKey": der(key.public_key()), "KeySpec": "ECC_NIST_EDWARDS25519"}
    kms.add_response("get_public_key", answer, {"KeyId": ALIAS})


def signs(kms: Stubber, key: Ed25519PrivateKey = KEY, arn: str = ARN) -> None:
    asked = {"KeyId": ALIAS, "Message": MESSAGE, "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
    kms.add_response("sign", {"KeyId": arn, "Signature": key.sign(MESSAGE)}, asked)


def test_kms_signs_and_its_public_half_is_read_once(kms: Stubber) -> None:
    signer = signer_of(kms)
    has_key(kms)
    signs(kms)
    signs(kms)

    signatures = {signer.sign(MESSAGE), signer.sign(MESSAGE)}

    assert signer.public_key() == PublicKey(KEY.public_key().public_bytes_raw())
    assert [is_signed(signer.public_key(), MESSAGE, signature) for signature in signatures] == [True]


def test_after_the_alias_has_moved_nothing_is_signed_under_the_old_keys_id(kms: Stubber) -> None:
    """KMS says by which key it has signed: the ticket is signed again by the next delivery, with the new key's id."""
    signer, new = signer_of(kms), Ed25519PrivateKey.generate()
    has_key(kms)
    old = signer.public_key()
    signs(kms, new, OTHER_ARN)
    with pytest.raises(BackendUnavailable):
        signer.sign(MESSAGE)

    has_key(kms, new, OTHER_ARN)
    signs(kms, new, OTHER_ARN)

    assert signer.public_key() != old
    assert is_signed(signer.public_key(), MESSAGE, signer.sign(MESSAGE))


@pytest.mark.parametrize("operation", ["get_public_key", "sign"])
def test_a_kms_that_is_asked_too_often_is_an_outage(kms: Stubber, operation: str) -> None:
    if operation == "sign":
        has_key(kms)
    kms.add_client_error(operation, "ThrottlingException")

    with pytest.raises(BackendUnavailable):
        signer_of(kms).sign(MESSAGE)


def test_a_key_of_another_kind_signs_no_tickets(kms: Stubber) -> None:
    other = der(generate_private_key(SECP256R1()).public_key())
    kms.add_response("get_public_key", {"KeyId": ARN, "PublicKey": other}, {"KeyId": ALIAS})

    with pytest.raises(TypeError, match="Ed25519"):
        signer_of(kms).public_key()


def test_a_file_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ticket-key"

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: SigningKeyInFileMadeOnFirstUse(path).public_key(), range(8)))

    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["ticket-key"]
    assert is_signed(keys.pop(), MESSAGE, SigningKeyInFileMadeOnFirstUse(path).sign(MESSAGE))


def test_a_signature_is_of_one_key_and_one_message() -> None:
    key, other = PublicKey(KEY.public_key().public_bytes_raw()), Ed25519PrivateKey.generate()

    assert is_signed(key, MESSAGE, KEY.sign(MESSAGE))
    for signature in (other.sign(MESSAGE), KEY.sign(MESSAGE + b"."), bytes(64), b""):
        assert not is_signed(key, MESSAGE, signature)
    assert not is_signed(PublicKey(b"short"), MESSAGE, KEY.sign(MESSAGE))
