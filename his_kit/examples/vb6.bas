Attribute VB_Name = "PayboxHis"
' VB6。paybox_his32.dll 改名 paybox_his.dll，放在程序目录或 System32。
Option Explicit

Public Declare Function paybox_open Lib "paybox_his.dll" (ByVal address As String, ByVal timeout_ms As Long) As Long
Public Declare Function paybox_pay Lib "paybox_his.dll" (ByVal handle As Long, ByVal id As String, ByVal try_no As Long, ByVal amount_fen As Long, ByVal business As String, ByVal more As String, ByVal timeout_s As Long, ByVal answer As String, ByVal answer_size As Long) As Long
Public Declare Function paybox_query Lib "paybox_his.dll" (ByVal handle As Long, ByVal id As String, ByVal try_no As Long, ByVal timeout_s As Long, ByVal answer As String, ByVal answer_size As Long) As Long
Public Declare Function paybox_refund Lib "paybox_his.dll" (ByVal handle As Long, ByVal id As String, ByVal pay_id As String, ByVal amount_fen As Long, ByVal reason As String, ByVal timeout_s As Long, ByVal answer As String, ByVal answer_size As Long) As Long
Public Declare Function paybox_close Lib "paybox_his.dll" (ByVal handle As Long) As Long
Private Declare Sub Sleep Lib "kernel32" (ByVal ms As Long)

' 收一笔：返回 1 才入账。结果不明（0）时只查询，绝不换单号再收。
Public Function Collect(ByVal BillNo As String, ByVal Amount As Currency, ByRef Answer As String) As Long
    Dim handle As Long, tries As Long, buffer As String
    handle = paybox_open("tcp://127.0.0.1:7601?encoding=gbk", 3000)
    If handle < 0 Then Collect = handle: Exit Function
    buffer = String$(4096, vbNullChar)
    Collect = paybox_pay(handle, BillNo, 1, CLng(Amount * 100), "outpatient_fee", "title=门诊收费", 120, buffer, 4096)
    Do While Collect = 0 And tries < 60 And InStr(buffer, "state=reversing") = 0
        Sleep 2000
        buffer = String$(4096, vbNullChar)
        Collect = paybox_query(handle, BillNo, 1, 10, buffer, 4096)
        tries = tries + 1
    Loop
    Answer = Left$(buffer, InStr(buffer & vbNullChar, vbNullChar) - 1)   ' out_trade_no 必须保存
    paybox_close handle
End Function
