"""Prompts of a request of Completions, and the answers that are generated to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptoss.engine import Owner
from gptoss.kernels import Float32
from gptoss.runtime import LoadedModel
from gptoss.server.completions.answer import Answer
from gptoss.server.completions.request import DEFAULT_TOKENS, CompletionRequest
from gptoss.server.pool import IsGone
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer.limited import LimitedTokenizer

# Of the tokens of echoed prompts, and of those likeliest in their place: some 60 MB.
_MOST_PROBABILITIES = 1 << 19


def prompts_of(
    prompt: str | list[str] | list[int] | list[list[int]], model: LoadedModel, is_gone: IsGone
) -> list[list[int]]:
    """Token ids of each. Special tokens come as ids that name them, never from text."""
    found: list[list[int]] = []
    each_of: Sequence[object] = [prompt]
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        each_of = prompt
    special_ids = model.tokenizer.special_ids
    for each in each_of:
        tokenizer = LimitedTokenizer(model.tokenizer, model.context, is_gone)
        ids = tokenizer.encode(each) if isinstance(each, str) else list(each)  # type: ignore[call-overload]
        special = [token_id for token_id in ids if token_id in special_ids]
        if special:
            raise ApiError(
                400,
                f"got the special token {special[0]} in a prompt, wanted ordinary ones; "
                "conversations have /v1/chat/completions",
                param="prompt",
            )
        found.append(ids)
    return found


def _require_few(prompts: Sequence[list[int]], body: CompletionRequest) -> None:
    """Raises ApiError for more probabilities of prompts than are kept for one request."""
    num_each = 1 + (body.logprobs or 0)
    num = sum(map(len, prompts)) * body.num * num_each
    if num > _MOST_PROBABILITIES:
        raise ApiError(
            400,
            f"got prompts whose echo would have {num:,} probabilities, wanted at most {_MOST_PROBABILITIES:,}; "
            "ask for fewer logprobs, or send fewer or shorter prompts at once",
            param="logprobs",
        )


def answers_to(
    prompts: Sequence[list[int]], body: CompletionRequest, model: LoadedModel, owner: str
) -> list[Answer]:
    """All answers, being generated, or none; those to one prompt stand beside each other."""
    if body.scores_prompt:
        _require_few(prompts, body)
    sampling = body.sampling(body.logprobs)
    # Without the chat format, they are noise.
    forbidden = sorted(set(model.tokenizer.special_ids) - model.stop_ids)

    def forbid_special(_: Sequence[int], logits: Float32) -> Float32:
        logits[forbidden] = -np.inf
        return logits

    prompt_of_each, requests = [], []
    for prompt in prompts:
        request = model.request(
            prompt,
            sampling,
            max_tokens=DEFAULT_TOKENS if body.max_tokens is None else body.max_tokens,
            processors=(forbid_special,),
            owner=Owner(owner),
            scores_prompt=body.scores_prompt,
        )
        for index in range(body.num):
            prompt_of_each.append(prompt)
            requests.append(request.for_answer(index))
    return [
        Answer(model, body, prompt, generation)
        for prompt, generation in zip(prompt_of_each, model.submit_all(requests), strict=True)
    ]
