// C#（.NET Framework 2.0 及以后）。32 位进程用 paybox_his32.dll，64 位用 paybox_his64.dll，改名 paybox_his.dll。
using System;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

public static class PayboxHis
{
    public const int Unknown = 0, Paid = 1, NotPaid = 2, Returned = 3, Refunded = 4, Pending = 5, Failed = 6, Refused = 7;

    const string Dll = "paybox_his.dll";
    [DllImport(Dll, CharSet = CharSet.Ansi)]
    public static extern int paybox_open(string address, int timeoutMs);
    [DllImport(Dll, CharSet = CharSet.Ansi)]
    public static extern int paybox_pay(int handle, string id, int tryNo, int amountFen, string business, string more, int timeoutS, StringBuilder answer, int answerSize);
    [DllImport(Dll, CharSet = CharSet.Ansi)]
    public static extern int paybox_query(int handle, string id, int tryNo, int timeoutS, StringBuilder answer, int answerSize);
    [DllImport(Dll, CharSet = CharSet.Ansi)]
    public static extern int paybox_refund(int handle, string id, string payId, int amountFen, string reason, int timeoutS, StringBuilder answer, int answerSize);
    [DllImport(Dll)]
    public static extern int paybox_close(int handle);

    /// <summary>收一笔：返回 Paid 才入账。结果不明时只查询，绝不换单号再收。</summary>
    public static int Collect(string billNo, int amountFen, out string answer)
    {
        var buffer = new StringBuilder(4096);
        answer = "";
        int handle = paybox_open("tcp://127.0.0.1:7601?encoding=gbk", 3000);
        if (handle < 0) return handle;
        int code = paybox_pay(handle, billNo, 1, amountFen, "outpatient_fee", "title=门诊收费", 120, buffer, buffer.Capacity);
        for (int i = 0; i < 60 && code == Unknown && !buffer.ToString().Contains("state=reversing"); i++)
        {
            Thread.Sleep(2000);
            code = paybox_query(handle, billNo, 1, 10, buffer, buffer.Capacity);
        }
        answer = buffer.ToString();   // 一行一个 名=值；out_trade_no 必须保存
        paybox_close(handle);
        return code;
    }
}
