"""The words of the audit log: what somebody did, as it is stored and as it is shown."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

ACTIONS: Mapping[str, Any] = {
    "login": _("登录"),
    "login_failed": _("登录失败"),
    "logout": _("退出"),
    "password_changed": _("修改自己的密码"),
    "password_reset": _("重置密码"),
    "user_made": _("新建用户"),
    "user_changed": _("修改用户"),
    "user_closed": _("停用用户"),
    "user_opened": _("启用用户"),
    "token_made": _("发放接口密钥"),
    "token_revoked": _("停用接口密钥"),
    "search": _("查询"),
    "export": _("导出"),
    "query_requested": _("请设备再查询"),
    "reverse_requested": _("提出撤销"),
    "reverse_approved": _("批准撤销"),
    "reverse_refused": _("驳回撤销"),
    "refund_requested": _("提出退款"),
    "refund_approved": _("批准退款"),
    "refund_refused": _("驳回退款"),
    "break_resolved": _("处理差异"),
    "compared_again": _("重新对账"),
    "his_list_uploaded": _("上传 HIS 清单"),
    "receipts_taken": _("录入银行到账"),
    "alarm_acknowledged": _("确认告警"),
    "alarm_cleared": _("了结告警"),
}
