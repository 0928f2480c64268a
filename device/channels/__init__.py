"""The providers: one folder a wallet, one file that knows the network library."""
