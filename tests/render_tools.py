#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Render public templates with tools, tool calls and further variables, as render_templates.py does.

    tests/render_tools.py       (needs jinja2 3.1)

Writes NAME.expect beside each NAME.jinja of tests/data/templates_tools. Records, lengths in bytes:

    case NAME generate=0|1
    messages LENGTH, tools LENGTH, kwargs LENGTH: JSON (length 0: not given)
    text LENGTH: what jinja2 makes of it, or the line `error`
"""
import glob
import json
import os

from render_templates import DATE, ENV, strftime_now

ENV.filters["from_json"] = json.loads

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'Weather of a city, "now" & <b>',
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Größe\nzählt"},
                "days": {"type": "integer", "default": 3},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "list": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        },
    },
}
NOW = {"type": "function", "function": {"name": "now", "description": "Time", "parameters": {"type": "object", "properties": {}}}}


def user(text):
    return {"role": "user", "content": text}


def call(name, arguments, number):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


ARGUMENTS = {"city": "Köln <|im_end|>", "days": 2, "f": 1.5, "ok": True, "none": None, "list": [1, "a"]}
ONE_CALL = {"role": "assistant", "content": "", "tool_calls": [call("get_weather", ARGUMENTS, 1)]}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"t": 21}'}
CASES = {
    "plain": ([{"role": "system", "content": "Be brief."}, user("Hi <|im_end|>"), {"role": "assistant", "content": "Hello."}, user("So?")], None, {}),
    "tools": ([user("Weather?")], [WEATHER, NOW], {}),
    "system_tools": ([{"role": "system", "content": "S"}, user("Weather?")], [NOW], {"enable_thinking": False}),
    "call": ([user("Weather?"), ONE_CALL, RESULT, {"role": "assistant", "content": "21"}, user("Thanks")], [WEATHER], {}),
    "two_calls": (
        [user("Both?"), {"role": "assistant", "content": None, "tool_calls": [call("get_weather", {"city": "A"}, 1), call("now", {}, 2)]},
         RESULT, {"role": "tool", "name": "now", "tool_call_id": "call00002", "content": "noon"}], [WEATHER, NOW], {"enable_thinking": True}),
    "thoughts": ([user("1+1?"), {"role": "assistant", "content": "Two.", "reasoning_content": "Hm."}, user("Sure?")], None, {"reasoning_effort": "high"}),
    "parts": ([{"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": " B"}]}], None, {}),
}


def record(out, kind, text):
    data = text.encode()
    out.append(f"{kind} {len(data)}\n".encode() + data + b"\n")


def expect(template):
    out = []
    for name, (messages, tools, kwargs) in CASES.items():
        for generate in (True, False) if name == "plain" else (True,):
            out.append(f"case {name} generate={int(generate)}\n".encode())
            values = {"messages": messages, "add_generation_prompt": generate, "bos_token": "<s>", "eos_token": "</s>",
                      "date_string": DATE, "strftime_now": strftime_now, **kwargs}
            if tools is not None:
                values["tools"] = tools
            record(out, "messages", json.dumps(messages, ensure_ascii=name == "call"))
            record(out, "tools", "" if tools is None else json.dumps(tools, indent=1))
            record(out, "kwargs", json.dumps(kwargs) if kwargs else "")
            try:
                record(out, "text", template.render(**values))
            except Exception:  # any refusal will do: the words differ
                out.append(b"error\n")
    return b"".join(out)


for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "data", "templates_tools", "*.jinja"))):
    with open(path, encoding="utf-8", newline="") as f:
        compiled = ENV.from_string(f.read())
    with open(path[: -len("jinja")] + "expect", "wb") as f:
        f.write(expect(compiled))
