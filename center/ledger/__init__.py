"""What the boxes sent: events as they came, the newest state of each payment, refund and charge."""
