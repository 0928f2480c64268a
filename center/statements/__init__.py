"""The providers' statements (对账单): fetched each morning, kept raw beside parsed."""
