/* 扫码墩 HIS 客户端：一个 C 文件，五个函数，可作 DLL 供 PowerBuilder、Delphi、VB6、C# 调用。
 *
 * A client for the paybox HIS link (docs/his-link.md) in one C file. Every call blocks until there is
 * an answer or the time is over. Nothing is allocated; all text goes into the caller's buffer. Any
 * number of handles up to PAYBOX_HANDLES; one handle is used by one thread at a time.
 *
 * The one rule: PAYBOX_UNKNOWN (0) is not "not paid". Call paybox_query with the same id until it
 * says something else; never collect the same bill under another id before that.
 *
 * A sealed link (security = "aes") needs the desk's his.key beside the program: key_file= in the
 * address. TLS is not built in: connect to a stunnel on this machine (examples/stunnel.conf).
 */
#ifndef PAYBOX_HIS_H
#define PAYBOX_HIS_H

#ifdef _WIN32
#define PAYBOX_CALL __stdcall
#else
#define PAYBOX_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define PAYBOX_HANDLES 8

enum {
    PAYBOX_UNKNOWN = 0,   /* 结果不明：用同一单号 paybox_query；退款则原样再调一次 paybox_refund */
    PAYBOX_PAID = 1,      /* 已支付：只有这时入账 / book now, and only now */
    PAYBOX_NOT_PAID = 2,  /* 未支付：可用下一个 try 再收 */
    PAYBOX_RETURNED = 3,  /* 曾支付，已全部退回 */
    PAYBOX_REFUNDED = 4,  /* 已退款 */
    PAYBOX_PENDING = 5,   /* 退款处理中：稍后原样再调一次 */
    PAYBOX_FAILED = 6,    /* 退款未成，原因见 reason */
    PAYBOX_REFUSED = 7,   /* 扫码墩拒绝了这个请求，什么也没改变；见 code 与 message。
                             code=busy 或 conflict 时这个单号可能已在使用：先查询 / query first */
    PAYBOX_BAD_ARGUMENT = -1, /* 参数有误，什么也没发出 */
    PAYBOX_NO_LINK = -2       /* 连不上扫码墩，这次什么也没发出；先前的结果仍要查询 */
};

/* 打开。address：tcp://10.1.2.3:7601 或 serial://COM3?baudrate=9600（Linux：serial:///dev/ttyUSB0）；
 * 院方用 GBK 时加 encoding=gbk，密封连接加 key_file=C:\HIS\his.key，用 & 连接，key_file 里不能有 &。
 * 密封连接时 timeout_ms 只管建立连接；对方证明不了它有密钥时返回 PAYBOX_NO_LINK，密钥文件不对时返回
 * PAYBOX_BAD_ARGUMENT。返回句柄 1..8，或负数。断线后各函数自己重连。
 * Returns a handle, or a negative code. The calls connect again by themselves. */
int PAYBOX_CALL paybox_open(const char *address, int timeout_ms);

/* 收款，等到有结果。try_no 从 1 起；amount_fen 以分计；more 为 "title=门诊收费;operator=007" 或空。
 * timeout_s 到了仍无结果返回 PAYBOX_UNKNOWN。answer 收到一行一个 "名=值"，以换行分隔、0 结尾。
 * more 里可用 pay 的选填字段，confirm 除外：两步入账需要 confirm 报文，这五个函数里没有。
 * Collects. more: optional fields of `pay` as name=value, separated by ';' or a line feed; not
 * `confirm`, for booking in two steps takes a message that these five functions do not have. */
int PAYBOX_CALL paybox_pay(int handle, const char *id, int try_no, int amount_fen,
                           const char *business, const char *more, int timeout_s, char *answer,
                           int answer_size);

/* 查询。try_no 为 0 时查最新一次。没有这个单号时返回 PAYBOX_REFUSED，code=not_found。 */
int PAYBOX_CALL paybox_query(int handle, const char *id, int try_no, int timeout_s, char *answer,
                             int answer_size);

/* 退款。id 为新的退款单号，永不重复使用；同一 id 再调一次是安全的。 */
int PAYBOX_CALL paybox_refund(int handle, const char *id, const char *pay_id, int amount_fen,
                              const char *reason, int timeout_s, char *answer, int answer_size);

/* 关闭。 */
int PAYBOX_CALL paybox_close(int handle);

#ifdef __cplusplus
}
#endif
#endif
