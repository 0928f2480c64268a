"""The picture of a payer code: a Code 128 bar code and a QR code, both to be really scanned.

Code 128 set C (ISO/IEC 15417) and QR version 1, error correction Q, numeric mode (ISO/IEC 18004):
version 1-Q holds 27 digits, and a payer code has 16 to 24.
"""

from itertools import pairwise

_CODE128 = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231"
    "113222123122123221223211221132221231213212223112312131311222321122321221312212322112322211"
    "212123212321232121111323131123131321112313132113132311211313231113231311112133112331132131"
    "113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111"
    "314111221411431111111224111422121124121421141122141221112214112412122114122411142112142211"
    "241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214"
    "211232"
)
"""Widths of bars and spaces, six a value."""
_CODE128_STOP = "2331112"
_START_C = 105
_CODE_B = 100
_CODE128_MODULUS = 103

SIZE = 21  # modules of a version 1 symbol
_DATA_CODEWORDS = 13  # version 1-Q
_CHECK_CODEWORDS = 13
MAX_DIGITS = 27
_NUMERIC_MODE = 0b0001
_MASK_FORMATS = (
    0x355F, 0x3068, 0x3F31, 0x3A06, 0x24B4, 0x2183, 0x2EDA, 0x2BED,
)  # fmt: skip
"""The 15 format bits for level Q and masks 0 to 7 (ISO/IEC 18004, annex C)."""
_RIGHT_COLUMNS = (20, 18, 16, 14, 12, 10, 8, 5, 3, 1)
"""Where each pair of columns begins; column 6 is the timing pattern's."""


def code128(digits: str) -> tuple[int, ...]:
    """Return the widths of bars and spaces in modules, a bar first."""
    values = _code128_values(digits)
    check = (values[0] + sum(i * v for i, v in enumerate(values))) % _CODE128_MODULUS
    patterns = [_CODE128[6 * v : 6 * v + 6] for v in (*values, check)]
    return tuple(int(w) for w in "".join(patterns) + _CODE128_STOP)


def _code128_values(digits: str) -> list[int]:
    """Pairs in set C; an odd last digit in set B."""
    even = len(digits) // 2 * 2
    values = [_START_C, *(int(digits[i : i + 2]) for i in range(0, even, 2))]
    if even < len(digits):
        values += [_CODE_B, ord(digits[-1]) - 32]
    return values


def qr(digits: str) -> tuple[str, ...]:
    """Return 21 rows of 21 characters, `1` dark; ValueError for more than 27 digits."""
    if len(digits) > MAX_DIGITS or not digits.isdecimal():
        raise ValueError("not a payer code")
    bits = _bits(digits)
    symbols = (_Symbol(bits, mask) for mask in range(8))
    return min((s.rows() for s in symbols), key=_penalty)


def _bits(digits: str) -> str:
    """Return data and check codewords as bits."""
    text = f"{_NUMERIC_MODE:04b}{len(digits):010b}"
    for i in range(0, len(digits), 3):
        group = digits[i : i + 3]
        text += f"{int(group):0{(0, 4, 7, 10)[len(group)]}b}"
    text += "0" * min(4, _DATA_CODEWORDS * 8 - len(text))
    text += "0" * (-len(text) % 8)
    data = [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]
    pads = (0xEC, 0x11) * _DATA_CODEWORDS
    data += pads[: _DATA_CODEWORDS - len(data)]
    return "".join(f"{word:08b}" for word in data + _check_words(data))


def _times(a: int, b: int) -> int:
    """Multiply in GF(256) over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for i in range(8):
        if b >> i & 1:
            product ^= a << i
    for i in range(14, 7, -1):
        if product >> i & 1:
            product ^= 0x11D << (i - 8)
    return product


def _generator() -> list[int]:
    """The Reed-Solomon generator polynomial, highest power first."""
    poly, root = [1], 1
    for _ in range(_CHECK_CODEWORDS):
        poly = [a ^ _times(b, root) for a, b in zip([*poly, 0], [0, *poly], strict=True)]
        root = _times(root, 2)
    return poly


def _check_words(data: list[int]) -> list[int]:
    rest = [*data, *([0] * _CHECK_CODEWORDS)]
    generator = _generator()
    for i in range(len(data)):
        lead = rest[i]
        for j, factor in enumerate(generator):
            rest[i + j] ^= _times(factor, lead)
    return rest[len(data) :]


class _Symbol:
    """One symbol under one mask."""

    def __init__(self, bits: str, mask: int) -> None:
        self._dark: dict[tuple[int, int], bool] = {}
        self._fixed_patterns()
        self._format(_MASK_FORMATS[mask])
        self._data(bits, mask)

    def rows(self) -> tuple[str, ...]:
        return tuple(
            "".join("1" if self._dark[row, column] else "0" for column in range(SIZE))
            for row in range(SIZE)
        )

    def _fixed_patterns(self) -> None:
        for top, left in ((0, 0), (0, SIZE - 7), (SIZE - 7, 0)):
            self._finder(top, left)
        for i in range(8, SIZE - 8):
            self._dark[6, i] = self._dark[i, 6] = i % 2 == 0
        self._dark[SIZE - 8, 8] = True

    def _finder(self, top: int, left: int) -> None:
        """Three nested squares with a light border."""
        for row in range(max(0, top - 1), min(SIZE, top + 8)):
            for column in range(max(0, left - 1), min(SIZE, left + 8)):
                ring = max(abs(row - top - 3), abs(column - left - 3))
                self._dark[row, column] = ring not in {2, 4}

    def _format(self, bits: int) -> None:
        """The format twice: around the first finder, and split over the other two."""
        first = [(8, c) for c in (0, 1, 2, 3, 4, 5, 7, 8)] + [(r, 8) for r in (7, 5, 4, 3, 2, 1, 0)]
        second = [(SIZE - 1 - i, 8) for i in range(7)] + [(8, SIZE - 8 + i) for i in range(8)]
        for places in (first, second):
            for i, place in enumerate(places):
                self._dark[place] = bool(bits >> (14 - i) & 1)

    def _data(self, bits: str, mask: int) -> None:
        """Two columns at a time from the right, up and down, past the timing column."""
        stream = iter(bits)
        for number, right in enumerate(_RIGHT_COLUMNS):
            rows = range(SIZE) if number % 2 else range(SIZE - 1, -1, -1)
            for row in rows:
                for column in (right, right - 1):
                    if (row, column) not in self._dark:
                        self._dark[row, column] = (next(stream) == "1") != _masked(
                            mask, row, column
                        )


def _masked(mask: int, i: int, j: int) -> bool:
    return (
        (i + j) % 2,
        i % 2,
        j % 3,
        (i + j) % 3,
        (i // 2 + j // 3) % 2,
        i * j % 2 + i * j % 3,
        (i * j % 2 + i * j % 3) % 2,
        ((i + j) % 2 + i * j % 3) % 2,
    )[mask] == 0


def _penalty(rows: tuple[str, ...]) -> int:
    """The standard's four rules: runs, blocks, false finders, balance."""
    lines = (*rows, *("".join(column) for column in zip(*rows, strict=True)))
    return (
        sum(_run_penalty(line) for line in lines)
        + 3 * _blocks(rows)
        + 40 * sum(line.count(p) for line in lines for p in ("10111010000", "00001011101"))
        + 10 * (abs(2 * "".join(rows).count("1") - SIZE * SIZE) * 10 // (SIZE * SIZE))
    )


def _run_penalty(line: str) -> int:
    """Three for a run of five alike, one more for each after."""
    runs = line.replace("01", "0 1").replace("10", "1 0").split()
    return sum(len(run) - 2 for run in runs if len(run) >= 5)  # noqa: PLR2004  the standard's


def _blocks(rows: tuple[str, ...]) -> int:
    return sum(
        upper[i : i + 2] == lower[i : i + 2] and upper[i] == upper[i + 1]
        for upper, lower in pairwise(rows)
        for i in range(SIZE - 1)
    )
