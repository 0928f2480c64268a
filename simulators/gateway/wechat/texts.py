"""WeChat's error codes and the Chinese texts that come with them (wechat §2)."""

from types import MappingProxyType

from simulators.gateway.cashier import Refunding, Refusal, Reversal

TEXTS = MappingProxyType(
    {
        "SYSTEMERROR": "系统超时",
        "BANKERROR": "银行系统异常",
        "USERPAYING": "需要用户输入支付密码",
        "PARAM_ERROR": "参数错误",
        "ORDERPAID": "订单号支付时已支付",
        "NOAUTH": "商户无权限",
        "AUTHCODEEXPIRE": "二维码已过期，请用户在微信上刷新后再试",
        "NOTENOUGH": "余额不足",
        "NOTSUPORTCARD": "不支持卡类型",
        "ORDERCLOSED": "订单已关闭",
        "ORDERREVERSED": "当前订单已经被撤销",
        "AUTH_CODE_ERROR": "授权码参数错误",
        "AUTH_CODE_INVALID": "授权码检验错误",
        "BUYER_MISMATCH": "支付帐号错误",
        "OUT_TRADE_NO_USED": "商户订单号重复",
        "INVALID_REQUEST": "无效请求",
        "TRADE_ERROR": "交易错误",
        "ORDERNOTEXIST": "订单不存在",
        "REVERSE_EXPIRE": "订单无法撤销",
        "REFUNDNOTEXIST": "退款订单查询失败",
        "ERROR": "业务错误",
        "INVALID_REQ_TOO_MUCH": "无效请求过多",
        "BIZERR_NEED_RETRY": "退款业务流程错误，需要商户触发重试来解决",
        "TRADE_OVERDUE": "订单已经超过退款期限",
        "USER_ACCOUNT_ABNORMAL": "退款请求失败，用户帐号注销",
        "FREQUENCY_LIMITED": "频率限制",
    }
)

REFUSALS = MappingProxyType(
    {
        Refusal.NUMBER_USED: ("OUT_TRADE_NO_USED", "201 商户订单号重复"),
        Refusal.CODE_USED: ("AUTH_CODE_INVALID", "101 付款码已使用,请刷新后重试"),
        Refusal.CODE_EXPIRED: ("AUTH_CODE_INVALID", "101 付款码已过期,请退出重试"),
        Refusal.CODE_UNKNOWN: ("AUTH_CODE_INVALID", "101 付款码无效,请重新扫码"),
        Refusal.CLOSED: ("ORDERCLOSED", ""),
        Refusal.REVERSED: ("ORDERREVERSED", ""),
    }
)

REVERSALS = MappingProxyType(
    {
        Reversal.NO_ORDER: ("ORDERNOTEXIST", ""),
        Reversal.PAYING: ("USERPAYING", "用户正在支付中的订单不允许撤销，请稍后再试"),
        Reversal.EXPIRED: ("REVERSE_EXPIRE", "订单有7天的撤销有效期，过期将不能撤销"),
        Reversal.REFUNDED: ("TRADE_ERROR", "订单已发生退款，不能撤销"),
    }
)

REFUNDINGS = MappingProxyType(
    {
        Refunding.NO_ORDER: ("ORDERNOTEXIST", ""),
        Refunding.NOT_PAID: ("ERROR", "订单状态错误，不能退款"),
        Refunding.OTHER_AMOUNT: (
            "INVALID_REQUEST",
            "订单金额或退款金额与之前请求不一致，请核实后再试",
        ),
        Refunding.TOO_MUCH: ("ERROR", "累计退款金额大于支付金额"),
        Refunding.TOO_MANY: ("ERROR", "退款次数超过50次"),
        Refunding.TOO_SOON: ("INVALID_REQ_TOO_MUCH", "同一订单的退款请求间隔不足1分钟"),
        Refunding.NOT_ENOUGH: ("NOTENOUGH", "基本账户余额不足，请充值后重新发起"),
    }
)

STATE_TEXTS = MappingProxyType(
    {
        "SUCCESS": "支付成功",
        "REFUND": "订单发生过退款，退款详情请查询退款单",
        "NOTPAY": "订单未支付",
        "CLOSED": "订单已关闭",
        "REVOKED": "订单已撤销",
        "USERPAYING": "需要用户输入支付密码",
        "PAYERROR": "支付失败，请撤销订单",
    }
)
