"""Calls of a conversation that a person is asked for: which of them wait, and what was decided of each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gptoss.errors import shown
from gptoss.harmony import PYTHON
from gptoss.server.hosted.declared import LABEL
from gptoss.server.responses.mcp_call import mcp_message
from gptoss.server.responses.types.calls import MOST_ID_CHARACTERS
from gptoss.server.responses.types.code_calls import CodeInterpreterCall
from gptoss.server.responses.types.items import AnyItem
from gptoss.server.responses.types.mcp_calls import (
    PYTHON_LABEL,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
)
from gptoss.server.responses.used_decisions import UsedDecisions
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError
from gptoss.tools import FUNCTIONS, ApprovalRequest, Decision, Tool, digest_of

# A digest, of which so much is enough that nobody finds another call with the same; a number of the call's own; and
# how often it was asked for before.
_ID = re.compile(r"mcpr_([0-9a-f]{32})([0-9a-f]{24})(?:_([0-9]{1,6}))?")
_DIGEST_CHARACTERS = 32
_UNKNOWN = (
    "no mcp_approval_request with that id stands before it; send it too, or previous_response_id"
)
_PASSED = "the conversation went on, and its call does not wait any more; leave the decision out, and ask anew"
_USED = "its call has been run on it already; go on from the response that came of it, or ask anew"
_SECOND = "there is one about it already; leave the second out"
_UNDECIDED = "error: nobody has decided whether the call may run. Nothing was done."
_DENIED = "error: the call was not allowed. Nothing was done."
_NOT_RUN = "error: the call was allowed, but it was not run. Nothing was done."

# A call's recipient and arguments.
_Call = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Approvals:
    """The requests of a conversation.

    waiting    those that it ends with, in their order: their calls may be run now
    settled    ids of those whose calls stand elsewhere: they have run, or were asked for again
    decisions  by a request's id
    """

    waiting: tuple[McpApprovalRequest, ...]
    settled: frozenset[str]
    decisions: Mapping[str, Decision]

    @property
    def waiting_ids(self) -> dict[_Call, list[str]]:
        """Ids of those that wait, by their call: of the same call several times, in their order."""
        found: dict[_Call, list[str]] = {}
        for request in self.waiting:
            call = mcp_message(request)
            found.setdefault((call.recipient or "", call.text), []).append(request.id)
        return found

    def decided(self, used: UsedDecisions, tools: Mapping[str, Tool]) -> dict[str, list[Decision]]:
        """The decisions about those that wait, by the digest of the call: each is for one call.

        A call whose tool has changed since it was asked for has none. Raises ApiError where a call may run, and the
        request does not declare its tool, or has been run on that decision.
        """
        found: dict[str, list[Decision]] = {}
        for request in self.waiting:
            call = mcp_message(request)
            decision, tool = self.decisions.get(request.id), tools.get(call.recipient or "")
            if decision is None:
                continue
            if tool is None and decision.is_approved:
                raise ApiError(
                    400,
                    f"got yes to a call of {shown(request.name)}, which the request does not declare; send the tools "
                    "that the call was made with",
                    param="tools",
                )
            if tool is None:
                continue
            digest = digest_of(tool, call.text)
            if _bound_to(request.id) != digest[:_DIGEST_CHARACTERS]:
                continue
            call_number = _instance(request.id)
            if decision.is_approved and used.has(call_number):
                raise _refused(request.id, _USED)
            # Other requests may bring it at the same time.
            claimed = replace(decision, claim=partial(used.claim, call_number))
            found.setdefault(digest, []).append(claimed)
        return found

    def told(self, request: McpApprovalRequest) -> str | None:
        """What the model reads in the place of the call's result; None where it waits for one."""
        if any(each.id == request.id for each in self.waiting):
            return None
        decision = self.decisions.get(request.id)
        if decision is None:
            return _UNDECIDED
        return _NOT_RUN if decision.is_approved else _DENIED


def approvals_of(items: Sequence[AnyItem]) -> Approvals:
    """The requests of a conversation, of which those at its end wait, and the decisions about them.

    Raises ApiError for a decision about what was not asked for, or does not wait any more, and for a second one.
    """
    requests = [item for item in items if isinstance(item, McpApprovalRequest)]
    last = {_instance(request.id): request for request in requests}
    waiting: dict[str, McpApprovalRequest] = {}
    decisions: dict[str, Decision] = {}
    for item in items:
        if isinstance(item, McpApprovalRequest):
            waiting[_instance(item.id)] = item
        elif isinstance(item, McpApprovalResponse):
            # Whoever was asked for a call twice may answer either time.
            about = _instance(item.approval_request_id)
            if about not in last:
                raise _refused(item.approval_request_id, _UNKNOWN)
            if about not in waiting:
                raise _refused(item.approval_request_id, _PASSED)
            if waiting[about].id in decisions:
                raise _refused(item.approval_request_id, _SECOND)
            decisions[waiting[about].id] = Decision(item.approve, item.reason)
        elif not item.type.endswith("_output"):
            # Results of calls that the client runs may come with the decisions.
            waiting = {}
    again = {each.id for each in requests if last[_instance(each.id)] is not each}
    calls = (item for item in items if isinstance(item, McpCall | CodeInterpreterCall))
    ran = {item.approval_request_id or "" for item in calls}
    return Approvals(tuple(waiting.values()), frozenset(ran | again), decisions)


def approval_item(request: ApprovalRequest, before: str | None) -> McpApprovalRequest:
    """The item that asks for a call. Its id holds what it is bound to: tool, definition and arguments.

    before  id of the item that has asked for that very call, where one has
    """
    found = _ID.fullmatch(before or "")
    number = found[2] if found else new_id("")
    more = f"_{int(found[3] or 1) + 1}" if found else ""
    is_python = request.recipient == PYTHON.name
    code = json.dumps({"code": request.arguments}, ensure_ascii=False)
    return McpApprovalRequest(
        id=f"mcpr_{request.digest[:_DIGEST_CHARACTERS]}{number}{more}",
        type="mcp_approval_request",
        server_label=PYTHON_LABEL if is_python else LABEL,
        name=request.recipient.removeprefix(f"{FUNCTIONS}."),
        arguments=code if is_python else request.arguments,
    )


def _refused(request_id: str, why: str) -> ApiError:
    got = shown(request_id, MOST_ID_CHARACTERS)
    return ApiError(400, f"got a decision about {got}, but {why}", param="input")


def _bound_to(request_id: str) -> str | None:
    found = _ID.fullmatch(request_id)
    return found[1] if found else None


def _instance(request_id: str) -> str:
    """The call's own number, which stays where it is asked for again; of an id of others, the id."""
    found = _ID.fullmatch(request_id)
    return found[2] if found else request_id
