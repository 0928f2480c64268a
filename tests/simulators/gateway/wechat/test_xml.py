import pytest

from simulators.gateway.wechat import xml


def test_reads_back_what_it_writes_also_the_end_of_cdata() -> None:
    fields = {"a": "1 < 2 & ]]> 收费", "b": "", "c": " x "}
    assert xml.read(xml.write(fields)) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"not xml",
        b"<other><a>1</a></other>",
        b"<xml><a>1</a><a>2</a></xml>",
        b"<xml><a><b>1</b></a></xml>",
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        b"<xml><a>" + b"x" * xml.MAX_BODY + b"</a></xml>",
        b'<?xml version="1.0" encoding="nonsense"?><xml/>',
        b"<xml><a>\xff\xfe</a></xml>",
    ],
)
def test_refuses_what_is_not_flat_xml(body: bytes) -> None:
    with pytest.raises(xml.BadXml):
        xml.read(body)
