/* 扫码墩 HIS 客户端，见 paybox_his.h。 / The paybox HIS client, see paybox_his.h.
 *
 * From the bottom up: time, the line (TCP or serial), frames (docs/his-link.md §1), JSON with one
 * level, the conversation (§2, §3), the five functions. Builds with any C99 compiler:
 *
 *   gcc -O2 -shared -fPIC -o libpaybox_his.so paybox_his.c
 *   i686-w64-mingw32-gcc -O2 -shared -o paybox_his.dll paybox_his.c paybox_his.def -lws2_32 -static
 */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#else
#define _DEFAULT_SOURCE /* cfmakeraw, O_NOCTTY, MSG_NOSIGNAL */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paybox_his.h"

#define STX 0x02
#define ETX 0x03
#define ENQ 0x05
#define ACK 0x06
#define NAK 0x15

#define TCP_BODY 8192
#define SERIAL_BODY 1024
#define FRAME_BYTES (TCP_BODY + 16)
#ifndef ACK_MS /* tests make the waits shorter */
#define ACK_MS 2000   /* without an ACK the same bytes go again */
#define AGAIN_MS 2000 /* between questions while the box's own word may go to an older connection */
#define PAUSE_MS 500  /* between tries to connect */
#endif
#define SENDS 3         /* in all */
#define SILENCE_MS 1000 /* a partial frame is thrown away after this */
#define ASK_MS 10000    /* a question that only reads is answered in 50 ms */
#define RECEIPTS 8      /* results that wait for their `received` */
#define ID_CHARS 64

typedef unsigned char byte;
typedef long long millis;

typedef struct {
    char id[ID_CHARS + 1];
    char business_date[16];
    long revision;
} receipt_t;

typedef struct {
    int up; /* the line is open */
    int serial;
    int gbk;
    long baudrate;
    char host[128]; /* or the serial port's path */
    char port[8];
    int connect_ms;
#ifdef _WIN32
    SOCKET sock;
    HANDLE com;
#else
    int fd;
#endif
    int seq;          /* of our last frame */
    int acked;        /* SEQ the box acknowledged last, 0 = none, -1 = NAK */
    byte in[FRAME_BYTES]; /* the frame that is coming in, without its STX */
    int in_len;
    int in_frame; /* 0 between frames, else the byte that began what comes in */
    int in_crc;   /* digits of the CRC still to come */
    millis heard_ms;
    byte out[FRAME_BYTES];
    char body[TCP_BODY + 1];  /* the last good body */
    char want_id[ID_CHARS + 1];
    char want_type[16];
    int want_try;
    int want_re;              /* SEQ whose first answer is waited for */
    char answer[TCP_BODY + 1]; /* the newest answer about want_id */
    int has_answer;
    receipt_t receipts[RECEIPTS];
    int receipt_count;
} link_t;

static link_t links[PAYBOX_HANDLES];
static volatile long taken[PAYBOX_HANDLES]; /* handles in use; threads may open at the same time */

#ifdef _WIN32
#define take_slot(slot) (InterlockedCompareExchange(slot, 1, 0) == 0)
#else
#define take_slot(slot) __sync_bool_compare_and_swap(slot, 0, 1)
#endif

/* ------------------------------------------------------------------ time */

static millis now_ms(void) {
#ifdef _WIN32
    static LARGE_INTEGER frequency;
    LARGE_INTEGER count;
    if (!frequency.QuadPart) QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    return (millis)(count.QuadPart / (frequency.QuadPart / 1000));
#else
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (millis)at.tv_sec * 1000 + at.tv_nsec / 1000000;
#endif
}

static void pause_ms(int ms) {
#ifdef _WIN32
    Sleep((DWORD)ms);
#else
    poll(NULL, 0, ms);
#endif
}

/* ------------------------------------------------------------------ the line */

#ifdef _WIN32
static void sock_close(SOCKET s) { closesocket(s); }
static int sock_would_block(void) { return WSAGetLastError() == WSAEWOULDBLOCK; }
#define POLLFD WSAPOLLFD
#define poll_one WSAPoll
#else
#define SOCKET int
#define INVALID_SOCKET (-1)
#define POLLFD struct pollfd
#define poll_one poll
static void sock_close(SOCKET s) { close(s); }
static int sock_would_block(void) {
    return errno == EINPROGRESS || errno == EAGAIN || errno == EWOULDBLOCK;
}
#endif

static int sock_ready(SOCKET s, short events, int ms) {
    POLLFD one;
    one.fd = s;
    one.events = events;
    one.revents = 0;
    return poll_one(&one, 1, ms) > 0;
}

static SOCKET sock_connect(const struct addrinfo *at, int ms) {
    int error = 0, on = 1;
    socklen_t size = sizeof error;
    SOCKET s = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (s == INVALID_SOCKET) return s;
#ifdef _WIN32
    {
        u_long yes = 1;
        ioctlsocket(s, FIONBIO, &yes);
    }
#else
    fcntl(s, F_SETFL, fcntl(s, F_GETFL, 0) | O_NONBLOCK);
#endif
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (const char *)&on, sizeof on);
    if (connect(s, at->ai_addr, (int)at->ai_addrlen) == 0) return s;
    if (sock_would_block() && sock_ready(s, POLLOUT, ms) &&
        getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &size) == 0 && error == 0)
        return s;
    sock_close(s);
    return INVALID_SOCKET;
}

static int tcp_open(link_t *link) {
    struct addrinfo hints, *found = NULL, *at;
    SOCKET s = INVALID_SOCKET;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(link->host, link->port, &hints, &found) != 0) return 0;
    for (at = found; at && s == INVALID_SOCKET; at = at->ai_next)
        s = sock_connect(at, link->connect_ms);
    freeaddrinfo(found);
    if (s == INVALID_SOCKET) return 0;
#ifdef _WIN32
    link->sock = s;
#else
    link->fd = s;
#endif
    return 1;
}

#ifdef _WIN32
static int serial_open(link_t *link) {
    char path[160];
    DCB dcb;
    snprintf(path, sizeof path, "\\\\.\\%s", link->host);
    link->com = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (link->com == INVALID_HANDLE_VALUE) return 0;
    memset(&dcb, 0, sizeof dcb);
    dcb.DCBlength = sizeof dcb;
    GetCommState(link->com, &dcb);
    dcb.BaudRate = (DWORD)link->baudrate;
    dcb.ByteSize = 8;
    dcb.Parity = NOPARITY;
    dcb.StopBits = ONESTOPBIT;
    dcb.fBinary = TRUE;
    dcb.fOutxCtsFlow = dcb.fOutxDsrFlow = dcb.fOutX = dcb.fInX = dcb.fNull = FALSE;
    if (!SetCommState(link->com, &dcb)) {
        CloseHandle(link->com);
        return 0;
    }
    PurgeComm(link->com, PURGE_RXCLEAR | PURGE_TXCLEAR);
    return 1;
}
#else
static int serial_open(link_t *link) {
    static const struct {
        long rate;
        speed_t speed;
    } speeds[] = {{1200, B1200},   {2400, B2400},   {4800, B4800},   {9600, B9600},
                  {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200}};
    struct termios mode;
    size_t i;
    link->fd = open(link->host, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (link->fd < 0) return 0;
    if (tcgetattr(link->fd, &mode) == 0) {
        cfmakeraw(&mode);
        mode.c_cflag |= CLOCAL | CREAD;
        for (i = 0; i < sizeof speeds / sizeof speeds[0]; i++)
            if (speeds[i].rate == link->baudrate) {
                cfsetispeed(&mode, speeds[i].speed);
                cfsetospeed(&mode, speeds[i].speed);
            }
        tcsetattr(link->fd, TCSANOW, &mode);
        tcflush(link->fd, TCIOFLUSH);
    }
    return 1;
}
#endif

static void line_close(link_t *link) {
    if (!link->up) return;
    link->up = 0;
#ifdef _WIN32
    if (link->serial)
        CloseHandle(link->com);
    else
        sock_close(link->sock);
#else
    close(link->fd);
#endif
}

static int line_open(link_t *link) {
    if (link->up) return 1;
    link->in_frame = link->in_len = link->in_crc = 0;
    link->receipt_count = 0; /* the box offers what it did not hear of again */
    link->up = link->serial ? serial_open(link) : tcp_open(link);
    return link->up;
}

/* Read what comes within ms; 0 = nothing, -1 = the line is gone (and closed). */
static int line_read(link_t *link, byte *into, int size, int ms) {
    int count;
#ifdef _WIN32
    if (link->serial) {
        COMMTIMEOUTS limits;
        DWORD got = 0;
        memset(&limits, 0, sizeof limits);
        limits.ReadIntervalTimeout = MAXDWORD;
        limits.ReadTotalTimeoutMultiplier = MAXDWORD;
        limits.ReadTotalTimeoutConstant = (DWORD)(ms > 0 ? ms : 1);
        limits.WriteTotalTimeoutConstant = ACK_MS;
        SetCommTimeouts(link->com, &limits);
        if (ReadFile(link->com, into, (DWORD)size, &got, NULL)) return (int)got;
        line_close(link);
        return -1;
    }
    if (!sock_ready(link->sock, POLLIN, ms)) return 0;
    count = recv(link->sock, (char *)into, size, 0);
#else
    if (!sock_ready(link->fd, POLLIN, ms)) return 0;
    count = (int)read(link->fd, into, (size_t)size);
#endif
    if (count > 0) return count;
    if (count < 0 && sock_would_block()) return 0;
    line_close(link);
    return -1;
}

static int line_write(link_t *link, const byte *data, int size) {
    millis until = now_ms() + ACK_MS;
    while (size > 0 && link->up) {
        int count;
#ifdef _WIN32
        if (link->serial) {
            DWORD put = 0;
            count = WriteFile(link->com, data, (DWORD)size, &put, NULL) ? (int)put : -1;
        } else {
            if (!sock_ready(link->sock, POLLOUT, ACK_MS)) break;
            count = send(link->sock, (const char *)data, size, 0);
        }
#else
        if (!sock_ready(link->fd, POLLOUT, ACK_MS)) break;
        if (link->serial)
            count = (int)write(link->fd, data, (size_t)size);
        else
            count = (int)send(link->fd, data, (size_t)size, MSG_NOSIGNAL);
#endif
        if (count < 0 && !sock_would_block()) break;
        if (count > 0) {
            data += count;
            size -= count;
        }
        if (now_ms() > until) break;
    }
    if (size > 0) line_close(link);
    return size == 0;
}

/* ------------------------------------------------------------------ frames */

static unsigned crc16(const byte *data, int size) {
    unsigned crc = 0xFFFF;
    int bit;
    while (size-- > 0) {
        crc ^= *data++;
        for (bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xA001 : 0);
    }
    return crc;
}

static int hex_value(const byte *digits, int count) {
    int value = 0;
    while (count-- > 0) {
        int c = *digits++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void send_signal(link_t *link, int signal, int seq) {
    char text[4];
    snprintf(text, sizeof text, "%c%02X", signal, seq & 0xFF);
    line_write(link, (const byte *)text, 3);
}

static void take_body(link_t *link, int seq);

/* A whole frame: SEQ, body, ETX and four digits stand in link->in. */
static void end_frame(link_t *link) {
    int covered = link->in_len - 4; /* SEQ, body, ETX */
    int seq = hex_value(link->in, 2);
    int crc = hex_value(link->in + covered, 4);
    int size = covered - 3;
    link->in_frame = 0;
    if (crc < 0 || (unsigned)crc != crc16(link->in, covered) || seq <= 0) {
        send_signal(link, NAK, 0);
        return;
    }
    send_signal(link, ACK, seq);
    memcpy(link->body, link->in + 2, (size_t)size);
    link->body[size] = 0;
    take_body(link, seq);
}

static void begin(link_t *link, int opener) {
    link->in_frame = opener;
    link->in_len = link->in_crc = 0;
}

static void take_signal_digit(link_t *link, byte c) {
    link->in[link->in_len++] = c;
    if (link->in_len < 2) return;
    if (link->in_frame == ACK) {
        int seq = hex_value(link->in, 2);
        if (seq > 0) link->acked = seq;
    } else {
        link->acked = -1;
    }
    link->in_frame = 0;
}

static void take_byte(link_t *link, byte c) {
    if (c == STX) {
        begin(link, STX); /* an STX always begins a frame */
    } else if (link->in_frame == STX) {
        if (link->in_len == FRAME_BYTES) {
            link->in_frame = 0;
            send_signal(link, NAK, 0);
            return;
        }
        link->in[link->in_len++] = c;
        if (link->in_crc) {
            if (--link->in_crc == 0) end_frame(link);
        } else if (c == ETX) {
            if (link->in_len < 3) begin(link, 0);
            else link->in_crc = 4;
        }
    } else if (link->in_frame && hex_value(&c, 1) >= 0) {
        take_signal_digit(link, c);
    } else if (c == ACK || c == NAK) {
        begin(link, c);
    } else {
        link->in_frame = 0;
        if (c == ENQ) send_signal(link, ACK, 0);
    }
}

/* Take what comes within ms; returns the count of bytes, -1 if the line is gone. */
static int pump(link_t *link, int ms) {
    byte data[512];
    int i, count = line_read(link, data, sizeof data, ms);
    millis now = now_ms();
    if (count < 0) return -1;
    if (link->in_frame && now - link->heard_ms > SILENCE_MS) link->in_frame = 0;
    if (count > 0) link->heard_ms = now;
    for (i = 0; i < count && link->up; i++) take_byte(link, data[i]);
    return link->up ? count : -1;
}

/* Send a body and wait for its ACK; returns its SEQ, 0 if the box did not take it. */
static int send_body(link_t *link, const char *body) {
    int length = (int)strlen(body), covered, sends;
    if (length > (link->serial ? SERIAL_BODY : TCP_BODY)) return 0;
    link->seq = link->seq % 255 + 1;
    snprintf((char *)link->out, sizeof link->out, "%c%02X%s%c", STX, link->seq, body, ETX);
    covered = length + 3;
    snprintf((char *)link->out + 1 + covered, 5, "%04X", crc16(link->out + 1, covered));
    link->acked = 0;
    for (sends = 0; sends < SENDS && link->up; sends++) {
        millis left = ACK_MS;
        if (!line_write(link, link->out, covered + 5)) return 0;
        if (link->acked < 0) link->acked = 0;
        while (left > 0 && link->acked != link->seq && link->acked >= 0) {
            millis before = now_ms();
            if (pump(link, (int)(left < 200 ? left : 200)) < 0) return 0;
            if (link->in_frame != STX) left -= now_ms() - before; /* stands still in a frame */
        }
        if (link->acked == link->seq) return link->seq;
    }
    if (!link->serial) line_close(link);
    return 0;
}

/* ------------------------------------------------------------------ JSON, one level */

static int is_lead(const link_t *link, byte c) { return link->gbk && c >= 0x81 && c <= 0xFE; }

/* Append text to a JSON string, escaped; in GBK the second byte of a character is never escaped. */
static int put_text(const link_t *link, char *into, int size, int at, const char *text) {
    const byte *c = (const byte *)text;
    for (; *c; c++) {
        if (at > size - 8) return -1;
        if (is_lead(link, *c) && c[1]) {
            into[at++] = (char)*c++;
            into[at++] = (char)*c;
        } else if (*c == '"' || *c == '\\') {
            into[at++] = '\\';
            into[at++] = (char)*c;
        } else if (*c < 0x20) {
            into[at++] = ' ';
        } else {
            into[at++] = (char)*c;
        }
    }
    into[at] = 0;
    return at;
}

static int put_field(const link_t *link, char *into, int size, int at, const char *name,
                     const char *value, int quoted) {
    int wrote;
    if (at < 0 || at > size - 80) return -1;
    wrote = snprintf(into + at, (size_t)(size - at), "%s\"%.40s\":%s", at > 1 ? "," : "", name,
                     quoted ? "\"" : "");
    at = put_text(link, into, size, at + wrote, value);
    if (at < 0 || at > size - 4) return -1;
    if (quoted) into[at++] = '"';
    into[at] = 0;
    return at;
}

static int put_number(const link_t *link, char *into, int size, int at, const char *name,
                      long value) {
    char text[16];
    snprintf(text, sizeof text, "%ld", value);
    return put_field(link, into, size, at, name, text, 0);
}

static int is_text(const char *name) {
    return strcmp(name, "ttl_s") != 0 && strcmp(name, "supersede") != 0;
}

/* Add "name=value;name=value". */
static int put_more(const link_t *link, char *into, int size, int at, const char *more) {
    char name[41], value[512];
    while (more && *more && at > 0) {
        int n = 0, v = 0;
        while (*more && *more != '=' && n < 40) name[n++] = *more++;
        name[n] = 0;
        if (*more != '=') return -1;
        more++;
        while (*more && *more != ';' && *more != '\n' && v < 509) {
            if (is_lead(link, (byte)*more) && more[1]) value[v++] = *more++;
            value[v++] = *more++;
        }
        value[v] = 0;
        if (*more && *more != ';' && *more != '\n') return -1;
        if (*more) more++;
        if (n) at = put_field(link, into, size, at, name, value, is_text(name));
    }
    return at;
}

static const char *skip_blank(const char *c) {
    while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n') c++;
    return c;
}

static int put_utf8(char *into, int at, int size, unsigned code) {
    if (code < 0x80) {
        if (at < size - 1) into[at++] = code < 0x20 ? ' ' : (char)code;
    } else if (code < 0x800) {
        if (at < size - 2) into[at++] = (char)(0xC0 | code >> 6), into[at++] = (char)(0x80 | (code & 0x3F));
    } else if (at < size - 3) {
        into[at++] = (char)(0xE0 | code >> 12);
        into[at++] = (char)(0x80 | (code >> 6 & 0x3F));
        into[at++] = (char)(0x80 | (code & 0x3F));
    }
    return at;
}

/* Read the string that begins at c ('"'); returns what follows it, NULL if it has no end. */
static const char *read_string(const link_t *link, const char *c, char *into, int size) {
    int at = 0;
    for (c++; *c && *c != '"'; c++) {
        int plain = (byte)*c;
        if (is_lead(link, (byte)*c) && c[1]) {
            if (at < size - 2) into[at++] = *c, into[at++] = c[1];
            c++;
            continue;
        }
        if (*c == '\\' && c[1]) {
            c++;
            if (*c == 'u') {
                int code = hex_value((const byte *)c + 1, 4);
                if (code < 0) return NULL;
                at = put_utf8(into, at, size, link->gbk && code > 0x7F ? '?' : (unsigned)code);
                c += 4;
                continue;
            }
            plain = *c == 'n' || *c == 'r' || *c == 't' ? ' ' : (byte)*c;
        }
        if (at < size - 1) into[at++] = (char)(plain < 0x20 ? ' ' : plain);
    }
    into[at] = 0;
    return *c == '"' ? c + 1 : NULL;
}

/* Skip or copy a value that is no string; returns what follows. Lists and objects are skipped. */
static const char *read_other(const link_t *link, const char *c, char *into, int size) {
    char text[8];
    int depth = 0, at = 0;
    for (; *c; c++) {
        if (*c == '"') {
            c = read_string(link, c, text, sizeof text);
            if (!c) return NULL;
            c--;
        } else if (*c == '[' || *c == '{') {
            depth++;
        } else if ((*c == ']' || *c == '}') && depth > 0) {
            depth--;
        } else if (depth == 0 && (*c == ',' || *c == '}')) {
            break;
        } else if (depth == 0 && at < size - 1 && *c > ' ') {
            into[at++] = *c;
        }
    }
    into[at] = 0;
    return c;
}

/* Step to the next field of an object; c is at '{' or ','. NULL at the end. */
static const char *next_field(const link_t *link, const char *c, char *name, int name_size,
                              char *value, int value_size) {
    if (!c || (*c != '{' && *c != ',')) return NULL;
    c = skip_blank(c + 1);
    if (*c != '"') return NULL;
    c = read_string(link, c, name, name_size);
    if (!c) return NULL;
    c = skip_blank(c);
    if (*c != ':') return NULL;
    c = skip_blank(c + 1);
    c = *c == '"' ? read_string(link, c, value, value_size) : read_other(link, c, value, value_size);
    return c ? skip_blank(c) : NULL;
}

static int get_field(const link_t *link, const char *body, const char *wanted, char *value, int size) {
    char name[48];
    const char *c = skip_blank(body);
    while ((c = next_field(link, c, name, sizeof name, value, size)) != NULL)
        if (strcmp(name, wanted) == 0) return 1;
    value[0] = 0;
    return 0;
}

static long get_number(const link_t *link, const char *body, const char *wanted) {
    char value[24];
    return get_field(link, body, wanted, value, sizeof value) ? strtol(value, NULL, 10) : 0;
}

/* Give the caller "name=value" lines, whole lines only. */
static void give_lines(const link_t *link, const char *body, char *into, int size) {
    char name[48], value[1024];
    const char *c = skip_blank(body);
    int at = 0;
    while ((c = next_field(link, c, name, sizeof name, value, sizeof value)) != NULL) {
        int length = (int)(strlen(name) + strlen(value)) + 2;
        if (at + length >= size) continue;
        snprintf(into + at, (size_t)(size - at), "%s=%s\n", name, value);
        at += length;
    }
}

/* ------------------------------------------------------------------ the conversation */

static void note_receipt(link_t *link, const char *id, long revision) {
    receipt_t *receipt;
    if (link->receipt_count == RECEIPTS) return; /* the box offers it again */
    receipt = &link->receipts[link->receipt_count++];
    snprintf(receipt->id, sizeof receipt->id, "%s", id);
    receipt->revision = revision;
    get_field(link, link->body, "business_date", receipt->business_date,
              sizeof receipt->business_date);
}

/* A message of the box: keep it if it is waited for; every result is answered `received`. */
static void take_body(link_t *link, int seq) {
    char type[24], id[ID_CHARS + 1], re[8];
    int is_result, ours;
    (void)seq;
    get_field(link, link->body, "type", type, sizeof type);
    get_field(link, link->body, "id", id, sizeof id);
    get_field(link, link->body, "re", re, sizeof re);
    is_result = strcmp(type, "result") == 0 || strcmp(type, "refund_result") == 0;
    if (is_result) note_receipt(link, id, get_number(link, link->body, "revision"));
    ours = strcmp(type, link->want_type) == 0 && strcmp(id, link->want_id) == 0 && id[0] &&
           (!link->want_try || get_number(link, link->body, "try") == link->want_try);
    if (ours && link->has_answer &&
        get_number(link, link->body, "revision") < get_number(link, link->answer, "revision"))
        ours = 0;
    if (strcmp(type, "error") == 0 && link->want_re && hex_value((const byte *)re, 2) == link->want_re)
        ours = 1;
    if (!ours) return;
    snprintf(link->answer, sizeof link->answer, "%s", link->body);
    link->has_answer = 1;
}

/* Tell the box what we have; what is not told now is offered again. */
static void send_receipts(link_t *link) {
    char body[256];
    while (link->receipt_count > 0 && link->up) {
        receipt_t one = link->receipts[0];
        int at = snprintf(body, sizeof body, "{\"type\":\"received\"");
        at = put_field(link, body, sizeof body, at, "id", one.id, 1);
        at = put_number(link, body, sizeof body, at, "revision", one.revision);
        if (one.business_date[0])
            at = put_field(link, body, sizeof body, at, "business_date", one.business_date, 1);
        link->receipt_count--;
        memmove(link->receipts, link->receipts + 1, sizeof one * (size_t)link->receipt_count);
        if (at < 0) continue;
        strcat(body, "}");
        send_body(link, body);
    }
}

static int status_of(const link_t *link) {
    static const struct {
        const char *word;
        int code;
    } words[] = {{"paid", PAYBOX_PAID},         {"not_paid", PAYBOX_NOT_PAID},
                 {"returned", PAYBOX_RETURNED}, {"refunded", PAYBOX_REFUNDED},
                 {"pending", PAYBOX_PENDING},   {"failed", PAYBOX_FAILED}};
    char text[24];
    size_t i;
    get_field(link, link->answer, "type", text, sizeof text);
    if (strcmp(text, "error") == 0) return PAYBOX_REFUSED;
    get_field(link, link->answer, "status", text, sizeof text);
    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i].word) == 0) return words[i].code;
    return PAYBOX_UNKNOWN;
}

/* Whether to go on waiting: only a payment that is still going forward is waited for. */
static int still_open(const link_t *link, int wait_final) {
    char state[24];
    if (!link->has_answer) return 1;
    if (!wait_final || status_of(link) != PAYBOX_UNKNOWN) return 0;
    get_field(link, link->answer, "state", state, sizeof state);
    return strcmp(state, "reversing") != 0 && strcmp(state, "manual") != 0;
}

static int is_error(const link_t *link, const char *code) {
    char text[24];
    if (!link->has_answer) return 0;
    get_field(link, link->answer, "type", text, sizeof text);
    if (strcmp(text, "error") != 0) return 0;
    get_field(link, link->answer, "code", text, sizeof text);
    return strcmp(text, code) == 0;
}

/* `busy` because of this very id: an older connection of ours still has the desk. */
static int is_busy_with_it(const link_t *link) {
    char text[ID_CHARS + 1];
    if (!is_error(link, "busy")) return 0;
    get_field(link, link->answer, "blocking_id", text, sizeof text);
    return strcmp(text, link->want_id) == 0;
}

/* Take what comes until there is an answer, or the final one. */
static void hear(link_t *link, int wait_final, millis until) {
    while (still_open(link, wait_final) && now_ms() < until && link->up) {
        millis left = until - now_ms();
        pump(link, (int)(left < 200 ? left : 200));
        send_receipts(link);
    }
}

static void ask_once(link_t *link, const char *body, int wait_final, millis until) {
    link->has_answer = 0;
    link->want_re = link->seq % 255 + 1;
    if (send_body(link, body)) hear(link, wait_final, until);
    send_receipts(link);
    link->want_re = 0;
}

/* Ask until there is an answer. `body` is sent once; after that only `question`, which reads: it is
 * served on every connection, and `body` goes again only if the box says that it has no such id. */
static int talk(link_t *link, const char *body, const char *question, millis until, char *answer,
                int size) {
    int wait_final = body != NULL;
    const char *next = body ? body : question;
    do {
        if (!line_open(link)) {
            pause_ms(PAUSE_MS);
            continue;
        }
        ask_once(link, next, wait_final && next == body, until);
        if (next == body && is_busy_with_it(link)) link->has_answer = 0;
        if (body && next == question && is_error(link, "not_found")) {
            link->has_answer = 0;
            next = body;
            continue;
        }
        next = question;
        if (still_open(link, wait_final)) {
            millis again = now_ms() + AGAIN_MS;
            hear(link, wait_final, again < until ? again : until);
        }
    } while (still_open(link, wait_final) && now_ms() < until);
    if (!link->has_answer) return PAYBOX_UNKNOWN;
    give_lines(link, link->answer, answer, size);
    return status_of(link);
}

/* ------------------------------------------------------------------ the five functions */

static int good_id(const char *id) {
    size_t i, length = id ? strlen(id) : 0;
    for (i = 0; i < length; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", id[i]))
            return 0;
    return length >= 1 && length <= ID_CHARS;
}

static link_t *link_of(int handle) {
    if (handle < 1 || handle > PAYBOX_HANDLES || !taken[handle - 1]) return NULL;
    return &links[handle - 1];
}

/* Begin a call: the buffer is empty, the line is open, what waits there is taken. */
static int ready(link_t *link, const char *type, const char *id, int try_no, char *answer, int size) {
    if (!link || !answer || size < 2 || !good_id(id) || try_no < 0 || try_no > 99)
        return PAYBOX_BAD_ARGUMENT;
    answer[0] = 0;
    snprintf(link->want_id, sizeof link->want_id, "%s", id);
    snprintf(link->want_type, sizeof link->want_type, "%s", type);
    link->want_try = try_no;
    link->want_re = 0;
    link->has_answer = 0;
    while (link->up && pump(link, 0) > 0) {
    }
    return line_open(link) ? 0 : PAYBOX_NO_LINK;
}

/* The question that reads what became of want_id. */
static int question(const link_t *link, char *body, int size, const char *type) {
    int at = snprintf(body, (size_t)size, "{\"type\":\"%s\"", type);
    at = put_field(link, body, size, at, "id", link->want_id, 1);
    if (link->want_try) at = put_number(link, body, size, at, "try", link->want_try);
    if (at < 0) return 0;
    strcat(body, "}");
    return 1;
}

static int parse_options(link_t *link, const char *options) {
    while (options && *options) {
        const char *end = strchr(options, '&');
        if (strncmp(options, "baudrate=", 9) == 0)
            link->baudrate = strtol(options + 9, NULL, 10);
        else if (strncmp(options, "encoding=gbk", 12) == 0)
            link->gbk = 1;
        else if (strncmp(options, "encoding=utf-8", 14) != 0)
            return 0;
        options = end ? end + 1 : NULL;
    }
    return link->baudrate >= 1200 && link->baudrate <= 115200;
}

static int parse_address(link_t *link, const char *address) {
    char text[160], *options, *colon;
    if (!address || strlen(address) >= sizeof text) return 0;
    strcpy(text, address);
    options = strchr(text, '?');
    if (options) *options++ = 0;
    if (!parse_options(link, options)) return 0;
    if (strncmp(text, "serial://", 9) == 0) {
        link->serial = 1;
        snprintf(link->host, sizeof link->host, "%.120s", text + 9);
        return link->host[0] != 0;
    }
    colon = strrchr(text, ':');
    if (strncmp(text, "tcp://", 6) != 0 || colon < text + 7 || strlen(colon) > 6) return 0;
    *colon = 0;
    snprintf(link->host, sizeof link->host, "%.120s", text + 6);
    snprintf(link->port, sizeof link->port, "%.6s", colon + 1);
    return strtol(link->port, NULL, 10) > 0;
}

static int open_slot(link_t *link, const char *address, int timeout_ms) {
    memset(link, 0, sizeof *link);
    link->baudrate = 9600;
    link->connect_ms = timeout_ms > 0 ? timeout_ms : 3000;
    if (!parse_address(link, address)) return PAYBOX_BAD_ARGUMENT;
    return line_open(link) ? 0 : PAYBOX_NO_LINK;
}

int PAYBOX_CALL paybox_open(const char *address, int timeout_ms) {
    int i, wrong;
#ifdef _WIN32
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
#endif
    for (i = 0; i < PAYBOX_HANDLES; i++)
        if (take_slot(&taken[i])) {
            wrong = open_slot(&links[i], address, timeout_ms);
            if (!wrong) return i + 1;
            taken[i] = 0;
            return wrong;
        }
    return PAYBOX_BAD_ARGUMENT;
}

int PAYBOX_CALL paybox_pay(int handle, const char *id, int try_no, int amount_fen,
                           const char *business, const char *more, int timeout_s, char *answer,
                           int answer_size) {
    static char bodies[PAYBOX_HANDLES][TCP_BODY + 1];
    char asking[256], *body;
    link_t *link = link_of(handle);
    int at, wrong = ready(link, "result", id, try_no < 1 ? 1 : try_no, answer, answer_size);
    if (wrong == PAYBOX_BAD_ARGUMENT || amount_fen <= 0 || !business || !*business)
        return PAYBOX_BAD_ARGUMENT;
    body = bodies[handle - 1];
    at = snprintf(body, TCP_BODY, "{\"type\":\"pay\"");
    at = put_field(link, body, TCP_BODY, at, "id", id, 1);
    at = put_number(link, body, TCP_BODY, at, "try", link->want_try);
    at = put_number(link, body, TCP_BODY, at, "amount_fen", amount_fen);
    at = put_field(link, body, TCP_BODY, at, "business", business, 1);
    at = put_more(link, body, TCP_BODY, at, more);
    if (at < 0 || at + 1 > (link->serial ? SERIAL_BODY : TCP_BODY)) return PAYBOX_BAD_ARGUMENT;
    if (wrong) return wrong;
    strcat(body, "}");
    if (!question(link, asking, sizeof asking, "query")) return PAYBOX_BAD_ARGUMENT;
    return talk(link, body, asking, now_ms() + (millis)timeout_s * 1000, answer, answer_size);
}

int PAYBOX_CALL paybox_query(int handle, const char *id, int try_no, int timeout_s, char *answer,
                             int answer_size) {
    char asking[256];
    link_t *link = link_of(handle);
    int wrong = ready(link, "result", id, try_no, answer, answer_size);
    millis limit = timeout_s > 0 ? (millis)timeout_s * 1000 : ASK_MS;
    if (wrong) return wrong;
    if (!question(link, asking, sizeof asking, "query")) return PAYBOX_BAD_ARGUMENT;
    return talk(link, NULL, asking, now_ms() + limit, answer, answer_size);
}

int PAYBOX_CALL paybox_refund(int handle, const char *id, const char *pay_id, int amount_fen,
                              const char *reason, int timeout_s, char *answer, int answer_size) {
    char body[768], asking[256];
    link_t *link = link_of(handle);
    int at, wrong = ready(link, "refund_result", id, 0, answer, answer_size);
    if (wrong == PAYBOX_BAD_ARGUMENT || !good_id(pay_id) || amount_fen <= 0)
        return PAYBOX_BAD_ARGUMENT;
    at = snprintf(body, sizeof body, "{\"type\":\"refund\"");
    at = put_field(link, body, sizeof body, at, "id", id, 1);
    at = put_field(link, body, sizeof body, at, "pay_id", pay_id, 1);
    at = put_number(link, body, sizeof body, at, "amount_fen", amount_fen);
    if (reason && *reason) at = put_field(link, body, sizeof body, at, "reason", reason, 1);
    if (at < 0) return PAYBOX_BAD_ARGUMENT;
    if (wrong) return wrong;
    strcat(body, "}");
    if (!question(link, asking, sizeof asking, "refund_query")) return PAYBOX_BAD_ARGUMENT;
    return talk(link, body, asking, now_ms() + (millis)timeout_s * 1000, answer, answer_size);
}

int PAYBOX_CALL paybox_close(int handle) {
    link_t *link = link_of(handle);
    if (!link) return PAYBOX_BAD_ARGUMENT;
    line_close(link);
    taken[handle - 1] = 0;
    return 0;
}
