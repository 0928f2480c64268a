"""Reviews (评价): what payers said about their payment in WeChat."""
