"""Reconciliation (对账): journal against the provider's statement and against the HIS's list."""
