"""Images of a DICOMweb server: a real one, and one that breaks the rules."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_export import sources
from dicom_export.blobs import Budget, Workspace
from dicom_export.codes import Code
from dicom_export.deidentify import PassThrough
from dicom_export.model import EligibleImage, EligibleStudy
from dicom_export.prepare.checks import inspect
from dicom_export.prepare.study import prepare
from dicom_export.sources import Sources
from dicom_export.sources.dicomweb import ACCEPT
from eden.errors import ConfigurationError
from eden.settings import Export, ObjectStore
from tests.support.orthanc import Orthanc, find_program, orthanc_server
from tests.support.sources import a_study, an_image, bring
from tests.support.web import Request, WebServer, web_server

ENCODINGS = ("RG1_UNCI.dcm", "RG3_J2KR.dcm", "MR_small_RLE.dcm", "image_dfl.dcm")


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDENTIFICATION", "off")
    monkeypatch.setattr(sources, "PAUSES_SECONDS", (0.01, 0.01))


def configured() -> Sources:
    return sources.configured(Export(), ObjectStore())


def sample(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def rows(name: str, file_path: str | None = None) -> tuple[EligibleStudy, EligibleImage]:
    header = dcmread(get_testdata_file(name, download=False), stop_before_pixels=True)
    image = an_image(
        file_path,
        series_instance_uid=str(header.SeriesInstanceUID),
        sop_instance_uid=str(header.SOPInstanceUID),
    )
    return a_study(image, study_instance_uid=str(header.StudyInstanceUID)), image


# Orthanc ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    program = find_program()
    if program is None:
        pytest.skip("Orthanc is not installed (Debian packages: orthanc, orthanc-dicomweb)")
    with orthanc_server(program, tmp_path_factory.mktemp("orthanc")) as server:
        for name in ENCODINGS:
            server.store(sample(name))
        yield server


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_instance_is_brought_byte_for_byte_and_passes_the_checks(
    orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DICOMWEB_URL", orthanc.url_with_password)
    study, _ = rows(name)
    with configured() as reading, Workspace(Budget()) as workspace:
        prepared = prepare(study, reading, PassThrough(), workspace)
        assert prepared.images[0].code is None
        assert prepared.images[0].blob is not None
        assert prepared.images[0].blob.open().read() == sample(name)


def test_what_the_server_does_not_have_is_missing(
    orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMWEB_URL", orthanc.url_with_password)
    study, image = rows(ENCODINGS[0])
    nowhere = an_image(None, series_instance_uid=image.series_instance_uid)
    elsewhere = a_study(image, study_instance_uid="1.2.3")
    with configured() as reading:
        assert bring(reading, nowhere, study) == Code.SOURCE_MISSING
        assert bring(reading, image, elsewhere) == Code.SOURCE_MISSING


@pytest.mark.parametrize("userinfo", ["", "reader:wrong@", "reader@"])
def test_wrong_credentials(
    orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch, userinfo: str
) -> None:
    monkeypatch.setenv("DICOMWEB_URL", orthanc.url.replace("//", f"//{userinfo}"))
    study, image = rows(ENCODINGS[0])
    with configured() as reading:
        assert bring(reading, image, study) == Code.SOURCE_UNREACHABLE


def test_another_root_of_the_server_knows_nothing(
    orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMWEB_URL", orthanc.url_with_password.replace("dicom-web", "other"))
    study, image = rows(ENCODINGS[0])
    with configured() as reading:
        assert bring(reading, image, study) == Code.SOURCE_MISSING


def test_a_server_that_goes_down_and_comes_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = find_program()
    if program is None:
        pytest.skip("Orthanc is not installed (Debian packages: orthanc, orthanc-dicomweb)")
    name = "MR_small_RLE.dcm"
    study, image = rows(name)
    with orthanc_server(program, tmp_path) as server:
        server.store(sample(name))
        monkeypatch.setenv("DICOMWEB_URL", server.url_with_password)
        with configured() as reading:
            assert bring(reading, image, study) == sample(name)
            server.stop()
            assert bring(reading, image, study) == Code.SOURCE_UNREACHABLE


# Which images -------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server() as running:
        monkeypatch.setenv("DICOMWEB_URL", f"http://{running.host}/rs/")
        yield running


PATH = "/rs/studies/1.2.1/series/1.2.2/instances/1.2.3"


def multipart(*parts: bytes, end: bytes = b"\r\n--b--\r\n", **headers: str) -> Callable:
    head = b"Content-Type: application/dicom\r\nMIME-Version: 1.0\r\n\r\n"
    body = b"\r\n".join(b"--b\r\n" + head + part for part in parts) + end
    options = {"Content_Type": 'multipart/related; type="application/dicom"; boundary=b'} | headers
    return lambda request: request.answer(body, **options)


def test_rows_without_a_path_come_from_the_server_and_the_others_do_not(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"from disk")
    monkeypatch.setenv("DICOM_ROOTS", str(tmp_path))
    server.serve(PATH, multipart(b"from the server"))
    with configured() as reading:
        assert bring(reading, None) == b"from the server"
        assert bring(reading, "  ") == b"from the server"
        assert bring(reading, str(tmp_path / "file")) == b"from disk"
    monkeypatch.setenv("DICOMWEB_MODE", "always")
    with configured() as reading:
        assert bring(reading, str(tmp_path / "file")) == b"from the server"
        assert bring(reading, "gopher://nowhere/file") == b"from the server"


def test_the_stored_encoding_is_asked_for(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve(PATH, multipart(b"file"))
    monkeypatch.setenv("DICOMWEB_URL", f"http://na%40me:p%3Ass@{server.host}/rs")
    with configured() as reading:
        assert bring(reading, None) == b"file"
    ((_, headers),) = server.seen
    assert headers["accept"] == ACCEPT
    assert headers["authorization"] == f"Basic {base64.b64encode(b'na@me:p:ss').decode()}"


@pytest.mark.parametrize(
    "uid", [None, "", "../..", "1.2/../3", "1.2.3?x", "1..2", "1" * 65, "1.2\n"]
)
@pytest.mark.parametrize("which", ["study", "series", "instance"])
def test_what_is_no_uid_is_not_asked_for(server: WebServer, uid: str | None, which: str) -> None:
    image = an_image(
        None,
        **({"series_instance_uid": uid} if which == "series" else {}),
        **({"sop_instance_uid": uid} if which == "instance" else {}),
    )
    study = a_study(image, **({"study_instance_uid": uid} if which == "study" else {}))
    with configured() as reading:
        assert bring(reading, image, study) == Code.PATH_REFUSED
    assert server.seen == []


# A server that breaks the rules -------------------------------------------------------------------


def test_bytes_that_look_like_a_boundary_arrive(server: WebServer) -> None:
    content = (b"\r\n--b" + b"x\r\n--\r\n--" + b"\r\n-" * 30_000 + b"\r") * 3
    server.serve(PATH, multipart(content))
    with configured() as reading:
        assert bring(reading, None) == content


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/dicom", b"file"),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", b"file"),
        ("multipart/related", b"file"),
        (
            'Multipart/Related; boundary="a b"',
            b"\r\n--a b\r\n\r\nfile\r\n--a b--",
        ),
    ],
)
def test_answers_that_are_nearly_right(server: WebServer, content_type: str, body: bytes) -> None:
    server.serve(PATH, lambda request: request.answer(body, Content_Type=content_type))
    with configured() as reading:
        assert bring(reading, None) == b"file"


def cut_off(request: Request) -> None:
    request.head(Content_Length="1000", Content_Type="multipart/related; boundary=b")
    request.wfile.write(b"--b\r\n\r\nhalf a file")
    request.hang_up()


@pytest.mark.parametrize(
    ("behaviour", "code", "requests"),
    [
        (multipart(b"half", end=b""), Code.TRUNCATED, 3),
        (multipart(b"half", end=b"\r\n--b"), Code.TRUNCATED, 3),
        (multipart(), Code.NOT_DICOM, 1),
        (multipart(b"one", b"two"), Code.NOT_DICOM, 1),
        (multipart(b"file", Content_Type="multipart/related; boundary=other"), Code.NOT_DICOM, 1),
        (multipart(b"file", Content_Type="text/html"), Code.NOT_DICOM, 1),
        (multipart(b"file", Content_Type=""), Code.NOT_DICOM, 1),
        (cut_off, Code.TRUNCATED, 3),
        (lambda r: r.answer(b"no", 503), Code.SOURCE_UNREACHABLE, 3),
        (lambda r: r.answer(b"no", 406), Code.SOURCE_UNREACHABLE, 1),
        (lambda r: r.redirect("http://127.0.0.1:1/"), Code.HOST_REFUSED, 1),
        (lambda r: r.redirect(f"http://user:s3cret@{r.server.host}/"), Code.HOST_REFUSED, 1),
    ],
)
def test_answers_that_are_wrong(
    server: WebServer,
    caplog: pytest.LogCaptureFixture,
    behaviour: Callable[[Request], None],
    code: Code,
    requests: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.serve(PATH, behaviour)
    with configured() as reading:
        assert bring(reading, None) == code
    assert len(server.seen) == requests
    assert "1.2.3" not in caplog.text


def test_an_announced_giant_is_not_brought(server: WebServer) -> None:
    server.serve(PATH, multipart(b"x" * 2000))
    with configured() as reading:
        assert bring(reading, None, limit=1000) == Code.TOO_LARGE


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ("study_instance_uid", Code.STUDY_MISMATCH),
        ("series_instance_uid", Code.SERIES_MISMATCH),
        ("sop_instance_uid", Code.INSTANCE_MISMATCH),
    ],
)
def test_another_instance_than_the_one_asked_for_is_caught(
    server: WebServer, which: str, code: Code
) -> None:
    name = "MR_small_RLE.dcm"
    study, image = rows(name)
    if which == "study_instance_uid":
        study = a_study(image, study_instance_uid="1.2.3")
    else:
        image = an_image(
            None,
            **{
                "series_instance_uid": image.series_instance_uid,
                "sop_instance_uid": image.sop_instance_uid,
                which: "1.2.3",
            },
        )
    path = (
        f"/rs/studies/{study.study_instance_uid}/series/{image.series_instance_uid}"
        f"/instances/{image.sop_instance_uid}"
    )
    server.serve(path, multipart(sample(name)))
    with configured() as reading, Workspace(Budget()) as workspace:
        blob = reading.fetch(study, image, workspace)
        assert inspect(blob, study, image, workspace).code == code


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["pacs/dicom-web", "ftp://pacs/", "https://:80", "http://[pacs", "http://pacs/?x=1", "/rs"],
)
def test_a_url_of_no_use_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DICOMWEB_URL", url)
    with pytest.raises(ConfigurationError, match=r"^DICOMWEB_URL is not") as caught:
        configured()
    assert url not in str(caught.value)


def test_a_server_that_is_always_to_be_asked_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMWEB_MODE", "always")
    with pytest.raises(ConfigurationError, match="DICOMWEB_URL is not set"):
        configured()


def test_the_password_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMWEB_URL", "http://user:s3cret@pacs/")
    assert "s3cret" not in repr(Export()) + str(Export())
