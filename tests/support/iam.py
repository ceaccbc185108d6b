"""What AWS would say to a request: the little of its evaluation that our policies use."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from eden.paths import PROJECT_ROOT
from tests.support.watched_s3 import S3Request

Statement = dict[str, Any]

OF_BUCKETS = {"HEAD": "s3:ListBucket", "GET": "s3:ListBucket"}
OF_OBJECTS = {"GET": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
OF_A_LIST = {"list-type", "prefix", "encoding-type", "continuation-token"}
ASKING_FOR_MORE = ("x-amz-acl", "x-amz-grant", "x-amz-tagging", "x-amz-object-lock", "x-amz-copy")
"""Headers for which a PUT needs further actions."""


def statements(name: str) -> list[Statement]:
    """The statements of a policy under ``docs``."""
    document = json.loads((PROJECT_ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert document["Version"] == "2012-10-17"
    found: list[Statement] = document["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in found)
    return found


def actions_of(statement: Statement) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


def needed_by(request: S3Request) -> tuple[str, str]:
    """The action and the resource of a request; KeyError where it is none of the known."""
    address = urlsplit(request.target)
    bucket, _, key = unquote(address.path).lstrip("/").partition("/")
    assert not any(name.startswith(ASKING_FOR_MORE) for name in request.headers)
    query = {word.partition("=")[0] for word in address.query.split("&") if word}
    if request.method == "GET" and not key:
        assert "list-type" in query
        query -= OF_A_LIST
    # The SDK tells S3 by its name which operation it means; it decides nothing.
    assert query <= {"x-id"}, f"{request.method} with {query}"
    if not key:
        return OF_BUCKETS[request.method], f"arn:aws:s3:::{bucket}"
    return OF_OBJECTS[request.method], f"arn:aws:s3:::{bucket}/{key}"


def allows(policy: Sequence[Statement], action: str, resource: str) -> bool:
    return any(
        action in actions_of(statement) and fnmatchcase(resource, statement["Resource"])
        for statement in policy
    )


def check_policy(policy: Sequence[Statement], requests: Collection[S3Request]) -> None:
    """Every request is allowed, and every action of every statement was needed."""
    needed = {needed_by(request) for request in requests}
    for action, resource in needed:
        assert allows(policy, action, resource), (action, resource)
    for statement in policy:
        for action in actions_of(statement):
            one = [{"Action": action, "Resource": statement["Resource"]}]
            assert any(allows(one, *each) for each in needed), f"{action} is never needed"
