"""Alipay's sub codes and their texts (alipay §5, §7)."""

from types import MappingProxyType

from simulators.gateway.cashier import Refunding, Refusal, Reversal

TEXTS = MappingProxyType(
    {
        "ACQ.SYSTEM_ERROR": "系统异常",
        "ACQ.INVALID_PARAMETER": "参数无效",
        "ACQ.TRADE_NOT_EXIST": "交易不存在",
        "ACQ.TRADE_HAS_SUCCESS": "交易已被支付",
        "ACQ.TRADE_HAS_CLOSE": "交易已经关闭",
        "ACQ.CONTEXT_INCONSISTENT": "交易信息被篡改",
        "ACQ.PAYMENT_AUTH_CODE_INVALID": (
            "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款，"
            "如再次收款失败，请联系管理员处理。[SOUNDWAVE_PARSER_FAIL]"
        ),
        "ACQ.PAYMENT_FAIL": "支付失败，请刷新付款码后重试",
        "ACQ.PULL_MOBILE_CASHIER_FAIL": "唤起移动收银台失败",
        "ACQ.BUYER_BALANCE_NOT_ENOUGH": "买家余额不足",
        "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": "用户银行卡余额不足",
        "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE": "没用可用的支付工具",
        "ACQ.PAYMENT_REQUEST_HAS_RISK": "支付有风险",
        "ACQ.ERROR_BALANCE_PAYMENT_DISABLE": "余额支付功能关闭",
        "ACQ.MOBILE_PAYMENT_SWITCH_OFF": "用户关闭了无线支付",
        "ACQ.BUYER_SELLER_EQUAL": "买卖家不能相同",
        "ACQ.TOTAL_FEE_EXCEED": "订单总金额超过限额",
        "ACQ.ACCESS_FORBIDDEN": "无权限使用接口",
        "ACQ.SELLER_BALANCE_NOT_ENOUGH": "卖家余额不足",
        "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "退款金额不等于交易总金额",
        "ACQ.REASON_TRADE_REFUND_FEE_ERR": "退款金额无效",
        "ACQ.DISCORDANT_REPEAT_REQUEST": "同一笔退款或退款请求的金额不一致",
        "ACQ.TRADE_STATUS_ERROR": "交易状态不合法",
        "ACQ.TRADE_HAS_FINISHED": "交易已完结",
        "ACQ.TRADE_CANCEL_TIME_OUT": "超过撤销时间范围",
        "ACQ.CANCEL_NOT_ALLOWED": "交易不允许撤销",
    }
)

REFUSALS = MappingProxyType(
    {
        Refusal.NUMBER_USED: "ACQ.CONTEXT_INCONSISTENT",
        Refusal.CODE_USED: "ACQ.PAYMENT_AUTH_CODE_INVALID",
        Refusal.CODE_EXPIRED: "ACQ.PAYMENT_AUTH_CODE_INVALID",
        Refusal.CODE_UNKNOWN: "ACQ.PAYMENT_AUTH_CODE_INVALID",
        Refusal.CLOSED: "ACQ.TRADE_HAS_CLOSE",
        Refusal.REVERSED: "ACQ.TRADE_HAS_CLOSE",
    }
)

REVERSALS = MappingProxyType(
    {
        Reversal.EXPIRED: "ACQ.TRADE_CANCEL_TIME_OUT",
        Reversal.REFUNDED: "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    }
)

REFUNDINGS = MappingProxyType(
    {
        Refunding.NO_ORDER: "ACQ.TRADE_NOT_EXIST",
        Refunding.NOT_PAID: "ACQ.TRADE_STATUS_ERROR",
        Refunding.OTHER_AMOUNT: "ACQ.DISCORDANT_REPEAT_REQUEST",
        Refunding.TOO_MUCH: "ACQ.REASON_TRADE_REFUND_FEE_ERR",
        Refunding.TOO_MANY: "ACQ.REASON_TRADE_REFUND_FEE_ERR",
        Refunding.TOO_SOON: "ACQ.SYSTEM_ERROR",
        Refunding.NOT_ENOUGH: "ACQ.SELLER_BALANCE_NOT_ENOUGH",
    }
)
