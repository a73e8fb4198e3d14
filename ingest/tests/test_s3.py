"""Files in an object store, against a local server that speaks its protocol (I2)."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from moto.server import ThreadedMotoServer

from ingest.services.presigned import upload_presign
from ingest.services.reading import attachment_parse, files_due
from ingest.services.uploads import Upload, upload_store
from ingest.tests.support import SYSTEM, as_user, make_client, make_user
from teams.choices import Group
from ticketing.models import Attachment

pytestmark = pytest.mark.django_db
BUCKET = "tickets"
CONTENT = b"The VPN drops every ten minutes.\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The storage settings of production, pointed at the local server, with an empty bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    name = f"{BUCKET}-{uuid4().hex[:8]}"
    options = {
        "bucket_name": name,
        "region_name": "us-east-1",
        "endpoint_url": server,
        "file_overwrite": False,
        "querystring_expire": 300,
        "signature_version": "s3v4",
        "object_parameters": {"ServerSideEncryption": "AES256"},
    }
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket=name)
    settings.STORAGES = {
        **django_settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    return boto3.resource("s3", endpoint_url=server, region_name="us-east-1").Bucket(name)


def post_form(url: str, fields: dict[str, str], content: bytes) -> int:
    """Send a presigned POST as a browser does; return the status."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    body = b"".join(parts) + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(url, data=body, method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_an_upload_is_encrypted_and_read_from_the_store(bucket: Any) -> None:
    """I2: one code path for both storages; server-side encryption is asked for."""
    row = upload_store(
        client=make_client("alpha"), upload=Upload(name="a.txt", content=CONTENT), actor=SYSTEM
    )
    assert bucket.Object(row.file.name).server_side_encryption == "AES256"
    assert attachment_parse(attachment_id=row.pk)
    row.refresh_from_db()
    assert (row.status, row.text) == ("parsed", CONTENT.decode().strip())


def test_a_download_redirects_to_a_short_lived_address_that_saves(bucket: Any) -> None:
    """I2: presigned after the permission check; the store itself sends octets to save."""
    owner = make_client("alpha")
    row = upload_store(client=owner, upload=Upload(name="Übel.xml", content=CONTENT), actor=SYSTEM)
    path = f"/api/v1/files/{row.uuid}/download"
    answer = as_user(make_user("lena", Group.LEADS, owner)).get(path)
    assert answer.status_code == 302
    assert "X-Amz-Expires=60" in answer.headers["Location"]
    with urllib.request.urlopen(answer.headers["Location"]) as stored:
        assert stored.read() == CONTENT
        assert stored.headers["Content-Disposition"].startswith("attachment;")
        assert stored.headers["Content-Type"] == "application/octet-stream"
    stranger = make_user("sven", Group.LEADS, make_client("beta"))
    assert as_user(stranger).get(path).status_code == 404


def test_a_presigned_upload_is_found_and_read(bucket: Any) -> None:
    """I2: the row waits for the bytes; size and hash are those of what came."""
    owner = make_client("alpha")
    caller = as_user(make_user("lena", Group.LEADS, owner))
    body = {"name": "a.txt", "content_type": "text/plain", "size": 100}
    answer = caller.post("/api/v1/files/presign", body)
    assert answer.status_code == 201
    signed = answer.json()
    assert signed["fields"]["x-amz-server-side-encryption"] == "AES256"
    row = Attachment.objects.get(uuid=signed["file_id"])
    assert not attachment_parse(attachment_id=row.pk)
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("pending", 0)

    assert post_form(signed["url"], signed["fields"], CONTENT) in {200, 201, 204}
    assert files_due(now=timezone.now() + timedelta(minutes=1)) == [row.pk]
    assert attachment_parse(attachment_id=row.pk)
    row.refresh_from_db()
    assert (row.status, row.size, row.text) == ("parsed", len(CONTENT), CONTENT.decode().strip())
    assert len(row.sha256) == 64


def test_a_presigned_upload_names_one_key_type_size_and_encryption(bucket: Any) -> None:
    """I2: the signed policy leaves the sender no choice."""
    import base64
    import json

    signed = upload_presign(
        client=make_client("alpha"),
        name="a.pdf",
        content_type="application/pdf",
        size=1234,
        actor=SYSTEM,
        now=timezone.now(),
    )
    policy = json.loads(base64.b64decode(signed.fields["policy"]))
    conditions = policy["conditions"]
    assert ["content-length-range", 1, 1234] in conditions
    assert {"Content-Type": "application/pdf"} in conditions
    assert {"x-amz-server-side-encryption": "AES256"} in conditions
    assert {"key": signed.attachment.file.name} in conditions


def test_a_file_that_never_comes_is_given_up(bucket: Any) -> None:
    """I2: a person can see that it did not arrive."""
    signed = upload_presign(
        client=make_client("alpha"),
        name="a.txt",
        content_type="text/plain",
        size=9,
        actor=SYSTEM,
        now=timezone.now(),
    )
    rows = Attachment.objects.filter(pk=signed.attachment.pk)
    rows.update(created_at=timezone.now() - timedelta(hours=1))
    assert not attachment_parse(attachment_id=signed.attachment.pk)
    row = rows.get()
    assert (row.status, row.error_code) == ("failed", "not_received")
