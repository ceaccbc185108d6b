"""The policies for AWS: what they say, and that the check of them can fail.

``tests/integration/test_docs_commands.py`` holds them against what an export really asks for.
"""

from __future__ import annotations

import pytest

from eden.paths import PROJECT_ROOT
from tests.support.iam import actions_of, allows, check_policy, needed_by, statements
from tests.support.watched_s3 import S3Request

POLICIES = ("iam-policy.json", "iam-policy-kms.json", "iam-policy-sources.json")
BUCKET = "s3-vlms-datasets"
SIGNED = frozenset({"authorization", "host", "x-amz-content-sha256"})


def request(method: str, target: str, *headers: str) -> S3Request:
    return S3Request(method, target, SIGNED | set(headers))


EXPORT = [
    request("HEAD", f"/{BUCKET}"),
    request("PUT", f"/{BUCKET}/o/s/metadata.json", "x-amz-checksum-sha256"),
    request("GET", f"/{BUCKET}?list-type=2&prefix=o%2F&encoding-type=url"),
    request("DELETE", f"/{BUCKET}/o/s/metadata.json"),
]


def test_the_page_names_every_action_and_no_other() -> None:
    page = (PROJECT_ROOT / "docs" / "iam.md").read_text(encoding="utf-8")
    for name in POLICIES:
        assert name in page
        for statement in statements(name):
            assert "*" not in statement["Resource"].removesuffix("/*")
            for action in actions_of(statement):
                assert f"`{action}`" in page


def test_what_the_export_asks_for_is_allowed() -> None:
    check_policy(statements("iam-policy.json"), EXPORT)


@pytest.mark.parametrize(
    "more",
    [
        request("GET", f"/{BUCKET}/o/s/metadata.json"),
        request("PUT", f"/{BUCKET}"),
        request("PUT", "/another/o/s/metadata.json"),
        request("DELETE", f"/{BUCKET}"),
        request("HEAD", f"/{BUCKET}-more"),
        request("HEAD", f"/{BUCKET}/o/s/metadata.json"),
        request("POST", f"/{BUCKET}/o?uploads"),
        request("PUT", f"/{BUCKET}/o", "x-amz-acl"),
        request("PUT", f"/{BUCKET}/o", "x-amz-tagging"),
        request("GET", "/another?list-type=2&prefix=o%2F"),
        request("GET", f"/{BUCKET}?policy"),
        request("GET", f"/{BUCKET}?list-type=2&fetch-owner=true"),
    ],
    ids=lambda one: f"{one.method} {one.target}",
)
def test_anything_more_is_refused(more: S3Request) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check_policy(statements("iam-policy.json"), [*EXPORT, more])


@pytest.mark.parametrize("unused", EXPORT, ids=lambda one: one.method)
def test_an_action_that_nothing_needs_is_noticed(unused: S3Request) -> None:
    action = needed_by(unused)[0]
    rest = [one for one in EXPORT if needed_by(one)[0] != action]
    with pytest.raises(AssertionError, match="is never needed"):
        check_policy(statements("iam-policy.json"), rest)


def test_a_key_is_read_as_it_was_sent() -> None:
    asked = request("GET", "/pacs-archive/a%20b/c.dcm?x-id=GetObject")
    assert needed_by(asked) == ("s3:GetObject", "arn:aws:s3:::pacs-archive/a b/c.dcm")
    assert allows(statements("iam-policy-sources.json"), *needed_by(asked))
