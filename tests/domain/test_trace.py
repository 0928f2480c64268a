"""What lies between the marks, and whose time it is."""

from device.domain.trace import Mark, Share, Trace, own_ms, stretches

AT_ONCE = Trace(
    "MZ03",
    (
        (Mark.FIRST_KEY, 0.0),
        (Mark.TAKEN, 30.0),
        (Mark.INTENT, 32.0),
        (Mark.SIGNED, 32.5),
        (Mark.SENT, 33.0),
        (Mark.ANSWERED, 233.0),
        (Mark.VERIFIED, 234.0),
        (Mark.STORED, 236.0),
        (Mark.TOLD, 236.5),
    ),
)


def test_every_stretch_has_an_owner_and_they_make_up_the_whole() -> None:
    found = stretches(AT_ONCE)
    assert [s.share for s in found] == [
        Share.SCANNER,
        *[Share.BOX] * 3,
        Share.PROVIDER,
        *[Share.BOX] * 3,
    ]
    assert sum(s.took_ms for s in found) == 236.5
    assert own_ms(AT_ONCE) == 6.5


def test_a_password_is_the_payers_time() -> None:
    marks = ((Mark.VERIFIED, 0.0), (Mark.STORED, 2.0), (Mark.STORED, 5002.0), (Mark.TOLD, 5003.0))
    assert [s.share for s in stretches(Trace("MZ03", marks))] == [
        Share.BOX,
        Share.PAYER,
        Share.BOX,
    ]
    assert own_ms(Trace("MZ03", marks)) == 3.0
