/* 扫码墩 HIS 客户端，见 paybox_his.h。 / The paybox HIS client, see paybox_his.h.
 *
 * From the bottom up: time, the line (TCP or serial), the seal (docs/his-link.md §4), frames (§1), JSON
 * with one level, the conversation (§2, §3), the five functions. Builds with any C99 compiler:
 *
 *   gcc -O2 -shared -fPIC -o libpaybox_his.so paybox_his.c
 *   i686-w64-mingw32-gcc -O2 -shared -o paybox_his.dll paybox_his.c paybox_his.def -lws2_32 -static
 */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#define RtlGenRandom SystemFunction036 /* what Windows calls it in advapi32.dll */
BOOLEAN NTAPI RtlGenRandom(PVOID into, ULONG size);
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
#define ADDRESS_CHARS 400

typedef unsigned char byte;
typedef unsigned int u32;
typedef long long millis;

typedef struct {
    int used;   /* the link is sealed */
    int agreed; /* the box has proved that it holds the key */
    byte key[32];
    byte nonce[16]; /* of our hello */
    byte to_box[32], to_his[32];
    millis sent, opened; /* the last counter of each direction */
    byte scratch[TCP_BODY];
} seal_t;

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
    seal_t seal;
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

/* ------------------------------------------------------------------ the seal (docs/his-link.md §4) */

static int random_bytes(byte *into, int size) {
#ifdef _WIN32
    return RtlGenRandom(into, (ULONG)size) != 0;
#else
    FILE *file = fopen("/dev/urandom", "rb");
    int good = file && fread(into, 1, (size_t)size, file) == (size_t)size;
    if (file) fclose(file);
    return good;
#endif
}

/* Zero bytes that the compiler may not leave out. */
static void wipe(void *data, size_t size) {
    volatile byte *at = (volatile byte *)data;
    while (size-- > 0) *at++ = 0;
}

/* As long for the first wrong byte as for the last. */
static int same_bytes(const byte *a, const byte *b, int size) {
    int difference = 0;
    while (size-- > 0) difference |= *a++ ^ *b++;
    return difference == 0;
}

typedef struct {
    u32 state[8];
    byte block[64];
    int held;
    u32 total;
} sha_t;

static const u32 SHA_START[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
static const u32 SHA_ROUND[64] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

static u32 turn(u32 x, int by) { return x >> by | x << (32 - by); }

static void sha_block(sha_t *sha) {
    u32 w[64], s[8], a, b;
    int i;
    for (i = 0; i < 16; i++)
        w[i] = (u32)sha->block[i * 4] << 24 | (u32)sha->block[i * 4 + 1] << 16 |
               (u32)sha->block[i * 4 + 2] << 8 | sha->block[i * 4 + 3];
    for (; i < 64; i++) {
        a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, sha->state, sizeof s);
    for (i = 0; i < 64; i++) {
        a = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
            ((s[4] & s[5]) ^ (~s[4] & s[6])) + SHA_ROUND[i] + w[i];
        b = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
            ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += a;
        s[0] = a + b;
    }
    for (i = 0; i < 8; i++) sha->state[i] += s[i];
    sha->held = 0;
}

static void sha_begin(sha_t *sha) {
    memset(sha, 0, sizeof *sha);
    memcpy(sha->state, SHA_START, sizeof sha->state);
}

static void sha_add(sha_t *sha, const byte *data, int size) {
    sha->total += (u32)size;
    while (size-- > 0) {
        sha->block[sha->held++] = *data++;
        if (sha->held == 64) sha_block(sha);
    }
}

static void sha_end(sha_t *sha, byte digest[32]) {
    static const byte one = 0x80, zero = 0;
    u32 bits = sha->total * 8; /* what is hashed here is short */
    int i;
    sha_add(sha, &one, 1);
    while (sha->held != 56) sha_add(sha, &zero, 1);
    memset(sha->block + 56, 0, 4);
    for (i = 0; i < 4; i++) sha->block[60 + i] = (byte)(bits >> (24 - i * 8));
    sha_block(sha);
    for (i = 0; i < 32; i++) digest[i] = (byte)(sha->state[i / 4] >> (24 - i % 4 * 8));
}

/* HMAC-SHA-256 with a key of 32 bytes over two pieces of data. */
static void hmac(const byte key[32], const void *one, int one_size, const void *two, int two_size,
                 byte digest[32]) {
    sha_t sha;
    byte pad[64];
    int i;
    for (i = 0; i < 64; i++) pad[i] = (byte)((i < 32 ? key[i] : 0) ^ 0x36);
    sha_begin(&sha);
    sha_add(&sha, pad, 64);
    sha_add(&sha, (const byte *)one, one_size);
    sha_add(&sha, (const byte *)two, two_size);
    sha_end(&sha, digest);
    for (i = 0; i < 64; i++) pad[i] ^= 0x36 ^ 0x5C;
    sha_begin(&sha);
    sha_add(&sha, pad, 64);
    sha_add(&sha, digest, 32);
    sha_end(&sha, digest);
    wipe(pad, sizeof pad);
    wipe(&sha, sizeof sha);
}

/* HKDF-SHA-256, 32 bytes: one round is enough. The salt is 32 bytes: the nonces, or zeros for none. */
static void derive(const byte key[32], const byte salt[32], const char *name, byte into[32]) {
    static const byte first = 1;
    char info[48];
    byte fixed[32];
    int size = snprintf(info, sizeof info, "paybox his link v1 %s", name);
    hmac(salt, key, 32, "", 0, fixed);
    hmac(fixed, info, size, &first, 1, into);
    wipe(fixed, sizeof fixed);
}

static const byte AES_BOX[256] = {
    0x63, 0x7C, 0x77, 0x7B, 0xF2, 0x6B, 0x6F, 0xC5, 0x30, 0x01, 0x67, 0x2B, 0xFE, 0xD7, 0xAB, 0x76,
    0xCA, 0x82, 0xC9, 0x7D, 0xFA, 0x59, 0x47, 0xF0, 0xAD, 0xD4, 0xA2, 0xAF, 0x9C, 0xA4, 0x72, 0xC0,
    0xB7, 0xFD, 0x93, 0x26, 0x36, 0x3F, 0xF7, 0xCC, 0x34, 0xA5, 0xE5, 0xF1, 0x71, 0xD8, 0x31, 0x15,
    0x04, 0xC7, 0x23, 0xC3, 0x18, 0x96, 0x05, 0x9A, 0x07, 0x12, 0x80, 0xE2, 0xEB, 0x27, 0xB2, 0x75,
    0x09, 0x83, 0x2C, 0x1A, 0x1B, 0x6E, 0x5A, 0xA0, 0x52, 0x3B, 0xD6, 0xB3, 0x29, 0xE3, 0x2F, 0x84,
    0x53, 0xD1, 0x00, 0xED, 0x20, 0xFC, 0xB1, 0x5B, 0x6A, 0xCB, 0xBE, 0x39, 0x4A, 0x4C, 0x58, 0xCF,
    0xD0, 0xEF, 0xAA, 0xFB, 0x43, 0x4D, 0x33, 0x85, 0x45, 0xF9, 0x02, 0x7F, 0x50, 0x3C, 0x9F, 0xA8,
    0x51, 0xA3, 0x40, 0x8F, 0x92, 0x9D, 0x38, 0xF5, 0xBC, 0xB6, 0xDA, 0x21, 0x10, 0xFF, 0xF3, 0xD2,
    0xCD, 0x0C, 0x13, 0xEC, 0x5F, 0x97, 0x44, 0x17, 0xC4, 0xA7, 0x7E, 0x3D, 0x64, 0x5D, 0x19, 0x73,
    0x60, 0x81, 0x4F, 0xDC, 0x22, 0x2A, 0x90, 0x88, 0x46, 0xEE, 0xB8, 0x14, 0xDE, 0x5E, 0x0B, 0xDB,
    0xE0, 0x32, 0x3A, 0x0A, 0x49, 0x06, 0x24, 0x5C, 0xC2, 0xD3, 0xAC, 0x62, 0x91, 0x95, 0xE4, 0x79,
    0xE7, 0xC8, 0x37, 0x6D, 0x8D, 0xD5, 0x4E, 0xA9, 0x6C, 0x56, 0xF4, 0xEA, 0x65, 0x7A, 0xAE, 0x08,
    0xBA, 0x78, 0x25, 0x2E, 0x1C, 0xA6, 0xB4, 0xC6, 0xE8, 0xDD, 0x74, 0x1F, 0x4B, 0xBD, 0x8B, 0x8A,
    0x70, 0x3E, 0xB5, 0x66, 0x48, 0x03, 0xF6, 0x0E, 0x61, 0x35, 0x57, 0xB9, 0x86, 0xC1, 0x1D, 0x9E,
    0xE1, 0xF8, 0x98, 0x11, 0x69, 0xD9, 0x8E, 0x94, 0x9B, 0x1E, 0x87, 0xE9, 0xCE, 0x55, 0x28, 0xDF,
    0x8C, 0xA1, 0x89, 0x0D, 0xBF, 0xE6, 0x42, 0x68, 0x41, 0x99, 0x2D, 0x0F, 0xB0, 0x54, 0xBB, 0x16,
};

static void aes_keys(const byte key[32], byte keys[240]) {
    byte t[4], round = 1, first;
    int i, k;
    memcpy(keys, key, 32);
    for (i = 32; i < 240; i += 4) {
        memcpy(t, keys + i - 4, 4);
        if (i % 32 == 0) {
            first = t[0];
            t[0] = (byte)(AES_BOX[t[1]] ^ round);
            t[1] = AES_BOX[t[2]];
            t[2] = AES_BOX[t[3]];
            t[3] = AES_BOX[first];
            round = (byte)(round << 1);
        } else if (i % 32 == 16) {
            for (k = 0; k < 4; k++) t[k] = AES_BOX[t[k]];
        }
        for (k = 0; k < 4; k++) keys[i + k] = keys[i - 32 + k] ^ t[k];
    }
}

static byte doubled(byte x) { return (byte)(x << 1 ^ (x & 0x80 ? 0x1B : 0)); }

static void aes_mix(byte column[4]) {
    byte all = column[0] ^ column[1] ^ column[2] ^ column[3], first = column[0];
    int i;
    for (i = 0; i < 4; i++)
        column[i] ^= all ^ doubled((byte)(column[i] ^ (i < 3 ? column[i + 1] : first)));
}

static void aes_block(const byte keys[240], const byte in[16], byte out[16]) {
    byte s[16], t[16];
    int i, round;
    for (i = 0; i < 16; i++) s[i] = in[i] ^ keys[i];
    for (round = 1; round <= 14; round++) {
        for (i = 0; i < 16; i++) t[i] = AES_BOX[s[(i + i % 4 * 4) % 16]]; /* rows are shifted */
        for (i = 0; i < 16 && round < 14; i += 4) aes_mix(t + i);
        for (i = 0; i < 16; i++) s[i] = t[i] ^ keys[round * 16 + i];
    }
    memcpy(out, s, 16);
}

/* One step of GHASH: hash = (hash ^ block) * h. */
static void ghash(byte hash[16], const byte h[16], const byte *data, int size) {
    byte product[16], v[16];
    int i, k, odd;
    for (i = 0; i < 16 && i < size; i++) hash[i] ^= data[i];
    memset(product, 0, 16);
    memcpy(v, h, 16);
    for (i = 0; i < 128; i++) {
        if (hash[i / 8] >> (7 - i % 8) & 1)
            for (k = 0; k < 16; k++) product[k] ^= v[k];
        odd = v[15] & 1;
        for (k = 15; k > 0; k--) v[k] = (byte)(v[k] >> 1 | v[k - 1] << 7);
        v[0] = (byte)(v[0] >> 1 ^ (odd ? 0xE1 : 0));
    }
    memcpy(hash, product, 16);
}

/* The tag of a ciphertext; `bound` is at most 16 bytes. */
static void gcm_tag(const byte keys[240], const byte counter[16], const byte *bound, int bound_size,
                    const byte *data, int size, byte tag[16]) {
    byte h[16], hash[16], lengths[16], mask[16];
    int at, i;
    memset(hash, 0, 16);
    memset(lengths, 0, 16);
    aes_block(keys, hash, h);
    ghash(hash, h, bound, bound_size);
    for (at = 0; at < size; at += 16) ghash(hash, h, data + at, size - at);
    lengths[7] = (byte)(bound_size * 8);
    for (i = 0; i < 4; i++) lengths[15 - i] = (byte)((u32)size * 8 >> (i * 8));
    ghash(hash, h, lengths, 16);
    aes_block(keys, counter, mask);
    for (i = 0; i < 16; i++) tag[i] = hash[i] ^ mask[i];
}

/* Encrypt or decrypt in place; `counter` is that of the tag. */
static void gcm_turn(const byte keys[240], const byte counter[16], byte *data, int size) {
    byte block[16], stream[16];
    int at;
    memcpy(block, counter, 16);
    for (at = 0; at < size; at++) {
        if (at % 16 == 0) {
            if (++block[15] == 0) block[14]++; /* a body has at most 512 blocks */
            aes_block(keys, block, stream);
        }
        data[at] ^= stream[at % 16];
    }
}

/* AES-256-GCM as the link uses it: the nonce is four zero bytes and the counter of the body. */
static void gcm_begin(const byte key[32], const byte counter[8], const char *direction, int seq,
                      byte keys[240], byte first[16], char bound[12]) {
    aes_keys(key, keys);
    memset(first, 0, 16);
    memcpy(first + 4, counter, 8);
    first[15] = 1;
    snprintf(bound, 12, "%s%02X", direction, seq & 0xFF);
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int put_base64(const byte *data, int size, char *into) {
    int at = 0, bits = 0;
    u32 held = 0;
    while (size-- > 0) {
        held = held << 8 | *data++;
        for (bits += 8; bits >= 6; bits -= 6) into[at++] = BASE64[held >> (bits - 6) & 63];
    }
    if (bits) into[at++] = BASE64[held << (6 - bits) & 63];
    into[at] = 0;
    return at;
}

/* Returns the count of bytes, -1 if it is no base64url. */
static int read_base64(const char *text, byte *into, int size) {
    int at = 0, bits = 0;
    u32 held = 0;
    for (; *text; text++) {
        const char *digit = strchr(BASE64, *text);
        if (!digit) return -1;
        held = held << 6 | (u32)(digit - BASE64);
        bits += 6;
        if (bits >= 8) {
            if (at == size) return -1;
            bits -= 8;
            into[at++] = (byte)(held >> bits);
        }
    }
    return bits >= 6 ? -1 : at;
}

static void put_counter(millis counter, byte into[8]) {
    int i;
    for (i = 0; i < 8; i++) into[7 - i] = (byte)(counter >> (i * 8));
}

/* Seal a body; `scratch` has room for it and 24 bytes more. Returns the length, 0 if it is too long. */
static int seal_body(seal_t *seal, int seq, const char *body, char *into, int limit) {
    byte keys[240], first[16], *scratch = seal->scratch;
    char bound[12];
    int size = (int)strlen(body);
    if (3 + (8 + size + 16) * 4 / 3 + 1 > limit) return 0;
    put_counter(++seal->sent, scratch);
    memcpy(scratch + 8, body, (size_t)size);
    gcm_begin(seal->to_box, scratch, "his>box", seq, keys, first, bound);
    gcm_turn(keys, first, scratch + 8, size);
    gcm_tag(keys, first, (const byte *)bound, 9, scratch + 8, size, scratch + 8 + size);
    wipe(keys, sizeof keys);
    memcpy(into, "E1.", 3);
    return 3 + put_base64(scratch, 8 + size + 16, into + 3);
}

/* Open a sealed body in place; 0 if it is foreign, changed or old. */
static int open_body(seal_t *seal, int seq, char *body) {
    byte keys[240], first[16], tag[16], *scratch = seal->scratch;
    char bound[12];
    millis counter = 0;
    int i, size = read_base64(body + 3, scratch, (int)sizeof seal->scratch) - 8 - 16;
    if (size < 0) return 0;
    for (i = 0; i < 8; i++) counter = counter << 8 | scratch[i];
    if (counter <= seal->opened) return 0;
    gcm_begin(seal->to_his, scratch, "box>his", seq, keys, first, bound);
    gcm_tag(keys, first, (const byte *)bound, 9, scratch + 8, size, tag);
    if (same_bytes(tag, scratch + 8 + size, 16)) {
        gcm_turn(keys, first, scratch + 8, size);
        memcpy(body, scratch + 8, (size_t)size);
        body[size] = 0;
        seal->opened = counter;
    }
    wipe(keys, sizeof keys);
    return seal->opened == counter;
}

static void put_hex(const byte *data, int size, char *into) {
    for (; size > 0; size--, data++, into += 2) snprintf(into, 3, "%02x", *data);
}

static int read_hex(const char *text, byte *into, int size) {
    for (; size > 0; size--, text += 2, into++) {
        int value = hex_value((const byte *)text, 2);
        if (value < 0) return 0;
        *into = (byte)value;
    }
    return *text == 0;
}

static const byte NO_SALT[32] = {0};

/* The hello that begins a session: a fresh nonce, and the proof that we hold the key. */
static int begin_session(seal_t *seal, char *body, int size) {
    byte proof_key[32], proof[32];
    char nonce[33], hex[65];
    seal->agreed = 0;
    seal->sent = seal->opened = 0;
    if (!random_bytes(seal->nonce, 16)) return 0;
    derive(seal->key, NO_SALT, "proof his", proof_key);
    hmac(proof_key, seal->nonce, 16, "", 0, proof);
    put_hex(seal->nonce, 16, nonce);
    put_hex(proof, 32, hex);
    return snprintf(body, (size_t)size, "{\"type\":\"hello\",\"v\":1,\"nonce\":\"%s\",\"proof\":\"%s\"}",
                    nonce, hex) < size;
}

/* Take the box's nonce and proof; 0 if it does not hold the key. */
static int agree(seal_t *seal, const char *nonce, const char *proof) {
    byte salt[32], proof_key[32], wanted[32], got[32];
    memcpy(salt, seal->nonce, 16);
    if (!read_hex(nonce, salt + 16, 16) || !read_hex(proof, got, 32)) return 0;
    derive(seal->key, NO_SALT, "proof box", proof_key);
    hmac(proof_key, salt, 32, "", 0, wanted);
    if (!same_bytes(wanted, got, 32)) return 0;
    derive(seal->key, salt, "his>box", seal->to_box);
    derive(seal->key, salt, "box>his", seal->to_his);
    seal->agreed = 1;
    return 1;
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

/* Put the body behind STX and SEQ in link->out, sealed where it must be; its length, 0 = too long. */
static int put_body(link_t *link, const char *body, int sealed) {
    int limit = link->serial ? SERIAL_BODY : TCP_BODY, length = (int)strlen(body);
    char *into = (char *)link->out + 3;
    link->seq = link->seq % 255 + 1;
    snprintf((char *)link->out, 4, "%c%02X", STX, link->seq & 0xFF);
    if (sealed) return seal_body(&link->seal, link->seq, body, into, limit);
    if (length > limit) return 0;
    memcpy(into, body, (size_t)length);
    return length;
}

/* Send a frame and wait for its ACK; returns its SEQ, 0 if the box did not take it. */
static int send_frame(link_t *link, const char *body, int sealed) {
    int length = put_body(link, body, sealed), covered = length + 3, sends;
    if (length == 0) return 0;
    link->out[covered] = ETX;
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
    if (!link->serial || link->seal.used) line_close(link);
    return 0;
}

static int send_body(link_t *link, const char *body) {
    return send_frame(link, body, link->seal.used);
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

/* What is not sealed on a sealed link: the box's answer to our hello, or that it wants another one.
 * It may come from anybody, so that all it can do is to close the line: the next call says hello. */
static void take_unsealed(link_t *link) {
    char type[24], nonce[40], proof[72];
    get_field(link, link->body, "type", type, sizeof type);
    get_field(link, link->body, "nonce", nonce, sizeof nonce);
    get_field(link, link->body, "proof", proof, sizeof proof);
    if (strcmp(type, "hello_ok") == 0 && !link->seal.agreed) {
        if (!agree(&link->seal, nonce, proof)) line_close(link);
    } else if (strcmp(type, "error") == 0) {
        line_close(link);
    }
}

/* Whether a message of ours stands in link->body now. */
static int opened(link_t *link, int seq) {
    if (!link->seal.used) return 1;
    if (strncmp(link->body, "E1.", 3) == 0)
        return link->seal.agreed && open_body(&link->seal, seq, link->body);
    take_unsealed(link);
    return 0;
}

/* A message of the box: keep it if it is waited for; every result is answered `received`. */
static void take_body(link_t *link, int seq) {
    char type[24], id[ID_CHARS + 1], re[8];
    int is_result, ours;
    if (!opened(link, seq)) return;
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

/* Begin the session of a sealed link; 0 if the box does not prove that it holds the key. */
static int say_hello(link_t *link) {
    char body[160];
    millis until = now_ms() + ASK_MS;
    if (!begin_session(&link->seal, body, sizeof body) || !send_frame(link, body, 0)) return 0;
    while (link->up && !link->seal.agreed && now_ms() < until) pump(link, 200);
    return link->up && link->seal.agreed && send_body(link, "{\"type\":\"hello\",\"v\":1}");
}

/* Open the line if it is not, with a session where it is sealed. */
static int link_open(link_t *link) {
    if (link->up) return 1;
    if (!line_open(link)) return 0;
    if (link->seal.used && !say_hello(link)) line_close(link);
    return link->up;
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
        if (!link_open(link)) {
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
    return link_open(link) ? 0 : PAYBOX_NO_LINK;
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

/* his.key: 32 bytes, or 64 hex digits and perhaps a line end. */
static int read_key(seal_t *seal, const char *path, const char *end) {
    char name[ADDRESS_CHARS], text[72];
    FILE *file;
    int size = 0;
    snprintf(name, sizeof name, "%.*s", (int)(end ? end - path : (long)strlen(path)), path);
    file = fopen(name, "rb");
    if (file) {
        size = (int)fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    seal->used = 1;
    if (size == 32) {
        memcpy(seal->key, text, 32);
        return 1;
    }
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) size--;
    text[size] = 0;
    size = read_hex(text, seal->key, 32);
    wipe(text, sizeof text);
    return size;
}

static int parse_options(link_t *link, const char *options) {
    while (options && *options) {
        const char *end = strchr(options, '&');
        if (strncmp(options, "baudrate=", 9) == 0)
            link->baudrate = strtol(options + 9, NULL, 10);
        else if (strncmp(options, "encoding=gbk", 12) == 0)
            link->gbk = 1;
        else if (strncmp(options, "key_file=", 9) == 0) {
            if (!read_key(&link->seal, options + 9, end)) return 0;
        } else if (strncmp(options, "encoding=utf-8", 14) != 0)
            return 0;
        options = end ? end + 1 : NULL;
    }
    return link->baudrate >= 1200 && link->baudrate <= 115200;
}

static int parse_address(link_t *link, const char *address) {
    char text[ADDRESS_CHARS], *options, *colon;
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
    return link_open(link) ? 0 : PAYBOX_NO_LINK;
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
            wipe(&links[i].seal, sizeof links[i].seal);
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
    wipe(&link->seal, sizeof link->seal);
    taken[handle - 1] = 0;
    return 0;
}
