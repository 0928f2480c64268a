// Delphi 7 及以后。paybox_his32.dll 改名 paybox_his.dll，放在程序目录。
unit PayboxHis;

interface

const
  PAYBOX_UNKNOWN = 0;  PAYBOX_PAID = 1;    PAYBOX_NOT_PAID = 2; PAYBOX_RETURNED = 3;
  PAYBOX_REFUNDED = 4; PAYBOX_PENDING = 5; PAYBOX_FAILED = 6;   PAYBOX_REFUSED = 7;

function paybox_open(address: PAnsiChar; timeout_ms: Integer): Integer; stdcall; external 'paybox_his.dll';
function paybox_pay(handle: Integer; id: PAnsiChar; try_no, amount_fen: Integer;
  business, more: PAnsiChar; timeout_s: Integer; answer: PAnsiChar; answer_size: Integer): Integer;
  stdcall; external 'paybox_his.dll';
function paybox_query(handle: Integer; id: PAnsiChar; try_no, timeout_s: Integer;
  answer: PAnsiChar; answer_size: Integer): Integer; stdcall; external 'paybox_his.dll';
function paybox_refund(handle: Integer; id, pay_id: PAnsiChar; amount_fen: Integer;
  reason: PAnsiChar; timeout_s: Integer; answer: PAnsiChar; answer_size: Integer): Integer;
  stdcall; external 'paybox_his.dll';
function paybox_close(handle: Integer): Integer; stdcall; external 'paybox_his.dll';

function Collect(const BillNo: AnsiString; AmountFen: Integer; out Answer: AnsiString): Integer;

implementation

uses SysUtils;

// 收一笔：结果不明时只查询，绝不换单号再收。返回 PAYBOX_PAID 才入账。
function Collect(const BillNo: AnsiString; AmountFen: Integer; out Answer: AnsiString): Integer;
var
  Handle, I: Integer;
  Buffer: array[0..4095] of AnsiChar;
begin
  Buffer[0] := #0;
  Handle := paybox_open('tcp://127.0.0.1:7601?encoding=gbk', 3000);
  Result := Handle;
  if Handle < 0 then Exit;
  Result := paybox_pay(Handle, PAnsiChar(BillNo), 1, AmountFen, 'outpatient_fee',
    'title=门诊收费', 120, Buffer, SizeOf(Buffer));
  for I := 1 to 60 do
  begin
    if (Result <> PAYBOX_UNKNOWN) or (Pos('state=reversing', AnsiString(Buffer)) > 0) then Break;
    Sleep(2000);
    Result := paybox_query(Handle, PAnsiChar(BillNo), 1, 10, Buffer, SizeOf(Buffer));
  end;
  Answer := AnsiString(Buffer);   // 一行一个 名=值；out_trade_no 必须保存
  paybox_close(Handle);
end;

end.
