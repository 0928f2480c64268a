"""The statistics centre (移动支付统计中心): what every box sends, searched, charted, reconciled."""
