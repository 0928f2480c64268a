"""The `paybox-center` command: an honest empty face until the statistics centre is built."""

import sys
from collections.abc import Sequence

EXIT_NOT_BUILT = 2

NOT_BUILT = """\
本版本尚未包含统计中心；扫码墩的流水完整保存在各自的 journal.sqlite3 中，日后可全部补传。
The statistics centre is not part of this release; every box keeps its whole journal for it.
"""

HELP = f"""\
统计中心 paybox-center（移动支付统计中心）
{NOT_BUILT}
将来的命令 / commands to come:
  paybox-center run -c FILE       接收各扫码墩流水的网页服务
  paybox-center manage ...        用户、权限与数据库维护

将来的功能 / what it will do:
  订单管理、结算管理（收款、退款、对账单）、三方对账、评价管理、报表与图表
  orders, settlement (receipts, refunds, statements), reconciliation, reviews, reports and charts
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is and is not there: 0 for help, 2 for everything else."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP)
        return 0
    sys.stderr.write(NOT_BUILT)
    return EXIT_NOT_BUILT


if __name__ == "__main__":
    sys.exit(main())
