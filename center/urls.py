"""Every address of the centre."""

from django.urls import path

from center.accounts import catalog as _accounts  # noqa: F401  registers its reports
from center.accounts.login import Login, Logout, PasswordChange
from center.accounts.pages import (
    new_token,
    new_user,
    reset_password,
    revoke_token,
    set_active,
    user_page,
)
from center.fleet import catalog as _boxes  # noqa: F401  registers its reports
from center.fleet.pages import box_page, settle_alarm
from center.ledger.sync_view import sync
from center.orders import catalog as _orders  # noqa: F401  registers its reports
from center.orders.pages import act, decide, order
from center.reconciliation import catalog as _breaks  # noqa: F401  registers its reports
from center.reconciliation.pages import break_page, compare_again, receipts, resolve, upload
from center.reports.api import api, bank_receipts, his_lists, summary
from center.reports.charts import charts
from center.reports.dashboard import dashboard
from center.reports.output import export
from center.reports.pages import report_page, sums
from center.reports.saved import forget_filter, save_filter
from center.reviews import catalog as _reviews  # noqa: F401  registers its report
from center.statements import catalog as _statements  # noqa: F401  registers its reports
from center.web.language import switch_language

urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("login", Login.as_view(), name="login"),
    path("logout", Logout.as_view(), name="logout"),
    path("password", PasswordChange.as_view(), name="password"),
    path("language", switch_language, name="set_language"),
    path("users/new", new_user, name="new_user"),
    path("users/<int:number>/", user_page, name="user"),
    path("users/<int:number>/password", reset_password, name="reset_password"),
    path("users/<int:number>/active", set_active, name="set_active"),
    path("users/<int:number>/tokens", new_token, name="new_token"),
    path("tokens/<str:id_>/revoke", revoke_token, name="revoke_token"),
    path("reports/<slug:name>/", report_page, name="report"),
    path("reports/<slug:name>/sums", sums, name="sums"),
    path("reports/<slug:name>/filters", save_filter, name="save_filter"),
    path("filters/<int:number>/forget", forget_filter, name="forget_filter"),
    path("reports/<slug:name>/export.<str:form>", export, name="export"),
    path("orders/<str:uid>/", order, name="order"),
    path("orders/<str:uid>/act", act, name="act"),
    path("actions/<int:number>/decide", decide, name="decide"),
    path("breaks/<int:number>/", break_page, name="break"),
    path("breaks/<int:number>/resolve", resolve, name="resolve"),
    path("reconciliation/compare", compare_again, name="compare_again"),
    path("reconciliation/upload", upload, name="upload"),
    path("reconciliation/receipts", receipts, name="receipts"),
    path("boxes/<str:id_>/", box_page, name="box"),
    path("alarms/<int:number>/settle", settle_alarm, name="settle_alarm"),
    path("charts", charts, name="charts"),
    path("v1/sync", sync, name="sync"),
    path("api/v1/summary", summary, name="api_summary"),
    path("api/v1/his-lists", his_lists, name="api_his_lists"),
    path("api/v1/bank-receipts", bank_receipts, name="api_bank_receipts"),
    path("api/v1/<slug:name>", api, name="api"),
]
