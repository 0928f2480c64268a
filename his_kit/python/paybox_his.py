"""扫码墩 HIS 客户端：一个文件，Python 3.8 以上。 / A client for the paybox HIS link in one file.

    from paybox_his import Paybox

    with Paybox("tcp://10.1.2.3:7601") as box:
        answer = box.pay("MZ0000017", 12345, "outpatient_fee", title="门诊收费")
        if answer["status"] == "paid":
            book(answer["out_trade_no"])
        elif answer["status"] == "unknown":
            ...  # 结果不明：以后用 box.query("MZ0000017")，绝不换单号再收

Every call blocks until there is an answer or the time is over. `unknown` is an answer: it is never
"not paid". Only the standard library is used; a serial address needs pyserial, a key (sealed link)
needs cryptography. One object belongs to one thread.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import time
from urllib.parse import parse_qs, urlsplit

__all__ = ["NotConnected", "Paybox", "Refused"]

STX, ETX, ENQ, ACK, NAK = 0x02, 0x03, 0x05, 0x06, 0x15
HEX = b"0123456789ABCDEFabcdef"
BODY_BYTES = {"tcp": 8192, "tls": 8192, "serial": 1024}
ACK_S = 2.0  # without an ACK the same bytes go again
SENDS = 3  # in all
SILENCE_S = 1.0  # a partial frame is thrown away after this
AGAIN_S = 2.0  # between questions while the box's own word may go to an older connection
PAUSE_S = 0.5  # between tries to connect
CONNECT_S = 3.0
READ_S = 10.0  # a question that only reads is answered in 50 ms
RESULTS = ("result", "refund_result")
GOING_BACK = ("reversing", "manual")  # this payment is not waited for any more


class NotConnected(Exception):
    """连不上扫码墩，这次什么也没发出。 / Nothing was sent; what was asked before stays open."""


class Refused(Exception):
    """扫码墩拒绝：这个请求什么也没改变。 / The box's `error`: this request changed nothing.

    With code `busy` or `conflict` the id may be in use already: query it first.
    """

    def __init__(self, answer):
        super().__init__("%s %s" % (answer.get("code"), answer.get("message", "")))
        self.answer = answer
        self.code = answer.get("code", "")


def crc16(data):
    """CRC-16/MODBUS."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def frame(seq, body):
    """STX SEQ BODY ETX CRC."""
    covered = b"%02X%b\x03" % (seq, body)
    return b"\x02%b%04X" % (covered, crc16(covered))


class Decoder:
    """Bytes in, signals and frames out."""

    def __init__(self, limit):
        self._limit = limit + 7  # SEQ, ETX, CRC
        self._opener = 0
        self._held = bytearray()
        self._crc = 0
        self._heard_s = 0.0

    @property
    def in_frame(self):
        return self._opener == STX

    def feed(self, data, now_s):
        """Yield ("ack", seq), ("nak", 0), ("enq", 0), ("bad", 0) and (body bytes, seq)."""
        if self._opener and now_s - self._heard_s > SILENCE_S:
            self._opener = 0
        self._heard_s = now_s
        for byte in data:
            found = self._take(byte)
            if found:
                yield found

    def _begin(self, opener):
        self._opener, self._crc = opener, 0
        self._held.clear()

    def _take(self, byte):
        if byte == STX:
            return self._begin(STX)
        if self._opener == STX:
            return self._inside(byte)
        if self._opener and byte in HEX:
            self._held.append(byte)
            if len(self._held) < 2:
                return None
            opener, self._opener = self._opener, 0
            return ("ack", int(self._held, 16)) if opener == ACK else ("nak", 0)
        self._opener = 0
        if byte in (ACK, NAK):
            return self._begin(byte)
        return ("enq", 0) if byte == ENQ else None

    def _inside(self, byte):
        self._held.append(byte)
        if self._crc:
            self._crc -= 1
            if not self._crc:
                return self._end()
        elif byte == ETX:
            self._crc = 4
        if len(self._held) > self._limit:
            self._opener = 0
            return ("bad", 0)
        return None

    def _end(self):
        self._opener = 0
        held = bytes(self._held)
        covered, digits = held[:-4], held[-4:]
        seq = int(held[:2], 16) if all(c in HEX for c in held[:2]) else 0
        good = all(c in HEX for c in digits) and int(digits, 16) == crc16(covered)
        return (covered[2:-1], seq) if good and seq else ("bad", 0)


class Sealed:
    """The sealed link (his-link §4): AES-256-GCM under keys of this session."""

    INFO = b"paybox his link v1 "

    def __init__(self, key):
        self._key = key
        self._nonce = os.urandom(16)
        self._keys = None
        self._sent = self._opened = 0

    def hello(self):
        proof = hmac.new(self._derived(b"", b"proof his"), self._nonce, hashlib.sha256)
        return {"type": "hello", "v": 1, "nonce": self._nonce.hex(), "proof": proof.hexdigest()}

    def agree(self, answer):
        """Take the box's hello_ok; False if its proof is wrong."""
        theirs = bytes.fromhex(answer.get("nonce", ""))
        salt = self._nonce + theirs
        proof = hmac.new(self._derived(b"", b"proof box"), salt, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, str(answer.get("proof", ""))):
            return False
        self._keys = self._derived(salt, b"his>box"), self._derived(salt, b"box>his")
        return True

    @property
    def agreed(self):
        return self._keys is not None

    def _derived(self, salt, info):
        """HKDF-SHA256, 32 bytes: one round is enough."""
        fixed = hmac.new(salt or bytes(32), self._key, hashlib.sha256).digest()
        return hmac.new(fixed, self.INFO + info + b"\x01", hashlib.sha256).digest()

    def seal(self, seq, body):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._sent += 1
        counter = self._sent.to_bytes(8, "big")
        bound = b"his>box%02X" % seq
        content = counter + AESGCM(self._keys[0]).encrypt(bytes(4) + counter, body, bound)
        return b"E1." + base64.urlsafe_b64encode(content).rstrip(b"=")

    def open(self, seq, body):
        """The plain body; None for what does not open or is old."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not body.startswith(b"E1.") or not self._keys:
            return None
        try:
            content = base64.urlsafe_b64decode(body[3:] + b"=" * (-len(body[3:]) % 4))
            counter = content[:8]
            bound = b"box>his%02X" % seq
            plain = AESGCM(self._keys[1]).decrypt(bytes(4) + counter, content[8:], bound)
        except (ValueError, InvalidTag):
            return None
        if int.from_bytes(counter, "big") <= self._opened:
            return None
        self._opened = int.from_bytes(counter, "big")
        return plain


class Paybox:
    """One connection to a box, opened when it is needed and again when it was lost.

    address: tcp://HOST:PORT, serial:///dev/ttyUSB0?baudrate=9600 (serial://COM3?baudrate=9600), or
    tls://HOST:PORT?ca=box-cert.pem, with &cert= and &key= where the box wants the HIS to show one.
    encoding: the site's, utf-8 or gbk. key: the 32 bytes of his.key for a sealed link.
    """

    def __init__(self, address, encoding="utf-8", key=None):
        self._address = urlsplit(address)
        if self._address.scheme not in BODY_BYTES:
            raise ValueError(
                "tcp://HOST:PORT, tls://HOST:PORT?ca=FILE or serial:///dev/NAME?baudrate=9600"
            )
        self._encoding = "gb18030" if encoding == "gbk" else encoding
        self._key = key
        self._line = None
        self._seq = 0
        self._acked = 0
        self._decoder = None
        self._sealed = None
        self._waits = {}  # what the answer waited for looks like
        self._answer = None
        self._receipts = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the line."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    # ------------------------------------------------------------ what a HIS asks

    def pay(self, id, amount_fen, business, try_=1, timeout_s=120, **fields):
        """Collect and wait: the newest result as a dict. Refused, NotConnected."""
        message = {"type": "pay", "id": id, "try": try_, "amount_fen": amount_fen}
        message.update(business=business, **fields)
        asking = self._dated({"type": "query", "id": id, "try": try_}, fields)
        return self._talk("result", message, asking, timeout_s)

    def query(self, id, try_=None, **fields):
        """What became of an id."""
        message = {"type": "query", "id": id}
        message.update({"try": try_} if try_ else {}, **fields)
        return self._talk("result", None, message, READ_S)

    def cancel(self, id, try_=None, **fields):
        """The patient does not pay: the result as it then stands."""
        message = {"type": "cancel", "id": id}
        message.update({"try": try_} if try_ else {}, **fields)
        return self._talk("result", None, message, READ_S)

    def confirm(self, id, booked, try_=None, **fields):
        """Two-step booking: say whether a `confirm=True` charge was booked.

        It counts once the result says `paid` and `booked`; say it again until then.
        """
        message = {"type": "confirm", "id": id, "booked": booked}
        message.update({"try": try_} if try_ else {}, **fields)
        return self._talk("result", None, message, READ_S)

    def summary(self, date, **fields):
        """The day by wallet and business: `rows`."""
        return self._talk("summary_result", None, dict(type="summary", date=date, **fields), READ_S)

    def refund(self, id, pay_id, amount_fen, reason="", timeout_s=60, **fields):
        """Give an amount back; `id` is new, and never used again. Calling again is safe."""
        message = {"type": "refund", "id": id, "pay_id": pay_id, "amount_fen": amount_fen}
        message.update({"reason": reason} if reason else {}, **fields)
        return self._talk("refund_result", message, {"type": "refund_query", "id": id}, timeout_s)

    def reverse(self, id, pay_id, timeout_s=60, **fields):
        """Undo a payment wholly."""
        message = {"type": "reverse", "id": id, "pay_id": pay_id}
        message.update(**fields)
        return self._talk("refund_result", message, {"type": "refund_query", "id": id}, timeout_s)

    def status(self):
        """The diagnosis, part by part."""
        return self._talk("status_result", None, {"type": "status"}, READ_S)

    @staticmethod
    def _dated(message, fields):
        if "business_date" in fields:
            message["business_date"] = fields["business_date"]
        return message

    # ------------------------------------------------------------ the conversation

    def _talk(self, type_, request, question, timeout_s):
        """Send the request once; after that only the question, which reads.

        The request goes again only if the box says that it has no such id.
        """
        until = time.monotonic() + timeout_s
        self._waits = {"type": type_, "id": question.get("id"), "try": question.get("try")}
        self._answer = None
        if not self._open():
            raise NotConnected(self._address.geturl())
        self._read(0)
        following = request or question
        while True:
            self._ask(following, request is not None and following is request, until)
            if self._is_error("busy") and self._answer.get("blocking_id") == self._waits["id"]:
                self._answer = None  # an older connection of ours still has the desk
            if request and following is question and self._is_error("not_found"):
                self._answer, following = None, request
                continue
            following = question
            if not self._still_open(request is not None):
                break
            self._hear(request is not None, min(until, time.monotonic() + AGAIN_S))
            if not self._still_open(request is not None) or time.monotonic() >= until:
                break
        return self._given()

    def _given(self):
        answer = self._answer
        if answer is None:
            return {"type": self._waits["type"], "id": self._waits["id"], "status": "unknown"}
        if answer.get("type") == "error":
            raise Refused(answer)
        return answer

    def _is_error(self, code):
        return bool(self._answer) and self._answer.get("code") == code

    def _still_open(self, final):
        if self._answer is None:
            return True
        if self._answer.get("more"):
            return True
        unknown = self._answer.get("status") == "unknown"
        return final and unknown and self._answer.get("state") not in GOING_BACK

    def _ask(self, message, final, until):
        self._answer = None
        while not self._open():
            if time.monotonic() + PAUSE_S > until:
                return
            time.sleep(PAUSE_S)
        self._waits["re"] = self._seq % 255 + 1
        if self._send(message):
            self._hear(final, until)
        self._waits["re"] = None
        self._tell_receipts()

    def _hear(self, final, until):
        while self._line is not None and self._still_open(final) and time.monotonic() < until:
            self._read(min(0.2, max(0.0, until - time.monotonic())))
            self._tell_receipts()
        if self._line is None and time.monotonic() < until:
            time.sleep(min(PAUSE_S, max(0.0, until - time.monotonic())))

    def _tell_receipts(self):
        """What is not told now is offered again by the box."""
        while self._receipts and self._line is not None:
            self._send(self._receipts.pop(0))

    def _take(self, body, seq):
        if self._sealed is not None:
            plain = self._sealed.open(seq, body)
            if plain is None:
                return self._take_unsealed(body)
            body = plain
        message = self._parsed(body)
        type_, id_ = message.get("type"), message.get("id")
        if type_ in RESULTS:
            receipt = {"type": "received", "id": id_, "revision": message.get("revision")}
            self._receipts.append(self._dated(receipt, message))
        wanted = self._waits
        ours = type_ == wanted.get("type") and id_ == wanted.get("id")
        ours = ours and wanted.get("try") in (None, message.get("try"))
        if self._answer and message.get("revision", 0) < self._answer.get("revision", 0):
            ours = False
        re = message.get("re")
        answers = type_ == "error" and re is not None and int(re, 16) == wanted.get("re")
        more = bool(self._answer) and self._answer.get("more") and type_ == wanted.get("type")
        if ours or answers or more:
            self._answer = self._joined(message)
        return None

    def _joined(self, message):
        """A long answer comes in several frames, all but the last with `more`."""
        before = self._answer if self._answer and self._answer.get("more") else {}
        for name, value in message.items():
            if isinstance(value, list) and isinstance(before.get(name), list):
                message[name] = before[name] + value
        return message

    def _take_unsealed(self, body):
        message = self._parsed(body)
        if message.get("type") == "hello_ok" and not self._sealed.agreed:
            if not self._sealed.agree(message):
                self.close()  # whoever answers does not hold the key
        elif message.get("code") == "hello_required":
            self.close()  # say hello anew, then ask again

    def _parsed(self, body):
        try:
            message = json.loads(body.decode(self._encoding, "replace"))
        except ValueError:
            return {}
        return message if isinstance(message, dict) else {}

    # ------------------------------------------------------------ frames and the line

    def _send(self, message, *, sealed=True):
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        data = body.encode(self._encoding, "replace")
        self._seq = self._seq % 255 + 1
        if self._sealed is not None and sealed:
            data = self._sealed.seal(self._seq, data)
        if len(data) > BODY_BYTES[self._address.scheme]:
            raise ValueError("the message is too long")
        return self._send_frame(self._seq, frame(self._seq, data))

    def _send_frame(self, seq, raw):
        self._acked = 0
        for _ in range(SENDS):
            if not self._write(raw):
                return False
            self._acked = max(self._acked, 0)
            left = ACK_S
            while left > 0 and self._acked == 0 and self._line is not None:
                before = time.monotonic()
                self._read(min(left, 0.2))
                if not self._decoder.in_frame:  # the wait stands still while a frame comes in
                    left -= time.monotonic() - before
            if self._line is None or self._acked == seq:
                return self._acked == seq
        if self._address.scheme != "serial":
            self.close()
        return False

    def _read(self, timeout_s):
        """Take what comes within the time; a lost line is closed."""
        data = self._line.read(timeout_s) if self._line is not None else b""
        if data is None:
            self.close()
            return
        for what, seq in self._decoder.feed(data, time.monotonic()):
            if isinstance(what, bytes):
                self._write(b"\x06%02X" % seq)
                self._take(what, seq)
            elif what == "ack":
                self._acked = seq if seq == self._seq else self._acked
            elif what == "nak":
                self._acked = -1
            else:
                self._write(b"\x0600" if what == "enq" else b"\x1500")

    def _write(self, data):
        if self._line is not None and not self._line.write(data):
            self.close()
        return self._line is not None

    def _open(self):
        """Open the line if it is not; on a sealed link the box must prove itself first."""
        if self._line is not None:
            return True
        try:
            self._line = _open_line(self._address)
        except (OSError, ValueError):
            return False
        self._decoder = Decoder(BODY_BYTES[self._address.scheme])
        self._receipts, self._sealed = [], None
        return self._hello() if self._key else True

    def _hello(self):
        self._sealed = Sealed(self._key)
        until = time.monotonic() + READ_S
        if self._send(self._sealed.hello(), sealed=False):
            while self._line is not None and not self._sealed.agreed:
                self._read(0.2)
                if time.monotonic() > until:
                    self.close()
        return self._line is not None and self._send({"type": "hello", "v": 1})


class _Tcp:
    def __init__(self, host, port, tls=None):
        self._socket = socket.create_connection((host, port), CONNECT_S)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def read(self, timeout_s):
        """Bytes, b"" for nothing yet, None when it is gone."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            return self._socket.recv(4096) or None
        except socket.timeout:
            return b""
        except OSError:
            return None

    def write(self, data):
        self._socket.settimeout(ACK_S)
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def close(self):
        self._socket.close()


class _Serial:
    def __init__(self, port, baudrate):
        import serial

        self._port = serial.Serial(port, baudrate, timeout=0, write_timeout=ACK_S)
        self._port.reset_input_buffer()

    def read(self, timeout_s):
        try:
            self._port.timeout = timeout_s
            first = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except OSError:
            return None

    def write(self, data):
        try:
            self._port.write(data)
        except OSError:
            return False
        return True

    def close(self):
        self._port.close()


def _tls(options):
    """The box's certificate, or that of its authority, is the only one that is believed."""
    context = ssl.create_default_context(cafile=options.get("ca"))
    if "cert" in options:
        context.load_cert_chain(options["cert"], options.get("key"))
    return context


def _open_line(address):
    options = {name: values[0] for name, values in parse_qs(address.query).items()}
    if address.scheme == "tls":
        return _Tcp(address.hostname, address.port, _tls(options))
    if address.scheme == "tcp":
        return _Tcp(address.hostname, address.port)
    baudrate = int(options.get("baudrate", "9600"))
    return _Serial(address.netloc + address.path, baudrate)
