"""The rehearsal's end of the line: a frame that drips is alone on it, and is judged alone."""

import json

import pytest

from device.his_link import frames
from device.his_link.frames import Ack, Decoder, Frame
from device.his_link.rehearsal import scenes, stage
from device.his_link.rehearsal.stage import Ear, Stage

PAY = {"type": "pay", "id": "A1", "amount_fen": 100}
QUERY = {"type": "query", "id": "A1"}


class AskingHis:
    """Acknowledges every frame but the first, and asks how it ends in the middle of that one."""

    def __init__(self, at: int) -> None:
        self.written = b""
        self.ear: Ear | None = None
        self._at = at
        self._frames = 0
        self._decoder = Decoder(frames.TCP_BODY_BYTES)

    def write(self, data: bytes) -> None:
        self.written += data
        for event in self._decoder.feed(data, 0.0):
            if isinstance(event, Frame):
                self._frames += 1
                if self._frames > 1:
                    self.say(frames.ack(event.seq))
        if self._at and len(self.written) >= self._at:
            self._at = 0
            self.say(frames.encode(9, json.dumps(QUERY).encode()))

    def say(self, data: bytes) -> None:
        assert self.ear
        self.ear.data_received(data)

    def close(self) -> None:
        """Nothing is held."""


def begun(at: int) -> tuple[Stage, AskingHis]:
    """A stage with a bill, and its HIS, which asks after so many more bytes."""
    his, here = AskingHis(0), Stage(patience_s=0.001)
    his.ear = here.attach(his)
    his.say(frames.encode(8, json.dumps(PAY).encode()))
    his._at, his.written = at, b""
    return here, his


async def test_what_has_to_be_said_while_a_frame_drips_comes_after_it() -> None:
    here, his = begun(at=20)
    raw = here.frame(here.result(await here.pay(), 1, "paid"))
    await here.drip(raw, 0.0)
    assert his.written.startswith(raw)
    ack, answer = Decoder(frames.TCP_BODY_BYTES).feed(his.written[len(raw) :], 0.0)
    assert ack == Ack(9)
    assert isinstance(answer, Frame)
    assert b'"A1"' in answer.body


async def test_the_ack_of_an_answer_is_not_that_of_the_frame_that_dripped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A HIS that ends frames by silence asked meanwhile, and was told that it is good."""
    monkeypatch.setattr(scenes, "DRIP_S", 0.0)
    monkeypatch.setattr(scenes, "RESEND_S", 0.001)
    monkeypatch.setattr(stage, "ACK_S", 0.001)
    here, _ = begun(at=20)
    await scenes.SCENES["结果逐字节到来"](here)
    assert any("逐字节到来的帧没有" in fault for fault in here.faults)
