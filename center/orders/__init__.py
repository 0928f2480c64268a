"""Order management (订单管理): search, one order with its story, actions on it."""
