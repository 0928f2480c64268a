r"""Exactly the signed bytes, out of every shape an answer can have (alipay.md §3).

The cases follow the official Java SDK's tests of its extractor: braces in names and values, paired
and not, quotes behind odd and even numbers of backslashes, blanks, `\/`.
"""

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from device.channels.alipay import envelope
from device.errors import BadAnswer

if TYPE_CHECKING:
    from tests.channels.alipay.conftest import Alipay

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine that runs this may be busy with other things."""

NODE = "alipay_trade_pay_response"
NODES = {
    "plain": '{"code":"10000","msg":"Success"}',
    "empty": "{}",
    "paired braces in a value": '{"code":"10000","msg":"a{b}c"}',
    "an opening brace in a value": '{"code":"10000","msg":"a{{{"}',
    "a closing brace in a value": '{"code":"10000","msg":"}}}a"}',
    "braces in a name": '{"code":"10000","a}{b":"1"}',
    "an escaped quote before a brace": '{"msg":"a\\"}","code":"10000"}',
    "an even number of backslashes": '{"msg":"a\\\\","code":"10000"}',
    "an odd number of backslashes": '{"msg":"a\\\\\\"}","code":"10000"}',
    "the end of an answer in a value": '{"msg":"\\"},\\"sign\\":\\"x\\"}","code":"10000"}',
    "blanks": '{ "code" : "10000" ,\n\t"msg" : " x " }',
    "escaped slashes": '{"qr_code":"https:\\/\\/qr.alipay.com\\/bax","code":"10000"}',
    "nested": '{"fund_bill_list":[{"amount":"0.01","x":{"y":[]}}],"code":"10000"}',
    "escaped Chinese": '{"msg":"\\u6210\\u529f","code":"10000"}',
    "Chinese": '{"msg":"支付成功","code":"10000"}',
    "half a surrogate": '{"msg":"\\ud800","code":"10000"}',
    "a name of another node in a value": '{"msg":"alipay_trade_pay_response","code":"1"}',
}


def seen(node: str) -> tuple[str, str]:
    """Return what is cut from an answer with this node, in front and behind."""
    first = envelope.cut(f'{{"{NODE}":{node},"sign":"s"}}'.encode(), NODE)
    last = envelope.cut(f' {{ "sign" : "s" , "{NODE}" : {node} }}\n'.encode(), NODE)
    assert first.signature == last.signature == "s"
    return first.node_text, last.node_text


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_the_node_is_cut_byte_for_byte(node: str) -> None:
    assert seen(node) == (node, node)


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_what_is_opened_is_what_was_signed(node: str, alipay: "Alipay") -> None:
    cut = envelope.cut(alipay.wrap(node), NODE)
    assert envelope.opened(cut, lambda text, _sign: text == node.encode()) == json.loads(node)


VALUES = st.recursive(
    st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


STYLES: list[dict[str, Any]] = [{}, {"ensure_ascii": False}, {"indent": 1}]


@PATIENT
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), st.sampled_from(STYLES))
def test_any_object_is_cut_byte_for_byte(fields: dict[str, object], style: dict[str, Any]) -> None:
    node = json.dumps(fields, **style)
    assume(not any("\ud800" <= c <= "\udfff" for c in node))  # cannot be on a wire
    assert seen(node) == (node, node)


REFUSED = {
    "empty": "",
    "not an object": "[]",
    "HTML": "<html>",
    "a second node": f'{{"{NODE}":{{"code":"1"}},"{NODE}":{{"code":"2"}},"sign":"s"}}',
    "a second node of another name": f'{{"{NODE}":{{}},"alipay_trade_query_response":{{}}}}',
    "an error node beside": f'{{"{NODE}":{{}},"error_response":{{}},"sign":"s"}}',
    "another method's node": '{"alipay_trade_query_response":{},"sign":"s"}',
    "no node": '{"sign":"s"}',
    "two signatures": f'{{"{NODE}":{{}},"sign":"a","sign":"b"}}',
    "a signature that is no text": f'{{"{NODE}":{{}},"sign":["s"]}}',
    "a serial number that is no text": f'{{"{NODE}":{{}},"alipay_cert_sn":{{}},"sign":"s"}}',
    "text after it": f'{{"{NODE}":{{}},"sign":"s"}}x',
    "a second answer after it": f'{{"{NODE}":{{}},"sign":"s"}}{{"{NODE}":{{}}}}',
    "cut off": f'{{"{NODE}":{{"code":"100',
    "a comma too many": f'{{"{NODE}":{{}},"sign":"s",}}',
    "single quotes": f"{{'{NODE}':{{}}}}",
    "a name twice inside": f'{{"{NODE}":{{"code":"40004","code":"10000"}},"sign":"s"}}',
    "a name twice deep inside": f'{{"{NODE}":{{"a":[{{"b":1,"b":2}}]}},"sign":"s"}}',
    "a name twice by an escape": f'{{"{NODE}":{{"code":"1","c\\u006fde":"2"}},"sign":"s"}}',
    "NaN": f'{{"{NODE}":{{"a":NaN}},"sign":"s"}}',
    "a deep nest": f'{{"{NODE}":{"[" * 30000}',
    "a very long number": f'{{"{NODE}":{{"a":{"9" * 5000}}},"sign":"s"}}',
    "a byte order mark": "\ufeff{}",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_any_other_shape_is_refused(text: str) -> None:
    with pytest.raises(BadAnswer):
        envelope.cut(text.encode(), NODE)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(BadAnswer):
        envelope.cut(f'{{"{NODE}":{{"msg":"支付"}},"sign":"s"}}'.encode("gbk"), NODE)


def test_an_encrypted_node_is_refused_even_if_it_verifies() -> None:
    cut = envelope.cut(f'{{"{NODE}":"base64","sign":"s"}}'.encode(), NODE)
    with pytest.raises(BadAnswer):
        envelope.opened(cut, lambda _text, _sign: True)


def test_without_a_signature_nothing_is_asked_to_verify() -> None:
    cut = envelope.cut(f'{{"{NODE}":{{"code":"10000"}}}}'.encode(), NODE)
    with pytest.raises(envelope.UnsignedAnswer):
        envelope.opened(cut, lambda _text, _sign: True)


def test_slashes_escaped_after_signing_verify_and_that_text_is_what_counts() -> None:
    cut = envelope.cut(f'{{"{NODE}":{{"url":"a\\/b"}},"sign":"s"}}'.encode(), NODE)
    assert envelope.opened(cut, lambda text, _sign: text == b'{"url":"a/b"}') == {"url": "a/b"}


def test_no_trick_with_backslashes_makes_another_object_than_the_verified_one() -> None:
    r"""`\\/` is a backslash and a slash; read as `\/` it would be one slash."""
    cut = envelope.cut(f'{{"{NODE}":{{"url":"a\\\\/b"}},"sign":"s"}}'.encode(), NODE)
    verified = b'{"url":"a\\/b"}'
    assert envelope.opened(cut, lambda text, _sign: text == verified) == {"url": "a/b"}
