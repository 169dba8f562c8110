"""Turns as the model should write them."""

from __future__ import annotations

_END, _NEXT = "<|end|>", "<|end|><|start|>assistant"
_FINAL = "<|channel|>final<|message|>"
_THINK = "<|channel|>analysis<|message|>"
_CALL = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"

TRANSCRIPTS = [
    f"{_FINAL}Hello.<|return|>",
    f"{_THINK}Simple sum.{_NEXT}{_FINAL}2 + 2 = 4.<|return|>",
    f"{_THINK}First.{_NEXT}{_THINK}Second thoughts, at more length.{_NEXT}{_FINAL}Done<|return|>",
    f'{_THINK}I need the weather.{_NEXT}{_CALL}{{"location": "Tokyo"}}<|call|>',
    ' to=functions.get_weather<|channel|>commentary <|constrain|>json<|message|>{"city":"Oslo"}<|call|>',
    " to=functions.get_location<|channel|>commentary json<|message|>{}<|call|>",
    f"<|channel|>commentary<|message|>Let me look that up.{_NEXT}{_CALL}{{}}<|call|>",
    f"{_THINK}Plan.{_NEXT}<|channel|>commentary<|message|>**Plan**: 1. look 2. tell{_NEXT}{_FINAL}ok<|return|>",
    f"{_THINK}Run it.{_NEXT} to=python<|channel|>analysis code<|message|>print(6*7)\n<|call|>",
    f'{_THINK}Search.{_NEXT}<|channel|>analysis to=browser.search<|message|>{{"query":"gpt"}}<|call|>',
    '<|channel|>final <|constrain|>json<|message|>{"answer": [1, 2.5, null]}<|return|>',
    f"{_THINK}日本語で考える。{_NEXT}{_FINAL}東京は晴れ ☀️ です。👩‍👩‍👧 🇳🇴<|return|>",
    f"{_FINAL}```python\nfor i in range(3):\n    print(i)\n```\n\n| a | b |\n|---|---|\n<|return|>",
    f"{_FINAL}final analysis commentary to=functions.f assistant json<|return|>",
    f"{_THINK}{_NEXT}{_FINAL}<|return|>",
    f"{_FINAL}\n\n  indented\t\n<|return|>",
    f"{_CALL}{{}}<|call|><|start|>assistant{_CALL}{{}}<|call|><|start|>assistant{_FINAL}ok<|return|>",
    f"{_THINK}The user writes << | >> and <br>.{_NEXT}{_FINAL}a < b | c > d<|return|>",
    f"{_FINAL}{'A long answer that goes on. ' * 20}<|return|>",
    f"{_THINK}Ends with end.{_NEXT}<|channel|>commentary to=functions.f<|message|>not json{_END}",
]
